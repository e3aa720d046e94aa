/* ncc: normalised cross-correlation, Pearson's r of the grey values over the counted pixels. */
#include "metric/metric.h"

#include <math.h>

static double score(const med_slice_pair *pair) {
    med_moments m = med_moments_of(pair);
    return m.sxx > 0 && m.syy > 0 ? m.sxy / sqrt(m.sxx * m.syy) : NAN;
}

const med_metric med_metric_ncc = {
    .name = "ncc",
    .title = "NCC",
    .unit = "",
    .formula = "sum (x - mx)(y - my) / sqrt(sum (x - mx)^2 sum (y - my)^2); n/a where one is constant",
    .better = +1,
    .score = score,
};
