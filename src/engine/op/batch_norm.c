/* batch_norm: per channel over the whole batch (Ioffe & Szegedy 2015), with gain and bias; group_norm.c has the norm itself.
 * While training, running statistics follow those of the batch: mean <- (1 - momentum)*mean + momentum*mean of the batch, and
 * the variance with the unbiased one of the batch (move_moment). Afterwards they take the batch's place (fixed_stats). */
#include <math.h>

#include "engine/node.h"

static med_status infer_fixed(const med_node *n, const med_shape *in, med_shape *out) {
    const med_fixed_attr *a = n->attr;
    if (in[0].rank != 1 || !med_shape_equal(in[0], in[1]) || a->n < 1)
        return med_fail(MED_EUSAGE, "running mean %s and variance %s", med_shape_print(in[0]).text, med_shape_print(in[1]).text);
    *out = med_shape_3(a->n, in[0].dim[0], 2);
    return MED_OK;
}

static void reference_fixed(const med_call *c) {
    const med_fixed_attr *a = c->node->attr;
    int64_t C = c->out.shape.dim[1];
    for (int64_t i = 0, n = c->out.shape.dim[0] * C; i < n; i++) {
        c->out.f64[2 * i] = c->in[0].f64[i % C];
        c->out.f64[2 * i + 1] = 1 / sqrt(c->in[1].f64[i % C] + a->eps);
    }
}

static med_status infer_move(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (in[0].rank != 1 || in[1].rank != 3 || in[1].dim[1] != in[0].dim[0])
        return med_fail(MED_EUSAGE, "statistics %s for a running one of %s", med_shape_print(in[1]).text, med_shape_print(in[0]).text);
    *out = in[0];
    return MED_OK;
}

static void reference_move(const med_call *c) {
    const med_moment_attr *a = c->node->attr;
    for (int64_t i = 0, n = c->out.shape.dim[0]; i < n; i++) {
        const double *stats = c->in[1].f64 + 2 * i; /* every sample has the same */
        double var = 1 / (stats[1] * stats[1]) - a->eps, unbiased = a->count > 1 ? var * a->count / (a->count - 1) : var;
        c->out.f64[i] = (1 - a->momentum) * c->in[0].f64[i] + a->momentum * (a->is_variance ? unbiased : stats[0]);
    }
}

const med_op med_op_fixed_stats = {.name = "fixed_stats", .min_in = 2, .max_in = 2, .attr_size = sizeof(med_fixed_attr),
    .infer = infer_fixed, .reference = reference_fixed};
const med_op med_op_move_moment = {.name = "move_moment", .min_in = 2, .max_in = 2, .attr_size = sizeof(med_moment_attr),
    .infer = infer_move, .reference = reference_move};

med_val med_batch_norm(med_graph *g, med_val x, med_val gain, med_val bias, double eps, double momentum, med_val running[2]) {
    med_val stats;
    med_shape s = med_val_shape(g, x);
    med_val y = med_merged_norm(g, x, gain, bias, (med_merge_attr){(int)s.dim[1], 1, eps}, &stats);
    for (int i = 0; i < 2; i++) {
        med_moment_attr attr = {momentum, eps, (double)(s.dim[0] * s.dim[2] * s.dim[3]), i};
        running[i] = med_node_add(g, MED_OP_move_moment, (med_val[]){running[i], stats}, 2, &attr);
    }
    return y;
}

med_val med_fixed_norm(med_graph *g, med_val x, med_val gain, med_val bias, double eps, const med_val running[2]) {
    med_fixed_attr attr = {eps, (int)med_val_shape(g, x).dim[0]};
    med_val stats = med_node_add(g, MED_OP_fixed_stats, running, 2, &attr);
    stats = med_node_add(g, MED_OP_affine_stats, (med_val[]){stats, gain, bias}, 3, NULL);
    return med_node_add(g, MED_OP_normalize, (med_val[]){x, stats}, 2, NULL);
}
