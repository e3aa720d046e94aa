/* conv_grad_input.c: dx of conv2d, by forward convolutions of dy.
 *
 * Row h of dx receives w[ky] from row (h + pad - ky) / stride of dy where that is whole. So rows (and columns) of dx with
 * the same residue py = h % stride form an ordinary stride-1 convolution of dy with every stride-th tap, reversed:
 * taps ky = first + stride*a, a < n, reach dy row i + shift - a, where h = stride*i + py.
 * Reflect padding: the gradient of the padded input is computed whole and its border folded back. */
#include "backend/cpu/conv_halving.h"

typedef struct axis_phase {
    int first, n; /* taps */
    int pad, size;
} axis_phase;

static axis_phase phase_of(int residue, int kernel, int stride, int pad, int size) {
    axis_phase a = {.first = (residue + pad) % stride, .size = (size - residue + stride - 1) / stride};
    a.n = a.first < kernel ? (kernel - a.first + stride - 1) / stride : 0;
    int shift = (residue + pad - a.first) / stride;
    a.pad = a.n - 1 - shift;
    return a;
}

/* One residue of row and column of dx, which has size h x w and `pad` zeros around it. */
static void run_phase(const med_call *call, int py, int px, int pad, int h, int w, float *dx) {
    med_conv_attr a = ((const med_conv_grad_attr *)call->node->attr)->conv;
    med_shape dy = call->in[0].shape;
    int outputs = (int)call->out.shape.dim[1], inputs = (int)dy.dim[1], taps = a.kernel * a.kernel;
    med_assert(taps <= MAX_TAPS);
    axis_phase y = phase_of(py, a.kernel, a.stride, pad, h), x = phase_of(px, a.kernel, a.stride, pad, w);
    if (y.size < 1 || x.size < 1) return;
    conv_job job = {
        .g = {.channels = y.n && x.n ? inputs : 0, .h = (int)dy.dim[2], .w = (int)dy.dim[3], .kh = y.n, .kw = x.n, .stride_y = 1, .stride_x = 1,
              .pad_y = y.pad, .pad_x = x.pad, .ho = y.size, .wo = x.size},
        .x = call->in[0].f32, .n = (int)dy.dim[0], .outputs = outputs,
        .w = call->in[1].f32, .order = {.output = taps, .input = (int64_t)outputs * taps},
        .y = dx + py * w + px, .y_sample = (int64_t)outputs * h * w, .y_channel = (int64_t)h * w,
        .y_row = (int64_t)a.stride * w, .y_col = a.stride,
    };
    for (int u = 0; u < y.n; u++)
        for (int v = 0; v < x.n; v++)
            job.order.tap[u * x.n + v] = (y.first + a.stride * (y.n - 1 - u)) * a.kernel + x.first + a.stride * (x.n - 1 - v);
    ISA(conv_run)(&job);
}

typedef struct fold_context {
    float *padded, *dx;
    int h, w, pad;
} fold_context;

/* Add `n` floats at steps of `step` of line `from` to line `to`. */
static void add_line(float *to, const float *from, int n, int step) {
    for (int i = 0; i < n; i++) to[i * step] += from[i * step];
}

static void fold_plane(void *context, int m) {
    const fold_context *c = context;
    int p = c->pad, pitch = c->w + 2 * p, rows = c->h + 2 * p;
    float *x = c->padded + (int64_t)m * pitch * rows;
    for (int q = 0; q < p; q++) {
        add_line(x + (2 * p - q) * pitch, x + q * pitch, pitch, 1);
        add_line(x + (p + c->h - 2 - q) * pitch, x + (p + c->h + q) * pitch, pitch, 1);
    }
    for (int q = 0; q < p; q++) {
        add_line(x + 2 * p - q, x + q, rows, pitch);
        add_line(x + p + c->w - 2 - q, x + p + c->w + q, rows, pitch);
    }
    for (int r = 0; r < c->h; r++)
        memcpy(c->dx + ((int64_t)m * c->h + r) * c->w, x + (r + p) * pitch + p, (size_t)c->w * sizeof *x);
}

void ISA(conv2d_grad_input)(const med_call *call) {
    if (ISA(conv_halving_grad_fits)(call)) {
        ISA(conv_halving_grad)(call);
        return;
    }
    if (ISA(conv_scatter_fits)(call)) {
        ISA(conv_scatter_run)(call);
        return;
    }
    med_conv_attr a = ((const med_conv_grad_attr *)call->node->attr)->conv;
    med_shape s = call->out.shape;
    int h = (int)s.dim[2], w = (int)s.dim[3], planes = (int)(s.dim[0] * s.dim[1]);
    int is_folded = a.mode == MED_PAD_REFLECT && a.pad > 0, border = is_folded ? a.pad : 0;
    size_t n_padded = is_folded ? (size_t)planes * (size_t)(h + 2 * border) * (size_t)(w + 2 * border) : 0;
    float *dx = is_folded ? med_scratch(SCRATCH_PADDED, n_padded * sizeof *dx) : call->out.f32;
    for (int py = 0; py < a.stride; py++)
        for (int px = 0; px < a.stride; px++)
            run_phase(call, py, px, is_folded ? 0 : a.pad, h + 2 * border, w + 2 * border, dx);
    fold_context fold = {dx, call->out.f32, h, w, border};
    if (is_folded) med_parallel(planes, fold_plane, &fold);
}
