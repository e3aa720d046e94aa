/* metric.c: the list of metrics, and the two means that several of them share. */
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
