/* gaussian.c: product of Gaussian experts, drawing from the product, and their gradients, each in one pass.
 * Tensors of halves are [N][m | s] or [N][mean | std], a half of `half` floats; formulas in engine/op/poe.c, sample.c. */
#include "backend/cpu/halves.h"

static void poe_block(void *context, int task) {
    const med_call *c = context;
    half_range r = halves_range(c->out.shape, task);
    float floor = (float)((const med_poe_attr *)c->node->attr)->floor;
    for (int64_t i = r.begin; i < r.end; i += VL) {
        vf q = vf_all(floor), sum = vf_all(0);
        for (int j = 0; j < c->n_in; j++) {
            const float *x = c->in[j].f32 + r.base;
            vf a = vf_exp(-vf_take(x + r.half, i, r.end));
            q += a;
            sum += a * vf_take(x, i, r.end);
        }
        vf_put(c->out.f32 + r.base, i, r.end, sum / q);
        vf_put(c->out.f32 + r.base + r.half, i, r.end, 1.0f / q);
    }
}

static void poe_grad_block(void *context, int task) {
    const med_call *c = context;
    half_range r = halves_range(c->out.shape, task);
    const float *x = c->in[0].f32 + r.base, *out = c->in[1].f32 + r.base, *d = c->in[2].f32 + r.base;
    float *dx = c->out.f32 + r.base;
    for (int64_t i = r.begin; i < r.end; i += VL) {
        vf std = vf_take(out + r.half, i, r.end), dmean = vf_take(d, i, r.end), dstd = vf_take(d + r.half, i, r.end);
        vf distance = vf_take(x, i, r.end) - vf_take(out, i, r.end);
        vf a = vf_exp(-vf_take(x + r.half, i, r.end)) * std;
        vf_put(dx, i, r.end, a * dmean);
        vf_put(dx + r.half, i, r.end, a * (std * dstd - distance * dmean));
    }
}

static float temperature_of(const med_call *c) { return (float)((const med_temperature_attr *)c->node->attr)->temperature; }

static void sample_block(void *context, int task) {
    const med_call *c = context;
    half_range r = halves_range(c->in[0].shape, task);
    const float *mean = c->in[0].f32 + r.base, *eps = c->in[1].f32 + r.base / 2;
    float t = temperature_of(c);
    for (int64_t i = r.begin; i < r.end; i += VL)
        vf_put(c->out.f32 + r.base / 2, i, r.end,
               vf_take(mean, i, r.end) + vf_take(mean + r.half, i, r.end) * t * vf_take(eps, i, r.end));
}

static void sample_grad_block(void *context, int task) {
    const med_call *c = context;
    half_range r = halves_range(c->out.shape, task);
    const float *dz = c->in[0].f32 + r.base / 2, *eps = c->in[1].f32 + r.base / 2;
    float *d = c->out.f32 + r.base, t = temperature_of(c);
    for (int64_t i = r.begin; i < r.end; i += VL) {
        vf v = vf_take(dz, i, r.end);
        vf_put(d, i, r.end, v);
        vf_put(d + r.half, i, r.end, vf_take(eps, i, r.end) * t * v);
    }
}

void ISA(poe)(const med_call *call) { over_halves(call, call->out.shape, poe_block); }
void ISA(poe_grad)(const med_call *call) { over_halves(call, call->out.shape, poe_grad_block); }
void ISA(sample)(const med_call *call) { over_halves(call, call->in[0].shape, sample_block); }
void ISA(sample_grad)(const med_call *call) { over_halves(call, call->out.shape, sample_grad_block); }
