/* layer_norm: y = n * gain_c + bias_c, n = (x - mean) * rstd over the channels of a pixel (Ba et al. 2016): tokens lie as pixels
 * of an image, so that linear layers on tokens are 1x1 convolutions.
 *
 * Gradient: dx = rstd * (dy*gain - mean(dy*gain) - n * mean(dy*gain * n)); dgain = sum dy*n over samples and pixels;
 * dbias = channel_sum(dy). */
#include <math.h>

#include "engine/node.h"

static int fits(const med_shape *in, int i, int rank) {
    return in[i].rank == rank && (rank == 1 ? in[i].dim[0] == in[0].dim[1] : med_shape_equal(in[i], in[0]));
}

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (in[0].rank != 4 || !fits(in, 1, 1) || !fits(in, 2, 1))
        return med_fail(MED_EUSAGE, "gain %s and bias %s for %s, expected [N,C,H,W]", med_shape_print(in[1]).text,
                        med_shape_print(in[2]).text, med_shape_print(in[0]).text);
    *out = in[0];
    return MED_OK;
}

static med_status infer_grad(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (!fits(in, 1, 1) || !fits(in, 2, 4)) return med_fail(MED_EUSAGE, "gradient %s for %s", med_shape_print(in[2]).text, med_shape_print(in[0]).text);
    *out = in[0];
    return MED_OK;
}

static med_status infer_grad_gain(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (!fits(in, 1, 4)) return med_fail(MED_EUSAGE, "gradient %s for %s", med_shape_print(in[1]).text, med_shape_print(in[0]).text);
    *out = med_shape_1(in[0].dim[1]);
    return MED_OK;
}

/* Mean and 1/std of a pixel whose channels lie `plane` apart. */
static void stats_of(const double *x, int64_t C, int64_t plane, double eps, double stats[2]) {
    double sum = 0, square = 0;
    for (int64_t c = 0; c < C; c++) sum += x[c * plane];
    stats[0] = sum / (double)C;
    for (int64_t c = 0; c < C; c++) square += (x[c * plane] - stats[0]) * (x[c * plane] - stats[0]);
    stats[1] = 1 / sqrt(square / (double)C + eps);
}

#define EACH_PIXEL(s, at)                                                                                              \
    for (int64_t C = (s).dim[1], plane = (s).dim[2] * (s).dim[3], m_ = 0; m_ < (s).dim[0] * plane; m_++)                \
        for (int64_t at = m_ / plane * C * plane + m_ % plane, once_ = 1; once_; once_ = 0)

static void reference(const med_call *c) {
    double eps = ((const med_norm_attr *)c->node->attr)->eps, stats[2];
    EACH_PIXEL (c->out.shape, at) {
        stats_of(c->in[0].f64 + at, C, plane, eps, stats);
        for (int64_t k = 0; k < C; k++)
            c->out.f64[at + k * plane] = (c->in[0].f64[at + k * plane] - stats[0]) * stats[1] * c->in[1].f64[k] + c->in[2].f64[k];
    }
}

static void reference_grad(const med_call *c) {
    double eps = ((const med_norm_attr *)c->node->attr)->eps, stats[2];
    EACH_PIXEL (c->out.shape, at) {
        const double *x = c->in[0].f64 + at, *gain = c->in[1].f64, *dy = c->in[2].f64 + at;
        double mean = 0, dot = 0;
        stats_of(x, C, plane, eps, stats);
        for (int64_t k = 0; k < C; k++) {
            mean += dy[k * plane] * gain[k] / (double)C;
            dot += dy[k * plane] * gain[k] * (x[k * plane] - stats[0]) * stats[1] / (double)C;
        }
        for (int64_t k = 0; k < C; k++)
            c->out.f64[at + k * plane] = stats[1] * (dy[k * plane] * gain[k] - mean - (x[k * plane] - stats[0]) * stats[1] * dot);
    }
}

static void reference_grad_gain(const med_call *c) {
    double eps = ((const med_norm_attr *)c->node->attr)->eps, stats[2];
    for (int64_t k = 0; k < c->out.shape.dim[0]; k++) c->out.f64[k] = 0;
    EACH_PIXEL (c->in[0].shape, at) {
        stats_of(c->in[0].f64 + at, C, plane, eps, stats);
        for (int64_t k = 0; k < C; k++)
            c->out.f64[k] += c->in[1].f64[at + k * plane] * (c->in[0].f64[at + k * plane] - stats[0]) * stats[1];
    }
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    med_val x = n->in[0], gain = n->in[1];
    med_norm_attr eps = *(const med_norm_attr *)n->attr;
    if (wants[0]) dx[0] = med_node_add(g, MED_OP_layer_norm_grad, (med_val[]){x, gain, dy}, 3, &eps);
    if (wants[1]) dx[1] = med_node_add(g, MED_OP_layer_norm_grad_gain, (med_val[]){x, dy}, 2, &eps);
    if (wants[2]) dx[2] = med_node_add(g, MED_OP_channel_sum, &dy, 1, NULL);
}

const med_op med_op_layer_norm = {.name = "layer_norm", .min_in = 3, .max_in = 3, .attr_size = sizeof(med_norm_attr),
    .flags = MED_OP_BY_SAMPLE, .infer = infer, .grad = grad, .reference = reference};
const med_op med_op_layer_norm_grad = {.name = "layer_norm_grad", .min_in = 3, .max_in = 3, .attr_size = sizeof(med_norm_attr),
    .infer = infer_grad, .reference = reference_grad};
const med_op med_op_layer_norm_grad_gain = {.name = "layer_norm_grad_gain", .min_in = 2, .max_in = 2,
    .attr_size = sizeof(med_norm_attr), .infer = infer_grad_gain, .reference = reference_grad_gain};

med_val med_layer_norm(med_graph *g, med_val x, med_val gain, med_val bias, double eps) {
    med_norm_attr attr = {eps};
    return med_node_add(g, MED_OP_layer_norm, (med_val[]){x, gain, bias}, 3, &attr);
}
