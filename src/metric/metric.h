/* metric.h: how near a synthetic slice is to the true one: scores on plain arrays (spec: docs of `medley evaluate`).
 *
 * A metric is one file with one descriptor and one line in metrics.def. It sees two slices in double and knows
 * neither files nor networks. All sums are in double and in a fixed order. Presets (preset.h) say which pixels
 * and which grey scale are compared. */
#ifndef MED_METRIC_METRIC_H
#define MED_METRIC_METRIC_H

#include <stdbool.h>
#include <stdint.h>

/* Two slices of rows x cols, last index fastest. */
typedef struct med_slice_pair {
    int rows, cols;
    const double *prediction, *reference;
    const uint8_t *mask; /* pixels that count; NULL = all */
    double range;        /* R: the grey scale's extent; never guessed from the images */
} med_slice_pair;

typedef struct med_metric {
    const char *name, *title;                    /* "psnr", "PSNR" */
    const char *unit;                            /* "dB"; "" none */
    const char *formula;                         /* one line, as printed to users */
    int better;                                  /* +1: higher is better, -1: lower, 0: neither */
    double (*score)(const med_slice_pair *pair); /* NaN: not defined for this pair; infinite where the formula is */
} med_metric;

#define MED_METRIC(name) extern const med_metric med_metric_##name;
#include "metric/metrics.def"
#undef MED_METRIC

/* All metrics, NULL-terminated, in the order of metrics.def. */
extern const med_metric *const med_metrics[];
const med_metric *med_metric_find(const char *name); /* NULL: unknown */

/* Mean absolute and mean squared difference over the counted pixels; NaN when there are none. */
double med_mean_absolute(const med_slice_pair *pair);
double med_mean_square(const med_slice_pair *pair);

/* Centred second moments over the counted pixels; sxx, syy are exactly 0 where the image is constant there. */
typedef struct med_moments {
    long n;
    double sxx, syy, sxy; /* x: prediction */
} med_moments;
med_moments med_moments_of(const med_slice_pair *pair);

#endif
