/* mse: mean squared difference over the counted pixels. */
#include "metric/metric.h"

const med_metric med_metric_mse = {
    .name = "mse",
    .title = "MSE",
    .unit = "",
    .formula = "mean (x - y)^2",
    .better = -1,
    .score = med_mean_square,
};
