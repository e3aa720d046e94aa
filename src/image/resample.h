/* resample.h: a volume on another grid. */
#ifndef MED_IMAGE_RESAMPLE_H
#define MED_IMAGE_RESAMPLE_H

#include "image/volume.h"

typedef enum med_interp {
    MED_INTERP_LINEAR,
    MED_INTERP_NEAREST, /* floor(c + 0.5): for labels */
} med_interp;

/* out(x) = in(to_moving * x) on `grid`, x in RAS mm: to_moving maps points of the output to points of the input (ITK's
 * direction). A point is inside when its continuous index c lies in [-0.5, n-0.5) on every axis; there, neighbours beyond
 * the border are the border's voxels; elsewhere the value is `outside`. Rows of the output are shared by threads; the
 * result does not depend on their number. The input's type and description are kept.
 * MED_EFORMAT: the input's grid is singular; MED_ENOMEM. */
MED_CHECK med_status med_volume_resample(const med_volume *in, med_grid grid, med_affine to_moving, med_interp how,
                                         float outside, med_volume **out);

#endif
