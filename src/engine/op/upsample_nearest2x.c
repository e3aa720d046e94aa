/* upsample_nearest2x: every pixel four times, y[h+top, w+left] = x[h/2, w/2], behind `top` rows and `left` columns of zeros.
 * Gradient: the sum of the four. */
#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    const med_upsample_attr *a = n->attr;
    if (in[0].rank != 4 || a->top < 0 || a->left < 0)
        return med_fail(MED_EUSAGE, "input %s, padding %d and %d, expected [N,C,H,W]", med_shape_print(in[0]).text, a->top, a->left);
    *out = med_shape_4(in[0].dim[0], in[0].dim[1], 2 * in[0].dim[2] + a->top, 2 * in[0].dim[3] + a->left);
    return MED_OK;
}

static med_status infer_grad(const med_node *n, const med_shape *in, med_shape *out) {
    const med_upsample_attr *a = n->attr;
    if (in[0].rank != 4 || (in[0].dim[2] - a->top) % 2 || (in[0].dim[3] - a->left) % 2)
        return med_fail(MED_EUSAGE, "gradient %s, expected even sizes behind %d and %d", med_shape_print(in[0]).text, a->top, a->left);
    *out = med_shape_4(in[0].dim[0], in[0].dim[1], (in[0].dim[2] - a->top) / 2, (in[0].dim[3] - a->left) / 2);
    return MED_OK;
}

static void reference(const med_call *c) {
    const med_upsample_attr *a = c->node->attr;
    med_shape s = c->out.shape, small = c->in[0].shape;
    double *y = c->out.f64;
    for (int64_t m = 0; m < s.dim[0] * s.dim[1]; m++)
        for (int64_t h = 0; h < s.dim[2]; h++)
            for (int64_t w = 0; w < s.dim[3]; w++)
                *y++ = h < a->top || w < a->left
                           ? 0 : c->in[0].f64[(m * small.dim[2] + (h - a->top) / 2) * small.dim[3] + (w - a->left) / 2];
}

static void reference_grad(const med_call *c) {
    const med_upsample_attr *a = c->node->attr;
    med_shape s = c->in[0].shape, small = c->out.shape;
    double *x = c->out.f64;
    for (int64_t m = 0; m < s.dim[0] * s.dim[1]; m++)
        for (int64_t h = 0; h < small.dim[2]; h++)
            for (int64_t w = 0; w < small.dim[3]; w++) {
                const double *dy = c->in[0].f64 + (m * s.dim[2] + 2 * h + a->top) * s.dim[3] + 2 * w + a->left;
                *x++ = dy[0] + dy[1] + dy[s.dim[3]] + dy[s.dim[3] + 1];
            }
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    med_upsample_attr a = *(const med_upsample_attr *)med_node_of(g, self)->attr;
    if (wants[0]) dx[0] = med_node_add(g, MED_OP_upsample_nearest2x_grad, &dy, 1, &a);
}

const med_op med_op_upsample_nearest2x = {.name = "upsample_nearest2x", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_upsample_attr),
    .flags = MED_OP_BY_SAMPLE, .infer = infer, .grad = grad, .reference = reference};
const med_op med_op_upsample_nearest2x_grad = {.name = "upsample_nearest2x_grad", .min_in = 1, .max_in = 1,
    .attr_size = sizeof(med_upsample_attr), .infer = infer_grad, .reference = reference_grad};

med_val med_upsample_nearest2x(med_graph *g, med_val x, int top, int left) {
    med_upsample_attr attr = {top, left};
    return med_node_add(g, MED_OP_upsample_nearest2x, &x, 1, &attr);
}
