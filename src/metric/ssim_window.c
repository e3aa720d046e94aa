/* ssim_window.c: local moments by a separable window, then the SSIM formula at every pixel that has a whole window.
 *
 * m[..] below are the five window means E[x], E[y], E[x^2], E[y^2], E[xy]; variance and covariance follow as
 * k (E[xy] - E[x]E[y]). Pixels nearer to the edge than the window's radius never count, so no border rule is needed. */
#include "metric/ssim_window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

enum { N_MOMENTS = 5 };

/* n taps that sum to 1. */
static void fill_taps(int n, double sigma, double *taps) {
    double sum = 0;
    for (int t = 0; t < n; t++) {
        double d = t - n / 2;
        taps[t] = sigma > 0 ? exp(-0.5 * d * d / (sigma * sigma)) : 1;
        sum += taps[t];
    }
    for (int t = 0; t < n; t++) taps[t] /= sum;
}

/* out[j] = sum_t taps[t] of the moments' integrands at j + t, for one row: `out_cols` values each. */
static void row_moments(const double *x, const double *y, const double *taps, int n_taps, int out_cols, double *out) {
    for (int j = 0; j < out_cols; j++) {
        double m[N_MOMENTS] = {0};
        for (int t = 0; t < n_taps; t++) {
            double a = x[j + t], b = y[j + t], w = taps[t];
            m[0] += w * a, m[1] += w * b, m[2] += w * a * a, m[3] += w * b * b, m[4] += w * a * b;
        }
        for (int q = 0; q < N_MOMENTS; q++) out[q * out_cols + j] = m[q];
    }
}

static double similarity(const double m[N_MOMENTS], double k, double range) {
    double c1 = 0.01 * range * (0.01 * range), c2 = 0.03 * range * (0.03 * range);
    double vx = k * (m[2] - m[0] * m[0]), vy = k * (m[3] - m[1] * m[1]), vxy = k * (m[4] - m[0] * m[1]);
    return (2 * m[0] * m[1] + c1) * (2 * vxy + c2) / ((m[0] * m[0] + m[1] * m[1] + c1) * (vx + vy + c2));
}

/* whole[i][j] = 1 where the window whose first pixel is (i,j) lies in the mask; out_rows x out_cols, owned. */
static uint8_t *whole_windows(const med_slice_pair *pair, const med_ssim_window *w, int out_rows, int out_cols) {
    uint8_t *along = med_alloc((size_t)pair->rows * (size_t)out_cols);
    uint8_t *whole = med_alloc((size_t)out_rows * (size_t)out_cols);
    for (int i = 0; i < pair->rows; i++)
        for (int j = 0; j < out_cols; j++) {
            const uint8_t *first = pair->mask ? pair->mask + (size_t)i * (size_t)pair->cols + j : NULL;
            along[(size_t)i * (size_t)out_cols + (size_t)j] = !first || !memchr(first, 0, (size_t)w->cols);
        }
    for (int i = 0; i < out_rows; i++)
        for (int j = 0; j < out_cols; j++) {
            int n = 0;
            for (int t = 0; t < w->rows; t++) n += along[(size_t)(i + t) * (size_t)out_cols + (size_t)j];
            whole[(size_t)i * (size_t)out_cols + (size_t)j] = n == w->rows;
        }
    free(along);
    return whole;
}

/* Sizes of the map of whole windows; false when the window is larger than the slice. */
static bool map_size(const med_slice_pair *pair, const med_ssim_window *w, int *out_rows, int *out_cols) {
    med_assert(w->rows % 2 && w->cols % 2 && w->rows <= MED_SSIM_MAX_TAPS && w->cols <= MED_SSIM_MAX_TAPS);
    *out_rows = pair->rows - w->rows + 1;
    *out_cols = pair->cols - w->cols + 1;
    return *out_rows > 0 && *out_cols > 0;
}

static double mean_similarity(const med_slice_pair *pair, const med_ssim_window *w, const uint8_t *whole,
                              const double *rows_of_moments, int out_rows, int out_cols) {
    double taps[MED_SSIM_MAX_TAPS], n_points = w->rows * w->cols, k = w->is_sample ? n_points / (n_points - 1) : 1;
    double sum = 0;
    long n = 0;
    fill_taps(w->rows, w->sigma, taps);
    for (int i = 0; i < out_rows; i++)
        for (int j = 0; j < out_cols; j++) {
            if (!whole[(size_t)i * (size_t)out_cols + (size_t)j]) continue;
            double m[N_MOMENTS] = {0};
            for (int t = 0; t < w->rows; t++)
                for (int q = 0; q < N_MOMENTS; q++)
                    m[q] += taps[t] * rows_of_moments[(size_t)((i + t) * N_MOMENTS + q) * (size_t)out_cols + (size_t)j];
            sum += similarity(m, k, pair->range);
            n++;
        }
    return n ? sum / (double)n : NAN;
}

double med_ssim(const med_slice_pair *pair, const med_ssim_window *w) {
    int out_rows, out_cols;
    double taps[MED_SSIM_MAX_TAPS];
    if (!map_size(pair, w, &out_rows, &out_cols)) return NAN;
    fill_taps(w->cols, w->sigma, taps);
    double *moments = med_alloc(sizeof(double) * N_MOMENTS * (size_t)pair->rows * (size_t)out_cols);
    for (int i = 0; i < pair->rows; i++) {
        size_t at = (size_t)i * (size_t)pair->cols;
        row_moments(pair->prediction + at, pair->reference + at, taps, w->cols, out_cols,
                    moments + (size_t)i * N_MOMENTS * (size_t)out_cols);
    }
    uint8_t *whole = whole_windows(pair, w, out_rows, out_cols);
    double mean = mean_similarity(pair, w, whole, moments, out_rows, out_cols);
    free(whole);
    free(moments);
    return mean;
}

long med_ssim_count(const med_slice_pair *pair, const med_ssim_window *w) {
    int out_rows, out_cols;
    if (!map_size(pair, w, &out_rows, &out_cols)) return 0;
    uint8_t *whole = whole_windows(pair, w, out_rows, out_cols);
    long n = 0;
    for (long p = 0; p < (long)out_rows * out_cols; p++) n += whole[p];
    free(whole);
    return n;
}
