/* resample.h: a volume on another grid. */
#ifndef MED_IMAGE_RESAMPLE_H
#define MED_IMAGE_RESAMPLE_H

#include "image/transform.h"

typedef enum med_interp {
    MED_INTERP_LINEAR,
    MED_INTERP_NEAREST, /* floor(c + 0.5) */
    MED_INTERP_BSPLINE, /* cubic, through the voxels' values; mirrored at the border voxels */
} med_interp;

/* out(x) = in(to_moving * x) on `grid`, x in RAS mm: to_moving maps points of the output to points of the input (ITK's
 * direction). A point is inside when its continuous index c lies in [-0.5, n-0.5) on every axis; there, neighbours beyond
 * the border are the border's voxels; elsewhere the value is `outside`. Rows of the output are shared by threads; the
 * result does not depend on their number. The input's type and description are kept.
 * MED_EFORMAT: the input's grid is singular; MED_ENOMEM. */
MED_CHECK med_status med_volume_resample(const med_volume *in, med_grid grid, med_affine to_moving, med_interp how,
                                         float outside, med_volume **out);
/* The same by a list of affines and displacement fields. */
MED_CHECK med_status med_volume_warp(const med_volume *in, med_grid grid, const med_transform *to_moving,
                                     med_interp how, float outside, med_volume **out);

/* A label map: for every value its indicator is interpolated linearly, the largest wins, ties go to the lowest value;
 * 0 outside. */
MED_CHECK med_status med_volume_warp_label(const med_volume *in, med_grid grid, const med_transform *to_moving,
                                           med_volume **out);

#endif
