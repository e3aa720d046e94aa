/* upsample.c: bilinear to twice the size, and its transpose. Each output row is a mix of two input rows, spread along
 * the row:  y[2i] = 0.25 x[i-1] + 0.75 x[i],  y[2i+1] = 0.75 x[i] + 0.25 x[i+1], indices clamped. */
#include "backend/cpu/kernels.h"

static int clamp(int i, int n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* row[i] = near * a[i] + far * b[i] */
static void mix(const float *a, float near, const float *b, float far, int n, float *row) {
    for (int i = 0; i < n; i += VL) vf_put(row, i, n, vf_take(a, i, n) * near + vf_take(b, i, n) * far);
}

static void spread(const float *x, int n, float *y) {
    y[0] = x[0];
    for (int i = 0; i + 1 < n; i++) {
        y[2 * i + 1] = 0.75f * x[i] + 0.25f * x[i + 1];
        y[2 * i + 2] = 0.25f * x[i] + 0.75f * x[i + 1];
    }
    y[2 * n - 1] = x[n - 1];
}

static void up_plane(void *context, int m) {
    const med_call *c = context;
    int h = (int)c->in[0].shape.dim[2], w = (int)c->in[0].shape.dim[3];
    const float *x = c->in[0].f32 + (int64_t)m * h * w;
    float *y = c->out.f32 + (int64_t)m * 4 * h * w, *row = med_scratch(SCRATCH_ROWS, (size_t)w * sizeof *row);
    for (int r = 0; r < 2 * h; r++, y += 2 * w) {
        int near = r / 2, far = clamp(r % 2 ? near + 1 : near - 1, h);
        mix(x + near * w, 0.75f, x + far * w, 0.25f, w, row);
        spread(row, w, y);
    }
}

void ISA(upsample2x)(const med_call *call) {
    med_parallel((int)(call->in[0].shape.dim[0] * call->in[0].shape.dim[1]), up_plane, (void *)call);
}

/* x[i] = 0.75 (y[2i] + y[2i+1]) + 0.25 (y[2i-1] + y[2i+2]); an edge takes the quarter that was clamped to it. */
static void gather(const float *y, int n, float *x) {
    for (int i = 0; i < n; i++)
        x[i] = 0.75f * (y[2 * i] + y[2 * i + 1]) + 0.25f * (y[i > 0 ? 2 * i - 1 : 0] + y[i + 1 < n ? 2 * i + 2 : 2 * n - 1]);
}

static void up_grad_plane(void *context, int m) {
    const med_call *c = context;
    int h = (int)c->out.shape.dim[2], w = (int)c->out.shape.dim[3];
    const float *y = c->in[0].f32 + (int64_t)m * 4 * h * w;
    float *x = c->out.f32 + (int64_t)m * h * w, *row = med_scratch(SCRATCH_ROWS, (size_t)(4 * w) * sizeof *row);
    for (int r = 0; r < h; r++) {
        const float *above = y + (int64_t)(r > 0 ? 2 * r - 1 : 0) * 2 * w, *below = y + (int64_t)(r + 1 < h ? 2 * r + 2 : 2 * h - 1) * 2 * w;
        const float *y0 = y + (int64_t)2 * r * 2 * w, *y1 = y0 + 2 * w;
        for (int i = 0; i < 2 * w; i += VL)
            vf_put(row, i, 2 * w, (vf_take(y0, i, 2 * w) + vf_take(y1, i, 2 * w)) * 0.75f +
                                      (vf_take(above, i, 2 * w) + vf_take(below, i, 2 * w)) * 0.25f);
        gather(row, w, x + r * w);
    }
}

void ISA(upsample2x_grad)(const med_call *call) {
    med_parallel((int)(call->out.shape.dim[0] * call->out.shape.dim[1]), up_grad_plane, (void *)call);
}

/* ---- nearest ---- */

static void nearest_plane(void *context, int m) {
    const med_call *c = context;
    const med_upsample_attr *a = c->node->attr;
    int h = (int)c->in[0].shape.dim[2], w = (int)c->in[0].shape.dim[3], pitch = 2 * w + a->left;
    const float *x = c->in[0].f32 + (int64_t)m * h * w;
    float *y = c->out.f32 + (int64_t)m * (2 * h + a->top) * pitch;
    memset(y, 0, (size_t)(a->top * pitch) * sizeof *y);
    y += a->top * pitch;
    for (int r = 0; r < h; r++, x += w, y += 2 * pitch) {
        for (int i = 0; i < a->left; i++) y[i] = 0;
        for (int i = 0; i < w; i++) y[a->left + 2 * i] = y[a->left + 2 * i + 1] = x[i];
        memcpy(y + pitch, y, (size_t)pitch * sizeof *y);
    }
}

void ISA(upsample_nearest2x)(const med_call *call) {
    med_parallel((int)(call->in[0].shape.dim[0] * call->in[0].shape.dim[1]), nearest_plane, (void *)call);
}

static void nearest_grad_plane(void *context, int m) {
    const med_call *c = context;
    const med_upsample_attr *a = c->node->attr;
    int h = (int)c->out.shape.dim[2], w = (int)c->out.shape.dim[3], pitch = 2 * w + a->left;
    const float *y = c->in[0].f32 + ((int64_t)m * (2 * h + a->top) + a->top) * pitch + a->left;
    float *x = c->out.f32 + (int64_t)m * h * w;
    for (int r = 0; r < h; r++, x += w, y += 2 * pitch)
        for (int i = 0; i < w; i++) x[i] = y[2 * i] + y[2 * i + 1] + y[pitch + 2 * i] + y[pitch + 2 * i + 1];
}

void ISA(upsample_nearest2x_grad)(const med_call *call) {
    med_parallel((int)(call->out.shape.dim[0] * call->out.shape.dim[1]), nearest_grad_plane, (void *)call);
}

static void halve_plane(void *context, int m) {
    const med_call *c = context;
    int h = (int)c->out.shape.dim[2], w = (int)c->out.shape.dim[3];
    const float *x = c->in[0].f32 + (int64_t)m * 4 * h * w;
    float *y = c->out.f32 + (int64_t)m * h * w;
    for (int r = 0; r < h; r++, x += 4 * w, y += w)
        for (int i = 0; i < w; i++) y[i] = 0.25f * ((x[2 * i] + x[2 * i + 1]) + (x[2 * w + 2 * i] + x[2 * w + 2 * i + 1]));
}

void ISA(halve)(const med_call *call) {
    med_parallel((int)(call->out.shape.dim[0] * call->out.shape.dim[1]), halve_plane, (void *)call);
}
