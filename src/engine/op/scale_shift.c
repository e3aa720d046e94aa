/* scale_shift: y = a*x + b with constants. dx = a*dy. */
#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    *out = in[0];
    return MED_OK;
}

static void reference(const med_call *c) {
    const med_scale_shift_attr *k = c->node->attr;
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++) c->out.f64[i] = k->a * c->in[0].f64[i] + k->b;
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_scale_shift_attr *k = med_node_of(g, self)->attr;
    if (wants[0]) dx[0] = med_scale_shift(g, dy, k->a, 0);
}

const med_op med_op_scale_shift = {.name = "scale_shift", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_scale_shift_attr),
    .flags = MED_OP_BY_SAMPLE | MED_OP_INPLACE, .infer = infer, .grad = grad, .reference = reference};

med_val med_scale_shift(med_graph *g, med_val x, double a, double b) {
    med_scale_shift_attr attr = {a, b};
    return med_node_add(g, MED_OP_scale_shift, &x, 1, &attr);
}
