/* cost.c: multiply-adds of nodes: convolutions, matrix products, attention; everything else counts nothing. */
#include "engine/node.h"

/* Products per output position of a convolution by w [out,in,k,k]. */
static double taps_of(const med_graph *g, med_val w) {
    med_shape s = med_val_shape(g, w);
    return (double)(s.dim[1] * s.dim[2] * s.dim[3]);
}

double med_node_macs(const med_graph *g, const med_node *n) {
    double out = (double)med_shape_count(n->shape);
    switch (n->id) {
    case MED_OP_conv2d: return out * taps_of(g, n->in[1]);
    case MED_OP_conv2d_grad_input: return (double)med_shape_count(med_val_shape(g, n->in[0])) * taps_of(g, n->in[1]);
    case MED_OP_depthwise2d:
    case MED_OP_depthwise2d_grad_input: return out * taps_of(g, n->in[1]);
    case MED_OP_conv2d_grad_weight: {
        med_shape y = med_val_shape(g, n->in[1]);
        return out * (double)(y.dim[0] * y.dim[2] * y.dim[3]);
    }
    case MED_OP_depthwise2d_grad_weight:
        return (double)med_shape_count(med_val_shape(g, n->in[1])) * (double)(n->shape.dim[2] * n->shape.dim[3]);
    case MED_OP_attention: return 2 * out * (double)(n->shape.dim[2] * n->shape.dim[3]);
    case MED_OP_attention_grad: return 5.0 / 3 * out * (double)(n->shape.dim[2] * n->shape.dim[3]);
    case MED_OP_matmul: return out * (double)med_val_shape(g, n->in[0]).dim[!((const med_matmul_attr *)n->attr)->trans_a];
    default: return 0;
    }
}

double med_graph_macs(const med_graph *g) {
    double macs = 0;
    for (int i = 0; i < med_graph_n_nodes(g); i++) macs += med_node_macs(g, med_node_of(g, (med_val){i}));
    return macs;
}
