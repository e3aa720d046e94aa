/* conv_grad_input.c: dx of conv2d, by forward convolutions of dy.
 *
 * Row h of dx receives w[ky] from row (h + pad - ky) / stride of dy where that is whole. So rows (and columns) of dx with
 * the same residue py = h % stride form an ordinary stride-1 convolution of dy with every stride-th tap, reversed:
 * taps ky = first + stride*a, a < n, reach dy row i + shift - a, where h = stride*i + py.
 * Reflect padding: the border of the padded input's gradient is computed apart and folded back. */
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

/* Part of the gradient of the input as if it went on on all sides: h x w pixels from (y, x) on. */
typedef struct region {
    int y, x, h, w;
    float *dx;
} region;

/* Its pixels of one residue of row and column. */
static void run_phase(const med_call *call, const region *part, int py, int px) {
    med_conv_attr a = ((const med_conv_grad_attr *)call->node->attr)->conv;
    med_shape dy = call->in[0].shape;
    int outputs = (int)call->out.shape.dim[1], inputs = (int)dy.dim[1], taps = a.kernel * a.kernel, w = part->w;
    med_assert(taps <= MAX_TAPS);
    axis_phase y = phase_of(py, a.kernel, a.stride, a.pad + part->y, part->h), x = phase_of(px, a.kernel, a.stride, a.pad + part->x, w);
    if (y.size < 1 || x.size < 1) return;
    conv_job job = {
        .g = {.channels = y.n && x.n ? inputs : 0, .h = (int)dy.dim[2], .w = (int)dy.dim[3], .kh = y.n, .kw = x.n, .stride_y = 1, .stride_x = 1,
              .pad_y = y.pad, .pad_x = x.pad, .ho = y.size, .wo = x.size},
        .x = call->in[0].f32, .n = (int)dy.dim[0], .outputs = outputs,
        .w = call->in[1].f32, .order = {.output = taps, .input = (int64_t)outputs * taps},
        .y = part->dx + py * w + px, .y_sample = (int64_t)outputs * part->h * w, .y_channel = (int64_t)part->h * w,
        .y_row = (int64_t)a.stride * w, .y_col = a.stride,
    };
    for (int u = 0; u < y.n; u++)
        for (int v = 0; v < x.n; v++)
            job.order.tap[u * x.n + v] = (y.first + a.stride * (y.n - 1 - u)) * a.kernel + x.first + a.stride * (x.n - 1 - v);
    ISA(conv_run)(&job);
}

static void run_region(const med_call *call, region part) {
    int stride = ((const med_conv_grad_attr *)call->node->attr)->conv.stride;
    for (int phase = 0; phase < stride * stride; phase++) run_phase(call, &part, phase / stride, phase % stride);
}

/* ---- reflect padding ---- */

enum { ABOVE, BELOW, LEFT, RIGHT, SIDES };

typedef struct border {
    const med_call *call;
    int h, w, pad;
    region side[SIDES];
} border;

static void side_task(void *context, int i) {
    const border *b = context;
    run_region(b->call, b->side[i]);
}

static void add_line(float *to, const float *from, int n) {
    for (int i = 0; i < n; i++) to[i] += from[i];
}

/* Row `from` of the border above or below, onto row r: its ends onto the borders left and right. */
static void fold_row(const border *b, const float *from, int r, float *dx, float *left, float *right) {
    add_line(left + r * b->pad, from, b->pad);
    add_line(dx + r * b->w, from + b->pad, b->w);
    add_line(right + r * b->pad, from + b->pad + b->w, b->pad);
}

static void fold_plane(void *context, int m) {
    const border *b = context;
    int p = b->pad, h = b->h, w = b->w;
    float *dx = b->call->out.f32 + (int64_t)m * h * w, *plane[SIDES];
    for (int i = 0; i < SIDES; i++) plane[i] = b->side[i].dx + (int64_t)m * b->side[i].h * b->side[i].w;
    for (int q = 0; q < p; q++) {
        fold_row(b, plane[ABOVE] + q * (w + 2 * p), p - q, dx, plane[LEFT], plane[RIGHT]);
        fold_row(b, plane[BELOW] + q * (w + 2 * p), h - 2 - q, dx, plane[LEFT], plane[RIGHT]);
    }
    for (int r = 0; r < h; r++)
        for (int q = 0; q < p; q++) {
            dx[r * w + p - q] += plane[LEFT][r * p + q];
            dx[r * w + w - 2 - q] += plane[RIGHT][r * p + q];
        }
}

static void fold_border(const med_call *call, int h, int w, int p) {
    int planes = (int)(call->out.shape.dim[0] * call->out.shape.dim[1]);
    border b = {call, h, w, p, {{-p, -p, p, w + 2 * p, NULL}, {h, -p, p, w + 2 * p, NULL}, {0, -p, h, p, NULL}, {0, w, h, p, NULL}}};
    float *at = med_scratch(SCRATCH_PADDED, (size_t)(2 * planes * p) * (size_t)(w + 2 * p + h) * sizeof *at);
    for (int i = 0; i < SIDES; i++) {
        b.side[i].dx = at;
        at += (int64_t)planes * b.side[i].h * b.side[i].w;
    }
    med_parallel(SIDES, side_task, &b);
    med_parallel(planes, fold_plane, &b);
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
    int h = (int)call->out.shape.dim[2], w = (int)call->out.shape.dim[3];
    run_region(call, (region){0, 0, h, w, call->out.f32});
    if (a.mode == MED_PAD_REFLECT && a.pad > 0) fold_border(call, h, w, a.pad);
}
