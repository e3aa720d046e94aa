/* vmath.h: exp, log, tanh, sigmoid on vectors, below 4e-6 relative error (polynomials of Moshier's Cephes).
 * NaN stays NaN. exp below -87.3 gives the smallest normal float instead of 0. */
#ifndef MED_CPU_VMATH_H
#define MED_CPU_VMATH_H

#include "backend/cpu/vec.h"

/* exp of x clamped to where the result is a normal float. */
INLINE vf vf_exp_clamped(vf x) {
    x = vf_min(vf_max(x, vf_all(-87.3f)), vf_all(88.3f));
    vf shifted = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the integer part lands in the low bits */
    vf n = shifted - 12582912.0f;
    vf r = x - n * 0.693359375f + n * 2.12194440e-4f;
    vf p = vf_all(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    return (vf)((vi)p + (((vi)shifted - 0x4b400000) << 23));
}

INLINE vf vf_exp(vf x) { return vf_select(x > 88.3f, vf_all(__builtin_inff()), vf_exp_clamped(x)); }

INLINE vf vf_sigmoid(vf x) { return 1.0f / (1.0f + vf_exp_clamped(-x)); }

INLINE vf vf_tanh(vf x) {
    vf z = x * x, size = vf_abs(x);
    vf p = vf_all(-5.70498872745e-3f);
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    p = p * z * x + x;
    vf far = 1.0f - 2.0f / (vf_exp_clamped(2.0f * size) + 1.0f);
    far = (vf)((vi)far | ((vi)x & INT32_MIN));
    return vf_select(size < 0.625f, p, far);
}

INLINE vf vf_log(vf x) {
    vi bits = (vi)x;
    vi exponent = (bits >> 23) - 126;
    vf m = (vf)((bits & 0x007fffff) | 0x3f000000); /* [0.5, 1) */
    vi is_low = m < 0.707106781f;
    exponent += is_low; /* true is -1 */
    m = m + vf_select(is_low, m, vf_all(0)) - 1.0f;
    vf e = __builtin_convertvector(exponent, vf), z = m * m;
    vf p = vf_all(7.0376836292e-2f);
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    vf y = p * m * z - e * 2.12194440e-4f - 0.5f * z + m + e * 0.693359375f;
    y = vf_select(x < __builtin_inff(), y, x); /* +inf and NaN */
    y = vf_select(x == 0.0f, vf_all(-__builtin_inff()), y);
    return vf_select(x < 0.0f, vf_all(__builtin_nanf("")), y);
}

#endif
