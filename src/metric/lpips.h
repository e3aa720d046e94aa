/* lpips.h: learned perceptual distance of two slices (Zhang et al., CVPR 2018, version 0.1): the features of an image
 * classifier, compared position by position. The weights are somebody else's and come from outside as plain arrays. */
#ifndef MED_METRIC_LPIPS_H
#define MED_METRIC_LPIPS_H

#include <stdbool.h>

enum { MED_LPIPS_MAX_CONVS = 13, MED_LPIPS_TAPS = 5 };

typedef struct med_lpips_conv { /* convolution with bias, then ReLU */
    int index;                  /* "features.INDEX.weight" in torchvision's file */
    int n_out, n_in, size, stride, pad;
    int pool;    /* before it: max pooling of this size with step 2; 0: none */
    bool is_tap; /* its output is compared */
} med_lpips_conv;

typedef struct med_lpips_trunk {
    const char *name, *title;
    int n_convs, smallest; /* side of the smallest slice whose last features are not empty */
    med_lpips_conv conv[MED_LPIPS_MAX_CONVS];
} med_lpips_trunk;
extern const med_lpips_trunk med_lpips_alex, med_lpips_vgg;
extern const med_lpips_trunk *const med_lpips_trunks[]; /* NULL-terminated */

typedef struct med_lpips { /* weights, borrowed */
    const med_lpips_trunk *trunk;
    const float *weight[MED_LPIPS_MAX_CONVS]; /* n_out x n_in x size x size */
    const float *bias[MED_LPIPS_MAX_CONVS];   /* n_out */
    const float *head[MED_LPIPS_TAPS];        /* one weight, 0 or more, per channel of the tap */
} med_lpips;

/* Distance of two grey slices in [-1,1] (last index fastest), taken as three equal colours:
 * sum over taps of the mean over positions of sum_c w_c (f_c(x)/|f(x)| - f_c(y)/|f(y)|)^2.
 * Exactly 0 for equal slices; NaN for slices smaller than the trunk's smallest. Runs in the caller's thread. */
double med_lpips_distance(const med_lpips *m, int rows, int cols, const double *x, const double *y);

#endif
