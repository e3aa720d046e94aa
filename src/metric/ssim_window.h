/* ssim_window.h: structural similarity (Wang et al. 2004) with the window and covariance of one's choice. */
#ifndef MED_METRIC_SSIM_WINDOW_H
#define MED_METRIC_SSIM_WINDOW_H

#include <stdbool.h>
#include "metric/metric.h"

enum { MED_SSIM_MAX_TAPS = 33 };

typedef struct med_ssim_window {
    int rows,
        cols;     /* odd, up to MED_SSIM_MAX_TAPS; 1 along an axis: that axis is not averaged (one-dimensional SSIM) */
    double sigma; /* of the Gaussian weights in pixels; 0: uniform */
    bool is_sample; /* sample covariance, NP/(NP-1) with NP = rows*cols; false: population */
} med_ssim_window;

/* Mean of S = (2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2)), C1 = (0.01 R)^2, C2 = (0.03 R)^2,
 * over the pixels whose whole window lies in the slice and, where there is one, in the mask. NaN when there is none. */
double med_ssim(const med_slice_pair *pair, const med_ssim_window *window);
/* How many pixels that mean is over. */
long med_ssim_count(const med_slice_pair *pair, const med_ssim_window *window);

#endif
