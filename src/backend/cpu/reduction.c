/* reduction.c: sum of everything; reduce over some axes; broadcast, its reverse. Sums are in double, in a fixed order. */
#include "backend/cpu/rows.h"

typedef struct sum_context {
    const float *x;
    int64_t n;
    double *parts;
} sum_context;

static void sum_block(void *context, int block) {
    const sum_context *c = context;
    range r = block_range(block, c->n);
    vd sum[2] = {{0}, {0}};
    int64_t i = r.begin;
    for (; i + VL <= r.end; i += VL)
        for (int h = 0; h < 2; h++) sum[h] += vd_load(c->x + i + h * VL / 2);
    double rest = 0;
    for (; i < r.end; i++) rest += (double)c->x[i];
    c->parts[block] = vd_sum(sum[0] + sum[1]) + rest;
}

void ISA(sum)(const med_call *call) {
    int64_t n = med_shape_count(call->in[0].shape);
    int blocks = n_blocks(n);
    sum_context c = {call->in[0].f32, n, med_scratch(SCRATCH_SHARED, (size_t)blocks * sizeof(double))};
    med_parallel(blocks, sum_block, &c);
    double sum = 0;
    for (int i = 0; i < blocks; i++) sum += c.parts[i];
    call->out.f32[0] = (float)(sum * ((const med_sum_attr *)call->node->attr)->scale);
}

/* The big tensor's axes in two lists, innermost first: those that the small one has, and those it repeats along. */
typedef struct axes {
    int n_kept, n_summed;
    int64_t kept_size[MED_MAX_RANK], kept_step[MED_MAX_RANK], summed_size[MED_MAX_RANK], summed_step[MED_MAX_RANK];
    int64_t n_out, n_terms; /* elements of the small one, repeats of each */
} axes;

static axes split_axes(med_shape big, med_shape small) {
    axes a = {.n_out = 1, .n_terms = 1};
    int64_t step = 1;
    for (int d = big.rank - 1; d >= 0; step *= big.dim[d--]) {
        if (small.dim[d] == big.dim[d]) {
            a.kept_size[a.n_kept] = big.dim[d];
            a.kept_step[a.n_kept++] = step;
            a.n_out *= big.dim[d];
        } else {
            a.summed_size[a.n_summed] = big.dim[d];
            a.summed_step[a.n_summed++] = step;
            a.n_terms *= big.dim[d];
        }
    }
    return a;
}

static int64_t place(int n, const int64_t *size, const int64_t *step, int64_t index) {
    int64_t at = 0;
    for (int k = 0; k < n; k++) {
        at += index % size[k] * step[k];
        index /= size[k];
    }
    return at;
}

static void reduce_block(void *context, int block) {
    const med_call *c = context;
    axes a = split_axes(c->in[0].shape, c->out.shape);
    range r = block_range(block, a.n_out * a.n_terms); /* by work; element i belongs to the block where its terms start */
    for (int64_t i = (r.begin + a.n_terms - 1) / a.n_terms; i * a.n_terms < r.end; i++) {
        const float *x = c->in[0].f32 + place(a.n_kept, a.kept_size, a.kept_step, i);
        double sum = 0;
        for (int64_t k = 0; k < a.n_terms; k += a.summed_size[0]) {
            const float *run = x + place(a.n_summed, a.summed_size, a.summed_step, k);
            for (int64_t j = 0; j < a.summed_size[0]; j++) sum += (double)run[j * a.summed_step[0]];
        }
        c->out.f32[i] = (float)sum;
    }
}

void ISA(reduce)(const med_call *call) {
    if (med_shape_equal(call->in[0].shape, call->out.shape))
        memcpy(call->out.data, call->in[0].data, (size_t)med_shape_count(call->out.shape) * sizeof(float));
    else
        over_blocks(call, med_shape_count(call->in[0].shape), reduce_block);
}

static void broadcast_rows(void *context, int task) {
    const rows *s = context;
    range r = rows_range(s, task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const float *x = s->call->in[0].f32 + rows_place(s, row);
        float *y = s->call->out.f32 + row * s->length;
        if (s->is_constant)
            for (int64_t i = 0; i < s->length; i += VL) vf_put(y, i, s->length, vf_all(x[0]));
        else
            memcpy(y, x, (size_t)s->length * sizeof *y);
    }
}

void ISA(broadcast)(const med_call *call) {
    rows s = rows_of(call, call->out.shape, call->in[0].shape);
    over_rows(&s, broadcast_rows);
}
