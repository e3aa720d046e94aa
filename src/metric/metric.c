/* metric.c: the list of metrics, and the means that several of them share. */
#include "metric/metric.h"

#include <math.h>
#include <string.h>

const med_metric *const med_metrics[] = {
#define MED_METRIC(name) &med_metric_##name,
#include "metric/metrics.def"
#undef MED_METRIC
    NULL,
};

const med_metric *med_metric_find(const char *name) {
    for (int i = 0; med_metrics[i]; i++)
        if (!strcmp(med_metrics[i]->name, name)) return med_metrics[i];
    return NULL;
}

static double mean_of(const med_slice_pair *pair, double (*error)(double)) {
    double sum = 0;
    long n = 0, n_pixels = (long)pair->rows * pair->cols;
    for (long p = 0; p < n_pixels; p++) {
        if (pair->mask && !pair->mask[p]) continue;
        sum += error(pair->prediction[p] - pair->reference[p]);
        n++;
    }
    return n ? sum / (double)n : NAN;
}

static double absolute(double d) { return fabs(d); }
static double square(double d) { return d * d; }

double med_mean_absolute(const med_slice_pair *pair) { return mean_of(pair, absolute); }
double med_mean_square(const med_slice_pair *pair) { return mean_of(pair, square); }

med_moments med_moments_of(const med_slice_pair *pair) {
    med_moments m = {0};
    double mx = 0, my = 0, lo[2] = {INFINITY, INFINITY}, hi[2] = {-INFINITY, -INFINITY};
    long n_pixels = (long)pair->rows * pair->cols;
    const double *x = pair->prediction, *y = pair->reference;
    for (long p = 0; p < n_pixels; p++) {
        if (pair->mask && !pair->mask[p]) continue;
        mx += x[p], my += y[p];
        lo[0] = fmin(lo[0], x[p]), hi[0] = fmax(hi[0], x[p]);
        lo[1] = fmin(lo[1], y[p]), hi[1] = fmax(hi[1], y[p]);
        m.n++;
    }
    mx /= (double)m.n, my /= (double)m.n;
    for (long p = 0; p < n_pixels; p++) {
        if (pair->mask && !pair->mask[p]) continue;
        m.sxx += (x[p] - mx) * (x[p] - mx);
        m.syy += (y[p] - my) * (y[p] - my);
        m.sxy += (x[p] - mx) * (y[p] - my);
    }
    if (lo[0] == hi[0]) m.sxx = 0;
    if (lo[1] == hi[1]) m.syy = 0;
    return m;
}
