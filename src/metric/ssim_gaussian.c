/* ssim_gaussian: structural similarity as Wang et al. define it: Gaussian weights of sigma 1.5 cut at 11 x 11,
 * population covariance. In a mask only pixels whose whole window lies in it count. */
#include "metric/ssim_window.h"

static double score(const med_slice_pair *pair) {
    return med_ssim(pair, &(med_ssim_window){.rows = 11, .cols = 11, .sigma = 1.5});
}

const med_metric med_metric_ssim_gaussian = {
    .name = "ssim_gaussian",
    .title = "SSIM",
    .unit = "",
    .formula = "structural similarity, Gaussian 11 x 11 window (sigma 1.5), population covariance",
    .better = +1,
    .score = score,
};
