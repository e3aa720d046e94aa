/* kl_marginal: how far the product of all experts is from the one of the prior and one modality (spec section 4):
 * sum of log q(z) - log r(z) for z = mean + T*std*eps drawn from q = N(mean, T*std), the product of all experts, and
 * r = N(m, T*scale), the product of experts 0 (prior) and j with `floor` added to the sum of precisions.
 * q and r may differ by a thousandth, so both are taken from the experts in double. A diagnostic: no gradient. */
#include <math.h>

#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    const med_marginal_attr *a = n->attr;
    med_shape z = in[0];
    if (z.rank >= 2) z.dim[1] *= 2;
    for (int i = 1; i < n->n_in; i++)
        if (!med_shape_equal(in[i], z))
            return med_fail(MED_EUSAGE, "expert %s for noise %s", med_shape_print(in[i]).text, med_shape_print(in[0]).text);
    if (a->expert < 1 || a->expert > n->n_in - 2) return med_fail(MED_EUSAGE, "expert %d of %d", (int)a->expert, n->n_in - 1);
    *out = med_shape_1(1);
    return MED_OK;
}

typedef struct gauss { double sum, q; } gauss; /* sum of m exp(-s), sum of exp(-s) */

static void multiply(gauss *g, const double *expert, int64_t m, int64_t half) {
    double a = exp(-expert[m + half]);
    g->sum += a * expert[m];
    g->q += a;
}

static void reference(const med_call *c) {
    const med_marginal_attr *attr = c->node->attr;
    double T = attr->temperature, sum = 0;
    int64_t n = med_shape_count(c->in[0].shape), half = n / c->in[0].shape.dim[0];
    for (int64_t k = 0; k < n; k++) {
        int64_t m = k / half * 2 * half + k % half;
        gauss q = {0, 0}, r = {0, attr->floor};
        for (int i = 1; i < c->n_in; i++) multiply(&q, c->in[i].f64, m, half);
        multiply(&r, c->in[1].f64, m, half);
        multiply(&r, c->in[1 + attr->expert].f64, m, half);
        double eps = c->in[0].f64[k], d = (q.sum / q.q - r.sum / r.q) * r.q / T + eps * r.q / q.q;
        sum += log(q.q / r.q) - eps * eps / 2 + d * d / 2;
    }
    c->out.f64[0] = sum;
}

const med_op med_op_kl_marginal = {.name = "kl_marginal", .min_in = 3, .max_in = MED_MAX_IN, .attr_size = sizeof(med_marginal_attr),
    .infer = infer, .reference = reference};

med_val med_kl_marginal(med_graph *g, med_val eps, const med_val *experts, int n, int which, double temperature, double floor) {
    med_val in[MED_MAX_IN] = {eps};
    for (int i = 0; i < n && i + 1 < MED_MAX_IN; i++) in[i + 1] = experts[i];
    med_marginal_attr attr = {which, temperature, floor};
    return med_node_add(g, MED_OP_kl_marginal, in, n + 1, &attr);
}
