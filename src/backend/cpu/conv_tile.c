/* conv_tile.c: dense convolution from strips: OB outputs x NV vectors of positions stay in registers while the sum runs
 * over channels and taps. Each input vector is used for OB outputs, each weight for NV vectors, so the kernel runs at
 * the FMA rate from L1/L2. */
#include <stdlib.h>
#include "backend/cpu/conv.h"

typedef struct tile {
    const float *x;        /* strip at the first position */
    ptrdiff_t plane;
    int channels, taps;
    const int *tap;
    const float *w;        /* [channels][taps][OB] */
    const float *bias;     /* [OB] */
    float *out;
    int64_t out_channel;
    int n_outputs;         /* of OB, to store */
} tile;

INLINE void tile_body(const tile *t, int nv) {
    vf acc[OB][NV];
    UNROLL for (int o = 0; o < OB; o++) {
        UNROLL for (int v = 0; v < nv; v++) acc[o][v] = vf_all(t->bias[o]);
    }
    const float *x = t->x, *w = t->w;
    for (int c = t->channels; c > 0; c--, x += t->plane)
        for (int k = 0; k < t->taps; k++, w += OB) {
            const float *p = x + t->tap[k];
            vf in[NV];
            UNROLL for (int v = 0; v < nv; v++) in[v] = vf_load(p + v * VL);
            UNROLL for (int o = 0; o < OB; o++) {
                vf weight = vf_all(w[o]);
                UNROLL for (int v = 0; v < nv; v++) acc[o][v] += in[v] * weight;
            }
        }
    UNROLL for (int o = 0; o < OB; o++) {
        if (o < t->n_outputs) {
            UNROLL for (int v = 0; v < nv; v++) vf_store(t->out + o * t->out_channel + v * VL, acc[o][v]);
        }
    }
}

static void tile_3(const tile *t) { tile_body(t, 3); }
static void tile_2(const tile *t) { tile_body(t, 2); }
static void tile_1(const tile *t) { tile_body(t, 1); }

/* `n_vectors` vectors of consecutive positions. */
static void run_of_tiles(tile t, int n_vectors) {
    while (n_vectors > 0) {
        int nv = n_vectors == 4 ? 2 : n_vectors < NV ? n_vectors : NV;
        (nv == 3 ? tile_3 : nv == 2 ? tile_2 : tile_1)(&t);
        t.x += nv * VL;
        t.out += nv * VL;
        n_vectors -= nv;
    }
}

typedef struct conv_context {
    const conv_job *job;
    int n_chunks, n_blocks; /* of OB outputs */
    int is_direct;          /* rows are whole vectors: tiles store into y */
    double *parts;          /* [n][outputs][strips][2] */
} conv_context;

/* OB outputs of a strip whose rows are whole vectors, straight into y. */
static void block_direct(const conv_job *job, tile t, int rows) {
    for (int r = 0; r < rows; r++) {
        run_of_tiles(t, job->g.wo / VL);
        t.x += job->g.pitch;
        t.out += job->y_row;
    }
}

/* OB outputs of a strip along all its positions into scratch, then row by row without the junk. */
static void block_flat(const conv_job *job, tile t, int rows) {
    const conv_geometry *g = &job->g;
    int n_vectors = ((rows - 1) * g->pitch + g->wo + VL - 1) / VL;
    float *y = t.out, *scratch = med_scratch(SCRATCH_OUT, (size_t)(OB * n_vectors * VL) * sizeof(float));
    t.out = scratch;
    t.out_channel = (int64_t)n_vectors * VL;
    run_of_tiles(t, n_vectors);
    for (int o = 0; o < t.n_outputs; o++)
        for (int r = 0; r < rows; r++) {
            const float *from = scratch + o * t.out_channel + r * g->pitch;
            float *to = y + o * job->y_channel + r * job->y_row;
            if (job->y_col == 1)
                memcpy(to, from, (size_t)g->wo * sizeof *to);
            else
                for (int i = 0; i < g->wo; i++) to[i * job->y_col] = from[i];
        }
}

static void conv_task(void *context, int index) {
    const conv_context *c = context;
    const conv_job *job = c->job;
    const conv_geometry *g = &job->g;
    int chunk = index % c->n_chunks, strip_index = index / c->n_chunks % g->n_strips;
    int sample = index / c->n_chunks / g->n_strips;
    int first_row = strip_index * g->rows, rows = g->ho - first_row < g->rows ? g->ho - first_row : g->rows;
    float *strip = med_scratch(SCRATCH_STRIP, ISA(conv_strip_floats)(g) * sizeof *strip);
    ISA(conv_strip_fill)(g, job->call, job->x, sample, 0, g->channels, first_row, strip);

    int taps = g->kh * g->kw;
    int begin = chunk * c->n_blocks / c->n_chunks, end = (chunk + 1) * c->n_blocks / c->n_chunks;
    for (int b = begin; b < end; b++) {
        float bias[OB] = {0};
        int n_outputs = job->outputs - b * OB < OB ? job->outputs - b * OB : OB;
        if (job->bias) memcpy(bias, job->bias + b * OB, (size_t)n_outputs * sizeof *bias);
        float *y = job->y + sample * job->y_sample + b * OB * job->y_channel + first_row * job->y_row;
        tile t = {strip, g->plane, g->channels, taps, g->tap, job->weights + (int64_t)b * g->channels * taps * OB,
                  bias, y, job->y_channel, n_outputs};
        (c->is_direct ? block_direct : block_flat)(job, t, rows);
        for (int o = 0; c->parts && o < n_outputs; o++)
            ISA(stats_part)(y + o * job->y_channel, (int64_t)rows * g->wo,
                            c->parts + (((int64_t)sample * job->outputs + b * OB + o) * g->n_strips + strip_index) * 2);
    }
}

void ISA(conv_run)(const conv_job *job) {
    const conv_geometry *g = &job->g;
    conv_context c = {.job = job, .n_blocks = (job->outputs + OB - 1) / OB};
    c.is_direct = job->y_col == 1 && g->wo % VL == 0;
    /* Enough tasks for a few threads, but no strip filled more often than needed for that. */
    enum { WANTED = 8 };
    int n_strips = job->n * g->n_strips;
    c.n_chunks = (WANTED + n_strips - 1) / n_strips;
    if (c.n_chunks > c.n_blocks) c.n_chunks = c.n_blocks;
    size_t n_parts = (size_t)job->n * (size_t)job->outputs;
    if (job->side.data) c.parts = med_alloc(n_parts * (size_t)g->n_strips * 2 * sizeof(double));
    med_parallel(n_strips * c.n_chunks, conv_task, &c);
    for (size_t i = 0; c.parts && i < n_parts; i++)
        ISA(stats_finish)(c.parts + i * (size_t)g->n_strips * 2, g->n_strips, (int64_t)g->ho * g->wo, job->eps,
                          job->side.f32 + 2 * i);
    free(c.parts);
}

typedef struct pack_context {
    const float *w;
    const weight_order *order;
    int outputs, inputs, taps;
    float *to;
} pack_context;

static void pack_block(void *context, int b) {
    const pack_context *c = context;
    float *to = c->to + (int64_t)b * c->inputs * c->taps * OB;
    int n = c->outputs - b * OB < OB ? c->outputs - b * OB : OB;
    const float *w = c->w + b * OB * c->order->output;
    for (int i = 0; i < c->inputs; i++, w += c->order->input)
        for (int t = 0; t < c->taps; t++, to += OB) {
            const float *from = w + c->order->tap[t];
            for (int o = 0; o < n; o++) to[o] = from[o * c->order->output];
            for (int o = n; o < OB; o++) to[o] = 0;
        }
}

void ISA(conv_pack)(const float *w, const weight_order *order, int outputs, int inputs, int taps, float *to) {
    enum { SMALL = 1 << 14 };
    int n_packed = (outputs + OB - 1) / OB;
    pack_context c = {w, order, outputs, inputs, taps, to};
    if (conv_packed_floats(outputs, inputs, taps) > SMALL)
        med_parallel(n_packed, pack_block, &c);
    else
        for (int b = 0; b < n_packed; b++) pack_block(&c, b);
}
