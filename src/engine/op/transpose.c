/* transpose: [M,N] -> [N,M]. Its gradient is the same. */
#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (in[0].rank != 2) return med_fail(MED_EUSAGE, "input %s, expected [M,N]", med_shape_print(in[0]).text);
    *out = med_shape_2(in[0].dim[1], in[0].dim[0]);
    return MED_OK;
}

static void reference(const med_call *c) {
    int64_t M = c->in[0].shape.dim[0], N = c->in[0].shape.dim[1];
    for (int64_t m = 0; m < M; m++)
        for (int64_t n = 0; n < N; n++) c->out.f64[n * M + m] = c->in[0].f64[m * N + n];
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    (void)self;
    if (wants[0]) dx[0] = med_transpose(g, dy);
}

const med_op med_op_transpose = {.name = "transpose", .min_in = 1, .max_in = 1, .infer = infer, .grad = grad, .reference = reference};

med_val med_transpose(med_graph *g, med_val x) { return med_node_add(g, MED_OP_transpose, &x, 1, NULL); }
