/* kl: one-sample estimate of KL(q || p), summed over everything: sum log q(z) - log p(z), with z = mean + T*std*eps,
 * q = N(mean, T*std), p = N(m_p, exp(s_p)). Since (z - mean)/(T*std) = eps whatever the parameters,
 *     kl = sum [ -log(T*std) - eps^2/2 + s_p + (z - m_p)^2 exp(-2 s_p)/2 ],
 * and the gradients are  dstd = -1/std,  dz = (z - m_p) exp(-2 s_p),  dm_p = -dz,  ds_p = 1 - (z - m_p)^2 exp(-2 s_p);
 * mean enters through z alone. */
#include <math.h>

#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    med_shape z = in[1];
    if (z.rank >= 2) z.dim[1] *= 2;
    if (z.rank < 2 || !med_shape_equal(in[0], z) || !med_shape_equal(in[1], in[2]) || !med_shape_equal(in[0], in[3]))
        return med_fail(MED_EUSAGE, "z %s, q %s, prior %s do not fit", med_shape_print(in[1]).text, med_shape_print(in[0]).text,
                        med_shape_print(in[3]).text);
    *out = med_shape_1(1);
    return MED_OK;
}

static void reference(const med_call *c) {
    double T = ((const med_temperature_attr *)c->node->attr)->temperature, sum = 0;
    int64_t n = med_shape_count(c->in[1].shape), half = n / c->in[1].shape.dim[0];
    for (int64_t k = 0; k < n; k++) {
        int64_t m = k / half * 2 * half + k % half;
        double eps = c->in[2].f64[k], s_p = c->in[3].f64[m + half], d = c->in[1].f64[k] - c->in[3].f64[m];
        sum += -log(T * c->in[0].f64[m + half]) - eps * eps / 2 + s_p + d * d * exp(-2 * s_p) / 2;
    }
    c->out.f64[0] = sum;
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    med_val q = n->in[0], z = n->in[1], prior = n->in[3];
    if (wants[0]) dx[0] = med_node_add(g, MED_OP_kl_grad_q, (med_val[]){q, dy}, 2, NULL);
    if (wants[1]) dx[1] = med_node_add(g, MED_OP_kl_grad_z, (med_val[]){z, prior, dy}, 3, NULL);
    if (wants[3]) dx[3] = med_node_add(g, MED_OP_kl_grad_prior, (med_val[]){z, prior, dy}, 3, NULL);
}

static med_status infer_grad(const med_node *n, const med_shape *in, med_shape *out) {
    *out = n->id == MED_OP_kl_grad_prior ? in[1] : in[0];
    return MED_OK;
}

static void reference_grad_q(const med_call *c) {
    int64_t n = med_shape_count(c->out.shape), half = n / c->out.shape.dim[0] / 2;
    for (int64_t i = 0; i < n; i++) c->out.f64[i] = i / half % 2 ? -c->in[1].f64[0] / c->in[0].f64[i] : 0;
}

static void reference_grad_z(const med_call *c) {
    int64_t n = med_shape_count(c->out.shape), half = n / c->out.shape.dim[0];
    for (int64_t k = 0; k < n; k++) {
        const double *p = c->in[1].f64 + k / half * 2 * half + k % half;
        c->out.f64[k] = c->in[2].f64[0] * (c->in[0].f64[k] - p[0]) * exp(-2 * p[half]);
    }
}

static void reference_grad_prior(const med_call *c) {
    int64_t n = med_shape_count(c->in[0].shape), half = n / c->in[0].shape.dim[0];
    for (int64_t k = 0; k < n; k++) {
        int64_t m = k / half * 2 * half + k % half;
        const double *p = c->in[1].f64 + m;
        double d = c->in[0].f64[k] - p[0], precision = exp(-2 * p[half]);
        c->out.f64[m] = -c->in[2].f64[0] * d * precision;
        c->out.f64[m + half] = c->in[2].f64[0] * (1 - d * d * precision);
    }
}

const med_op med_op_kl = {.name = "kl", .min_in = 4, .max_in = 4, .attr_size = sizeof(med_temperature_attr), .infer = infer,
    .grad = grad, .reference = reference};
const med_op med_op_kl_grad_q = {.name = "kl_grad_q", .min_in = 2, .max_in = 2, .infer = infer_grad, .reference = reference_grad_q};
const med_op med_op_kl_grad_z = {.name = "kl_grad_z", .min_in = 3, .max_in = 3, .infer = infer_grad, .reference = reference_grad_z};
const med_op med_op_kl_grad_prior = {.name = "kl_grad_prior", .min_in = 3, .max_in = 3, .infer = infer_grad,
    .reference = reference_grad_prior};

med_val med_kl(med_graph *g, med_val mean_std, med_val z, med_val eps, med_val prior, double temperature) {
    med_temperature_attr attr = {temperature};
    return med_node_add(g, MED_OP_kl, (med_val[]){mean_std, z, eps, prior}, 4, &attr);
}
