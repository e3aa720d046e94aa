/* conv2d: y[n,o,h,w] = b[o] + sum_{i,r,s} w[o,i,r,s] * x[n,i,h*stride+r-pad,w*stride+s-pad]   (cross-correlation)
 *
 * Outside x: 0, or the mirror image without the edge pixel (reflect).
 * Gradients: the same sum read the other way: with respect to x (conv2d_grad_input) and to w (conv2d_grad_weight);
 * db = channel_sum(dy). */
#include "engine/node.h"

static int64_t out_size(int64_t in, med_conv_attr a) { return (in + 2 * a.pad - a.kernel) / a.stride + 1; }

/* Position of x behind padded coordinate `p`, or -1 where it is zero. */
static int64_t source(int64_t p, int64_t n, med_pad_mode mode) {
    if (p >= 0 && p < n) return p;
    if (mode == MED_PAD_ZERO) return -1;
    return p < 0 ? -p : 2 * (n - 1) - p;
}

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    med_conv_attr a = *(const med_conv_attr *)n->attr;
    med_shape x = in[0], w = in[1];
    if (x.rank != 4 || w.rank != 4 || w.dim[1] != x.dim[1] || w.dim[2] != a.kernel || w.dim[3] != a.kernel)
        return med_fail(MED_EUSAGE, "weights %s do not fit input %s with kernel %d", med_shape_print(w).text,
                        med_shape_print(x).text, a.kernel);
    if (n->n_in > 2 && (in[2].rank != 1 || in[2].dim[0] != w.dim[0]))
        return med_fail(MED_EUSAGE, "bias %s for %d outputs", med_shape_print(in[2]).text, (int)w.dim[0]);
    if (x.dim[2] + 2 * a.pad < a.kernel || x.dim[3] + 2 * a.pad < a.kernel ||
        (a.mode == MED_PAD_REFLECT && (x.dim[2] <= a.pad || x.dim[3] <= a.pad)))
        return med_fail(MED_EUSAGE, "input %s is too small for kernel %d with padding %d", med_shape_print(x).text, a.kernel, a.pad);
    *out = med_shape_4(x.dim[0], w.dim[0], out_size(x.dim[2], a), out_size(x.dim[3], a));
    return MED_OK;
}

/* Visit every (x, w, y) triple of the sum. what: 0 forward, 1 grad of x, 2 grad of w. */
static void triples(med_conv_attr a, med_shape xs, med_shape ys, double *x, double *w, double *y, int what) {
    int64_t ci = xs.dim[1], H = xs.dim[2], W = xs.dim[3], co = ys.dim[1], h2 = ys.dim[2], w2 = ys.dim[3];
    for (int64_t n = 0; n < ys.dim[0]; n++)
        for (int64_t o = 0; o < co; o++)
            for (int64_t i = 0; i < ci; i++)
                for (int64_t r = 0; r < a.kernel; r++)
                    for (int64_t s = 0; s < a.kernel; s++) {
                        double *wp = w + ((o * ci + i) * a.kernel + r) * a.kernel + s;
                        for (int64_t h = 0; h < h2; h++) {
                            int64_t sh = source(h * a.stride + r - a.pad, H, a.mode);
                            if (sh < 0) continue;
                            for (int64_t v = 0; v < w2; v++) {
                                int64_t sw = source(v * a.stride + s - a.pad, W, a.mode);
                                if (sw < 0) continue;
                                double *xp = x + ((n * ci + i) * H + sh) * W + sw, *yp = y + ((n * co + o) * h2 + h) * w2 + v;
                                if (what == 0) *yp += *wp * *xp;
                                else if (what == 1) *xp += *wp * *yp;
                                else *wp += *xp * *yp;
                            }
                        }
                    }
}

static void clear(med_view v) {
    for (int64_t i = 0, n = med_shape_count(v.shape); i < n; i++) v.f64[i] = 0;
}

static void reference(const med_call *c) {
    int64_t co = c->out.shape.dim[1], plane = c->out.shape.dim[2] * c->out.shape.dim[3];
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++)
        c->out.f64[i] = c->n_in > 2 ? c->in[2].f64[i / plane % co] : 0;
    triples(*(const med_conv_attr *)c->node->attr, c->in[0].shape, c->out.shape, c->in[0].f64, c->in[1].f64, c->out.f64, 0);
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    med_val x = n->in[0], w = n->in[1];
    med_conv_grad_attr attr = {*(const med_conv_attr *)n->attr, med_val_shape(g, x)};
    if (wants[0]) dx[0] = med_node_add(g, MED_OP_conv2d_grad_input, (med_val[]){dy, w}, 2, &attr);
    attr.like = med_val_shape(g, w);
    if (wants[1]) dx[1] = med_node_add(g, MED_OP_conv2d_grad_weight, (med_val[]){x, dy}, 2, &attr);
    if (n->n_in > 2 && wants[2]) dx[2] = med_node_add(g, MED_OP_channel_sum, &dy, 1, NULL);
}

static med_status infer_like(const med_node *n, const med_shape *in, med_shape *out) {
    (void)in;
    *out = ((const med_conv_grad_attr *)n->attr)->like;
    return MED_OK;
}

static void reference_grad_input(const med_call *c) {
    clear(c->out);
    triples(((const med_conv_grad_attr *)c->node->attr)->conv, c->out.shape, c->in[0].shape, c->out.f64, c->in[1].f64, c->in[0].f64, 1);
}

static void reference_grad_weight(const med_call *c) {
    clear(c->out);
    triples(((const med_conv_grad_attr *)c->node->attr)->conv, c->in[0].shape, c->in[1].shape, c->in[0].f64, c->out.f64, c->in[1].f64, 2);
}

/* As a transposed convolution: the map from dy to dx is linear in both, and the convolution is its transpose. */
static void grad_of_grad_input(med_graph *g, med_val self, med_val d, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    med_val dy = n->in[0], w = n->in[1];
    med_conv_grad_attr a = *(const med_conv_grad_attr *)n->attr;
    if (wants[0]) dx[0] = med_conv2d(g, d, w, MED_NONE, a.conv);
    a.like = med_val_shape(g, w);
    if (wants[1]) dx[1] = med_node_add(g, MED_OP_conv2d_grad_weight, (med_val[]){d, dy}, 2, &a);
}

const med_op med_op_conv2d = {.name = "conv2d", .min_in = 2, .max_in = 3, .attr_size = sizeof(med_conv_attr),
    .flags = MED_OP_BY_SAMPLE | MED_OP_PROLOGUE | MED_OP_RESIDUAL | MED_OP_GAIN, .infer = infer, .grad = grad, .reference = reference};
const med_op med_op_conv2d_grad_input = {.name = "conv2d_grad_input", .min_in = 2, .max_in = 2,
    .attr_size = sizeof(med_conv_grad_attr), .infer = infer_like, .grad = grad_of_grad_input, .reference = reference_grad_input};
const med_op med_op_conv2d_grad_weight = {.name = "conv2d_grad_weight", .min_in = 2, .max_in = 2,
    .attr_size = sizeof(med_conv_grad_attr), .flags = MED_OP_PROLOGUE, .infer = infer_like, .reference = reference_grad_weight};

med_val med_conv2d(med_graph *g, med_val x, med_val w, med_val b, med_conv_attr attr) {
    return med_node_add(g, MED_OP_conv2d, (med_val[]){x, w, b}, 3, &attr);
}
