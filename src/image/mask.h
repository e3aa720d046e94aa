/* mask.h: sets of voxels: threshold, connected parts, holes, distances. Arrays have n[0] * n[1] * n[2] entries, i fastest.
 * Results do not depend on the number of threads. */
#ifndef MED_IMAGE_MASK_H
#define MED_IMAGE_MASK_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

/* Otsu's threshold of n >= 1 finite values: of 256 equal bins from minimum to maximum, the centre of the bin b that
 * maximises the variance between the values in bins up to b and those above (the first, on ties). Values above the
 * result are the upper class. Otsu, IEEE Trans SMC 9(1), 1979. All values equal: that value. */
double med_otsu_threshold(const float *values, size_t n);

/* Label the connected parts of mask != 0 with 1, 2, ... in the order of their first voxels; 0 elsewhere.
 * connectivity: 6 (faces), 18 (edges) or 26 (corners). MED_EUSAGE: 2^31 voxels or more. */
MED_CHECK med_status med_mask_label(const uint8_t *mask, const int n[3], int connectivity, int32_t *label,
                                    int *n_parts);
/* Keep the largest part (the first of equal ones), in place. */
MED_CHECK med_status med_mask_keep_largest(uint8_t *mask, const int n[3], int connectivity);
/* Set the background that faces do not connect with the border of the volume, in place. */
MED_CHECK med_status med_mask_fill_holes(uint8_t *mask, const int n[3]);
/* The same in each plane of axis 2 by itself. */
MED_CHECK med_status med_mask_fill_plane_holes(uint8_t *mask, const int n[3]);

/* Distance in mm from each voxel's centre to that of the nearest voxel in the mask (0 inside), exact to float32; infinity
 * when the mask is empty. Felzenszwalb and Huttenlocher, Theory of Computing 8, 2012. */
MED_CHECK med_status med_mask_distance(const uint8_t *mask, const int n[3], const double spacing_mm[3], float *out);
/* The same squared, mm^2, in double. */
void med_mask_squared_distance(const uint8_t *mask, const int n[3], const double spacing_mm[3], double *out);

#endif
