/* conv_direct.c: dense convolution as it is written: tiles over strips.
 *
 * Big planes: a task fills its own strip and computes all outputs from it. Few strips: strips are filled together first
 * (some channels a task), then outputs are shared among tasks; nothing is read through a prologue twice. With one strip a
 * task packs the weights it needs itself, and finds them in its L2. */
#include <stdlib.h>
#include "backend/cpu/conv.h"

enum { STRIP_BYTES = 384 << 10, FILL_CHANNELS = 16 };

typedef struct conv_context {
    const conv_job *job;
    conv_geometry g;
    int n_blocks, n_chunks; /* blocks of OB outputs; chunks of them, a task each */
    int n_fills;            /* tasks that fill one strip; 0: strips are private */
    int n_packs;            /* blocks of weights packed beforehand: all, or none */
    int is_direct;          /* rows are whole vectors: tiles store into y */
    float *weights;         /* [n_blocks][channels][taps][OB] */
    float *strips;          /* [n][n_strips], when shared */
    double *parts;
} conv_context;

static int taps_of(const conv_geometry *g) { return g->kh * g->kw; }

void ISA(conv_pack_rows)(const float *w, int64_t row, int n, float *to) {
    int k = 0;
    for (; k + VL <= n; k += VL) {
        vf square[OB];
        UNROLL for (int o = 0; o < OB; o++) {
            square[o] = vf_load(w + o * row + k);
            __builtin_prefetch(w + (OB + o) * row + k, 0, 2); /* what is packed next */
        }
        turn_squares(square);
        UNROLL for (int i = 0; i < OB; i++) {
            float part[VL / OB][OB];
            memcpy(part, &square[i], sizeof part);
            UNROLL for (int q = 0; q < VL / OB; q++) memcpy(to + (k + q * OB + i) * OB, part[q], sizeof part[q]);
        }
    }
    for (; k < n; k++)
        for (int o = 0; o < OB; o++) to[k * OB + o] = w[o * row + k];
}

/* Weights of OB outputs, zeros where there is no output. */
static void pack_block(const conv_context *c, int b) {
    const weight_order *order = &c->job->order;
    int taps = taps_of(&c->g), n = c->job->outputs - b * OB < OB ? c->job->outputs - b * OB : OB;
    float *to = c->weights + (int64_t)b * c->g.channels * taps * OB;
    const float *w = c->job->w + b * OB * order->output;
    if (conv_is_consecutive(order, taps) && n == OB) {
        ISA(conv_pack_rows)(w, order->output, c->g.channels * taps, to);
        return;
    }
    for (int i = 0; i < c->g.channels; i++, w += order->input)
        for (int t = 0; t < taps; t++, to += OB) {
            const float *from = w + order->tap[t];
            for (int o = 0; o < n; o++) to[o] = from[o * order->output];
            for (int o = n; o < OB; o++) to[o] = 0;
        }
}

/* OB outputs of a strip whose rows are whole vectors, straight into y. */
static void block_direct(const conv_context *c, conv_tile t, int rows) {
    for (int r = 0; r < rows; r++) {
        ISA(conv_tiles)(t, c->g.wo / VL);
        t.x += c->g.pitch;
        t.out += c->job->y_row;
    }
}

/* OB outputs of a strip along all its positions into scratch, then row by row without the junk. */
static void block_flat(const conv_context *c, conv_tile t, int rows) {
    const conv_job *job = c->job;
    int n_vectors = ((rows - 1) * c->g.pitch + c->g.wo + VL - 1) / VL;
    float *y = t.out, *scratch = med_scratch(SCRATCH_OUT, (size_t)(OB * n_vectors * VL) * sizeof(float));
    t.out = scratch;
    t.out_channel = (int64_t)n_vectors * VL;
    ISA(conv_tiles)(t, n_vectors);
    for (int o = 0; o < t.n_outputs; o++)
        for (int r = 0; r < rows; r++) {
            const float *from = scratch + o * t.out_channel + r * c->g.pitch;
            float *to = y + o * job->y_channel + r * job->y_row;
            if (job->y_col == 1)
                memcpy(to, from, (size_t)c->g.wo * sizeof *to);
            else
                for (int i = 0; i < c->g.wo; i++) to[i * job->y_col] = from[i];
        }
}

/* Some blocks of outputs from a strip. */
static void compute(const conv_context *c, int sample, int strip_index, int chunk, const float *strip) {
    const conv_job *job = c->job;
    int rows = conv_strip_rows(&c->g, strip_index), first_row = strip_index * c->g.rows, taps = taps_of(&c->g);
    for (int b = chunk * c->n_blocks / c->n_chunks; b < (chunk + 1) * c->n_blocks / c->n_chunks; b++) {
        float bias[OB] = {0};
        int n_outputs = job->outputs - b * OB < OB ? job->outputs - b * OB : OB;
        if (!c->n_packs) pack_block(c, b);
        if (job->bias) memcpy(bias, job->bias + b * OB, (size_t)n_outputs * sizeof *bias);
        float *y = job->y + sample * job->y_sample + b * OB * job->y_channel + first_row * job->y_row;
        conv_tile t = {strip, c->g.plane, c->g.channels, taps, c->g.tap, c->weights + (int64_t)b * c->g.channels * taps * OB,
                       bias, y, job->y_channel, n_outputs};
        (c->is_direct ? block_direct : block_flat)(c, t, rows);
        for (int o = 0; o < n_outputs; o++)
            ISA(conv_parts_add)(job, c->parts, c->g.n_strips, sample, b * OB + o, strip_index, first_row, rows);
    }
}

static void private_task(void *context, int index) {
    const conv_context *c = context;
    int sample = index / c->g.n_strips, strip_index = index % c->g.n_strips;
    float *strip = med_scratch(SCRATCH_STRIP, ISA(conv_strip_floats)(&c->g) * sizeof *strip);
    ISA(conv_strip_fill)(&c->g, c->job->call, c->job->x, sample, 0, c->g.channels, strip_index * c->g.rows, strip);
    compute(c, sample, strip_index, 0, strip);
}

/* Tasks before computing: blocks of weights, then pieces of the shared strips. */
static void prepare_task(void *context, int index) {
    const conv_context *c = context;
    if (index < c->n_packs) {
        pack_block(c, index);
        return;
    }
    index -= c->n_packs;
    int strip_index = index / c->n_fills % c->g.n_strips, sample = index / c->n_fills / c->g.n_strips;
    int c0 = index % c->n_fills * FILL_CHANNELS, n = c->g.channels - c0 < FILL_CHANNELS ? c->g.channels - c0 : FILL_CHANNELS;
    float *strip = c->strips + (size_t)(sample * c->g.n_strips + strip_index) * ISA(conv_strip_floats)(&c->g);
    ISA(conv_strip_fill)(&c->g, c->job->call, c->job->x, sample, c0, n, strip_index * c->g.rows, strip + c0 * c->g.plane);
}

static void shared_task(void *context, int index) {
    const conv_context *c = context;
    int strip = index / c->n_chunks;
    compute(c, strip / c->g.n_strips, strip % c->g.n_strips, index % c->n_chunks,
            c->strips + (size_t)strip * ISA(conv_strip_floats)(&c->g));
}

/* Several strips for big planes, whole planes below. */
static int rows_of_strip(int ho) { return ho > 64 ? (ho + CONV_TASKS - 1) / CONV_TASKS : ho > 32 ? (ho + 1) / 2 : ho; }

void ISA(conv_direct_run)(const conv_job *job) {
    enum { SMALL = 1 << 13 };
    conv_context c = {.job = job, .g = job->g, .n_blocks = (job->outputs + OB - 1) / OB, .n_chunks = 1};
    ISA(conv_geometry_finish)(&c.g, rows_of_strip(c.g.ho), STRIP_BYTES);
    c.is_direct = job->y_col == 1 && c.g.wo % VL == 0;
    c.parts = ISA(conv_parts_create)(job, c.g.n_strips);
    size_t n_weights = (size_t)c.n_blocks * OB * (size_t)(c.g.channels * taps_of(&c.g));
    c.weights = med_scratch(SCRATCH_WEIGHTS, n_weights * sizeof *c.weights);
    int n_strips = job->n * c.g.n_strips;
    int is_shared = n_strips < CONV_TASKS && c.n_blocks > 1 && c.g.channels > 0;
    if (is_shared) {
        c.n_fills = (c.g.channels + FILL_CHANNELS - 1) / FILL_CHANNELS;
        c.n_chunks = (CONV_TASKS + n_strips - 1) / n_strips;
        if (c.n_chunks > c.n_blocks) c.n_chunks = c.n_blocks;
        c.strips = med_scratch(SCRATCH_SHARED, (size_t)n_strips * ISA(conv_strip_floats)(&c.g) * sizeof *c.strips);
    }
    c.n_packs = is_shared && n_strips == 1 ? 0 : c.n_blocks;
    int n_prepare = c.n_packs + n_strips * c.n_fills;
    if (is_shared || n_weights > SMALL)
        med_parallel(n_prepare, prepare_task, &c);
    else
        for (int i = 0; i < n_prepare; i++) prepare_task(&c, i);
    med_parallel(n_strips * c.n_chunks, is_shared ? shared_task : private_task, &c);
    ISA(conv_parts_finish)(job, c.parts, c.g.n_strips);
}
