/* vec.h: vectors of MED_VL floats by the compilers' vector extensions: one source for every instruction set. */
#ifndef MED_CPU_VEC_H
#define MED_CPU_VEC_H

#include <stdint.h>
#include <string.h>

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

/* The first n < VL elements; zeros behind them. */
INLINE vf vf_load_n(const float *p, int n) {
    vf v = {0};
    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
}
INLINE void vf_store_n(float *p, vf v, int n) { memcpy(p, &v, (size_t)n * sizeof *p); }

/* The vector at i of an array that ends at `end`, whole or cut. */
INLINE vf vf_take(const float *p, int64_t i, int64_t end) {
    return end - i >= VL ? vf_load(p + i) : vf_load_n(p + i, (int)(end - i));
}
INLINE void vf_put(float *p, int64_t i, int64_t end, vf v) {
    if (end - i >= VL) vf_store(p + i, v);
    else vf_store_n(p + i, v, (int)(end - i));
}

INLINE vf vf_select(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }
INLINE vf vf_min(vf a, vf b) { return vf_select(b < a, b, a); } /* a when one is NaN */
INLINE vf vf_max(vf a, vf b) { return vf_select(b > a, b, a); }
INLINE vf vf_abs(vf a) { return (vf)((vi)a & 0x7fffffff); }

INLINE double vd_sum(vd v) {
    double sum = 0;
    for (int i = 0; i < VL / 2; i++) sum += v[i];
    return sum;
}
INLINE vd vd_load(const float *p) { return __builtin_convertvector(*(const vf_half_any *)p, vd); }
/* Both halves of v as doubles. */
INLINE void vd_split(vf v, vd *low, vd *high) {
    vf_half half[2];
    memcpy(half, &v, sizeof v);
    *low = __builtin_convertvector(half[0], vd);
    *high = __builtin_convertvector(half[1], vd);
}

#endif
