/* poe: product of Gaussian experts with the release's weights 1/std (spec section 4). Experts are [m | s], s = log std:
 *     q = floor + sum_j exp(-s_j),   mean = sum_j m_j exp(-s_j) / q,   std = 1/q        -> [mean | std]
 * The prior is an expert like the others. Gradient for expert j, with a = exp(-s_j) * std:
 *     dm_j = a * dmean,   ds_j = a * (std * dstd - (m_j - mean) * dmean). */
#include <math.h>

#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    for (int i = 0; i < n->n_in; i++)
        if (!med_shape_equal(in[i], in[0]) || in[i].rank < 2 || in[i].dim[1] % 2)
            return med_fail(MED_EUSAGE, "expert %d is %s beside %s; channels must be even", i, med_shape_print(in[i]).text,
                            med_shape_print(in[0]).text);
    *out = in[0];
    return MED_OK;
}

/* Offset of the s (or std) that belongs to the k-th m, and the m's own, in a tensor of halves. */
static int64_t first_half(med_shape s, int64_t k) {
    int64_t half = med_shape_count(s) / s.dim[0] / 2;
    return k / half * 2 * half + k % half;
}

static void reference(const med_call *c) {
    med_shape s = c->out.shape;
    int64_t half = med_shape_count(s) / s.dim[0] / 2;
    for (int64_t k = 0; k < half * s.dim[0]; k++) {
        int64_t m = first_half(s, k);
        double q = ((const med_poe_attr *)c->node->attr)->floor, sum = 0;
        for (int j = 0; j < c->n_in; j++) {
            double a = exp(-c->in[j].f64[m + half]);
            q += a;
            sum += a * c->in[j].f64[m];
        }
        c->out.f64[m] = sum / q;
        c->out.f64[m + half] = 1 / q;
    }
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    for (int j = 0; j < med_node_of(g, self)->n_in; j++)
        if (wants[j]) dx[j] = med_node_add(g, MED_OP_poe_grad, (med_val[]){med_node_of(g, self)->in[j], self, dy}, 3, NULL);
}

static void reference_grad(const med_call *c) {
    med_shape s = c->out.shape;
    int64_t half = med_shape_count(s) / s.dim[0] / 2;
    const double *x = c->in[0].f64, *out = c->in[1].f64, *d = c->in[2].f64;
    for (int64_t k = 0; k < half * s.dim[0]; k++) {
        int64_t m = first_half(s, k), t = m + half;
        double a = exp(-x[t]) * out[t];
        c->out.f64[m] = a * d[m];
        c->out.f64[t] = a * (out[t] * d[t] - (x[m] - out[m]) * d[m]);
    }
}

const med_op med_op_poe = {.name = "poe", .min_in = 1, .max_in = MED_MAX_IN, .attr_size = sizeof(med_poe_attr),
    .flags = MED_OP_BY_SAMPLE, .infer = infer,
    .grad = grad, .reference = reference};
const med_op med_op_poe_grad = {.name = "poe_grad", .min_in = 3, .max_in = 3, .infer = infer, .reference = reference_grad};

med_val med_poe(med_graph *g, const med_val *experts, int n, double floor) {
    med_poe_attr attr = {floor};
    return med_node_add(g, MED_OP_poe, experts, n, &attr);
}
