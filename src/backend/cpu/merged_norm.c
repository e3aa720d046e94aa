/* merged_norm.c: gradient of norms whose statistics channels or samples share. A task is one plane; sums are in double. */
#include "backend/cpu/kernels.h"

static void sums_plane(void *context, int m) {
    const med_call *c = context;
    int64_t n = c->in[0].shape.dim[2] * c->in[0].shape.dim[3];
    const float *x = c->in[0].f32 + m * n, *dy = c->in[2].f32 + m * n, mean = c->in[1].f32[2 * m], rstd = c->in[1].f32[2 * m + 1];
    vd sum[2] = {{0}, {0}}, dot[2] = {{0}, {0}};
    int64_t i = 0;
    for (; i + VL <= n; i += VL) {
        vf d = vf_load(dy + i), p = d * ((vf_load(x + i) - mean) * rstd);
        vd d2[2], p2[2];
        vd_split(d, &d2[0], &d2[1]);
        vd_split(p, &p2[0], &p2[1]);
        for (int h = 0; h < 2; h++) sum[h] += d2[h], dot[h] += p2[h];
    }
    double s = vd_sum(sum[0] + sum[1]), t = vd_sum(dot[0] + dot[1]);
    for (; i < n; i++) {
        s += (double)dy[i];
        t += (double)(dy[i] * ((x[i] - mean) * rstd));
    }
    c->out.f32[2 * m] = (float)s;
    c->out.f32[2 * m + 1] = (float)t;
}

void ISA(norm_sums)(const med_call *call) {
    med_parallel((int)(call->out.shape.dim[0] * call->out.shape.dim[1]), sums_plane, (void *)call);
}

typedef struct grad_context {
    const med_call *call;
    double *sums, *gain;
} grad_context;

static void grad_plane(void *context, int m) {
    const grad_context *g = context;
    const med_call *c = g->call;
    med_shape s = c->out.shape;
    int64_t n = s.dim[2] * s.dim[3];
    const float *x = c->in[0].f32 + m * n, *dy = c->in[2].f32 + m * n, *stats = c->in[1].f32 + 2 * m;
    float *dx = c->out.f32 + m * n;
    double means[2];
    med_merged_means(c->node->attr, s, g->sums, g->gain, m / s.dim[1], m % s.dim[1], means);
    float mean = stats[0], scale = stats[1] * c->in[4].f32[m % s.dim[1]], shift = (float)(stats[1] * means[0]);
    float slope = (float)((double)stats[1] * stats[1] * means[1]);
    for (int64_t i = 0; i < n; i += VL)
        vf_put(dx, i, n, vf_take(dy, i, n) * scale - shift - (vf_take(x, i, n) - mean) * slope);
}

static double *widened(int slot, med_view v) {
    int64_t n = med_shape_count(v.shape);
    double *d = med_scratch(slot, (size_t)n * sizeof *d);
    for (int64_t i = 0; i < n; i++) d[i] = v.f32[i];
    return d;
}

void ISA(merged_norm_grad)(const med_call *call) {
    grad_context g = {call, widened(SCRATCH_SHARED, call->in[3]), widened(SCRATCH_WEIGHTS, call->in[4])};
    med_parallel((int)(call->out.shape.dim[0] * call->out.shape.dim[1]), grad_plane, &g);
}
