/* kl.c: the one-sample KL term and its gradients; formulas in engine/op/kl.c. The sum is in double. */
#include "backend/cpu/halves.h"

typedef struct kl_context {
    const med_call *call;
    double *parts;
} kl_context;

static void kl_block(void *context, int task) {
    const kl_context *k = context;
    const med_call *c = k->call;
    half_range r = halves_range(c->in[0].shape, task);
    const float *std = c->in[0].f32 + r.base + r.half, *prior = c->in[3].f32 + r.base;
    const float *z = c->in[1].f32 + r.base / 2, *eps = c->in[2].f32 + r.base / 2;
    float t = (float)((const med_temperature_attr *)c->node->attr)->temperature;
    vd sum[2] = {{0}, {0}};
    double rest = 0;
    for (int64_t i = r.begin; i < r.end; i += VL) {
        vf e = vf_take(eps, i, r.end), s = vf_take(prior + r.half, i, r.end), d = vf_take(z, i, r.end) - vf_take(prior, i, r.end);
        vf term = s - vf_log(vf_take(std, i, r.end) * t) + (d * d * vf_exp(-2.0f * s) - e * e) * 0.5f;
        vd low, high;
        vd_split(term, &low, &high);
        if (r.end - i >= VL) {
            sum[0] += low;
            sum[1] += high;
        } else {
            for (int j = 0; j < r.end - i; j++) rest += (double)term[j];
        }
    }
    k->parts[task] = vd_sum(sum[0] + sum[1]) + rest;
}

void ISA(kl)(const med_call *call) {
    int n = halves_tasks(call->in[0].shape);
    kl_context k = {call, med_scratch(SCRATCH_SHARED, (size_t)n * sizeof(double))};
    med_parallel(n, kl_block, &k);
    double sum = 0;
    for (int i = 0; i < n; i++) sum += k.parts[i];
    call->out.f32[0] = (float)sum;
}

static void grad_q_block(void *context, int task) {
    const med_call *c = context;
    half_range r = halves_range(c->out.shape, task);
    float *d = c->out.f32 + r.base, dkl = c->in[1].f32[0];
    for (int64_t i = r.begin; i < r.end; i += VL) {
        vf_put(d + r.half, i, r.end, -dkl / vf_take(c->in[0].f32 + r.base + r.half, i, r.end));
        vf_put(d, i, r.end, vf_all(0));
    }
}

static void grad_z_block(void *context, int task) {
    const med_call *c = context;
    half_range r = halves_range(c->in[1].shape, task);
    const float *z = c->in[0].f32 + r.base / 2, *prior = c->in[1].f32 + r.base;
    float dkl = c->in[2].f32[0];
    for (int64_t i = r.begin; i < r.end; i += VL)
        vf_put(c->out.f32 + r.base / 2, i, r.end,
               (vf_take(z, i, r.end) - vf_take(prior, i, r.end)) * vf_exp(-2.0f * vf_take(prior + r.half, i, r.end)) * dkl);
}

static void grad_prior_block(void *context, int task) {
    const med_call *c = context;
    half_range r = halves_range(c->in[1].shape, task);
    const float *z = c->in[0].f32 + r.base / 2, *prior = c->in[1].f32 + r.base;
    float *d = c->out.f32 + r.base, dkl = c->in[2].f32[0];
    for (int64_t i = r.begin; i < r.end; i += VL) {
        vf distance = vf_take(z, i, r.end) - vf_take(prior, i, r.end);
        vf scaled = distance * vf_exp(-2.0f * vf_take(prior + r.half, i, r.end));
        vf_put(d, i, r.end, -dkl * scaled);
        vf_put(d + r.half, i, r.end, (1.0f - distance * scaled) * dkl);
    }
}

void ISA(kl_grad_q)(const med_call *call) { over_halves(call, call->out.shape, grad_q_block); }
void ISA(kl_grad_z)(const med_call *call) { over_halves(call, call->in[1].shape, grad_z_block); }
void ISA(kl_grad_prior)(const med_call *call) { over_halves(call, call->in[1].shape, grad_prior_block); }
