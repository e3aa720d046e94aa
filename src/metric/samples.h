/* samples.h: what several draws of the same image say about their own uncertainty. */
#ifndef MED_METRIC_SAMPLES_H
#define MED_METRIC_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

enum { MED_CALIBRATION_MIN = 20 };

typedef struct med_samples_scores {
    double diversity;  /* standard deviation over the samples (n-1), mean over the counted voxels; NaN below 2 */
    double coverage90; /* share of reference values within the samples' 5th and 95th percentiles; NaN below 20 */
} med_samples_scores;

/* samples[k][v] and reference[v] for v < n_voxels; mask NULL: all count. Calibrated samples cover 0.9. */
med_samples_scores med_samples_of(const float *const *samples, int n_samples, const float *reference,
                                  const uint8_t *mask, size_t n_voxels);

#endif
