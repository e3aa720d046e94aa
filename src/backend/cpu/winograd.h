/* winograd.h: the transforms of F(4x4,3x3) on vectors (points 0, 1, -1, 2, -2, infinity; Lavin & Gray 2016), and of
 * F(4x4,4x4), F(3x3,2x2). */
#ifndef MED_CPU_WINOGRAD_H
#define MED_CPU_WINOGRAD_H

#include "backend/cpu/conv.h"

/* As many additions as multiply-adds: they run beside each other. */
INLINE void input_1d(const vf d[6], vf t[6]) {
    vf a = d[4] - 4 * d[2], b = d[3] - 4 * d[1], c = d[4] - d[2], e = d[3] - d[1];
    e += e;
    t[0] = (d[4] - 5 * d[2]) + 4 * d[0];
    t[1] = a + b;
    t[2] = a - b;
    t[3] = c + e;
    t[4] = c - e;
    t[5] = (d[5] - 5 * d[3]) + 4 * d[1];
}

INLINE void output_1d(const vf m[6], vf y[4]) {
    vf a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = b + 2 * e;
    y[2] = a + 4 * c;
    y[3] = b + 8 * e + m[5];
}

/* Tiles of a block, and floats from a point to the next in V and M of OB channels at one: a constant, so that addresses in
 * the transforms are; an odd number of cache lines, so that points do not share cache sets. */
enum { BLOCK_TILES = NV * VL, POINT_STEP = ((OB * BLOCK_TILES + 15) / 16 | 1) * 16 };

/* Three rows of V of one channel at nv vectors of tiles: each half of the points needs five of the six rows and columns, and fits
 * into the registers between the two directions. */
INLINE void input_half(const float *x, const int *tap, int first, int nv, float *v) {
    ptrdiff_t row[6];
    UNROLL for (int r = 0; r < 6; r++) row[r] = tap[6 * r];
    for (; nv > 0; nv--, x += VL, v += VL) {
        vf between[3][6];
        UNROLL for (int c = 0; c < 6; c++) {
            const float *column = x + tap[c];
            vf d[6], t[6];
            UNROLL for (int r = 0; r < 6; r++) d[r] = vf_load(column + row[r]);
            input_1d(d, t);
            UNROLL for (int r = 0; r < 3; r++) between[r][c] = t[first + r];
        }
        UNROLL for (int r = 0; r < 3; r++) {
            vf t[6];
            input_1d(between[r], t);
            UNROLL for (int c = 0; c < 6; c++) vf_store(v + ((first + r) * 6 + c) * POINT_STEP, t[c]);
        }
    }
}
static __attribute__((noinline, unused)) void input_transform_above(const float *x, const int *tap, int nv, float *v) { input_half(x, tap, 0, nv, v); }
static __attribute__((noinline, unused)) void input_transform_below(const float *x, const int *tap, int nv, float *v) { input_half(x, tap, 3, nv, v); }

#define ZIP_LOW(l, s) ((l) / 2 + (l) % 2 * VL)
#define ZIP_HIGH(l, s) ((l) / 2 + (l) % 2 * VL + VL / 2)
INLINE vf zip_low(vf a, vf b) { return __builtin_shufflevector(a, b, LANES(ZIP_LOW, 0)); }
INLINE vf zip_high(vf a, vf b) { return __builtin_shufflevector(a, b, LANES(ZIP_HIGH, 0)); }

/* A row of 4*VL pixels from the four columns of VL tiles, a vector each at at[0..3]. */
INLINE void store_row(const vf t[4], float *y, const ptrdiff_t at[4]) {
    vf a = zip_low(t[0], t[2]), b = zip_low(t[1], t[3]), c = zip_high(t[0], t[2]), d = zip_high(t[1], t[3]);
    vf_store(y + at[0], zip_low(a, b));
    vf_store(y + at[1], zip_high(a, b));
    vf_store(y + at[2], zip_low(c, d));
    vf_store(y + at[3], zip_high(c, d));
}

/* Where rows of pixels of VL tiles go: vectors at at[0..3] of a row; rows `row` apart. */
typedef struct pixel_place {
    ptrdiff_t at[4], row;
} pixel_place;

/* Sums of pixels and their squares, by lane. */
typedef struct pixel_sums {
    vf sum, square;
} pixel_sums;

/* Rows `first` and first + 2 of the pixels of nv vectors of tiles from M of one output: those two need five rows of M. What is
 * added to the point of row and column 1 is added to all pixels: the bias. */
INLINE void output_half(const float *m, int first, float bias, int nv, float *y, const pixel_place *to, pixel_sums *sums) {
    vf sum[2] = {{0}, {0}}, square[2] = {{0}, {0}};
    for (; nv > 0; nv--, m += VL, to++) {
        vf between[2][6];
        UNROLL for (int c = 0; c < 6; c++) {
            vf d[6], t[4];
            UNROLL for (int r = 0; r < 6; r++) d[r] = vf_load(m + (r * 6 + c) * POINT_STEP);
            if (c == 1) d[1] += bias;
            output_1d(d, t);
            UNROLL for (int r = 0; r < 2; r++) between[r][c] = t[first + 2 * r];
        }
        UNROLL for (int r = 0; r < 2; r++) {
            vf t[4];
            output_1d(between[r], t);
            UNROLL for (int c = 0; c < 4; c++) {
                sum[r] += t[c];
                square[r] += t[c] * t[c];
            }
            store_row(t, y + (first + 2 * r) * to->row, to->at);
        }
    }
    sums->sum += sum[0] + sum[1];
    sums->square += square[0] + square[1];
}
static __attribute__((noinline, unused)) void output_transform_even(const float *m, float bias, int nv, float *y, const pixel_place *to, pixel_sums *sums) {
    output_half(m, 0, bias, nv, y, to, sums);
}
static __attribute__((noinline, unused)) void output_transform_odd(const float *m, float bias, int nv, float *y, const pixel_place *to, pixel_sums *sums) {
    output_half(m, 1, bias, nv, y, to, sums);
}

/* ---- F(4x4,4x4): points 0, 1, -1, 2, -2, -1/2, infinity ---- */

INLINE void input_1d_4(const vf d[7], vf t[7]) {
    /* Products of the points' factors but two: by pairs, what is left is even and odd. */
    vf r0 = 4 * d[0] - 5 * d[2] + d[4], r1 = 4 * d[1] - 5 * d[3] + d[5], r2 = 4 * d[2] - 5 * d[4] + d[6];
    vf p1 = d[3] - 4 * d[1], p2 = d[4] - 4 * d[2], p3 = d[5] - 4 * d[3];
    vf q1 = d[3] - d[1], q2 = d[4] - d[2], q3 = d[5] - d[3];
    vf a = p3 + 0.5f * p2, b = p2 + 0.5f * p1, c = q3 + 0.5f * q2, e = q2 + 0.5f * q1;
    t[0] = r1 + 0.5f * r0;
    t[1] = a + b;
    t[2] = a - b;
    t[3] = c + 2 * e;
    t[4] = c - 2 * e;
    t[5] = r1;
    t[6] = r2 + 0.5f * r1;
}

INLINE void output_1d_4(const vf m[7], vf y[4]) {
    vf a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
    y[0] = m[0] + a + c + m[5];
    y[1] = b + 2 * e - 0.5f * m[5];
    y[2] = a + 4 * c + 0.25f * m[5];
    y[3] = b + 8 * e - 0.125f * m[5] + m[6];
}

/* G: points from four weights. */
static const __attribute__((unused)) float weight_4x4[7][4] = {
    {1.0f / 2, 0, 0, 0},
    {-1.0f / 9, -1.0f / 9, -1.0f / 9, -1.0f / 9},
    {1.0f / 3, -1.0f / 3, 1.0f / 3, -1.0f / 3},
    {1.0f / 60, 1.0f / 30, 1.0f / 15, 2.0f / 15},
    {-1.0f / 36, 1.0f / 18, -1.0f / 9, 2.0f / 9},
    {-32.0f / 45, 16.0f / 45, -8.0f / 45, 4.0f / 45},
    {0, 0, 0, 1.0f},
};

/* V of one channel at VL tiles of 7x7. */
static inline void input_transform_4x4(const float *x, const int *tap, float *v, ptrdiff_t v_point) {
    vf half[7][7];
    UNROLL for (int c = 0; c < 7; c++) {
        vf d[7], t[7];
        UNROLL for (int r = 0; r < 7; r++) d[r] = vf_load(x + tap[r * 7 + c]);
        input_1d_4(d, t);
        UNROLL for (int r = 0; r < 7; r++) half[r][c] = t[r];
    }
    UNROLL for (int r = 0; r < 7; r++) {
        vf t[7];
        input_1d_4(half[r], t);
        UNROLL for (int c = 0; c < 7; c++) vf_store(v + (r * 7 + c) * v_point, t[c]);
    }
}

static __attribute__((noinline, unused)) void output_transform_4x4(const float *m, ptrdiff_t m_point, float bias, float *y, ptrdiff_t y_row) {
    static const ptrdiff_t in_a_row[4] = {0, VL, 2 * VL, 3 * VL};
    vf half[4][7];
    UNROLL for (int c = 0; c < 7; c++) {
        vf d[7], t[4];
        UNROLL for (int r = 0; r < 7; r++) d[r] = vf_load(m + (r * 7 + c) * m_point);
        output_1d_4(d, t);
        UNROLL for (int r = 0; r < 4; r++) half[r][c] = t[r];
    }
    UNROLL for (int r = 0; r < 4; r++) {
        vf t[4];
        output_1d_4(half[r], t);
        UNROLL for (int c = 0; c < 4; c++) t[c] += bias;
        store_row(t, y + r * y_row, in_a_row);
    }
}

/* t = G g, results `step` vectors apart. */
INLINE void weight_1d(vf g0, vf g1, vf g2, vf *t, int step) {
    vf even = g0 + g2, low = g0 + 4 * g2, odd = g1 + g1;
    t[0] = g0 * 0.25f;
    t[step] = (even + g1) * (-1.0f / 6);
    t[2 * step] = (even - g1) * (-1.0f / 6);
    t[3 * step] = (low + odd) * (1.0f / 24);
    t[4 * step] = (low - odd) * (1.0f / 24);
    t[5 * step] = g2;
}

/* Four values of a gradient of the output to its points. */
INLINE void output_grad_1d(const vf y[4], vf t[6]) {
    vf a = y[0] + y[2], b = y[1] + y[3], c = y[0] + 4 * y[2], e = 2 * y[1] + 8 * y[3];
    t[0] = y[0];
    t[1] = a + b;
    t[2] = a - b;
    t[3] = c + e;
    t[4] = c - e;
    t[5] = y[3];
}

/* Gradient of three weights from that of their points. */
INLINE void weight_grad_1d(const vf u[6], vf g[3]) {
    vf a = (u[1] + u[2]) * (-1.0f / 6), b = (u[2] - u[1]) * (1.0f / 6), c = u[3] + u[4], e = u[3] - u[4];
    g[0] = u[0] * 0.25f + a + c * (1.0f / 24);
    g[1] = b + e * (1.0f / 12);
    g[2] = a + c * (1.0f / 6) + u[5];
}

/* ---- F(3x3,2x2): points 0, 1, -1, infinity ---- */

INLINE void input_1d_2(const vf d[4], vf t[4]) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[3] - d[1];
}

INLINE void output_1d_2(const vf m[4], vf y[3]) {
    vf sum = m[1] + m[2];
    y[0] = m[0] + sum;
    y[1] = m[1] - m[2];
    y[2] = sum + m[3];
}

INLINE void weight_1d_2(vf g0, vf g1, vf t[4]) {
    t[0] = g0;
    t[1] = (g0 + g1) * 0.5f;
    t[2] = (g0 - g1) * 0.5f;
    t[3] = g1;
}

/* Three values of a gradient of the output to its points. */
INLINE void output_grad_1d_2(const vf y[3], vf t[4]) {
    vf sum = y[0] + y[2];
    t[0] = y[0];
    t[1] = sum + y[1];
    t[2] = sum - y[1];
    t[3] = y[2];
}

/* Gradient of two weights from that of their points. */
INLINE void weight_grad_1d_2(const vf u[4], vf g[2]) {
    g[0] = u[0] + (u[1] + u[2]) * 0.5f;
    g[1] = (u[1] - u[2]) * 0.5f + u[3];
}

#endif
