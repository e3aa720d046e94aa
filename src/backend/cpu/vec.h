/* vec.h: vectors of MED_VL floats by the compilers' vector extensions: one source for every instruction set. */
#ifndef MED_CPU_VEC_H
#define MED_CPU_VEC_H

#include <stdint.h>
#include <string.h>
#if MED_VL > 4
#include <immintrin.h>
#endif

enum { VL = MED_VL };
typedef float vf __attribute__((vector_size(4 * MED_VL)));
typedef int32_t vi __attribute__((vector_size(4 * MED_VL)));
typedef double vd __attribute__((vector_size(4 * MED_VL))); /* VL/2 doubles */
typedef float vf_half __attribute__((vector_size(2 * MED_VL)));
typedef float vf_any __attribute__((vector_size(4 * MED_VL), aligned(4), may_alias));
typedef float vf_half_any __attribute__((vector_size(2 * MED_VL), aligned(4), may_alias));

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#define INLINE static inline __attribute__((always_inline, unused))

INLINE vf vf_all(float x) { return x - (vf){0}; }
INLINE vf vf_load(const float *p) { return *(const vf_any *)p; }
INLINE void vf_store(float *p, vf v) { *(vf_any *)p = v; }
INLINE vf_half vf_half_load(const float *p) { return *(const vf_half_any *)p; }
INLINE void vf_half_store(float *p, vf_half v) { *(vf_half_any *)p = v; }
INLINE vf_half vf_lower(vf v) {
#if MED_VL == 16
    return (vf_half)_mm512_castps512_ps256((__m512)v);
#elif MED_VL == 8
    return (vf_half)_mm256_castps256_ps128((__m256)v);
#else
    vf_half half;
    memcpy(&half, &v, sizeof half);
    return half;
#endif
}

/* The first n <= VL elements; zeros behind them. */
INLINE vf vf_load_n(const float *p, int n) {
#if MED_VL == 16
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
    vf v = {0};
    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
#endif
}
INLINE void vf_store_n(float *p, vf v, int n) {
#if MED_VL == 16
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#else
    memcpy(p, &v, (size_t)n * sizeof *p);
#endif
}

/* Elements first .. end-1 of v to their places at p. */
INLINE void vf_store_range(float *p, vf v, int first, int end) {
    if (first >= end) return;
#if MED_VL == 16
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << end) - (1u << first)), (__m512)v);
#else
    if (end - first == VL) vf_store(p, v);
    else memcpy(p + first, (const float *)&v + first, (size_t)(end - first) * sizeof *p);
#endif
}

/* The vector at i of an array that ends at `end`, whole or cut. */
INLINE vf vf_take(const float *p, int64_t i, int64_t end) {
    return end - i >= VL ? vf_load(p + i) : vf_load_n(p + i, (int)(end - i));
}
INLINE void vf_put(float *p, int64_t i, int64_t end, vf v) {
    if (end - i >= VL) vf_store(p + i, v);
    else vf_store_n(p + i, v, (int)(end - i));
}

INLINE vf vf_select(vi mask, vf yes, vf no) {
#if MED_VL == 16
    return (vf)_mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)mask), (__m512)no, (__m512)yes);
#else
    return (vf)(((vi)yes & mask) | ((vi)no & ~mask));
#endif
}
/* x where it is positive, else (and for NaN) `other`. */
INLINE vf vf_positive(vf x, vf other) {
#if MED_VL == 16
    return (vf)_mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)x, _mm512_setzero_ps(), _CMP_GT_OQ), (__m512)other, (__m512)x);
#else
    return vf_select(x > 0.0f, x, other);
#endif
}
/* The limit where x is beyond it; NaN stays NaN. */
INLINE vf vf_at_least(vf x, float limit) {
#if MED_VL == 16
    return (vf)_mm512_max_ps((__m512)vf_all(limit), (__m512)x);
#elif MED_VL == 8
    return (vf)_mm256_max_ps((__m256)vf_all(limit), (__m256)x);
#else
    return vf_select(x < limit, vf_all(limit), x);
#endif
}
INLINE vf vf_at_most(vf x, float limit) {
#if MED_VL == 16
    return (vf)_mm512_min_ps((__m512)vf_all(limit), (__m512)x);
#elif MED_VL == 8
    return (vf)_mm256_min_ps((__m256)vf_all(limit), (__m256)x);
#else
    return vf_select(x > limit, vf_all(limit), x);
#endif
}
INLINE vf vf_abs(vf a) { return (vf)((vi)a & 0x7fffffff); }

/* Rows become columns: log2(VL) rounds that swap the off-diagonal halves of ever smaller squares. */
#if MED_VL == 16
#define LANES(F, s)                                                                                                    \
    F(0, s), F(1, s), F(2, s), F(3, s), F(4, s), F(5, s), F(6, s), F(7, s), F(8, s), F(9, s), F(10, s), F(11, s),      \
        F(12, s), F(13, s), F(14, s), F(15, s)
#elif MED_VL == 8
#define LANES(F, s) F(0, s), F(1, s), F(2, s), F(3, s), F(4, s), F(5, s), F(6, s), F(7, s)
#else
#define LANES(F, s) F(0, s), F(1, s), F(2, s), F(3, s)
#endif
#define UPPER_LANE(l, s) ((l) & (s) ? MED_VL + (l) - (s) : (l))
#define LOWER_LANE(l, s) ((l) & (s) ? MED_VL + (l) : (l) + (s))
#define TRANSPOSE_ROUND(row, s)                                                                                        \
    UNROLL for (int i = 0; i < VL; i++) {                                                                              \
        if (i & (s)) continue;                                                                                         \
        vf a = (row)[i], b = (row)[i + (s)];                                                                           \
        (row)[i] = __builtin_shufflevector(a, b, LANES(UPPER_LANE, s));                                                \
        (row)[i + (s)] = __builtin_shufflevector(a, b, LANES(LOWER_LANE, s));                                          \
    }
INLINE void vf_transpose(vf row[VL]) {
#if MED_VL == 16
    TRANSPOSE_ROUND(row, 8)
#endif
#if MED_VL >= 8
    TRANSPOSE_ROUND(row, 4)
#endif
    TRANSPOSE_ROUND(row, 2)
    TRANSPOSE_ROUND(row, 1)
}

/* Sum of all lanes, by halves. */
#define FOLD_LANE(l, s) ((l) + (s) < MED_VL ? (l) + (s) : (l))
INLINE float vf_sum(vf v) {
#if MED_VL == 16
    v += __builtin_shufflevector(v, v, LANES(FOLD_LANE, 8));
#endif
#if MED_VL >= 8
    v += __builtin_shufflevector(v, v, LANES(FOLD_LANE, 4));
#endif
    v += __builtin_shufflevector(v, v, LANES(FOLD_LANE, 2));
    v += __builtin_shufflevector(v, v, LANES(FOLD_LANE, 1));
    return v[0];
}

INLINE double vd_sum(vd v) {
    double sum = 0;
    for (int i = 0; i < VL / 2; i++) sum += v[i];
    return sum;
}
INLINE vd vd_load(const float *p) { return __builtin_convertvector(*(const vf_half_any *)p, vd); }
/* Both halves of v as doubles. */
INLINE void vd_split(vf v, vd *low, vd *high) {
#if MED_VL == 16
    *low = (vd)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)v));
    *high = (vd)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)v, 1));
#elif MED_VL == 8
    *low = (vd)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)v));
    *high = (vd)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)v, 1));
#else
    vf_half half[2];
    memcpy(half, &v, sizeof v);
    *low = __builtin_convertvector(half[0], vd);
    *high = __builtin_convertvector(half[1], vd);
#endif
}

#endif
