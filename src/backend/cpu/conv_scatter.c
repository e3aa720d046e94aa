/* conv_scatter.c: dx of a convolution with strides (a transposed convolution) or of small planes, as one matrix product and a scatter.
 *
 * Row i of the weights holds all (output, tap) of input channel i side by side. So for every position p of dy
 *   m[p][output, tap] = sum_i dy[i][p] w[i][output, tap]
 * runs along memory whatever the kernel, multiplies nothing by zero, and reads the weights once; then every m[p] is added
 * to the kernel-sized patch of dx that p reaches. A task owns the patches of some outputs. Zero padding. */
#include "backend/cpu/conv.h"

enum {
    PL = 6,                          /* positions of a tile */
    TILE_FLOATS = (VL == 16 ? 4 : 2) * VL,
    PANEL_BYTES = 320 << 10,         /* a task's weights, about half of L2 */
    SMALL = 36,                      /* positions of a plane */
};

typedef struct scatter {
    const float *dy, *w;
    float *dx;
    int channels, positions, n_panels; /* of a sample: dy's channels and pixels; panels of PL positions */
    int outputs, kernel, stride, pad;
    int height, width, dy_width;       /* of dx, of dy */
    int n_outputs, n_groups;           /* of a task; tasks of a sample */
    float *panels;                     /* [n][n_panels][channels][PL] */
    int high, wide;                    /* patches of all positions together: dx with its padding */
} scatter;

static void fill_panel(void *context, int index) {
    const scatter *s = context;
    int first = index % s->n_panels * PL, n = s->positions - first < PL ? s->positions - first : PL;
    const float *from = s->dy + (int64_t)(index / s->n_panels) * s->channels * s->positions + first;
    float *to = s->panels + (int64_t)index * s->channels * PL;
    for (int i = 0; i < s->channels; i++, from += s->positions, to += PL) {
        for (int p = 0; p < n; p++) to[p] = from[p];
        for (int p = n; p < PL; p++) to[p] = 0;
    }
}

/* m[p] for PL positions and TILE_FLOATS columns of the weights. */
static void product_tile(const float *x, const float *w, int64_t w_row, int channels, float *m, int64_t m_row) {
    enum { NW = TILE_FLOATS / VL };
    vf acc[PL][NW];
    UNROLL for (int p = 0; p < PL; p++) {
        UNROLL for (int v = 0; v < NW; v++) acc[p][v] = vf_all(0);
    }
    for (int i = channels; i > 0; i--, x += PL, w += w_row) {
        vf weight[NW];
        UNROLL for (int v = 0; v < NW; v++) weight[v] = vf_load(w + v * VL);
        UNROLL for (int p = 0; p < PL; p++) {
            vf in = vf_all(x[p]);
            UNROLL for (int v = 0; v < NW; v++) acc[p][v] += in * weight[v];
        }
    }
    UNROLL for (int p = 0; p < PL; p++) {
        UNROLL for (int v = 0; v < NW; v++) vf_store(m + p * m_row + v * VL, acc[p][v]);
    }
}

static inline void add_patch(const float *m, int kernel, float *to, int wide) {
    for (int r = 0; r < kernel; r++)
        for (int c = 0; c < kernel; c++) to[r * wide + c] += m[r * kernel + c];
}

/* m of one position, of n outputs, to their planes. */
static void add_position(const scatter *s, const float *m, int position, int n, float *planes) {
    int taps = s->kernel * s->kernel, plane = s->high * s->wide;
    float *to = planes + (position / s->dy_width * s->wide + position % s->dy_width) * s->stride;
    if (s->kernel == 3) /* unrolled */
        for (int o = 0; o < n; o++) add_patch(m + o * taps, 3, to + o * plane, s->wide);
    else
        for (int o = 0; o < n; o++) add_patch(m + o * taps, s->kernel, to + o * plane, s->wide);
}

/* Planes without their padding to dx. */
static void store_planes(const scatter *s, const float *planes, int n, float *dx) {
    for (int o = 0; o < n; o++)
        for (int r = 0; r < s->height; r++)
            memcpy(dx + ((int64_t)o * s->height + r) * s->width, planes + ((int64_t)o * s->high + r + s->pad) * s->wide + s->pad, (size_t)s->width * sizeof *dx);
}

static int64_t whole_tiles(int n) { return ((int64_t)n + TILE_FLOATS - 1) / TILE_FLOATS * TILE_FLOATS; }

static void group_task(void *context, int index) {
    const scatter *s = context;
    int sample = index / s->n_groups, first = index % s->n_groups * s->n_outputs, taps = s->kernel * s->kernel;
    int n = s->outputs - first < s->n_outputs ? s->outputs - first : s->n_outputs;
    int64_t row = whole_tiles(s->n_outputs * taps), n_planes = (int64_t)n * s->high * s->wide;
    float *w = med_scratch(SCRATCH_STRIP, (size_t)(s->channels * row) * sizeof *w), *planes = med_scratch(SCRATCH_OUT, (size_t)(n_planes + VL) * sizeof *planes);
    float *m = med_scratch(SCRATCH_ROWS, (size_t)(PL * row) * sizeof *m);
    const float *from = s->w + (int64_t)first * taps;
    for (int i = 0; i < s->channels; i++, from += (int64_t)s->outputs * taps) {
        memcpy(w + i * row, from, (size_t)(n * taps) * sizeof *w);
        memset(w + i * row + n * taps, 0, (size_t)(row - n * taps) * sizeof *w);
    }
    memset(planes, 0, (size_t)n_planes * sizeof *planes);
    const float *panel = s->panels + (int64_t)sample * s->n_panels * s->channels * PL;
    for (int k = 0; k < s->n_panels; k++, panel += s->channels * PL) {
        for (int64_t j = 0; j < n * taps; j += TILE_FLOATS) product_tile(panel, w + j, row, s->channels, m + j, row);
        for (int p = 0; p < PL && k * PL + p < s->positions; p++) add_position(s, m + p * row, k * PL + p, n, planes);
    }
    store_planes(s, planes, n, s->dx + ((int64_t)sample * s->outputs + first) * s->height * s->width);
}

/* Outputs of a task: at most `most`, and those that fill whole tiles best. */
static int choose_outputs(int most, int taps) {
    int best = 1;
    for (int n = 1; n <= most; n++)
        if (whole_tiles(n * taps) * best <= whole_tiles(best * taps) * n) best = n;
    return best;
}

/* Where a sum is long enough to pay for the scatter, and tasks are enough. Without strides where the weights are what takes time. */
int ISA(conv_scatter_fits)(const med_call *call) {
    med_conv_attr a = ((const med_conv_grad_attr *)call->node->attr)->conv;
    int is_small = a.kernel > 1 && call->in[0].shape.dim[2] * call->in[0].shape.dim[3] <= SMALL;
    return (a.stride > 1 || is_small) && (a.mode == MED_PAD_ZERO || a.pad == 0) && call->in[0].shape.dim[1] >= 64 && call->out.shape.dim[1] >= 16;
}

void ISA(conv_scatter_run)(const med_call *call) {
    med_conv_attr a = ((const med_conv_grad_attr *)call->node->attr)->conv;
    med_shape dy = call->in[0].shape, dx = call->out.shape;
    scatter s = {.dy = call->in[0].f32, .w = call->in[1].f32, .dx = call->out.f32, .channels = (int)dy.dim[1],
                 .positions = (int)(dy.dim[2] * dy.dim[3]), .outputs = (int)dx.dim[1], .kernel = a.kernel, .stride = a.stride, .pad = a.pad,
                 .height = (int)dx.dim[2], .width = (int)dx.dim[3], .dy_width = (int)dy.dim[3]};
    int n = (int)dy.dim[0], taps = a.kernel * a.kernel;
    s.n_panels = (s.positions + PL - 1) / PL;
    /* As far as patches or dx reach. */
    s.high = ((int)dy.dim[2] - 1) * a.stride + a.kernel;
    s.wide = (s.dy_width - 1) * a.stride + a.kernel;
    if (s.high < s.height + a.pad) s.high = s.height + a.pad;
    if (s.wide < s.width + a.pad) s.wide = s.width + a.pad;
    int fit = PANEL_BYTES / (s.channels * taps * (int)sizeof(float)), least = s.outputs / CONV_TASKS;
    if (fit > least) fit = least;
    s.n_outputs = choose_outputs(fit, taps);
    s.n_groups = (s.outputs + s.n_outputs - 1) / s.n_outputs;
    s.panels = med_scratch(SCRATCH_SHARED, (size_t)(n * s.n_panels) * (size_t)(s.channels * PL) * sizeof *s.panels);
    med_parallel(n * s.n_panels, fill_panel, &s);
    med_parallel(n * s.n_groups, group_task, &s);
}
