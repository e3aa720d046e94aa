/* diffusion: what a step number t of a denoising diffusion (Ho et al. 2020) means, t = floor(n_steps * u) for u in [0, 1):
 *     time_embedding: [N,1] -> [N,size], half of it sin(t f_i), the other half cos(t f_i), f_i = 10000^(-i / (size/2));
 *     noise_levels:   [N,1] -> [N,2]: sqrt(a_t), sqrt(1 - a_t), a_t = prod_{k<=t} (1 - beta_k), beta from beta_first to
 *                     beta_last in equal steps.
 * Nothing depends on t smoothly: no gradient. */
#include <math.h>

#include "engine/node.h"

static int step_of(double u, int n_steps) {
    int t = (int)floor(u * n_steps);
    return t < 0 ? 0 : t >= n_steps ? n_steps - 1 : t;
}

double med_diffusion_level(med_diffusion d, int t) {
    double level = 1;
    for (int k = 0; k <= t; k++) level *= 1 - (d.beta_first + (d.beta_last - d.beta_first) * k / (d.n_steps > 1 ? d.n_steps - 1 : 1));
    return level;
}

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    const med_time_attr *a = n->attr;
    if (in[0].rank != 2 || in[0].dim[1] != 1 || a->size < 2 || a->size % 2)
        return med_fail(MED_EUSAGE, "steps %s for %d numbers each", med_shape_print(in[0]).text, (int)a->size);
    *out = med_shape_2(in[0].dim[0], a->size);
    return MED_OK;
}

static void reference_embedding(const med_call *c) {
    const med_time_attr *a = c->node->attr;
    int half = a->size / 2;
    for (int64_t n = 0; n < c->out.shape.dim[0]; n++)
        for (int i = 0; i < half; i++) {
            double angle = step_of(c->in[0].f64[n], a->diffusion.n_steps) * pow(10000, -(double)i / half);
            c->out.f64[n * a->size + i] = sin(angle);
            c->out.f64[n * a->size + half + i] = cos(angle);
        }
}

static void reference_levels(const med_call *c) {
    const med_time_attr *a = c->node->attr;
    for (int64_t n = 0; n < c->out.shape.dim[0]; n++) {
        double level = med_diffusion_level(a->diffusion, step_of(c->in[0].f64[n], a->diffusion.n_steps));
        c->out.f64[2 * n] = sqrt(level);
        c->out.f64[2 * n + 1] = sqrt(1 - level);
    }
}

const med_op med_op_time_embedding = {.name = "time_embedding", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_time_attr),
    .flags = MED_OP_BY_SAMPLE, .infer = infer, .reference = reference_embedding};
const med_op med_op_noise_levels = {.name = "noise_levels", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_time_attr),
    .flags = MED_OP_BY_SAMPLE, .infer = infer, .reference = reference_levels};

med_val med_time_embedding(med_graph *g, med_val u, med_diffusion d, int size) {
    med_time_attr attr = {d, size};
    return med_node_add(g, MED_OP_time_embedding, &u, 1, &attr);
}

med_val med_noise_levels(med_graph *g, med_val u, med_diffusion d) {
    med_time_attr attr = {d, 2};
    return med_node_add(g, MED_OP_noise_levels, &u, 1, &attr);
}
