/* psnr: peak signal-to-noise ratio, 10 log10(R^2 / MSE) in dB. Equal images give +inf, R = 0 with an error -inf,
 * both NaN: the plain arithmetic of the formula. */
#include "metric/metric.h"

#include <math.h>

static double score(const med_slice_pair *pair) {
    return 10 * log10(pair->range * pair->range / med_mean_square(pair));
}

const med_metric med_metric_psnr = {
    .name = "psnr",
    .title = "PSNR",
    .unit = "dB",
    .formula = "10 log10(R^2 / mean (x - y)^2)",
    .better = +1,
    .score = score,
};
