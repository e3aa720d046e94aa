/* weight_norm: w_o = g_o * v_o / ||v_o||_2 for every row o (Salimans & Kingma 2016).
 * Gradients:  dg_o = <dw_o, v_o> / ||v_o||,   dv_o = g_o/||v_o|| * (dw_o - v_o <dw_o, v_o> / ||v_o||^2). */
#include <math.h>

#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    if (in[0].rank < 1 || med_shape_count(in[1]) != in[0].dim[0] || (n->n_in > 2 && !med_shape_equal(in[0], in[2])))
        return med_fail(MED_EUSAGE, "gains %s for rows %s", med_shape_print(in[1]).text, med_shape_print(in[0]).text);
    *out = n->id == MED_OP_weight_norm_grad_gain ? in[1] : in[0];
    return MED_OK;
}

static int64_t row_length(const med_call *c) { return med_shape_count(c->in[0].shape) / c->in[0].shape.dim[0]; }

static double row_dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void reference(const med_call *c) {
    int64_t k = row_length(c);
    for (int64_t o = 0; o < c->in[0].shape.dim[0]; o++) {
        const double *v = c->in[0].f64 + o * k;
        double scale = c->in[1].f64[o] / sqrt(row_dot(v, v, k));
        for (int64_t i = 0; i < k; i++) c->out.f64[o * k + i] = scale * v[i];
    }
}

static void reference_grad_v(const med_call *c) {
    int64_t k = row_length(c);
    for (int64_t o = 0; o < c->in[0].shape.dim[0]; o++) {
        const double *v = c->in[0].f64 + o * k, *dw = c->in[2].f64 + o * k;
        double square = row_dot(v, v, k), along = row_dot(dw, v, k) / square, scale = c->in[1].f64[o] / sqrt(square);
        for (int64_t i = 0; i < k; i++) c->out.f64[o * k + i] = scale * (dw[i] - v[i] * along);
    }
}

static void reference_grad_gain(const med_call *c) {
    int64_t k = row_length(c);
    for (int64_t o = 0; o < c->in[0].shape.dim[0]; o++) {
        const double *v = c->in[0].f64 + o * k;
        c->out.f64[o] = row_dot(c->in[2].f64 + o * k, v, k) / sqrt(row_dot(v, v, k));
    }
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    med_val in[] = {n->in[0], n->in[1], dy};
    if (wants[0]) dx[0] = med_node_add(g, MED_OP_weight_norm_grad_v, in, 3, NULL);
    if (wants[1]) dx[1] = med_node_add(g, MED_OP_weight_norm_grad_gain, in, 3, NULL);
}

const med_op med_op_weight_norm = {.name = "weight_norm", .min_in = 2, .max_in = 2, .infer = infer, .grad = grad, .reference = reference};
const med_op med_op_weight_norm_grad_v = {.name = "weight_norm_grad_v", .min_in = 3, .max_in = 3, .infer = infer, .reference = reference_grad_v};
const med_op med_op_weight_norm_grad_gain = {.name = "weight_norm_grad_gain", .min_in = 3, .max_in = 3, .infer = infer,
    .reference = reference_grad_gain};

med_val med_weight_norm(med_graph *g, med_val v, med_val gain) {
    return med_node_add(g, MED_OP_weight_norm, (med_val[]){v, gain}, 2, NULL);
}
