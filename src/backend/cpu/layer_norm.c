/* layer_norm.c: norm over the channels of every pixel, and its gradients. A task is a vector of pixels: channels are rows that lie
 * far apart, pixels beside each other. Sums over channels are in float, of differences from the mean in the second pass. */
#include "backend/cpu/kernels.h"

typedef struct pixels {
    const med_call *call;
    int64_t C, plane, tasks; /* tasks of one sample */
    double eps;
} pixels;

static pixels pixels_of(const med_call *call) {
    med_shape s = call->in[0].shape;
    int64_t plane = s.dim[2] * s.dim[3];
    return (pixels){call, s.dim[1], plane, (plane + VL - 1) / VL, ((const med_norm_attr *)call->node->attr)->eps};
}

static void over_pixels(pixels *p, med_task_fn *body) { med_parallel((int)(p->call->in[0].shape.dim[0] * p->tasks), body, p); }

/* First element of the task's pixels in a sample's planes, and how many there are. */
typedef struct place {
    int64_t at;
    int n;
} place;

static place place_of(const pixels *p, int task) {
    int64_t first = task % p->tasks * VL, left = p->plane - first;
    return (place){task / p->tasks * p->C * p->plane + first, left < VL ? (int)left : VL};
}

static void stats_of(const pixels *p, const float *x, int n, vf *mean, vf *rstd) {
    vf sum = vf_all(0), square = vf_all(0);
    for (int64_t c = 0; c < p->C; c++) sum += vf_take(x + c * p->plane, 0, n);
    *mean = sum / (float)p->C;
    for (int64_t c = 0; c < p->C; c++) {
        vf d = vf_take(x + c * p->plane, 0, n) - *mean;
        square += d * d;
    }
    vf var = square / (float)p->C + (float)p->eps;
    for (int i = 0; i < VL; i++) (*rstd)[i] = 1 / __builtin_sqrtf(var[i]);
}

static void norm_task(void *context, int task) {
    const pixels *p = context;
    place a = place_of(p, task);
    const float *x = p->call->in[0].f32 + a.at, *gain = p->call->in[1].f32, *bias = p->call->in[2].f32;
    vf mean, rstd;
    stats_of(p, x, a.n, &mean, &rstd);
    for (int64_t c = 0; c < p->C; c++)
        vf_put(p->call->out.f32 + a.at + c * p->plane, 0, a.n, (vf_take(x + c * p->plane, 0, a.n) - mean) * rstd * gain[c] + bias[c]);
}

void ISA(layer_norm)(const med_call *call) {
    pixels p = pixels_of(call);
    over_pixels(&p, norm_task);
}

static void grad_task(void *context, int task) {
    const pixels *p = context;
    place a = place_of(p, task);
    const float *x = p->call->in[0].f32 + a.at, *gain = p->call->in[1].f32, *dy = p->call->in[2].f32 + a.at;
    vf mean, rstd, sum = vf_all(0), dot = vf_all(0);
    stats_of(p, x, a.n, &mean, &rstd);
    for (int64_t c = 0; c < p->C; c++) {
        vf d = vf_take(dy + c * p->plane, 0, a.n) * gain[c];
        sum += d;
        dot += d * (vf_take(x + c * p->plane, 0, a.n) - mean) * rstd;
    }
    sum /= (float)p->C;
    dot /= (float)p->C;
    for (int64_t c = 0; c < p->C; c++) {
        vf n = (vf_take(x + c * p->plane, 0, a.n) - mean) * rstd;
        vf_put(p->call->out.f32 + a.at + c * p->plane, 0, a.n, rstd * (vf_take(dy + c * p->plane, 0, a.n) * gain[c] - sum - n * dot));
    }
}

void ISA(layer_norm_grad)(const med_call *call) {
    pixels p = pixels_of(call);
    over_pixels(&p, grad_task);
}
