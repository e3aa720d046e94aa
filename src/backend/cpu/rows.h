/* rows.h: a small tensor repeated along some axes of a big one, seen as rows.
 *
 * A row is a run of the big tensor's last axes along which the small one is either constant or runs along too; the
 * row's place in the small tensor follows from its index and the strides of the outer axes. */
#ifndef MED_CPU_ROWS_H
#define MED_CPU_ROWS_H

#include "backend/cpu/kernels.h"

typedef struct rows {
    const med_call *call;
    int64_t n_rows, length;
    int is_constant;
    int n_axes; /* outer ones, innermost first: sizes, and strides in the small tensor */
    int64_t size[MED_MAX_RANK], step[MED_MAX_RANK];
    int64_t rows_of_task;
} rows;

static inline rows rows_of(const med_call *call, med_shape big, med_shape small) {
    rows s = {.call = call, .n_rows = 1, .length = 1};
    int d = big.rank - 1;
    while (d > 0 && big.dim[d] == 1) d--;
    s.is_constant = small.dim[d] == 1;
    for (; d >= 0 && (big.dim[d] == 1 || (small.dim[d] == 1) == s.is_constant); d--) s.length *= big.dim[d];
    int64_t step = s.is_constant ? 1 : s.length;
    for (; d >= 0; d--) {
        s.size[s.n_axes] = big.dim[d];
        s.step[s.n_axes++] = small.dim[d] == 1 ? 0 : step;
        s.n_rows *= big.dim[d];
        step *= small.dim[d];
    }
    s.rows_of_task = s.length >= BLOCK ? 1 : BLOCK / s.length;
    return s;
}

static inline int64_t rows_place(const rows *s, int64_t row) {
    int64_t at = 0;
    for (int k = 0; k < s->n_axes; k++) {
        at += row % s->size[k] * s->step[k];
        row /= s->size[k];
    }
    return at;
}

/* body(rows, task): rows task * rows_of_task and on. */
static inline void over_rows(rows *s, med_task_fn *body) {
    med_parallel((int)((s->n_rows + s->rows_of_task - 1) / s->rows_of_task), body, s);
}
static inline range rows_range(const rows *s, int task) {
    int64_t begin = task * s->rows_of_task, end = begin + s->rows_of_task;
    return (range){begin, end < s->n_rows ? end : s->n_rows};
}

#endif
