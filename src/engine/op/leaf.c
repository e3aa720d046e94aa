/* leaf: values that come from outside (input, param) or are constant (fill). Nothing to compute. */
#include "engine/node.h"

static med_status infer_outside(const med_node *n, const med_shape *in, med_shape *out) {
    (void)in;
    *out = n->shape;
    return MED_OK;
}

static med_status infer_fill(const med_node *n, const med_shape *in, med_shape *out) {
    (void)in;
    *out = ((const med_fill_attr *)n->attr)->shape;
    return MED_OK;
}

const med_op med_op_input = {.name = "input", .flags = MED_OP_LEAF, .infer = infer_outside};
const med_op med_op_param = {.name = "param", .flags = MED_OP_LEAF, .infer = infer_outside};
const med_op med_op_fill = {.name = "fill", .attr_size = sizeof(med_fill_attr), .flags = MED_OP_LEAF, .infer = infer_fill};
