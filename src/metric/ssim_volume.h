/* ssim_volume.h: structural similarity of whole volumes by windows of 7 x 7 x 7: another quantity than the mean over slices,
 * never in one table with it. */
#ifndef MED_METRIC_SSIM_VOLUME_H
#define MED_METRIC_SSIM_VOLUME_H

#include "image/volume.h"

enum { MED_SSIM_VOLUME_SIDE = 7 };

/* Uniform window, sample covariance, R as given: mean over the voxels whose whole window lies where reference > outside.
 * NaN when there is none. Both volumes on one grid. Threads share planes; no digit depends on their number. */
double med_ssim_volume(const med_volume *prediction, const med_volume *reference, double range, double outside);

#endif
