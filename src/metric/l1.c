/* l1: mean absolute difference over the counted pixels, in grey values of the preset's scale. */
#include "metric/metric.h"

const med_metric med_metric_l1 = {
    .name = "l1",
    .title = "L1",
    .unit = "",
    .formula = "mean |x - y|",
    .better = -1,
    .score = med_mean_absolute,
};
