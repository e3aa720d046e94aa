/* depthwise_grad.c: dw of the depthwise convolution: k*k vectors of partial sums in registers (5x5: 25 of them), lanes
 * along a row, added across lanes at the end of a plane. A task is a channel and adds the samples in order. */
#include "backend/cpu/conv.h"
#include "backend/cpu/depthwise.h"

/* acc[t] += sum over the plane of dy[p] * x[p + tap t] */
INLINE void correlate(const padded_plane *p, const float *dy, int k, vf *sum) {
    vf acc[MAX_TAPS];
    UNROLL for (int t = 0; t < k * k; t++) acc[t] = vf_all(0);
    for (int r = 0; r < p->h; r++)
        for (int i = 0; i < p->w; i += VL) {
            vf d = vf_take(dy + (int64_t)r * p->w, i, p->w);
            const float *x = p->data + r * p->pitch + i;
            UNROLL for (int y = 0; y < k; y++) {
                UNROLL for (int s = 0; s < k; s++) acc[y * k + s] += d * vf_load(x + y * p->pitch + s);
            }
        }
    UNROLL for (int t = 0; t < k * k; t++) sum[t] = acc[t];
}

static void correlate_5(const padded_plane *p, const float *dy, vf *sum) { correlate(p, dy, 5, sum); }

static void correlate_any(const padded_plane *p, const float *dy, vf *sum) {
    for (int t = 0; t < p->k * p->k; t++) {
        sum[t] = vf_all(0);
        for (int r = 0; r < p->h; r++)
            for (int i = 0; i < p->w; i += VL)
                sum[t] += vf_take(dy + (int64_t)r * p->w, i, p->w) * vf_load(p->data + (r + t / p->k) * p->pitch + i + t % p->k);
    }
}

static void channel_task(void *context, int channel) {
    const med_call *call = context;
    med_shape s = call->in[0].shape;
    int k = (int)call->out.shape.dim[2], taps = k * k;
    int64_t plane = s.dim[2] * s.dim[3];
    double total[MAX_TAPS] = {0};
    padded_plane x = ISA(depthwise_plane)((int)s.dim[2], (int)s.dim[3], k);
    for (int n = 0; n < (int)s.dim[0]; n++) {
        int64_t m = n * s.dim[1] + channel;
        vf sum[MAX_TAPS];
        channel_reader reader = ISA(channel_reader)(call, m);
        ISA(depthwise_fill)(&x, &reader, call->in[0].f32 + m * plane);
        (k == 5 ? correlate_5 : correlate_any)(&x, call->in[1].f32 + m * plane, sum);
        for (int t = 0; t < taps; t++)
            for (int lane = 0; lane < VL; lane++) total[t] += (double)sum[t][lane];
    }
    for (int t = 0; t < taps; t++) call->out.f32[channel * taps + t] = (float)total[t];
}

void ISA(depthwise2d_grad_weight)(const med_call *call) {
    med_assert(med_shape_count(call->out.shape) / call->out.shape.dim[0] <= MAX_TAPS);
    med_parallel((int)call->in[0].shape.dim[1], channel_task, (void *)call);
}
