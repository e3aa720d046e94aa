/* depthwise.c: one kernel per channel, stride 1, zero padding. A task is a plane, or some small ones: padded copy in L2 with the
 * prologue applied on the way, then a column of vectors after the other (5x5), so that an input vector is read once for all the
 * rows of output that it belongs to.
 * So the output may lie over the input. The gradient of the input is the same with the kernel reversed. */
#include "backend/cpu/conv.h"
#include "backend/cpu/depthwise.h"
#include "backend/cpu/vunary.h"

INLINE void copy_rows(const channel_reader *reader, med_unary_kind kind, const float *x, const padded_plane *t, int with_zeros) {
    enum { AHEAD = 1024 /* floats, over the ends of planes and of what the processor would fetch by itself */ };
    const channel_reader how = *reader;
    int p = t->k / 2;
    float *row = t->data + p * t->pitch;
    for (int r = 0; r < t->h; r++, row += t->pitch, x += t->w) {
        for (int i = 0; with_zeros && i < p; i++) row[i] = 0;
        for (int i = 0; i < t->w; i += VL) {
            __builtin_prefetch(x + i + AHEAD);
            vf_put(row + p, i, t->w, vf_read(&how, kind, vf_take(x, i, t->w)));
        }
        for (int i = p + t->w; with_zeros && i < t->pitch; i++) row[i] = 0;
    }
}

static size_t floats_of(const padded_plane *t) { return (size_t)((t->h + 2 * (t->k / 2)) * t->pitch + VL); }

padded_plane ISA(depthwise_plane)(int h, int w, int k) {
    padded_plane t = {.h = h, .w = w, .k = k, .pitch = (w + VL - 1) / VL * VL + 2 * (k / 2)};
    t.data = med_scratch(SCRATCH_STRIP, floats_of(&t) * sizeof *t.data);
    return t;
}

void ISA(depthwise_fill)(padded_plane *t, const channel_reader *reader, const float *x) {
    int above = t->k / 2 * t->pitch, below = above + t->h * t->pitch;
    if (!t->has_zeros) {
        memset(t->data, 0, (size_t)above * sizeof *t->data);
        memset(t->data + below, 0, (floats_of(t) - (size_t)below) * sizeof *t->data);
    }
    WITH_PROLOGUE_KIND(reader->act, copy_rows(reader, KIND, x, t, !t->has_zeros))
    t->has_zeros = 1;
}

/* Down a column of vectors: every row of input belongs to five rows of output, which are under way in five accumulators. */
static void convolve_5(const padded_plane *p, const float *w, float bias, float *y) {
    enum { K = 5 };
    vf weight[K * K];
    UNROLL for (int t = 0; t < K * K; t++) weight[t] = vf_all(w[t]);
    for (int i = 0; i < p->w; i += VL) {
        vf acc[K];
        UNROLL for (int k = 0; k < K; k++) acc[k] = vf_all(bias);
        const float *x = p->data + i;
        for (int r = 0; r < p->h + K - 1; r += K) {
            UNROLL for (int u = 0; u < K; u++) {
                int o = r + u - (K - 1);
                if (o >= p->h) break;
                acc[u] = vf_all(bias);
                UNROLL for (int s = 0; s < K; s++) {
                    vf in = vf_load(x + s);
                    UNROLL for (int j = 0; j < K; j++) acc[(u - j + K) % K] += in * weight[j * K + s];
                }
                if (o >= 0) vf_put(y + (int64_t)o * p->w, i, p->w, acc[(u + 1) % K]);
                x += p->pitch;
            }
        }
    }
}

static void convolve_any(const padded_plane *p, const float *w, float bias, float *y) {
    for (int r = 0; r < p->h; r++)
        for (int i = 0; i < p->w; i += VL) {
            vf acc = vf_all(bias);
            for (int t = 0; t < p->k * p->k; t++) acc += vf_load(p->data + (r + t / p->k) * p->pitch + i + t % p->k) * w[t];
            vf_put(y + (int64_t)r * p->w, i, p->w, acc);
        }
}

typedef struct depthwise_context {
    const med_call *call;
    int is_reversed; /* gradient of the input */
    int planes_of_task;
} depthwise_context;

/* Norm and activation of the finished plane, which is still in L2; its side. */
static void finish_plane(const med_call *call, float *y, int m, int64_t plane) {
    const med_epilogue *e = &call->node->epi;
    double part[2];
    if (e->is_on || call->side.data) ISA(stats_part)(y, plane, part);
    if (e->is_on) {
        float stats[2];
        ISA(stats_finish)(part, 1, plane, e->eps, stats);
        channel_reader reader = {.act = e->act, .mean = stats[0], .rstd = stats[1], .scale = 1, .param = (float)e->param};
        ISA(read_plane)(&reader, y, NULL, y, plane, part);
    }
    if (call->side.data) ISA(side_write)(call->side, m, part, 1, plane, call->side_eps);
}

static void compute_plane(const depthwise_context *c, padded_plane *padded, int m) {
    const med_call *call = c->call;
    med_shape s = call->out.shape;
    int k = padded->k, channel = m % (int)s.dim[1], taps = k * k;
    int64_t plane = s.dim[2] * s.dim[3];
    float w[MAX_TAPS], *y = call->out.f32 + m * plane;
    for (int t = 0; t < taps; t++) w[t] = call->in[1].f32[channel * taps + (c->is_reversed ? taps - 1 - t : t)];
    channel_reader reader = ISA(channel_reader)(call, m);
    ISA(depthwise_fill)(padded, &reader, call->in[0].f32 + m * plane);
    (k == 5 ? convolve_5 : convolve_any)(padded, w, call->n_in > 2 ? call->in[2].f32[channel] : 0, y);
    finish_plane(call, y, m, plane);
}

static void planes_task(void *context, int task) {
    const depthwise_context *c = context;
    med_shape s = c->call->out.shape;
    padded_plane padded = ISA(depthwise_plane)((int)s.dim[2], (int)s.dim[3], (int)c->call->in[1].shape.dim[2]);
    for (int m = task * c->planes_of_task; m < (task + 1) * c->planes_of_task && m < s.dim[0] * s.dim[1]; m++) compute_plane(c, &padded, m);
}

static void run(const med_call *call, int is_reversed) {
    enum { TASK = 1 << 13 /* positions */ };
    med_shape s = call->out.shape, w = call->in[1].shape;
    med_assert(w.dim[2] * w.dim[3] <= MAX_TAPS);
    int64_t plane = s.dim[2] * s.dim[3], n_planes = s.dim[0] * s.dim[1];
    depthwise_context c = {call, is_reversed, (int)(plane < TASK ? TASK / plane : 1)};
    med_parallel((int)((n_planes + c.planes_of_task - 1) / c.planes_of_task), planes_task, &c);
}

void ISA(depthwise2d)(const med_call *call) { run(call, 0); }
void ISA(depthwise2d_grad_input)(const med_call *call) { run(call, 1); }
