/* halves.h: tensors whose channels are two halves, [N][first | second], cut into blocks of a half. */
#ifndef MED_CPU_HALVES_H
#define MED_CPU_HALVES_H

#include "backend/cpu/kernels.h"
#include "backend/cpu/vmath.h"

/* Elements [begin, end) of both halves of one sample: at base and at base + half. A tensor without halves that goes
 * with it (z, eps) has the same elements at base / 2. */
typedef struct half_range {
    int64_t base, half, begin, end;
} half_range;

static inline half_range halves_range(med_shape s, int task) {
    int64_t half = med_shape_count(s) / s.dim[0] / 2;
    int blocks = n_blocks(half);
    range r = block_range(task % blocks, half);
    return (half_range){task / blocks * 2 * half, half, r.begin, r.end};
}
static inline int halves_tasks(med_shape s) { return (int)s.dim[0] * n_blocks(med_shape_count(s) / s.dim[0] / 2); }
static inline void over_halves(const med_call *call, med_shape s, med_task_fn *body) {
    med_parallel(halves_tasks(s), body, (void *)call);
}

#endif
