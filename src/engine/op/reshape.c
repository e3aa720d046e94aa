/* reshape: the same elements under another shape; no memory of its own. */
#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    *out = ((const med_like_attr *)n->attr)->like;
    if (med_shape_count(*out) != med_shape_count(in[0]))
        return med_fail(MED_EUSAGE, "%s into %s", med_shape_print(in[0]).text, med_shape_print(*out).text);
    return MED_OK;
}

static void reference(const med_call *c) {
    if (c->out.f64 == c->in[0].f64) return;
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++) c->out.f64[i] = c->in[0].f64[i];
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    if (wants[0]) dx[0] = med_reshape(g, dy, med_val_shape(g, med_node_of(g, self)->in[0]));
}

const med_op med_op_reshape = {.name = "reshape", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_like_attr),
    .flags = MED_OP_VIEW, .infer = infer, .grad = grad, .reference = reference};

med_val med_reshape(med_graph *g, med_val x, med_shape shape) {
    med_like_attr attr = {shape};
    return med_node_add(g, MED_OP_reshape, &x, 1, &attr);
}
