/* wasserstein: how far the grey values must move for one histogram to become the other, in units of the range: blind to
 * where in the slice they are. */
#include "metric/metric.h"

#include <math.h>
#include <stdlib.h>
#include "base/memory.h"
#include "metric/summary.h"

static double *sorted_values(const med_slice_pair *pair, const double *image, int *n) {
    double *values = med_alloc(sizeof(double) * ((size_t)pair->rows * (size_t)pair->cols + 1));
    *n = 0;
    for (long p = 0; p < (long)pair->rows * pair->cols; p++)
        if (!pair->mask || pair->mask[p]) values[(*n)++] = image[p];
    med_sort_doubles(values, *n);
    return values;
}

static double score(const med_slice_pair *pair) {
    int n;
    double *x = sorted_values(pair, pair->prediction, &n), *y = sorted_values(pair, pair->reference, &n), sum = 0;
    for (int i = 0; i < n; i++) sum += fabs(x[i] - y[i]);
    free(x);
    free(y);
    return n ? sum / n / pair->range : NAN;
}

const med_metric med_metric_wasserstein = {
    .name = "wasserstein",
    .title = "Wasserstein",
    .unit = "of R",
    .formula = "mean |sorted x - sorted y| / R: 1-Wasserstein distance of the grey values",
    .better = -1,
    .score = score,
};
