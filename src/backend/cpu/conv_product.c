/* conv_product.c: convolutions of small planes with many channels (linear layers of tokens, strides far down) as a matrix
 * product over rows = (channel, tap).
 *
 * Output positions of all samples are cut into panels of NV vectors, row after row, which are filled first (through the
 * prologue), unless they can be read from the input itself. A task has some blocks of OB outputs and goes through the rows in chunks whose panels stay in its L2. Weights of an
 * output that lie row after row are read where they lie, the next block's fetched ahead; others are packed by block and chunk. */
#include <stdlib.h>
#include "backend/cpu/product.h"

enum { PANEL = NV * VL, CHUNK_BYTES = 448 << 10, FILL_CHANNELS = 32, MOST_POSITIONS = 1024, LEAST_POSITIONS = 128 /* for several taps to pay */ };

typedef struct product {
    const conv_job *job;
    conv_geometry g;         /* one strip */
    int taps, rows, positions, n_panels; /* positions and panels: of a sample */
    int chunk;               /* rows */
    int n_fills, n_blocks, n_tasks;
    float *panels;           /* [n][n_panels][rows][PANEL]; NULL: the input is read */
    double *parts;
} product;

/* Rows of some channels of a sample. */
static void fill_task(void *context, int index) {
    const product *w = context;
    const conv_geometry *g = &w->g;
    int sample = index / w->n_fills, first = index % w->n_fills * FILL_CHANNELS, n = g->channels - first < FILL_CHANNELS ? g->channels - first : FILL_CHANNELS;
    float *strip = med_scratch(SCRATCH_STRIP, ((size_t)(n * g->plane) + STRIP_SLACK) * sizeof *strip);
    float *line = med_scratch(SCRATCH_OUT, (size_t)(w->n_panels * PANEL) * sizeof *line);
    memset(line, 0, (size_t)(w->n_panels * PANEL) * sizeof *line);
    ISA(conv_strip_fill)(g, w->job->call, w->job->x, sample, first, n, 0, strip);
    for (int i = 0; i < n * w->taps; i++) {
        const float *from = strip + i / w->taps * g->plane + g->tap[i % w->taps];
        for (int r = 0; r < g->ho; r++) memcpy(line + r * g->wo, from + r * g->pitch, (size_t)g->wo * sizeof *line);
        for (int k = 0; k < w->n_panels; k++)
            memcpy(w->panels + (((int64_t)sample * w->n_panels + k) * w->rows + first * w->taps + i) * PANEL, line + k * PANEL, PANEL * sizeof *line);
    }
}

static int vectors_of(const product *w, int panel) {
    int n = (w->positions - panel * PANEL + VL - 1) / VL;
    return n < NV ? n : NV;
}

/* Floats from a row's weights to the next's. */
static int64_t row_step(const product *w) { return w->taps == 1 ? w->job->order.input : 1; }

static const float *weights_at(const product *w, int block, int first) { return w->job->w + block * OB * w->job->order.output + first * row_step(w); }

/* u[i][o] of rows first .. first+n-1 and a block of outputs; zeros for outputs that are not there. */
static void pack(const product *w, int block, int first, int n, float *u) {
    int there = w->job->outputs - block * OB < OB ? w->job->outputs - block * OB : OB;
    const float *from = weights_at(w, block, first);
    for (int i = 0; i < n; i++, from += row_step(w), u += OB)
        for (int o = 0; o < OB; o++) u[o] = o < there ? from[o * w->job->order.output] : 0;
}

/* Row `first` of panel k, and the floats to the next row. */
static const float *panel_at(const product *w, int k, int first, ptrdiff_t *row) {
    *row = w->panels ? PANEL : w->positions;
    if (w->panels) return w->panels + ((int64_t)k * w->rows + first) * PANEL;
    return w->job->x + ((int64_t)(k / w->n_panels) * w->rows + first) * w->positions + k % w->n_panels * PANEL;
}

/* A block of outputs and a chunk of rows, at every panel. */
static void multiply(const product *w, int block, int first, int panels, float *u, float *m) {
    int n = w->rows - first < w->chunk ? w->rows - first : w->chunk, there = w->job->outputs - block * OB;
    product_tile t = {.w = weights_at(w, block, first), .w_output = w->job->order.output, .w_k = 1, .k = n, .outputs = there < OB ? there : OB,
                      .is_added = first > 0, .y_row = PANEL};
    if (row_step(w) != 1) {
        pack(w, block, first, n, u);
        t.w = u, t.w_output = 1, t.w_k = OB, t.outputs = OB;
    }
    for (int k = 0; k < panels; k++) {
        t.x = panel_at(w, k, first, &t.x_row);
        t.y = m + k * OB * PANEL;
        ISA(product_tiles)(t, vectors_of(w, k % w->n_panels));
    }
}

/* One block of outputs and one sample, with the bias, to y. */
static void store(const product *w, const float *m, int block, int sample) {
    const conv_job *job = w->job;
    for (int o = 0; o < OB && block * OB + o < job->outputs; o++) {
        int output = block * OB + o;
        float bias = job->bias ? job->bias[output] : 0, *y = job->y + sample * job->y_sample + output * job->y_channel;
        for (int p = 0; p < w->positions; p += VL) vf_put(y, p, w->positions, vf_load(m + (p / PANEL * OB + o) * PANEL + p % PANEL) + bias);
        ISA(conv_parts_add)(job, w->parts, 1, sample, output, 0, 0, job->g.ho);
    }
}

static void blocks_task(void *context, int task) {
    const product *w = context;
    int begin = task * w->n_blocks / w->n_tasks, end = (task + 1) * w->n_blocks / w->n_tasks, panels = w->job->n * w->n_panels;
    size_t n_m = (size_t)(panels * OB * PANEL);
    float *u = med_scratch(SCRATCH_STRIP, (size_t)(w->chunk * OB) * sizeof *u), *m = med_scratch(SCRATCH_OUT, (size_t)(end - begin) * n_m * sizeof *m);
    for (int first = 0; first < w->rows; first += w->chunk)
        for (int b = begin; b < end; b++) multiply(w, b, first, panels, u, m + (size_t)(b - begin) * n_m);
    for (int b = begin; b < end; b++)
        for (int i = 0; i < w->job->n; i++) store(w, m + (size_t)(b - begin) * n_m + (size_t)(i * w->n_panels * OB * PANEL), b, i);
}

int ISA(conv_is_plain)(const conv_job *job) {
    const conv_geometry *g = &job->g;
    if (g->kh * g->kw != 1 || g->stride_y * g->stride_x != 1 || g->pad_y || g->pad_x || g->ho * g->wo % VL) return 0;
    return !job->call || ISA(channel_reader)(job->call, 0).is_plain;
}

int ISA(conv_product_fits)(const conv_job *job) {
    const conv_geometry *g = &job->g;
    int taps = g->kh * g->kw, positions = g->ho * g->wo;
    int is_worth = taps == 1 ? g->channels >= 64 : g->channels >= 256 && positions >= LEAST_POSITIONS && conv_is_consecutive(&job->order, taps);
    return is_worth && job->outputs >= 16 && positions <= MOST_POSITIONS && job->y_col == 1 && job->y_row == g->wo;
}

void ISA(conv_product_run)(const conv_job *job) {
    product w = {.job = job, .g = job->g, .taps = job->g.kh * job->g.kw, .positions = job->g.ho * job->g.wo, .n_blocks = (job->outputs + OB - 1) / OB};
    ISA(conv_geometry_finish)(&w.g, w.g.ho, INT32_MAX);
    w.rows = w.g.channels * w.taps;
    w.n_panels = (w.positions + PANEL - 1) / PANEL;
    w.n_fills = (w.g.channels + FILL_CHANNELS - 1) / FILL_CHANNELS;
    w.n_tasks = w.n_blocks < CONV_TASKS ? w.n_blocks : CONV_TASKS;
    int panels = job->n * w.n_panels, fit = CHUNK_BYTES / (panels * PANEL * (int)sizeof(float)), n_chunks = (w.rows + fit - 1) / fit;
    w.chunk = (w.rows + n_chunks - 1) / n_chunks;
    w.parts = ISA(conv_parts_create)(job, 1);
    if (!ISA(conv_is_plain)(job)) {
        w.panels = med_scratch(SCRATCH_SHARED, (size_t)panels * (size_t)(w.rows * PANEL) * sizeof *w.panels);
        med_parallel(job->n * w.n_fills, fill_task, &w);
    }
    med_parallel(w.n_tasks, blocks_task, &w);
    ISA(conv_parts_finish)(job, w.parts, 1);
}
