/* upsample2x: bilinear to twice the size with half-pixel centres (align_corners = false): along each axis
 *     y[2i] = 0.25 x[i-1] + 0.75 x[i],   y[2i+1] = 0.75 x[i] + 0.25 x[i+1],   indices clamped to the edge.
 * Linear, so its gradient is the transposed map. */
#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (in[0].rank != 4) return med_fail(MED_EUSAGE, "input %s, expected [N,C,H,W]", med_shape_print(in[0]).text);
    *out = med_shape_4(in[0].dim[0], in[0].dim[1], 2 * in[0].dim[2], 2 * in[0].dim[3]);
    return MED_OK;
}

static med_status infer_grad(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (in[0].rank != 4 || in[0].dim[2] % 2 || in[0].dim[3] % 2)
        return med_fail(MED_EUSAGE, "gradient %s, expected even sizes", med_shape_print(in[0]).text);
    *out = med_shape_4(in[0].dim[0], in[0].dim[1], in[0].dim[2] / 2, in[0].dim[3] / 2);
    return MED_OK;
}

/* The two sources of output i along an axis of n inputs, and the weight of the first. */
static void sources(int64_t i, int64_t n, int64_t *near, int64_t *far) {
    *near = i / 2;
    *far = i % 2 ? *near + 1 : *near - 1;
    if (*far < 0) *far = 0;
    if (*far >= n) *far = n - 1;
}

static void walk(med_shape small, double *x, double *y, int is_grad) {
    int64_t H = small.dim[2], W = small.dim[3];
    for (int64_t m = 0; m < small.dim[0] * small.dim[1]; m++)
        for (int64_t h = 0; h < 2 * H; h++)
            for (int64_t w = 0; w < 2 * W; w++) {
                int64_t h0, h1, w0, w1;
                sources(h, H, &h0, &h1);
                sources(w, W, &w0, &w1);
                double *p = x + m * H * W, *q = y + (m * 2 * H + h) * 2 * W + w;
                if (is_grad) {
                    p[h0 * W + w0] += 0.5625 * *q;
                    p[h0 * W + w1] += 0.1875 * *q;
                    p[h1 * W + w0] += 0.1875 * *q;
                    p[h1 * W + w1] += 0.0625 * *q;
                } else {
                    *q = 0.5625 * p[h0 * W + w0] + 0.1875 * (p[h0 * W + w1] + p[h1 * W + w0]) + 0.0625 * p[h1 * W + w1];
                }
            }
}

static void reference(const med_call *c) { walk(c->in[0].shape, c->in[0].f64, c->out.f64, 0); }

static void reference_grad(const med_call *c) {
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++) c->out.f64[i] = 0;
    walk(c->out.shape, c->out.f64, c->in[0].f64, 1);
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    (void)self;
    if (wants[0]) dx[0] = med_node_add(g, MED_OP_upsample2x_grad, &dy, 1, NULL);
}

const med_op med_op_upsample2x = {.name = "upsample2x", .min_in = 1, .max_in = 1,
    .flags = MED_OP_BY_SAMPLE, .infer = infer, .grad = grad, .reference = reference};
const med_op med_op_upsample2x_grad = {.name = "upsample2x_grad", .min_in = 1, .max_in = 1, .infer = infer_grad, .reference = reference_grad};

med_val med_upsample2x(med_graph *g, med_val x) { return med_node_add(g, MED_OP_upsample2x, &x, 1, NULL); }
