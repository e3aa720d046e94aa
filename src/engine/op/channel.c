/* channel: per-channel reductions over H x W: channel_mean (squeeze of SE), channel_dot = sum of a*b (gradient of a
 * channel scale) -> [N,C,1,1]; channel_sum over N too -> [C] (gradient of a bias). */
#include "engine/node.h"

static med_status infer_channel(const med_node *n, const med_shape *in, med_shape *out) {
    if (in[0].rank != 4 || (n->n_in > 1 && !med_shape_equal(in[0], in[1])))
        return med_fail(MED_EUSAGE, "input %s, expected [N,C,H,W], twice the same", med_shape_print(in[0]).text);
    *out = med_shape_4(in[0].dim[0], in[0].dim[1], 1, 1);
    return MED_OK;
}

static med_status infer_sum(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (in[0].rank != 4) return med_fail(MED_EUSAGE, "input %s, expected [N,C,H,W]", med_shape_print(in[0]).text);
    *out = med_shape_1(in[0].dim[1]);
    return MED_OK;
}

static void reference_mean(const med_call *c) {
    int64_t plane = c->in[0].shape.dim[2] * c->in[0].shape.dim[3];
    for (int64_t m = 0, n = med_shape_count(c->out.shape); m < n; m++) {
        double sum = 0;
        for (int64_t i = 0; i < plane; i++) sum += c->in[0].f64[m * plane + i];
        c->out.f64[m] = sum / (double)plane;
    }
}

static void reference_dot(const med_call *c) {
    int64_t plane = c->in[0].shape.dim[2] * c->in[0].shape.dim[3];
    for (int64_t m = 0, n = med_shape_count(c->out.shape); m < n; m++) {
        double sum = 0;
        for (int64_t i = 0; i < plane; i++) sum += c->in[0].f64[m * plane + i] * c->in[1].f64[m * plane + i];
        c->out.f64[m] = sum;
    }
}

static void reference_sum(const med_call *c) {
    med_shape s = c->in[0].shape;
    int64_t plane = s.dim[2] * s.dim[3];
    for (int64_t ch = 0; ch < s.dim[1]; ch++) {
        double sum = 0;
        for (int64_t n = 0; n < s.dim[0]; n++)
            for (int64_t i = 0; i < plane; i++) sum += c->in[0].f64[(n * s.dim[1] + ch) * plane + i];
        c->out.f64[ch] = sum;
    }
}

static void grad_mean(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    med_like_attr attr = {med_val_shape(g, n->in[0])};
    if (!wants[0]) return;
    med_val scaled = med_scale_shift(g, dy, 1.0 / (double)(attr.like.dim[2] * attr.like.dim[3]), 0);
    dx[0] = med_node_add(g, MED_OP_broadcast, &scaled, 1, &attr);
}

const med_op med_op_channel_mean = {.name = "channel_mean", .min_in = 1, .max_in = 1, .flags = MED_OP_BY_SAMPLE | MED_OP_PROLOGUE,
    .infer = infer_channel, .grad = grad_mean, .reference = reference_mean};
const med_op med_op_channel_dot = {.name = "channel_dot", .min_in = 2, .max_in = 2, .flags = MED_OP_PROLOGUE,
    .infer = infer_channel, .reference = reference_dot};
const med_op med_op_channel_sum = {.name = "channel_sum", .min_in = 1, .max_in = 1, .infer = infer_sum, .reference = reference_sum};

med_val med_channel_mean(med_graph *g, med_val x) { return med_node_add(g, MED_OP_channel_mean, &x, 1, NULL); }
