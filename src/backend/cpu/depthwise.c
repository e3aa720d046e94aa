/* depthwise.c: one kernel per channel, stride 1, zero padding. A task is a plane: padded copy in L2 with the prologue
 * applied on the way, then DW_ROWS rows of vectors at a time, so that an input vector serves several output rows.
 * So the output may lie over the input. The gradient of the input is the same with the kernel reversed. */
#include <stdlib.h>
#include "backend/cpu/conv.h"
#include "backend/cpu/depthwise.h"
#include "backend/cpu/vunary.h"

INLINE void copy_rows(const channel_reader *reader, med_unary_kind kind, const float *x, const padded_plane *t) {
    enum { AHEAD = 1024 /* floats, over the ends of planes and of what the processor would fetch by itself */ };
    const channel_reader how = *reader;
    int p = t->k / 2;
    float *row = t->data + p * t->pitch;
    for (int r = 0; r < t->h; r++, row += t->pitch, x += t->w) {
        for (int i = 0; i < p; i++) row[i] = 0;
        for (int i = 0; i < t->w; i += VL) {
            __builtin_prefetch(x + i + AHEAD);
            vf_put(row + p, i, t->w, vf_read(&how, kind, vf_take(x, i, t->w)));
        }
        for (int i = p + t->w; i < t->pitch; i++) row[i] = 0;
    }
}

padded_plane ISA(depthwise_pad)(const channel_reader *reader, const float *x, int h, int w, int k) {
    int p = k / 2;
    padded_plane t = {.h = h, .w = w, .k = k, .pitch = (w + VL - 1) / VL * VL + 2 * p};
    size_t rows = (size_t)(h + 2 * p + DW_ROWS - 1), n = rows * (size_t)t.pitch + VL;
    t.data = med_scratch(SCRATCH_STRIP, n * sizeof *t.data);
    memset(t.data, 0, (size_t)(p * t.pitch) * sizeof *t.data);
    WITH_PROLOGUE_KIND(reader->act, copy_rows(reader, KIND, x, &t))
    float *below = t.data + (h + p) * t.pitch;
    memset(below, 0, (n - (size_t)(below - t.data)) * sizeof *below);
    return t;
}

/* DW_ROWS output vectors below each other; k a constant where it can be. */
INLINE void column_of_vectors(const float *x, int pitch, const float *w, int k, float bias, vf *acc) {
    UNROLL for (int r = 0; r < DW_ROWS; r++) acc[r] = vf_all(bias);
    UNROLL for (int y = 0; y < k + DW_ROWS - 1; y++) {
        UNROLL for (int s = 0; s < k; s++) {
            vf in = vf_load(x + y * pitch + s);
            UNROLL for (int r = 0; r < DW_ROWS; r++) {
                if (y >= r && y - r < k) acc[r] += in * w[(y - r) * k + s];
            }
        }
    }
}

INLINE void convolve(const padded_plane *p, const float *w, int k, float bias, float *y) {
    for (int r = 0; r < p->h; r += DW_ROWS)
        for (int i = 0; i < p->w; i += VL) {
            vf acc[DW_ROWS];
            column_of_vectors(p->data + r * p->pitch + i, p->pitch, w, k, bias, acc);
            for (int q = 0; q < DW_ROWS && r + q < p->h; q++) vf_put(y + (int64_t)(r + q) * p->w, i, p->w, acc[q]);
        }
}

static void convolve_5(const padded_plane *p, const float *w, float bias, float *y) { convolve(p, w, 5, bias, y); }

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

static void plane_task(void *context, int m) {
    const depthwise_context *c = context;
    const med_call *call = c->call;
    med_shape s = call->out.shape;
    int k = (int)call->in[1].shape.dim[2], channel = m % (int)s.dim[1], taps = k * k;
    int64_t plane = s.dim[2] * s.dim[3];
    float w[MAX_TAPS];
    for (int t = 0; t < taps; t++) w[t] = call->in[1].f32[channel * taps + (c->is_reversed ? taps - 1 - t : t)];
    channel_reader reader = ISA(channel_reader)(call, m);
    padded_plane padded = ISA(depthwise_pad)(&reader, call->in[0].f32 + m * plane, (int)s.dim[2], (int)s.dim[3], k);
    float *y = call->out.f32 + m * plane;
    (k == 5 ? convolve_5 : convolve_any)(&padded, w, call->n_in > 2 ? call->in[2].f32[channel] : 0, y);
    finish_plane(call, y, m, plane);
}

static void run(const med_call *call, int is_reversed) {
    med_shape s = call->out.shape, w = call->in[1].shape;
    med_assert(w.dim[2] * w.dim[3] <= MAX_TAPS);
    depthwise_context c = {call, is_reversed};
    med_parallel((int)(s.dim[0] * s.dim[1]), plane_task, &c);
}

void ISA(depthwise2d)(const med_call *call) { run(call, 0); }
void ISA(depthwise2d_grad_input)(const med_call *call) { run(call, 1); }
