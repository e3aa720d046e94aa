/* depthwise2d: y[n,c,h,w] = b[c] + sum_{r,s} w[c,0,r,s] * x[n,c,h+r-k/2,w+s-k/2], zero outside, stride 1, odd k.
 * Gradients: dx is the correlation of dy with the flipped kernel; dw[c,r,s] = sum_{n,h,w} x * dy; db = channel_sum(dy). */
#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    med_shape x = in[0], w = in[1];
    if (x.rank != 4 || w.rank != 4 || w.dim[0] != x.dim[1] || w.dim[1] != 1 || w.dim[2] != w.dim[3] || w.dim[2] % 2 == 0)
        return med_fail(MED_EUSAGE, "weights %s do not fit input %s", med_shape_print(w).text, med_shape_print(x).text);
    if (n->n_in > 2 && (in[2].rank != 1 || in[2].dim[0] != w.dim[0]))
        return med_fail(MED_EUSAGE, "bias %s for %d channels", med_shape_print(in[2]).text, (int)w.dim[0]);
    *out = x;
    return MED_OK;
}

static void triples(med_shape s, int64_t k, double *x, double *w, double *y, int what) { /* as in conv2d.c */
    int64_t H = s.dim[2], W = s.dim[3];
    for (int64_t m = 0; m < s.dim[0] * s.dim[1]; m++)
        for (int64_t h = 0; h < H; h++)
            for (int64_t v = 0; v < W; v++)
                for (int64_t r = 0; r < k; r++)
                    for (int64_t q = 0; q < k; q++) {
                        int64_t sh = h + r - k / 2, sw = v + q - k / 2;
                        if (sh < 0 || sh >= H || sw < 0 || sw >= W) continue;
                        double *xp = x + (m * H + sh) * W + sw, *yp = y + (m * H + h) * W + v;
                        double *wp = w + (m % s.dim[1] * k + r) * k + q;
                        if (what == 0) *yp += *wp * *xp;
                        else if (what == 1) *xp += *wp * *yp;
                        else *wp += *xp * *yp;
                    }
}

static void reference(const med_call *c) {
    int64_t C = c->out.shape.dim[1], plane = c->out.shape.dim[2] * c->out.shape.dim[3];
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++)
        c->out.f64[i] = c->n_in > 2 ? c->in[2].f64[i / plane % C] : 0;
    triples(c->out.shape, c->in[1].shape.dim[2], c->in[0].f64, c->in[1].f64, c->out.f64, 0);
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    med_val x = n->in[0], w = n->in[1];
    med_like_attr attr = {med_val_shape(g, w)};
    if (wants[0]) dx[0] = med_node_add(g, MED_OP_depthwise2d_grad_input, (med_val[]){dy, w}, 2, NULL);
    if (wants[1]) dx[1] = med_node_add(g, MED_OP_depthwise2d_grad_weight, (med_val[]){x, dy}, 2, &attr);
    if (n->n_in > 2 && wants[2]) dx[2] = med_node_add(g, MED_OP_channel_sum, &dy, 1, NULL);
}

static med_status infer_same(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    *out = in[0];
    return MED_OK;
}

static med_status infer_like(const med_node *n, const med_shape *in, med_shape *out) {
    (void)in;
    *out = ((const med_like_attr *)n->attr)->like;
    return MED_OK;
}

static void clear(med_view v) {
    for (int64_t i = 0, n = med_shape_count(v.shape); i < n; i++) v.f64[i] = 0;
}

static void reference_grad_input(const med_call *c) {
    clear(c->out);
    triples(c->out.shape, c->in[1].shape.dim[2], c->out.f64, c->in[1].f64, c->in[0].f64, 1);
}

static void reference_grad_weight(const med_call *c) {
    clear(c->out);
    triples(c->in[0].shape, c->out.shape.dim[2], c->in[0].f64, c->out.f64, c->in[1].f64, 2);
}

const med_op med_op_depthwise2d = {.name = "depthwise2d", .min_in = 2, .max_in = 3,
    .flags = MED_OP_BY_SAMPLE | MED_OP_PROLOGUE | MED_OP_EPILOGUE | MED_OP_OVERWRITE,
    .infer = infer, .grad = grad, .reference = reference};
const med_op med_op_depthwise2d_grad_input = {.name = "depthwise2d_grad_input", .min_in = 2, .max_in = 2,
    .infer = infer_same, .reference = reference_grad_input};
const med_op med_op_depthwise2d_grad_weight = {.name = "depthwise2d_grad_weight", .min_in = 2, .max_in = 2,
    .attr_size = sizeof(med_like_attr), .flags = MED_OP_PROLOGUE, .infer = infer_like, .reference = reference_grad_weight};

med_val med_depthwise2d(med_graph *g, med_val x, med_val w, med_val b) {
    return med_node_add(g, MED_OP_depthwise2d, (med_val[]){x, w, b}, 3, NULL);
}
