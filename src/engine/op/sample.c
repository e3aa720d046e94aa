/* sample: z = mean + T * std * eps from [mean | std] (reparameterised draw). Gradient: [dz | T * eps * dz]. */
#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    int is_grad = n->id == MED_OP_sample_grad;
    med_shape half = in[0];
    if (half.rank >= 2 && !is_grad) half.dim[1] /= 2;
    if (half.rank < 2 || !med_shape_equal(half, in[1]) || (!is_grad && in[0].dim[1] % 2))
        return med_fail(MED_EUSAGE, "noise %s for %s", med_shape_print(in[1]).text, med_shape_print(in[0]).text);
    *out = half;
    if (is_grad) out->dim[1] *= 2;
    return MED_OK;
}

static void reference(const med_call *c) {
    double T = ((const med_temperature_attr *)c->node->attr)->temperature;
    int64_t n = med_shape_count(c->out.shape), half = n / c->out.shape.dim[0];
    for (int64_t k = 0; k < n; k++) {
        const double *mean = c->in[0].f64 + k / half * 2 * half + k % half;
        c->out.f64[k] = mean[0] + T * mean[half] * c->in[1].f64[k];
    }
}

static void reference_grad(const med_call *c) {
    double T = ((const med_temperature_attr *)c->node->attr)->temperature;
    int64_t n = med_shape_count(c->in[0].shape), half = n / c->in[0].shape.dim[0];
    for (int64_t k = 0; k < n; k++) {
        double *d = c->out.f64 + k / half * 2 * half + k % half;
        d[0] = c->in[0].f64[k];
        d[half] = T * c->in[1].f64[k] * c->in[0].f64[k];
    }
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    if (wants[0]) dx[0] = med_node_add(g, MED_OP_sample_grad, (med_val[]){dy, n->in[1]}, 2, n->attr);
}

const med_op med_op_sample = {.name = "sample", .min_in = 2, .max_in = 2, .attr_size = sizeof(med_temperature_attr),
    .flags = MED_OP_BY_SAMPLE, .infer = infer,
    .grad = grad, .reference = reference};
const med_op med_op_sample_grad = {.name = "sample_grad", .min_in = 2, .max_in = 2, .attr_size = sizeof(med_temperature_attr),
    .infer = infer, .reference = reference_grad};

med_val med_sample(med_graph *g, med_val mean_std, med_val eps, double temperature) {
    med_temperature_attr attr = {temperature};
    return med_node_add(g, MED_OP_sample, (med_val[]){mean_std, eps}, 2, &attr);
}
