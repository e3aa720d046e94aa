/* instance_norm: y = (x - mean) * rstd, rstd = 1 / sqrt(var + eps), per sample and channel over H x W.
 * Biased variance, no affine. Ulyanov et al. 2016; eps 1e-5 as in the MMHVAE release.
 * Two ops, so that others can read through the statistics: norm_stats -> [N,C,2] and normalize.
 *
 * Gradient of both together (normalize_grad), y = act(n), n = normalised x:
 *     dn = da * act'(n),   dx = rstd * (dn - mean(dn) - n * mean(dn * n)).
 * The gradient through the statistics is in it, so normalize passes nothing to its second input.
 * Other statistics than those of x itself: group_norm.c. */
#include <math.h>

#include "engine/node.h"

static med_status infer_stats(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (in[0].rank != 4) return med_fail(MED_EUSAGE, "input %s, expected [N,C,H,W]", med_shape_print(in[0]).text);
    *out = med_shape_3(in[0].dim[0], in[0].dim[1], 2);
    return MED_OK;
}

static med_status infer_normalize(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (in[0].rank != 4 || !med_shape_equal(in[1], med_shape_3(in[0].dim[0], in[0].dim[1], 2)))
        return med_fail(MED_EUSAGE, "statistics %s for input %s", med_shape_print(in[1]).text, med_shape_print(in[0]).text);
    *out = in[0];
    return MED_OK;
}

static void reference_stats(const med_call *c) {
    double eps = ((const med_norm_attr *)c->node->attr)->eps;
    med_shape s = c->in[0].shape;
    int64_t plane = s.dim[2] * s.dim[3];
    for (int64_t m = 0; m < s.dim[0] * s.dim[1]; m++) {
        const double *x = c->in[0].f64 + m * plane;
        double sum = 0, square = 0;
        for (int64_t i = 0; i < plane; i++) sum += x[i];
        double mean = sum / (double)plane;
        for (int64_t i = 0; i < plane; i++) square += (x[i] - mean) * (x[i] - mean);
        c->out.f64[2 * m] = mean;
        c->out.f64[2 * m + 1] = 1 / sqrt(square / (double)plane + eps);
    }
}

static void reference_normalize(const med_call *c) {
    int64_t plane = c->out.shape.dim[2] * c->out.shape.dim[3];
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++) {
        const double *stats = c->in[1].f64 + 2 * (i / plane);
        c->out.f64[i] = (c->in[0].f64[i] - stats[0]) * stats[1];
    }
}

static void grad_normalize(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    med_unary_attr none = {MED_UNARY_none, 0};
    if (med_node_of(g, n->in[1])->id == MED_OP_affine_stats) med_affine_normalize_grad(g, n, dy, wants, dx);
    else if (wants[0]) dx[0] = med_node_add(g, MED_OP_normalize_grad, (med_val[]){n->in[0], n->in[1], dy}, 3, &none);
}

static void reference_grad(const med_call *c) {
    const med_unary_attr *act = c->node->attr;
    med_shape s = c->out.shape;
    int64_t plane = s.dim[2] * s.dim[3];
    for (int64_t m = 0; m < s.dim[0] * s.dim[1]; m++) {
        const double *x = c->in[0].f64 + m * plane, *stats = c->in[1].f64 + 2 * m, *da = c->in[2].f64 + m * plane;
        double *dx = c->out.f64 + m * plane, mean_dn = 0, mean_dn_n = 0;
        for (int pass = 0; pass < 2; pass++) {
            double sum = 0, dot = 0;
            for (int64_t i = 0; i < plane; i++) {
                double n = (x[i] - stats[0]) * stats[1];
                double dn = act->kind == MED_UNARY_none ? da[i] : da[i] * med_unary_table[act->kind].df(n, act->param);
                sum += dn;
                dot += dn * n;
                if (pass) dx[i] = stats[1] * (dn - mean_dn - n * mean_dn_n);
            }
            mean_dn = sum / (double)plane;
            mean_dn_n = dot / (double)plane;
        }
    }
}

const med_op med_op_norm_stats = {.name = "norm_stats", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_norm_attr),
    .flags = MED_OP_BY_SAMPLE, .infer = infer_stats, .reference = reference_stats};
const med_op med_op_normalize = {.name = "normalize", .min_in = 2, .max_in = 2, .flags = MED_OP_BY_SAMPLE | MED_OP_INPLACE,
    .infer = infer_normalize, .grad = grad_normalize, .reference = reference_normalize};
const med_op med_op_normalize_grad = {.name = "normalize_grad", .min_in = 3, .max_in = 3,
    .attr_size = sizeof(med_unary_attr), .infer = infer_normalize, .reference = reference_grad};

med_val med_instance_norm(med_graph *g, med_val x, double eps) {
    med_norm_attr attr = {eps};
    med_val stats = med_node_add(g, MED_OP_norm_stats, &x, 1, &attr);
    return med_node_add(g, MED_OP_normalize, (med_val[]){x, stats}, 2, NULL);
}
