/* channel.c: sums over a plane, in double: mean and product with another tensor (input 0 through the prologue), and the
 * gradient of a bias. */
#include "backend/cpu/kernels.h"

typedef struct plane_context {
    const med_call *call;
    int64_t plane;
    int n, channels;
} plane_context;

static plane_context context_of(const med_call *call) {
    med_shape s = call->in[0].shape;
    return (plane_context){call, s.dim[2] * s.dim[3], (int)s.dim[0], (int)s.dim[1]};
}

/* Sum of a, or of a*b. */
static double plane_sum(const float *a, const float *b, int64_t n) {
    vd sum[2] = {{0}, {0}};
    int64_t i = 0;
    for (; i + VL <= n; i += VL)
        for (int h = 0; h < 2; h++) {
            vd v = vd_load(a + i + h * VL / 2);
            sum[h] += b ? v * vd_load(b + i + h * VL / 2) : v;
        }
    double rest = 0;
    for (; i < n; i++) rest += (double)a[i] * (b ? (double)b[i] : 1);
    return vd_sum(sum[0] + sum[1]) + rest;
}

/* A plane is read in pieces that stay in L1. */
static double read_sum(const med_call *call, int64_t m, int64_t plane, const float *b) {
    enum { PIECE = 4096 };
    channel_reader reader = ISA(channel_reader)(call, m);
    const float *a = call->in[0].f32 + m * plane;
    if (reader.is_plain) return plane_sum(a, b, plane);
    float piece[PIECE];
    double sum = 0;
    for (int64_t i = 0; i < plane; i += PIECE) {
        int64_t n = plane - i < PIECE ? plane - i : PIECE;
        ISA(read_channel)(&reader, a + i, piece, n);
        sum += plane_sum(piece, b ? b + i : NULL, n);
    }
    return sum;
}

static void mean_task(void *context, int m) {
    const plane_context *c = context;
    c->call->out.f32[m] = (float)(read_sum(c->call, m, c->plane, NULL) / (double)c->plane);
}

void ISA(channel_mean)(const med_call *call) {
    plane_context c = context_of(call);
    med_parallel(c.n * c.channels, mean_task, &c);
}

static void dot_task(void *context, int m) {
    const plane_context *c = context;
    c->call->out.f32[m] = (float)read_sum(c->call, m, c->plane, c->call->in[1].f32 + m * c->plane);
}

void ISA(channel_dot)(const med_call *call) {
    plane_context c = context_of(call);
    med_parallel(c.n * c.channels, dot_task, &c);
}

static void sum_task(void *context, int channel) {
    const plane_context *c = context;
    double sum = 0;
    for (int s = 0; s < c->n; s++) sum += plane_sum(c->call->in[0].f32 + ((int64_t)s * c->channels + channel) * c->plane, NULL, c->plane);
    c->call->out.f32[channel] = (float)sum;
}

void ISA(channel_sum)(const med_call *call) {
    plane_context c = context_of(call);
    med_parallel(c.channels, sum_task, &c);
}
