/* arithmetic.c: add, sub, mul of a and b, where b repeats along its axes of size 1. add also reads a through a prologue
 * and writes the statistics of its output, plane by plane. */
#include "backend/cpu/conv.h"
#include "backend/cpu/rows.h"

#define BINARY(name, op)                                                                                               \
    static void name##_rows(void *context, int task) {                                                                 \
        const rows *s = context;                                                                                       \
        range r = rows_range(s, task);                                                                                 \
        int64_t n = s->length;                                                                                         \
        for (int64_t row = r.begin; row < r.end; row++) {                                                              \
            const float *a = s->call->in[0].f32 + row * n, *b = s->call->in[1].f32 + rows_place(s, row);               \
            float *y = s->call->out.f32 + row * n;                                                                     \
            if (s->is_constant)                                                                                        \
                for (int64_t i = 0; i < n; i += VL) vf_put(y, i, n, vf_take(a, i, n) op b[0]);                         \
            else                                                                                                       \
                for (int64_t i = 0; i < n; i += VL) vf_put(y, i, n, vf_take(a, i, n) op vf_take(b, i, n));             \
        }                                                                                                              \
    }                                                                                                                  \
    static void name##_block(void *context, int block) {                                                               \
        const med_call *c = context;                                                                                   \
        range r = block_range(block, med_shape_count(c->out.shape));                                                   \
        for (int64_t i = r.begin; i < r.end; i += VL)                                                                  \
            vf_put(c->out.f32, i, r.end, vf_take(c->in[0].f32, i, r.end) op vf_take(c->in[1].f32, i, r.end));          \
    }                                                                                                                  \
    static void name##_all(const med_call *call) {                                                                     \
        if (med_shape_equal(call->in[0].shape, call->in[1].shape)) {                                                   \
            over_blocks(call, med_shape_count(call->out.shape), name##_block);                                         \
        } else {                                                                                                       \
            rows s = rows_of(call, call->in[0].shape, call->in[1].shape);                                              \
            over_rows(&s, name##_rows);                                                                                \
        }                                                                                                              \
    }
BINARY(add, +)
BINARY(sub, -)
BINARY(mul, *)

static void add_plane(void *context, int m) {
    const med_call *c = context;
    channel_reader reader = ISA(channel_reader)(c, m);
    int64_t plane = c->out.shape.dim[2] * c->out.shape.dim[3];
    double part[2];
    ISA(read_plane)(&reader, c->in[0].f32 + m * plane, c->in[1].f32 + m * plane, c->out.f32 + m * plane, plane, part);
    if (c->side.data) ISA(side_write)(c->side, m, part, 1, plane, c->side_eps);
}

void ISA(add)(const med_call *call) {
    int has_prologue = call->stats.data || call->scale.data || call->node->pro.act != MED_UNARY_none;
    if (has_prologue || call->side.data)
        med_parallel((int)(call->out.shape.dim[0] * call->out.shape.dim[1]), add_plane, (void *)call);
    else
        add_all(call);
}
void ISA(sub)(const med_call *call) { sub_all(call); }
void ISA(mul)(const med_call *call) { mul_all(call); }
