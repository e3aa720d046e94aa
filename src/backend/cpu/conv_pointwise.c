/* conv_pointwise.c: 1x1 convolutions of big planes, from where the input lies.
 *
 * A vector of positions is read once for 2 OB outputs, whose accumulators are as many as those of OB outputs at two vectors: channels
 * of one position lie planes apart, where sizes of images make them share cache sets, so that nothing would be found there again.
 * A scale of the channels goes into the weights. */
#include "backend/cpu/conv.h"

enum { PAIR = 2 * OB, AHEAD = 16 /* channels from the one that is multiplied to the one that is fetched */ };

typedef struct pointwise {
    const conv_job *job;
    int positions, n_blocks, n_chunks, rows; /* positions: of a sample; blocks of OB outputs; chunks of rows of a sample, a task each */
    int is_scaled;
    size_t n_weights;                        /* of a sample, if scaled; else of all */
    float *weights;                          /* [n_blocks][channels][OB] */
    double *parts;
} pointwise;

static void pack(const pointwise *w, int sample, int b) {
    const conv_job *job = w->job;
    int channels = job->g.channels, n = job->outputs - b * OB < OB ? job->outputs - b * OB : OB;
    const float *from = job->w + b * OB * job->order.output, *scale = w->is_scaled ? job->call->scale.f32 + (int64_t)sample * channels : NULL;
    float *to = w->weights + (size_t)sample * w->n_weights + (size_t)b * (size_t)(channels * OB);
    if (n == OB && job->order.input == 1) ISA(conv_pack_rows)(from, job->order.output, channels, to);
    else
        for (int i = 0; i < channels; i++)
            for (int o = 0; o < OB; o++) to[i * OB + o] = o < n ? from[o * job->order.output + i * job->order.input] : 0;
    for (int i = 0; scale && i < channels; i++)
        for (int o = 0; o < OB; o++) to[i * OB + o] *= scale[i];
}

static void pack_task(void *context, int index) {
    const pointwise *w = context;
    pack(w, index / w->n_blocks, index % w->n_blocks);
}

/* `no` outputs at one vector of positions; their bias is in acc. */
INLINE void multiply(const float *x, ptrdiff_t plane, int channels, int n_positions, const float *u, int no, int is_first, vf acc[PAIR]) {
    const float *second = u + channels * OB, *ahead = x + (channels > AHEAD ? AHEAD * plane : VL);
    for (int i = 0; i < channels; i++, x += plane, u += OB, second += OB) {
        vf in = vf_take(x, 0, n_positions);
        if (is_first) {
            __builtin_prefetch(ahead, 0, 2);
            ahead = i + AHEAD + 1 == channels ? x + VL - i * plane : ahead + plane;
        }
        UNROLL for (int o = 0; o < no; o++) acc[o] += in * (o < OB ? u[o] : second[o - OB]);
    }
}

INLINE void tile(const pointwise *w, const float *x, const float *u, int b, int n_positions, int no, float *y) {
    const conv_job *job = w->job;
    vf acc[PAIR];
    UNROLL for (int o = 0; o < no; o++) acc[o] = vf_all(job->bias && b * OB + o < job->outputs ? job->bias[b * OB + o] : 0);
    if (n_positions >= VL) multiply(x, w->positions, job->g.channels, VL, u, no, b == 0, acc);
    else multiply(x, w->positions, job->g.channels, n_positions, u, no, 0, acc);
    UNROLL for (int o = 0; o < no; o++) {
        if (b * OB + o < job->outputs) vf_put(y + o * job->y_channel, 0, n_positions, acc[o]);
    }
}
static void tile_of_pair(const pointwise *w, const float *x, const float *u, int b, int n, float *y) { tile(w, x, u, b, n, PAIR, y); }
static void tile_of_one(const pointwise *w, const float *x, const float *u, int b, int n, float *y) { tile(w, x, u, b, n, OB, y); }

static void chunk_task(void *context, int index) {
    const pointwise *w = context;
    const conv_job *job = w->job;
    int sample = index / w->n_chunks, chunk = index % w->n_chunks, first = chunk * w->rows, rows = job->g.ho - first < w->rows ? job->g.ho - first : w->rows;
    const float *u = w->weights + (w->is_scaled ? (size_t)sample * w->n_weights : 0), *x = job->x + (int64_t)sample * job->g.channels * w->positions;
    float *y = job->y + sample * job->y_sample;
    for (int p = first * job->g.wo, end = p + rows * job->g.wo; p < end; p += VL)
        for (int b = 0; b < w->n_blocks; b += 2)
            (b + 1 < w->n_blocks ? tile_of_pair : tile_of_one)(w, x + p, u + b * OB * job->g.channels, b, end - p, y + b * OB * job->y_channel + p);
    for (int o = 0; o < job->outputs; o++) ISA(conv_parts_add)(job, w->parts, w->n_chunks, sample, o, chunk, first, rows);
}

int ISA(conv_pointwise_fits)(const conv_job *job) {
    enum { LEAST_POSITIONS = 256, MOST_PRODUCT = 1024 /* below which conv_product.c takes what it can read as it lies */ };
    const conv_geometry *g = &job->g;
    if (g->kh * g->kw != 1 || g->stride_y * g->stride_x != 1 || g->pad_y || g->pad_x || job->y_col != 1 || job->y_row != g->wo) return 0;
    int is_scaled = job->call && job->call->scale.data, positions = g->ho * g->wo;
    if (g->wo != g->w || g->ho != g->h || g->channels < AHEAD || job->outputs < OB || positions < (is_scaled ? LEAST_POSITIONS : MOST_PRODUCT)) return 0;
    return !job->call || (!job->call->stats.data && job->call->node->pro.act == MED_UNARY_none);
}

void ISA(conv_pointwise_run)(const conv_job *job) {
    const conv_geometry *g = &job->g;
    pointwise w = {.job = job, .positions = g->ho * g->wo, .n_blocks = (job->outputs + OB - 1) / OB, .rows = (g->ho + CONV_TASKS - 1) / CONV_TASKS,
                   .is_scaled = job->call && job->call->scale.data};
    w.n_chunks = (g->ho + w.rows - 1) / w.rows;
    w.n_weights = (size_t)w.n_blocks * (size_t)(g->channels * OB);
    int n_packs = (w.is_scaled ? job->n : 1) * w.n_blocks;
    w.weights = med_scratch(SCRATCH_WEIGHTS, (w.is_scaled ? (size_t)job->n : 1) * w.n_weights * sizeof *w.weights);
    w.parts = ISA(conv_parts_create)(job, w.n_chunks);
    if (n_packs >= CONV_TASKS) med_parallel(n_packs, pack_task, &w);
    else
        for (int i = 0; i < n_packs; i++) pack_task(&w, i);
    med_parallel(job->n * w.n_chunks, chunk_task, &w);
    ISA(conv_parts_finish)(job, w.parts, w.n_chunks);
}
