/* binary: add, sub, mul of a and b, where b repeats along its axes of size 1.
 * Gradients: da has a's shape; db is summed over the repeated axes. */
#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    int fits = in[0].rank == in[1].rank;
    for (int d = 0; d < in[0].rank && fits; d++) fits = in[1].dim[d] == in[0].dim[d] || in[1].dim[d] == 1;
    if (!fits) return med_fail(MED_EUSAGE, "%s does not repeat to %s", med_shape_print(in[1]).text, med_shape_print(in[0]).text);
    *out = in[0];
    return MED_OK;
}

/* Index in b of element i of a. */
static int64_t repeated(med_shape a, med_shape b, int64_t i) {
    int64_t index = 0, step = 1;
    for (int d = a.rank - 1; d >= 0; d--) {
        if (b.dim[d] != 1) index += i % a.dim[d] * step;
        i /= a.dim[d];
        step *= b.dim[d];
    }
    return index;
}

#define REFERENCE(name, sign)                                                                                          \
    static void reference_##name(const med_call *c) {                                                                  \
        for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++)                                             \
            c->out.f64[i] = c->in[0].f64[i] sign c->in[1].f64[repeated(c->out.shape, c->in[1].shape, i)];              \
    }
REFERENCE(add, +)
REFERENCE(sub, -)
REFERENCE(mul, *)

static med_val reduce_like(med_graph *g, med_val x, med_val like) {
    med_like_attr attr = {med_val_shape(g, like)};
    return med_shape_equal(attr.like, med_val_shape(g, x)) ? x : med_node_add(g, MED_OP_reduce, &x, 1, &attr);
}

static void grad_add(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    if (wants[0]) dx[0] = dy;
    if (wants[1]) dx[1] = reduce_like(g, dy, n->in[1]);
}

static void grad_sub(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    if (wants[0]) dx[0] = dy;
    if (wants[1]) dx[1] = med_scale_shift(g, reduce_like(g, dy, n->in[1]), -1, 0);
}

static void grad_mul(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    med_val a = n->in[0], b = n->in[1];
    med_shape s = n->shape, channel = med_shape_4(s.dim[0], s.dim[1], 1, 1);
    if (wants[0]) dx[0] = med_mul(g, dy, b);
    if (!wants[1]) return;
    if (s.rank == 4 && med_shape_equal(med_val_shape(g, b), channel))
        dx[1] = med_node_add(g, MED_OP_channel_dot, (med_val[]){a, dy}, 2, NULL);
    else
        dx[1] = reduce_like(g, med_mul(g, a, dy), b);
}

#define BINARY(op, flag)                                                                                               \
    const med_op med_op_##op = {.name = #op, .min_in = 2, .max_in = 2, .flags = MED_OP_BY_SAMPLE | MED_OP_INPLACE | flag, .infer = infer, \
        .grad = grad_##op, .reference = reference_##op};                                                               \
    med_val med_##op(med_graph *g, med_val a, med_val b) {                                                             \
        return med_node_add(g, MED_OP_##op, (med_val[]){a, b}, 2, NULL);                                               \
    }
BINARY(add, MED_OP_PROLOGUE)
BINARY(sub, 0)
BINARY(mul, 0)
