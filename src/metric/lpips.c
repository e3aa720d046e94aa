/* lpips.c: the trunk as convolutions over patches laid out as columns, in float, and the distances in double.
 *
 * Per block of positions: columns[k][p] holds what weight k meets at position p, so that a convolution is a product of
 * matrices, done four outputs by eight positions at a time. */
#include "metric/lpips.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

enum { BLOCK = 64, WIDE = 8, OUTPUTS = 4 };

const med_lpips_trunk med_lpips_alex = {
    .name = "alex",
    .title = "AlexNet",
    .n_convs = 5,
    .smallest = 31,
    .conv = {{0, 64, 3, 11, 4, 2, 0, true},
             {3, 192, 64, 5, 1, 2, 3, true},
             {6, 384, 192, 3, 1, 1, 3, true},
             {8, 256, 384, 3, 1, 1, 0, true},
             {10, 256, 256, 3, 1, 1, 0, true}},
};

const med_lpips_trunk med_lpips_vgg = {
    .name = "vgg",
    .title = "VGG16",
    .n_convs = 13,
    .smallest = 16,
    .conv = {{0, 64, 3, 3, 1, 1, 0, false},
             {2, 64, 64, 3, 1, 1, 0, true},
             {5, 128, 64, 3, 1, 1, 2, false},
             {7, 128, 128, 3, 1, 1, 0, true},
             {10, 256, 128, 3, 1, 1, 2, false},
             {12, 256, 256, 3, 1, 1, 0, false},
             {14, 256, 256, 3, 1, 1, 0, true},
             {17, 512, 256, 3, 1, 1, 2, false},
             {19, 512, 512, 3, 1, 1, 0, false},
             {21, 512, 512, 3, 1, 1, 0, true},
             {24, 512, 512, 3, 1, 1, 2, false},
             {26, 512, 512, 3, 1, 1, 0, false},
             {28, 512, 512, 3, 1, 1, 0, true}},
};

const med_lpips_trunk *const med_lpips_trunks[] = {&med_lpips_alex, &med_lpips_vgg, NULL};

typedef struct map { /* features, channel by channel; owned */
    int n, rows, cols;
    float *at;
} map;

static map map_create(int n, int rows, int cols) {
    return (map){n, rows, cols, med_alloc(sizeof(float) * (size_t)n * (size_t)rows * (size_t)cols)};
}

static const float *plane(const map *m, int c) { return m->at + (size_t)c * (size_t)m->rows * (size_t)m->cols; }

/* ---- layers -------------------------------------------------------------------------------------------------- */

/* Three equal colours, shifted and scaled as the trunk was trained. */
static map colours(int rows, int cols, const double *grey) {
    static const double shift[3] = {-0.030, -0.088, -0.188}, scale[3] = {0.458, 0.448, 0.450};
    map out = map_create(3, rows, cols);
    long n = (long)rows * cols;
    for (int c = 0; c < 3; c++)
        for (long p = 0; p < n; p++) out.at[c * n + p] = (float)((grey[p] - shift[c]) / scale[c]);
    return out;
}

/* Without padding; what does not fill a window is dropped. */
static map pooled(const map *in, int size) {
    map out = map_create(in->n, (in->rows - size) / 2 + 1, (in->cols - size) / 2 + 1);
    float *to = out.at;
    for (int c = 0; c < in->n; c++)
        for (int i = 0; i < out.rows; i++)
            for (int j = 0; j < out.cols; j++) {
                const float *first = plane(in, c) + (long)2 * i * in->cols + 2 * j;
                float best = *first;
                for (int a = 0; a < size; a++)
                    for (int b = 0; b < size; b++) best = fmaxf(best, first[(long)a * in->cols + b]);
                *to++ = best;
            }
    return out;
}

/* columns[k][p]: input (channel, row, column) of weight k at position first + p; 0 outside the map. */
static void gather(const map *in, const med_lpips_conv *c, const map *out, int first, int n, float *columns) {
    for (int channel = 0; channel < in->n; channel++)
        for (int a = 0; a < c->size; a++)
            for (int b = 0; b < c->size; b++, columns += BLOCK) {
                int i = first / out->cols, j = first % out->cols;
                for (int p = 0; p < n; p++) {
                    int y = i * c->stride - c->pad + a, x = j * c->stride - c->pad + b;
                    bool is_inside = y >= 0 && y < in->rows && x >= 0 && x < in->cols;
                    columns[p] = is_inside ? plane(in, channel)[(long)y * in->cols + x] : 0;
                    if (++j == out->cols) j = 0, i++;
                }
            }
}

typedef float wide __attribute__((vector_size(sizeof(float) * WIDE), aligned(4)));

/* Four outputs at eight positions. */
static void multiply(const float *weight, size_t n_weights, const float *columns, wide sum[OUTPUTS]) {
    const float *w0 = weight, *w1 = w0 + n_weights, *w2 = w1 + n_weights, *w3 = w2 + n_weights;
    wide s0 = sum[0], s1 = sum[1], s2 = sum[2], s3 = sum[3];
    for (size_t k = 0; k < n_weights; k++, columns += BLOCK) {
        wide x = *(const wide *)columns;
        s0 += w0[k] * x, s1 += w1[k] * x, s2 += w2[k] * x, s3 += w3[k] * x;
    }
    sum[0] = s0, sum[1] = s1, sum[2] = s2, sum[3] = s3;
}

static map convolved(const map *in, const med_lpips_conv *c, const float *weight, const float *bias) {
    map out = map_create(c->n_out, (in->rows + 2 * c->pad - c->size) / c->stride + 1,
                         (in->cols + 2 * c->pad - c->size) / c->stride + 1);
    int n_positions = out.rows * out.cols;
    size_t n_weights = (size_t)c->n_in * (size_t)c->size * (size_t)c->size;
    float *columns = med_alloc(sizeof(float) * n_weights * BLOCK);
    for (int first = 0; first < n_positions; first += BLOCK) {
        int n = n_positions - first < BLOCK ? n_positions - first : BLOCK;
        gather(in, c, &out, first, n, columns);
        for (int o = 0; o < c->n_out; o += OUTPUTS)
            for (int p = 0; p < n; p += WIDE) {
                wide sum[OUTPUTS];
                for (int t = 0; t < OUTPUTS; t++) sum[t] = (wide){0} + bias[o + t];
                multiply(weight + (size_t)o * n_weights, n_weights, columns + p, sum);
                for (int t = 0; t < OUTPUTS; t++)
                    for (int q = 0; q < WIDE && p + q < n; q++)
                        out.at[(long)(o + t) * n_positions + first + p + q] = fmaxf(0, sum[t][q]);
            }
    }
    free(columns);
    return out;
}

/* ---- distance ------------------------------------------------------------------------------------------------ */

static double length_at(const map *m, long p) {
    double sum = 0;
    for (int c = 0; c < m->n; c++) sum += (double)plane(m, c)[p] * plane(m, c)[p];
    return sqrt(sum) + 1e-10;
}

static double tap_distance(const map *x, const map *y, const float *head) {
    double total = 0;
    long n = (long)x->rows * x->cols;
    for (long p = 0; p < n; p++) {
        double of_x = length_at(x, p), of_y = length_at(y, p);
        for (int c = 0; c < x->n; c++) {
            double d = plane(x, c)[p] / of_x - plane(y, c)[p] / of_y;
            total += head[c] * d * d;
        }
    }
    return total / (double)n;
}

/* The next layer's map takes the place of `m`. */
static void advance(map *m, const med_lpips *net, int layer) {
    const med_lpips_conv *c = &net->trunk->conv[layer];
    if (c->pool) {
        map smaller = pooled(m, c->pool);
        free(m->at);
        *m = smaller;
    }
    map next = convolved(m, c, net->weight[layer], net->bias[layer]);
    free(m->at);
    *m = next;
}

double med_lpips_distance(const med_lpips *m, int rows, int cols, const double *x, const double *y) {
    if (rows < m->trunk->smallest || cols < m->trunk->smallest) return NAN;
    map of_x = colours(rows, cols, x), of_y = colours(rows, cols, y);
    double sum = 0;
    for (int layer = 0, tap = 0; layer < m->trunk->n_convs; layer++) {
        advance(&of_x, m, layer);
        advance(&of_y, m, layer);
        if (m->trunk->conv[layer].is_tap) sum += tap_distance(&of_x, &of_y, m->head[tap++]);
    }
    free(of_x.at);
    free(of_y.at);
    return sum;
}
