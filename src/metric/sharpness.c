/* sharpness: is the prediction as sharp as the reference? Both are ratios, prediction over reference: below 1 it is
 * blurred, above 1 noisier or crisper than the truth.
 *
 * gradient  mean length of the gradient (central differences) over pixels whose four neighbours count.
 * spectrum  root mean square spatial frequency. By Parseval, the mean squared difference of neighbours is the mean of
 *           4 sin^2(pi f) over the power spectrum times twice the variance, so no transform is needed. */
#include "metric/metric.h"

#include <math.h>

static bool counts(const med_slice_pair *pair, int i, int j) {
    return !pair->mask || pair->mask[(long)i * pair->cols + j];
}

static double mean_gradient(const med_slice_pair *pair, const double *image) {
    double sum = 0, n = 0;
    for (int i = 1; i + 1 < pair->rows; i++)
        for (int j = 1; j + 1 < pair->cols; j++) {
            if (!counts(pair, i - 1, j) || !counts(pair, i + 1, j) || !counts(pair, i, j - 1) ||
                !counts(pair, i, j + 1))
                continue;
            const double *p = image + (long)i * pair->cols + j;
            double down = (p[pair->cols] - p[-pair->cols]) / 2, right = (p[1] - p[-1]) / 2;
            sum += sqrt(down * down + right * right);
            n++;
        }
    return n ? sum / n : NAN;
}

/* Cycles per pixel, both directions together. */
static double rms_frequency(const med_slice_pair *pair, const double *image) {
    double sum = 0, n = 0, steps = 0, n_steps = 0, squares = 0;
    for (long p = 0; p < (long)pair->rows * pair->cols; p++)
        if (!pair->mask || pair->mask[p]) sum += image[p], n++;
    for (int i = 0; i < pair->rows; i++)
        for (int j = 0; j < pair->cols; j++) {
            if (!counts(pair, i, j)) continue;
            const double *p = image + (long)i * pair->cols + j;
            squares += (*p - sum / n) * (*p - sum / n);
            if (i + 1 < pair->rows && counts(pair, i + 1, j))
                steps += (p[pair->cols] - *p) * (p[pair->cols] - *p), n_steps++;
            if (j + 1 < pair->cols && counts(pair, i, j + 1)) steps += (p[1] - *p) * (p[1] - *p), n_steps++;
        }
    double variance = squares / n;
    if (!(variance > 1e-24 * pair->range * pair->range) || !n_steps) return NAN;
    return asin(fmin(1, sqrt(steps / n_steps / variance) / 2)) / M_PI;
}

static double ratio(double prediction, double reference) { return reference > 0 ? prediction / reference : NAN; }

static double score_gradient(const med_slice_pair *pair) {
    return ratio(mean_gradient(pair, pair->prediction), mean_gradient(pair, pair->reference));
}

static double score_spectrum(const med_slice_pair *pair) {
    return ratio(rms_frequency(pair, pair->prediction), rms_frequency(pair, pair->reference));
}

const med_metric med_metric_sharpness_gradient = {
    .name = "sharpness_gradient",
    .title = "sharpness (gradient)",
    .unit = "ratio",
    .formula = "mean |gradient of x| / mean |gradient of y|, central differences",
    .score = score_gradient,
};
const med_metric med_metric_sharpness_spectrum = {
    .name = "sharpness_spectrum",
    .title = "sharpness (spectrum)",
    .unit = "ratio",
    .formula =
        "f(x) / f(y), f = asin(sqrt(mean (step to the next pixel)^2 / variance) / 2) / pi: RMS spatial frequency",
    .score = score_spectrum,
};
