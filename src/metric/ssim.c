/* ssim: structural similarity with a uniform 7 x 7 window and sample covariance: the default of scikit-image. */
#include "metric/ssim_window.h"

static double score(const med_slice_pair *pair) {
    return med_ssim(pair, &(med_ssim_window){.rows = 7, .cols = 7, .is_sample = true});
}

const med_metric med_metric_ssim = {
    .name = "ssim",
    .title = "SSIM",
    .unit = "",
    .formula = "structural similarity, uniform 7 x 7 window, sample covariance",
    .better = +1,
    .score = score,
};
