/* mask_fill: y = ref > threshold ? x : fill. dx = ref > threshold ? dy : 0; none for ref. */
#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (!med_shape_equal(in[0], in[1]))
        return med_fail(MED_EUSAGE, "mask %s for %s", med_shape_print(in[1]).text, med_shape_print(in[0]).text);
    *out = in[0];
    return MED_OK;
}

static void reference(const med_call *c) {
    const med_mask_attr *a = c->node->attr;
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++)
        c->out.f64[i] = c->in[1].f64[i] > a->threshold ? c->in[0].f64[i] : a->fill;
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    if (wants[0]) dx[0] = med_mask_fill(g, dy, n->in[1], ((const med_mask_attr *)n->attr)->threshold, 0);
}

const med_op med_op_mask_fill = {.name = "mask_fill", .min_in = 2, .max_in = 2, .attr_size = sizeof(med_mask_attr),
    .flags = MED_OP_BY_SAMPLE | MED_OP_INPLACE, .infer = infer, .grad = grad, .reference = reference};

med_val med_mask_fill(med_graph *g, med_val x, med_val ref, double threshold, double fill) {
    med_mask_attr attr = {threshold, fill};
    return med_node_add(g, MED_OP_mask_fill, (med_val[]){x, ref}, 2, &attr);
}
