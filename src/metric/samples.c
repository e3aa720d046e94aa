/* samples.c: diversity and calibration of draws, voxel by voxel. */
#include "metric/samples.h"

#include <math.h>
#include <stdlib.h>
#include "base/memory.h"
#include "metric/summary.h"

med_samples_scores med_samples_of(const float *const *samples, int n_samples, const float *reference,
                                  const uint8_t *mask, size_t n_voxels) {
    med_samples_scores out = {NAN, NAN};
    double *values = med_alloc(sizeof(double) * (size_t)(n_samples + 1)), sd = 0, n = 0, n_within = 0;
    for (size_t v = 0; v < n_voxels; v++) {
        if (mask && !mask[v]) continue;
        double sum = 0, squares = 0;
        for (int k = 0; k < n_samples; k++) sum += values[k] = samples[k][v];
        for (int k = 0; k < n_samples; k++) squares += (values[k] - sum / n_samples) * (values[k] - sum / n_samples);
        sd += sqrt(squares / (n_samples - 1));
        n++;
        if (n_samples < MED_CALIBRATION_MIN) continue;
        med_sort_doubles(values, n_samples);
        n_within += reference[v] >= med_percentile_sorted(values, n_samples, 5) &&
                    reference[v] <= med_percentile_sorted(values, n_samples, 95);
    }
    if (n > 0 && n_samples >= 2) out.diversity = sd / n;
    if (n > 0 && n_samples >= MED_CALIBRATION_MIN) out.coverage90 = n_within / n;
    free(values);
    return out;
}
