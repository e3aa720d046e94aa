/* ssim_rows: mean over the rows of a one-dimensional SSIM (uniform, 7 taps, sample covariance). It is what the
 * MMHVAE authors' evaluation computes by giving scikit-image a channel axis; constant equal rows count as 1, so it
 * is higher than, and not comparable with, two-dimensional SSIM. */
#include "metric/ssim_window.h"

static double score(const med_slice_pair *pair) {
    return med_ssim(pair, &(med_ssim_window){.rows = 1, .cols = 7, .is_sample = true});
}

const med_metric med_metric_ssim_rows = {
    .name = "ssim_rows",
    .title = "SSIM (rows)",
    .unit = "",
    .formula = "mean over rows of 1-D structural similarity, uniform 7 taps, sample covariance",
    .better = +1,
    .score = score,
};
