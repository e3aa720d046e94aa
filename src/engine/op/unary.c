/* unary: y = f(x) element by element; unary_grad: dx = dy * f'(x). Functions are rows of unary.def. */
#include <math.h>

#include "engine/node.h"

#define UNARY(name, value, derivative)                                                                                 \
    static double f_##name(double x, double p) { (void)p; return value; }                                              \
    static double df_##name(double x, double p) { (void)x, (void)p; return derivative; }
#include "engine/op/unary.def"
#undef UNARY

const med_unary_fn med_unary_table[MED_N_UNARY] = {
#define UNARY(name, value, derivative) {#name, f_##name, df_##name},
#include "engine/op/unary.def"
#undef UNARY
};

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    *out = in[0];
    return MED_OK;
}

static med_status infer_grad(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (!med_shape_equal(in[0], in[1]))
        return med_fail(MED_EUSAGE, "gradient %s for %s", med_shape_print(in[1]).text, med_shape_print(in[0]).text);
    *out = in[0];
    return MED_OK;
}

static void reference(const med_call *c) {
    const med_unary_attr *a = c->node->attr;
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++)
        c->out.f64[i] = med_unary_table[a->kind].f(c->in[0].f64[i], a->param);
}

static void reference_grad(const med_call *c) {
    const med_unary_attr *a = c->node->attr;
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++)
        c->out.f64[i] = c->in[1].f64[i] * med_unary_table[a->kind].df(c->in[0].f64[i], a->param);
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    if (wants[0]) dx[0] = med_node_add(g, MED_OP_unary_grad, (med_val[]){n->in[0], dy}, 2, n->attr);
}

const med_op med_op_unary = {.name = "unary", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_unary_attr),
    .flags = MED_OP_BY_SAMPLE | MED_OP_INPLACE, .infer = infer, .grad = grad, .reference = reference};
const med_op med_op_unary_grad = {.name = "unary_grad", .min_in = 2, .max_in = 2, .attr_size = sizeof(med_unary_attr),
    .flags = MED_OP_INPLACE, .infer = infer_grad, .reference = reference_grad};

static med_val add(med_graph *g, med_unary_kind kind, med_val x, double param) {
    med_unary_attr attr = {kind, param};
    return med_node_add(g, MED_OP_unary, &x, 1, &attr);
}

med_val med_silu(med_graph *g, med_val x) { return add(g, MED_UNARY_silu, x, 0); }
med_val med_relu(med_graph *g, med_val x) { return add(g, MED_UNARY_relu, x, 0); }
med_val med_leaky_relu(med_graph *g, med_val x, double slope) { return add(g, MED_UNARY_leaky_relu, x, slope); }
med_val med_gelu(med_graph *g, med_val x) { return add(g, MED_UNARY_gelu, x, 0); }
med_val med_tanh(med_graph *g, med_val x) { return add(g, MED_UNARY_tanh, x, 0); }
med_val med_sigmoid(med_graph *g, med_val x) { return add(g, MED_UNARY_sigmoid, x, 0); }
med_val med_exp(med_graph *g, med_val x) { return add(g, MED_UNARY_exp, x, 0); }
med_val med_log(med_graph *g, med_val x) { return add(g, MED_UNARY_log, x, 0); }
med_val med_abs(med_graph *g, med_val x) { return add(g, MED_UNARY_abs, x, 0); }
med_val med_square(med_graph *g, med_val x) { return add(g, MED_UNARY_square, x, 0); }
med_val med_smooth_l1(med_graph *g, med_val x) { return add(g, MED_UNARY_smooth_l1, x, 0); }
med_val med_clip(med_graph *g, med_val x, double limit) { return add(g, MED_UNARY_clip, x, limit); }
med_val med_soft_clamp(med_graph *g, med_val x, double limit) { return add(g, MED_UNARY_soft_clamp, x, limit); }
