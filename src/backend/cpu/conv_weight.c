/* conv_weight.c: turning strips to vectors along channels, and adding partial weight gradients. */
#include "backend/cpu/conv_weight.h"

void ISA(turn_strip)(const float *strip, ptrdiff_t plane, int n, int cp, ptrdiff_t n_positions, float *to) {
    ptrdiff_t p = 0;
    if (cp == VL)
        for (; p + VL <= n_positions; p += VL) {
            vf row[VL];
            for (int c = 0; c < VL; c++) row[c] = c < n ? vf_load(strip + c * plane + p) : vf_all(0);
            vf_transpose(row);
            UNROLL for (int q = 0; q < VL; q++) vf_store(to + (p + q) * VL, row[q]);
        }
    for (; p < n_positions; p++)
        for (int c = 0; c < cp; c++) to[p * cp + c] = c < n ? strip[c * plane + p] : 0;
}

weight_split ISA(weight_split_create)(const med_call *call, int n_chunks, int n_strips) {
    enum { TASKS = 8 };
    weight_split s = {.n_chunks = n_chunks, .n_groups = (TASKS + n_chunks - 1) / n_chunks, .n = med_shape_count(call->out.shape)};
    if (s.n_groups > n_strips) s.n_groups = n_strips;
    s.parts = s.n_groups == 1 ? call->out.f32 : med_scratch(SCRATCH_SHARED, (size_t)(s.n * s.n_groups) * sizeof(float));
    return s;
}

typedef struct add_context {
    const weight_split *split;
    float *dw;
} add_context;

static void add_block(void *context, int block) {
    const add_context *c = context;
    range r = block_range(block, c->split->n);
    for (int64_t i = r.begin; i < r.end; i += VL) {
        vf sum = vf_take(c->split->parts, i, r.end);
        for (int k = 1; k < c->split->n_groups; k++) sum += vf_take(c->split->parts + k * c->split->n, i, r.end);
        vf_put(c->dw, i, r.end, sum);
    }
}

void ISA(weight_split_run)(const med_call *call, const weight_split *split, med_task_fn *body, void *context) {
    med_parallel(split->n_groups * split->n_chunks, body, context);
    add_context add = {split, call->out.f32};
    if (split->n_groups > 1) med_parallel(n_blocks(split->n), add_block, &add);
}
