/* intensity.h: intensity rules between files and the network (spec/data.md 4.5).
 * Network scale: [-1,1], background -1. */
#ifndef MED_IMAGE_INTENSITY_H
#define MED_IMAGE_INTENSITY_H

#include "image/volume.h"

/* q-th percentile of n >= 1 finite values: position q(n-1)/100, linear between neighbours. Takes linear time. */
double med_percentile(const float *values, size_t n, double q);

/* Extracted brains from interpolation (>= 20 % exact zeros and a negative minimum): negative voxels become the
 * smallest positive value. Otherwise a negative minimum is subtracted. Returns whether anything changed: worth a
 * warning that names the file. */
bool med_intensity_lift_negative(med_volume *v);

/* Input rule, in place: m = x > 0; lo = min, hi = 99.95th percentile over m; clipped above hi;
 * (x-lo)/(hi-lo)*(511/256) - 255/256 inside m, -1 outside; hi == lo: 1 inside m, with a warning. */
void med_intensity_to_network(med_volume *v);
/* Option "standardization", in place: hi = 99.95th percentile of all voxels; clipped above hi; (x - mean) / (3 sd + 1e-8)
 * with the population's sd, clipped above 1; -1 outside m = x > 0. */
void med_intensity_standardise(med_volume *v);
/* Target rule, in place: [0,1] -> 2x - 1. MED_EFORMAT (names `path` and the range) when values lie outside [0,1] by
 * more than 1e-4. */
MED_CHECK med_status med_intensity_target_to_network(med_volume *v, const char *path);

#endif
