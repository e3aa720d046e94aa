/* spline.h: cubic B-spline interpolation (Unser, IEEE Signal Processing Magazine 16(6), 1999). */
#ifndef MED_IMAGE_SPLINE_H
#define MED_IMAGE_SPLINE_H

#include "image/volume.h"

/* The coefficients whose spline goes through the voxels of `v`; mirrored at the border voxels (period 2n - 2). */
MED_CHECK med_status med_spline_coefficients(const med_volume *v, med_volume **out);
/* The spline at a continuous index within half a voxel of the grid. */
float med_spline_sample(const med_volume *coefficients, const double c[3]);

#endif
