/* winograd.h: the transforms of F(4x4,3x3) on vectors (points 0, 1, -1, 2, -2, infinity; Lavin & Gray 2016). */
#ifndef MED_CPU_WINOGRAD_H
#define MED_CPU_WINOGRAD_H

#include "backend/cpu/vec.h"

INLINE void input_1d(const vf d[6], vf t[6]) {
    vf a = d[4] - 4 * d[2], b = d[3] - 4 * d[1], c = d[4] - d[2], e = 2 * (d[3] - d[1]);
    t[0] = 4 * d[0] - 5 * d[2] + d[4];
    t[1] = a + b;
    t[2] = a - b;
    t[3] = c + e;
    t[4] = c - e;
    t[5] = 4 * d[1] - 5 * d[3] + d[5];
}

INLINE void output_1d(const vf m[6], vf y[4]) {
    vf a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = b + 2 * e;
    y[2] = a + 4 * c;
    y[3] = b + 8 * e + m[5];
}

/* V of one channel at VL tiles. */
static inline void input_transform(const float *x, const int *tap, float *v, ptrdiff_t v_point) {
    vf half[6][6];
    UNROLL for (int c = 0; c < 6; c++) {
        vf d[6], t[6];
        UNROLL for (int r = 0; r < 6; r++) d[r] = vf_load(x + tap[r * 6 + c]);
        input_1d(d, t);
        UNROLL for (int r = 0; r < 6; r++) half[r][c] = t[r];
    }
    UNROLL for (int r = 0; r < 6; r++) {
        vf t[6];
        input_1d(half[r], t);
        UNROLL for (int c = 0; c < 6; c++) vf_store(v + (r * 6 + c) * v_point, t[c]);
    }
}

#define ZIP_LOW(l, s) ((l) / 2 + (l) % 2 * VL)
#define ZIP_HIGH(l, s) ((l) / 2 + (l) % 2 * VL + VL / 2)
INLINE vf zip_low(vf a, vf b) { return __builtin_shufflevector(a, b, LANES(ZIP_LOW, 0)); }
INLINE vf zip_high(vf a, vf b) { return __builtin_shufflevector(a, b, LANES(ZIP_HIGH, 0)); }

/* Four rows of 4*VL pixels from M of one output at VL tiles. */
static __attribute__((noinline, unused)) void output_transform(const float *m, ptrdiff_t m_point, float bias, float *y, ptrdiff_t y_row) {
    vf half[4][6];
    UNROLL for (int c = 0; c < 6; c++) {
        vf d[6], t[4];
        UNROLL for (int r = 0; r < 6; r++) d[r] = vf_load(m + (r * 6 + c) * m_point);
        output_1d(d, t);
        UNROLL for (int r = 0; r < 4; r++) half[r][c] = t[r];
    }
    UNROLL for (int r = 0; r < 4; r++) {
        vf t[4];
        output_1d(half[r], t);
        vf a = zip_low(t[0], t[2]) + bias, b = zip_low(t[1], t[3]) + bias, c = zip_high(t[0], t[2]) + bias, d = zip_high(t[1], t[3]) + bias;
        vf_store(y + r * y_row, zip_low(a, b));
        vf_store(y + r * y_row + VL, zip_high(a, b));
        vf_store(y + r * y_row + 2 * VL, zip_low(c, d));
        vf_store(y + r * y_row + 3 * VL, zip_high(c, d));
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

#endif
