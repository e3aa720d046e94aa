/* slicing.c: slice, place, concat: copies of runs. Around the axis a tensor is [outer][size of the axis][inner]. */
#include "backend/cpu/kernels.h"

typedef struct run_copy {
    const float *from; /* NULL: zeros */
    int64_t from_step, n;
    float *to;
    int64_t to_step;
} run_copy;

static void copy_run(void *context, int outer) {
    const run_copy *c = context;
    float *to = c->to + outer * c->to_step;
    if (c->from) memcpy(to, c->from + outer * c->from_step, (size_t)c->n * sizeof *to);
    else memset(to, 0, (size_t)c->n * sizeof *to);
}

static void copy_runs(int64_t outer, run_copy c) {
    if (c.n == 0) return;
    if (outer * c.n > BLOCK)
        med_parallel((int)outer, copy_run, &c);
    else
        for (int i = 0; i < (int)outer; i++) copy_run(&c, i);
}

static int64_t sizes_product(med_shape s, int begin, int end) {
    int64_t n = 1;
    for (int d = begin; d < end; d++) n *= s.dim[d];
    return n;
}

void ISA(slice)(const med_call *call) {
    const med_slice_attr *a = call->node->attr;
    med_shape x = call->in[0].shape;
    int64_t outer = sizes_product(x, 0, a->dim), inner = sizes_product(x, a->dim + 1, x.rank);
    copy_runs(outer, (run_copy){call->in[0].f32 + a->start * inner, x.dim[a->dim] * inner, a->size * inner, call->out.f32, a->size * inner});
}

void ISA(place)(const med_call *call) {
    const med_slice_attr *a = call->node->attr;
    med_shape x = call->in[0].shape;
    int64_t outer = sizes_product(x, 0, a->dim), inner = sizes_product(x, a->dim + 1, x.rank);
    int64_t n = x.dim[a->dim] * inner, before = a->start * inner, step = a->size * inner;
    copy_runs(outer, (run_copy){NULL, 0, before, call->out.f32, step});
    copy_runs(outer, (run_copy){call->in[0].f32, n, n, call->out.f32 + before, step});
    copy_runs(outer, (run_copy){NULL, 0, step - before - n, call->out.f32 + before + n, step});
}

void ISA(concat)(const med_call *call) {
    int dim = ((const med_concat_attr *)call->node->attr)->dim;
    med_shape y = call->out.shape;
    int64_t outer = sizes_product(y, 0, dim), inner = sizes_product(y, dim + 1, y.rank), step = y.dim[dim] * inner;
    float *to = call->out.f32;
    for (int i = 0; i < 2; i++) {
        int64_t n = call->in[i].shape.dim[dim] * inner;
        copy_runs(outer, (run_copy){call->in[i].f32, n, n, to, step});
        to += n;
    }
}
