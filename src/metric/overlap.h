/* overlap.h: how well two masks agree: counts, overlap, volume, and the distance between their surfaces. */
#ifndef MED_METRIC_OVERLAP_H
#define MED_METRIC_OVERLAP_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"

enum { MED_MAX_TOLERANCES = 4 };

typedef struct med_mask_pair { /* borrowed: 0 or not, n[0] * n[1] * n[2] voxels each, i fastest */
    int n[3];
    double spacing_mm[3];
    const uint8_t *prediction, *reference;
    bool is_planar; /* n[2] is 1 and the third axis makes no surface: a slice by itself */
} med_mask_pair;

typedef struct med_overlap {
    long n_pred, n_ref, n_both;
    double dice, iou, precision, recall; /* one mask empty: 0; both: NaN */
    double volume_error_mm3;             /* prediction minus reference */
    double volume_error_percent;         /* of the reference; NaN when that is empty */
} med_overlap;
med_overlap med_overlap_of(const med_mask_pair *pair);

/* Surface: voxels of a mask that one erosion by the 6-neighbour cross removes; beyond the volume is background.
 * Distances from each surface's voxels to the nearest of the other surface, mm, between voxel centres, exact.
 * One mask empty: all NaN but the counts. */
typedef struct med_surface {
    long n_pred, n_ref;
    double assd, assd_mom; /* mean over both lists; mean of the two means */
    double hd;
    double hd95, hd95_max;          /* 95th percentile of both lists together; larger of the two lists' */
    double nsd[MED_MAX_TOLERANCES]; /* share of both lists within tolerance (<=) */
} med_surface;
/* MED_ENOMEM. Work and memory are those of the box around both masks. */
MED_CHECK med_status med_surface_of(const med_mask_pair *pair, const double *tolerance_mm, int n_tolerances,
                                    med_surface *out);

#endif
