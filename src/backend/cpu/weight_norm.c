/* weight_norm.c: rows of v scaled to norm gain[o], and the gradients. A task is a row; its sums are in double. */
#include <math.h>
#include "backend/cpu/kernels.h"

static double row_dot(const float *a, const float *b, int64_t n) {
    vd sum[2] = {{0}, {0}};
    for (int64_t i = 0; i < n; i += VL) {
        vd x[2], y[2];
        vd_split(vf_take(a, i, n), &x[0], &x[1]);
        vd_split(vf_take(b, i, n), &y[0], &y[1]);
        for (int h = 0; h < 2; h++) sum[h] += x[h] * y[h];
    }
    return vd_sum(sum[0] + sum[1]);
}

static int64_t row_length(const med_call *c) { return med_shape_count(c->in[0].shape) / c->in[0].shape.dim[0]; }

static void scale_row(void *context, int o) {
    const med_call *c = context;
    int64_t n = row_length(c);
    const float *v = c->in[0].f32 + o * n;
    float scale = (float)((double)c->in[1].f32[o] / sqrt(row_dot(v, v, n)));
    for (int64_t i = 0; i < n; i++) c->out.f32[o * n + i] = v[i] * scale;
}

static void grad_v_row(void *context, int o) {
    const med_call *c = context;
    int64_t n = row_length(c);
    const float *v = c->in[0].f32 + o * n, *dw = c->in[2].f32 + o * n;
    double square = row_dot(v, v, n), along = row_dot(dw, v, n) / square, scale = (double)c->in[1].f32[o] / sqrt(square);
    for (int64_t i = 0; i < n; i++) c->out.f32[o * n + i] = (float)(scale * ((double)dw[i] - (double)v[i] * along));
}

static void grad_gain_row(void *context, int o) {
    const med_call *c = context;
    int64_t n = row_length(c);
    const float *v = c->in[0].f32 + o * n;
    c->out.f32[o] = (float)(row_dot(c->in[2].f32 + o * n, v, n) / sqrt(row_dot(v, v, n)));
}

static void over_rows(const med_call *call, med_task_fn *body) { med_parallel((int)call->in[0].shape.dim[0], body, (void *)call); }

void ISA(weight_norm)(const med_call *call) { over_rows(call, scale_row); }
void ISA(weight_norm_grad_v)(const med_call *call) { over_rows(call, grad_v_row); }
void ISA(weight_norm_grad_gain)(const med_call *call) { over_rows(call, grad_gain_row); }
