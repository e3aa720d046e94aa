/* speckle: how wide the grain of an ultrasound image is: twice the lag at which its normalised autocovariance falls to
 * one half, lateral (rows, axis 0) and axial (columns, axis 1), for prediction and reference each.
 *
 * The autocovariance at a lag is the mean, over pairs of counted pixels that far apart, of the product of their
 * deviations from the mean; the crossing is interpolated linearly. */
#include "metric/metric.h"

#include <math.h>

static double mean_of(const med_slice_pair *pair, const double *image) {
    double sum = 0, n = 0;
    for (long p = 0; p < (long)pair->rows * pair->cols; p++)
        if (!pair->mask || pair->mask[p]) sum += image[p], n++;
    return n ? sum / n : NAN;
}

/* Pixels (i,j) and (i+di,j+dj). NaN: no pair. */
static double covariance(const med_slice_pair *pair, const double *image, double mean, int di, int dj) {
    double sum = 0, n = 0;
    for (int i = 0; i + di < pair->rows; i++)
        for (int j = 0; j + dj < pair->cols; j++) {
            long p = (long)i * pair->cols + j, q = (long)(i + di) * pair->cols + j + dj;
            if (pair->mask && (!pair->mask[p] || !pair->mask[q])) continue;
            sum += (image[p] - mean) * (image[q] - mean);
            n++;
        }
    return n ? sum / n : NAN;
}

static double width(const med_slice_pair *pair, const double *image, bool is_lateral) {
    double mean = mean_of(pair, image), zero = covariance(pair, image, mean, 0, 0), before = 1;
    int n_lags = is_lateral ? pair->rows : pair->cols;
    if (!(zero > 1e-24 * pair->range * pair->range)) return NAN; /* constant but for rounding */
    for (int lag = 1; lag < n_lags; lag++) {
        double r = covariance(pair, image, mean, is_lateral ? lag : 0, is_lateral ? 0 : lag) / zero;
        if (isnan(r)) return NAN;
        if (r <= 0.5) return 2 * (lag - 1 + (before - 0.5) / (before - r));
        before = r;
    }
    return NAN;
}

#define SPECKLE(side, image, axis, is_lateral)                                                                         \
    static double score_##side##_##axis(const med_slice_pair *pair) { return width(pair, pair->image, is_lateral); }   \
    const med_metric med_metric_speckle_##side##_##axis = {                                                            \
        .name = "speckle_" #side "_" #axis,                                                                            \
        .title = "speckle " #axis " (" #image ")",                                                                     \
        .unit = "px",                                                                                                  \
        .formula = "2 x the first lag where the autocovariance of the " #image " is half its value at 0, " #axis,      \
        .score = score_##side##_##axis,                                                                                \
    };
SPECKLE(ref, reference, lateral, true)
SPECKLE(ref, reference, axial, false)
SPECKLE(pred, prediction, lateral, true)
SPECKLE(pred, prediction, axial, false)
