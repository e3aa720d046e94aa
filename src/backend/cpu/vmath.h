/* vmath.h: exp, log, tanh, sigmoid on vectors, below 4e-6 relative error. NaN stays NaN. log is the polynomial of
 * Moshier's Cephes. exp below -87.3 may give the smallest normal float instead of 0. */
#ifndef MED_CPU_VMATH_H
#define MED_CPU_VMATH_H

#include "backend/cpu/vec.h"

/* 2^n for whole n, times p. */
INLINE vf vf_scale_by_power(vf p, vf n) {
#if MED_VL == 16
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    return (vf)((vi)p + ((vi)(n + 12582912.0f) << 23)); /* 1.5 * 2^23: the whole part lands in the low bits */
#endif
}
INLINE vf vf_round(vf x) {
#if MED_VL == 16
    return (vf)_mm512_roundscale_ps((__m512)x, 0);
#else
    return (x + 12582912.0f) - 12582912.0f;
#endif
}

/* 2^(x * log2_base), x clamped to where the result is a normal float: 2^n * 2^f, n whole, |f| <= 1/2; the minimax
 * polynomial of 2^f with constant 1 is good to 9e-8. By pairs of its terms, as loops wait for it. */
INLINE vf vf_power(vf x, float least, float most, float log2_base) {
    /* AVX-512 scales to 0 and infinity by itself; a power of a positive base must stay finite. */
    if (VL < 16) x = vf_at_least(x, least);
    if (VL < 16 || log2_base > 0) x = vf_at_most(x, most);
    vf t = x * log2_base, n = vf_round(t), f = t - n, f2 = f * f;
    vf high = 1.32647271e-3f * f + 9.67151178e-3f, middle = 5.55073377e-2f * f + 2.40222424e-1f, low = 6.93146982e-1f * f + 1.0f;
    return vf_scale_by_power((high * f2 + middle) * f2 + low, n);
}
#define LOG2_E 1.44269504f

INLINE vf vf_exp(vf x) { return vf_select(x > 88.3f, vf_all(__builtin_inff()), vf_power(x, -87.3f, 88.3f, LOG2_E)); }

/* Division: beside the multiply-adds it is cheaper than an estimate and Newton's step among them. */
INLINE vf vf_sigmoid(vf x) { return 1.0f / (1.0f + vf_power(x, -87.3f, 87.3f, -LOG2_E)); }
INLINE vf vf_silu(vf x) { return x / (1.0f + vf_power(x, -87.3f, 87.3f, -LOG2_E)); }

/* x P(x^2) / Q(x^2), fitted to 2e-8 up to 9, from where tanh is 1 in float; 3e-7 with rounding. */
INLINE vf vf_tanh(vf x) {
    x = vf_at_least(vf_at_most(x, 9.0f), -9.0f);
    vf z = x * x;
    vf p = 1.33547254e-8f * z + 2.06091328e-5f, q = 7.77658573e-7f * z + 3.28564001e-4f;
    p = p * z + 3.49559138e-3f;
    q = q * z + 2.58769948e-2f;
    p = p * z + 1.33810284e-1f;
    q = q * z + 4.67143440e-1f;
    vf y = (p * z * x + x) / (q * z + 1.0f);
    return vf_at_least(vf_at_most(y, 1.0f), -1.0f);
}

/* The normal distribution function, within 2e-7: (1 + erf(x / sqrt(2))) / 2 by formula 7.1.26 of Abramowitz & Stegun. */
INLINE vf vf_normal_below(vf x) {
    vf size = vf_abs(x) * 0.707106781f, t = 1.0f / (1.0f + 0.3275911f * size), p = vf_all(1.061405429f);
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    vf beyond = 0.5f * p * t * vf_exp(-size * size);
    return vf_select(x < 0.0f, beyond, 1.0f - beyond);
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
