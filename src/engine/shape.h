/* shape.h: sizes of a tensor, [N,C,H,W] or [N,C,D,H,W] or less; last axis fastest, always contiguous. */
#ifndef MED_ENGINE_SHAPE_H
#define MED_ENGINE_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

enum { MED_MAX_RANK = 5 };
typedef struct med_shape {
    int64_t rank; /* as wide as the rest: no padding, so that attributes can be compared by their bytes */
    int64_t dim[MED_MAX_RANK];
} med_shape;

static inline med_shape med_shape_1(int64_t a) { return (med_shape){1, {a}}; }
static inline med_shape med_shape_2(int64_t a, int64_t b) { return (med_shape){2, {a, b}}; }
static inline med_shape med_shape_3(int64_t a, int64_t b, int64_t c) { return (med_shape){3, {a, b, c}}; }
static inline med_shape med_shape_4(int64_t n, int64_t c, int64_t h, int64_t w) { return (med_shape){4, {n, c, h, w}}; }

static inline int64_t med_shape_count(med_shape s) {
    int64_t n = 1;
    for (int d = 0; d < s.rank; d++) n *= s.dim[d];
    return n;
}
static inline bool med_shape_equal(med_shape a, med_shape b) {
    if (a.rank != b.rank) return false;
    for (int d = 0; d < a.rank; d++)
        if (a.dim[d] != b.dim[d]) return false;
    return true;
}
typedef struct med_shape_text { char text[96]; } med_shape_text;
med_shape_text med_shape_print(med_shape s); /* "2x16x192x192" */

#endif
