/* halve: bilinear to half the size with half-pixel centres and no antialiasing: the mean of every 2x2 block.
 * dx: a quarter of dy on each of its four pixels. */
#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (in[0].rank != 4 || in[0].dim[2] % 2 || in[0].dim[3] % 2)
        return med_fail(MED_EUSAGE, "input %s, expected [N,C,H,W] with even H and W", med_shape_print(in[0]).text);
    *out = med_shape_4(in[0].dim[0], in[0].dim[1], in[0].dim[2] / 2, in[0].dim[3] / 2);
    return MED_OK;
}

static void reference(const med_call *c) {
    int64_t W = c->out.shape.dim[3];
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++) {
        const double *x = c->in[0].f64 + i / W * 4 * W + i % W * 2;
        c->out.f64[i] = 0.25 * (x[0] + x[1] + x[2 * W] + x[2 * W + 1]);
    }
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    (void)self;
    if (wants[0]) dx[0] = med_upsample_nearest2x(g, med_scale_shift(g, dy, 0.25, 0), 0, 0);
}

const med_op med_op_halve = {.name = "halve", .min_in = 1, .max_in = 1,
    .flags = MED_OP_BY_SAMPLE, .infer = infer, .grad = grad, .reference = reference};

med_val med_halve(med_graph *g, med_val x) { return med_node_add(g, MED_OP_halve, &x, 1, NULL); }
