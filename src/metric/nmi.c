/* nmi: normalised mutual information (Studholme et al. 1999) of a hard 64 x 64 histogram over [-1,1]. */
#include "metric/metric.h"

#include <math.h>
#include <stdlib.h>
#include "base/memory.h"

enum { BINS = 64 };

static int bin_of(double v) {
    double bin = floor(BINS / 2.0 * (v + 1));
    return bin < 0 ? 0 : bin > BINS - 1 ? BINS - 1 : (int)bin;
}

static double entropy(const long *count, int n_bins, double n) {
    double sum = 0;
    for (int b = 0; b < n_bins; b++)
        if (count[b]) sum -= (double)count[b] / n * log((double)count[b] / n);
    return sum;
}

static double score(const med_slice_pair *pair) {
    long *joint = med_alloc(sizeof(long) * BINS * BINS), x[BINS] = {0}, y[BINS] = {0}, n = 0;
    for (long p = 0; p < (long)pair->rows * pair->cols; p++) {
        if (pair->mask && !pair->mask[p]) continue;
        int a = bin_of(pair->prediction[p]), b = bin_of(pair->reference[p]);
        joint[a * BINS + b]++, x[a]++, y[b]++, n++;
    }
    double hx = entropy(x, BINS, (double)n), hy = entropy(y, BINS, (double)n);
    double hxy = entropy(joint, BINS * BINS, (double)n);
    free(joint);
    return hxy > 0 ? (hx + hy) / hxy : NAN;
}

const med_metric med_metric_nmi = {
    .name = "nmi",
    .title = "NMI",
    .unit = "",
    .formula = "(H(x) + H(y)) / H(x,y), 64 x 64 bins over [-1,1]: 1 unrelated, 2 equal; n/a where both are constant",
    .better = +1,
    .score = score,
};
