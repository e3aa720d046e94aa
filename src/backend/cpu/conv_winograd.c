/* conv_winograd.c: 3x3 stride-1 convolution by Winograd's F(4x4,3x3) (Lavin & Gray 2016): 36 instead of 144
 * multiplications for 4x4 outputs, 2e-6 relative error in float.
 *
 * The input of a tile is 6x6 pixels, tiles are 4 apart: so the flat strip of a convolution with kernel 6 and stride 4 has
 * each of the 36 pixels of neighbouring tiles side by side, and vectors run along tiles, row after row. A block of NV vectors:
 *   V[k][i] = B'dB of the tiles (prologue was applied when the strip was filled)
 *   M[k][o] = sum_i U[k][o][i] V[k][i], k < 36, by a kernel like that of conv_tile.c;  U = GgG' of the weights
 *   y = A'MA, columns interleaved again, junk dropped.
 * Few strips: V of all tiles is made together first, then groups of outputs are shared among tasks, each of which
 * transforms the weights it needs and uses them while they are in its L2. */
#include "backend/cpu/conv.h"
#include "backend/cpu/winograd.h"

enum {
    POINTS = 36,
    STRIP_BYTES = 640 << 10,
    CHUNK = POINTS * POINT_STEP,           /* floats of V or M of OB channels at a block of tiles */
    GROUP = (160 << 10) / (CHUNK * 4),     /* blocks of outputs whose M stays in L2 */
    FILL_CHANNELS = 8,
    MOST_FEW = VL == 16 ? 12 : 2, /* tiles in a vector that are worth a kernel of their own */
};

typedef struct winograd {
    const conv_job *job;
    conv_geometry g;             /* of tiles: kernel 6, stride 4 */
    int n_blocks, n_groups;      /* blocks of OB outputs; groups of blocks */
    int n_fills;                 /* tasks that make V of one strip, when shared */
    ptrdiff_t u_point;           /* floats from a point of U to the next */
    float *u;                    /* [n_blocks][POINTS][channels][OB], when kept or not made by every task */
    float *v;                    /* [n][n_strips][tile blocks] of a block's V, when shared */
    double *parts;
} winograd;

/* Lanes are OB outputs of VL/OB neighbouring channels, as U has them. */
enum { LANE_CHANNELS = VL / OB };

/* Nine weights of each lane's (output, channel), in the memory's order; zeros for lanes that are not there. */
INLINE void load_weights(const weight_order *order, const float *from, int n_outputs, int n_channels, vf weight[9]) {
    enum { AHEAD = 128 /* floats of an output's weights */ };
    UNROLL for (int o = 0; o < OB; o++) __builtin_prefetch(from + o * order->output + AHEAD);
    UNROLL for (int t = 0; t < 9; t += VL) {
        vf row[VL];
        int n = 9 - t < VL ? 9 - t : VL;
        UNROLL for (int l = 0; l < VL; l++) {
            int is_there = l % OB < n_outputs && l / OB < n_channels;
            row[l] = is_there ? vf_load_n(from + l % OB * order->output + l / OB * order->input + t, n) : vf_all(0);
        }
        vf_transpose(row);
        UNROLL for (int i = 0; i < n; i++) weight[t + i] = row[i];
    }
}

/* U of a block of outputs: [POINTS][channels][OB]. */
static void weight_block(const winograd *w, int b, float *u) {
    const weight_order *order = &w->job->order;
    int channels = w->g.channels, n = w->job->outputs - b * OB < OB ? w->job->outputs - b * OB : OB;
    const float *from = w->job->w + b * OB * order->output;
    int is_reversed = order->tap[8] < order->tap[0], first_tap = order->tap[is_reversed ? 8 : 0]; /* nine neighbours in one order or the other */
    for (int i = 0; i < channels; i += LANE_CHANNELS, from += LANE_CHANNELS * order->input, u += VL) {
        vf weight[9], g[9], half[18];
        int n_channels = channels - i < LANE_CHANNELS ? channels - i : LANE_CHANNELS;
        if (n == OB && n_channels == LANE_CHANNELS) load_weights(order, from + first_tap, OB, LANE_CHANNELS, weight);
        else load_weights(order, from + first_tap, n, n_channels, weight);
        UNROLL for (int t = 0; t < 9; t++) g[t] = is_reversed ? weight[8 - t] : weight[t];
        UNROLL for (int c = 0; c < 3; c++) weight_1d(g[c], g[3 + c], g[6 + c], half + c, 3);
        UNROLL for (int r = 0; r < 6; r++) {
            vf point[6];
            weight_1d(half[3 * r], half[3 * r + 1], half[3 * r + 2], point, 1);
            UNROLL for (int c = 0; c < 6; c++) vf_put(u + (6 * r + c) * w->u_point, 0, n_channels * OB, point[c]);
        }
    }
}

/* ---- blocks of tiles ---- */

static int strip_tiles(const winograd *w, int strip) { return conv_strip_rows(&w->g, strip) * w->g.wo; }

typedef struct tile_block { int first, nv, few; /* tiles of the last vector, if few */ } tile_block;
static int strip_blocks(const winograd *w, int strip) { return (strip_tiles(w, strip) + BLOCK_TILES - 1) / BLOCK_TILES; }
static tile_block block_at(const winograd *w, int strip, int index) {
    int first = index * BLOCK_TILES, tiles = strip_tiles(w, strip) - first;
    if (tiles >= BLOCK_TILES) return (tile_block){first, NV, 0};
    return (tile_block){first, (tiles + VL - 1) / VL, tiles % VL <= MOST_FEW ? tiles % VL : 0};
}
static size_t block_floats(const winograd *w) { return (size_t)((w->g.channels + OB - 1) / OB) * CHUNK; }

/* Where the pixels of VL tiles go in a plane of y, if all of them are there, each vector of a row of pixels in one row. */
static int find_place(const winograd *w, int first, int strip, pixel_place *to) {
    const conv_job *job = w->job;
    int pixel_rows = job->g.ho - 4 * strip * w->g.rows;
    to->row = job->y_row;
    for (int q = 0, tile = first; q < 4; q++, tile += VL / 4)
        to->at[q] = 4 * (tile / w->g.wo * to->row + tile % w->g.wo);
    return w->g.wo % (VL / 4) == 0 && job->g.wo % 4 == 0 && first + VL <= strip_tiles(w, strip) && 4 * ((first + VL - 1) / w->g.wo + 1) <= pixel_rows;
}

/* Four rows of pixels of VL tiles, as far as they are there, to where they belong in a plane of y; their sums. */
static void scatter(const winograd *w, const float *pixels, int first, int strip, float *plane, pixel_sums *sums) {
    const conv_job *job = w->job;
    int pixel_rows = job->g.ho - 4 * strip * w->g.rows, end = first + VL < strip_tiles(w, strip) ? first + VL : strip_tiles(w, strip);
    for (int tile = first, run; tile < end; tile += run, pixels += 4 * run) {
        int ty = tile / w->g.wo, tx = tile % w->g.wo;
        run = w->g.wo - tx < end - tile ? w->g.wo - tx : end - tile;
        int columns = 4 * run < job->g.wo - 4 * tx ? 4 * run : job->g.wo - 4 * tx;
        for (int r = 0; r < 4 && 4 * ty + r < pixel_rows; r++)
            for (int i = 0; i < columns; i += VL) {
                vf v = vf_take(pixels + 4 * VL * r, i, columns);
                vf_put(plane + (4 * ty + r) * job->y_row + 4 * tx, i, columns, v);
                sums->sum += v;
                sums->square += v * v;
            }
    }
}

/* The lines of y that a block will be written to, fetched while products are computed: the row of pixels whose turn it is. */
typedef struct pixel_fetch {
    const conv_job *job;
    const pixel_place *place;
    int n_whole;  /* vectors of tiles */
    int n_rows, done;
    int vector, row;
    float *plane;
} pixel_fetch;

/* One of POINTS steps. */
INLINE void fetch_pixels(pixel_fetch *f, int step) {
    for (int end = (step + 1) * f->n_rows / POINTS; f->done < end; f->done++) {
        const pixel_place *to = &f->place[f->vector];
        for (int q = 0; q < 4; q++) __builtin_prefetch(f->plane + f->row * to->row + to->at[q], 1);
        if (++f->row < 4) continue;
        f->row = 0;
        if (++f->vector < f->n_whole) continue;
        f->vector = 0;
        f->plane += f->job->y_channel;
    }
}

/* m[o] = sum_i u[i][o] v[i] for OB outputs and nv vectors of tiles; v in chunks of OB channels. */
INLINE void product_body(const float *v, const float *u, int channels, int nv, float *m) {
    vf acc[OB][NV];
    UNROLL for (int o = 0; o < OB; o++) {
        UNROLL for (int i = 0; i < nv; i++) acc[o][i] = vf_all(0);
    }
    for (; channels > 0; channels -= OB, v += CHUNK - OB * BLOCK_TILES)
        for (int c = channels < OB ? channels : OB; c > 0; c--, v += BLOCK_TILES, u += OB) {
            vf in[NV];
            UNROLL for (int i = 0; i < nv; i++) in[i] = vf_load(v + i * VL);
            UNROLL for (int o = 0; o < OB; o++) {
                vf weight = vf_all(u[o]);
                UNROLL for (int i = 0; i < nv; i++) acc[o][i] += in[i] * weight;
            }
        }
    UNROLL for (int o = 0; o < OB; o++) {
        UNROLL for (int i = 0; i < nv; i++) vf_store(m + o * BLOCK_TILES + i * VL, acc[o][i]);
    }
}
static void product_3(const float *v, const float *u, int channels, float *m) { product_body(v, u, channels, 3, m); }
static void product_2(const float *v, const float *u, int channels, float *m) { product_body(v, u, channels, 2, m); }
static void product_1(const float *v, const float *u, int channels, float *m) { product_body(v, u, channels, 1, m); }

/* The same for n tiles, vectors along outputs: a vector of OB tiles would take as long as 2 OB of these. */
INLINE void few_body(const float *v, const float *u, int channels, int n, float *m) {
    const int chains = n < 8 ? 2 : 1; /* sums of odd channels apart, where those of all are too few to fill the pipelines */
    vo acc[2][MOST_FEW];
    UNROLL for (int t = 0; t < n; t++) acc[0][t] = acc[1][t] = (vo){0};
    for (; channels > 0; channels -= OB, v += CHUNK - OB * BLOCK_TILES)
        for (int c = channels < OB ? channels : OB; c > 0; c -= chains, v += chains * BLOCK_TILES, u += chains * OB) {
            UNROLL for (int k = 0; k < chains; k++) {
                if (k >= c) continue;
                vo weight = *(const vo_any *)(u + k * OB);
                UNROLL for (int t = 0; t < n; t++) acc[k][t] += weight * v[k * BLOCK_TILES + t];
            }
        }
    vf row[OB];
    UNROLL for (int o = 0; o < OB; o++) {
        vo part[VL / OB];
        UNROLL for (int q = 0; q < VL / OB; q++) part[q] = q * OB + o < n ? acc[0][q * OB + o] + acc[1][q * OB + o] : (vo){0};
        memcpy(&row[o], part, sizeof part);
    }
    turn_squares(row);
    UNROLL for (int o = 0; o < OB; o++) vf_store(m + o * BLOCK_TILES, row[o]);
}
#define FEW(n) static void few_##n(const float *v, const float *u, int channels, float *m) { few_body(v, u, channels, n, m); }
FEW(1) FEW(2)
#if MED_VL == 16
FEW(3) FEW(4) FEW(5) FEW(6) FEW(7) FEW(8) FEW(9) FEW(10) FEW(11) FEW(12)
#endif

/* M of a block of outputs at one point. */
static void products(const float *v, const float *u, int channels, tile_block block, float *m) {
    static void (*const whole[])(const float *, const float *, int, float *) = {product_1, product_2, product_3};
    static void (*const few[])(const float *, const float *, int, float *) = {
        few_1, few_2,
#if MED_VL == 16
        few_3, few_4, few_5, few_6, few_7, few_8, few_9, few_10, few_11, few_12,
#endif
    };
    int n = block.few ? block.nv - 1 : block.nv;
    if (n) whole[n - 1](v, u, channels, m);
    if (block.few) few[block.few - 1](v + n * VL, u, channels, m + n * VL);
}

static int group_begin(const winograd *w, int group) { return group * w->n_blocks / w->n_groups; }

/* A task's memory besides V. */
typedef struct outputs_memory {
    float *m;
    moments *of; /* of each output */
} outputs_memory;

static outputs_memory outputs_memory_of(const winograd *w) {
    int blocks = (w->n_blocks + w->n_groups - 1) / w->n_groups;
    size_t n_m = (size_t)blocks * CHUNK * sizeof(float), n_moments = (size_t)(w->n_blocks * OB) * sizeof(moments);
    char *at = med_scratch(SCRATCH_OUT, n_m + n_moments);
    memset(at + n_m, 0, n_moments);
    return (outputs_memory){(float *)at, (moments *)(at + n_m)};
}

/* One group of outputs, whose U is given, at one block of tiles. */
static void group_of_block(const winograd *w, const float *u, const float *v, int group, int sample, int strip, tile_block block, outputs_memory memory) {
    const conv_job *job = w->job;
    int begin = group_begin(w, group), end = group_begin(w, group + 1);
    static const pixel_place in_pixels = {{0, VL, 2 * VL, 3 * VL}, 4 * VL};
    pixel_place place[NV];
    int n_whole = 0; /* vectors: the first ones */
    while (n_whole < block.nv && find_place(w, block.first + n_whole * VL, strip, &place[n_whole])) n_whole++;
    int first = begin * OB, last = end * OB < job->outputs ? end * OB : job->outputs;
    float pixels[4 * 4 * VL], *plane = job->y + sample * job->y_sample + first * job->y_channel + 4 * strip * w->g.rows * job->y_row;
    pixel_fetch fetch = {.job = job, .place = place, .n_whole = n_whole, .n_rows = (last - first) * n_whole * 4, .plane = plane};
    for (int k = 0; k < POINTS; k++) {
        fetch_pixels(&fetch, k);
        for (int b = 0; b < end - begin; b++)
            products(v + k * POINT_STEP, u + (b * POINTS + k) * w->u_point, w->g.channels, block, memory.m + b * CHUNK + k * POINT_STEP);
    }
    for (int o = first; o < last; o++, plane += job->y_channel) {
        pixel_sums sums = {vf_all(0), vf_all(0)}, unused = sums;
        const float *from = memory.m + (o / OB - begin) * CHUNK + o % OB * BLOCK_TILES;
        float bias = job->bias ? job->bias[o] : 0;
        output_transform_even(from, bias, n_whole, plane, place, &sums);
        output_transform_odd(from, bias, n_whole, plane, place, &sums);
        for (int i = n_whole; i < block.nv; i++) {
            output_transform_even(from + i * VL, bias, 1, pixels, &in_pixels, &unused);
            output_transform_odd(from + i * VL, bias, 1, pixels, &in_pixels, &unused);
            scatter(w, pixels, block.first + i * VL, strip, plane, &sums);
        }
        if (w->parts) moments_add(&memory.of[o], sums.sum, sums.square);
    }
}

/* V of one channel at one block; the plane of its strip. */
static void transform_block(const winograd *w, const float *plane, int channel, tile_block b, float *v) {
    v += channel / OB * CHUNK + channel % OB * BLOCK_TILES;
    input_transform_above(plane + b.first, w->g.tap, b.nv, v);
    input_transform_below(plane + b.first, w->g.tap, b.nv, v);
}

/* Outputs from group `begin` to `end` of a strip are written: their moments, which start anew, to its parts; or what is to be added,
 * while they are in L2. */
static void finish_strip(const winograd *w, int begin, int end, int sample, int strip, moments *of) {
    int row = 4 * strip * w->g.rows, rows = 4 * w->g.rows < w->job->g.ho - row ? 4 * w->g.rows : w->job->g.ho - row;
    for (int o = begin * OB; (w->parts || w->job->residual) && o < end * OB && o < w->job->outputs; o++) {
        if (w->job->residual) {
            ISA(conv_parts_add)(w->job, w->parts, w->g.n_strips, sample, o, strip, row, rows);
            continue;
        }
        double *part = w->parts + (((int64_t)sample * w->job->outputs + o) * w->g.n_strips + strip) * 2;
        moments_part(&of[o], part);
        of[o] = (moments){{{0}, {0}}, {{0}, {0}}};
    }
}

/* Rows of a strip are read when a block of tiles needs them, and transformed while they are in L1. */
static void private_task(void *context, int index) {
    const winograd *w = context;
    int sample = index / w->g.n_strips, strip_index = index % w->g.n_strips, row = strip_index * w->g.rows, n_filled = 0;
    size_t n_strip = (ISA(conv_strip_floats)(&w->g) + 15) / 16 * 16;
    float *strip = med_scratch(SCRATCH_STRIP, (n_strip + block_floats(w)) * sizeof *strip), *v = strip + n_strip;
    outputs_memory memory = outputs_memory_of(w);
    for (int k = 0; k < strip_blocks(w, strip_index); k++) {
        tile_block b = block_at(w, strip_index, k);
        int last = b.first + b.nv * VL < strip_tiles(w, strip_index) ? b.first + b.nv * VL : strip_tiles(w, strip_index);
        int n_needed = 4 * ((last - 1) / w->g.wo) + 6;
        for (int c = 0; c < w->g.channels; c++) {
            ISA(conv_strip_fill_rows)(&w->g, w->job->call, w->job->x, sample, c, row, n_filled, n_needed, strip + c * w->g.plane);
            transform_block(w, strip + c * w->g.plane, c, b, v);
        }
        n_filled = n_needed;
        for (int group = 0; group < w->n_groups; group++)
            group_of_block(w, w->u + group_begin(w, group) * POINTS * w->u_point, v, group, sample, strip_index, b, memory);
    }
    finish_strip(w, 0, w->n_blocks, sample, strip_index, memory.of);
}

static int max_tile_blocks(const winograd *w) { return strip_blocks(w, 0); }

static void weight_task(void *context, int b) {
    const winograd *w = context;
    weight_block(w, b, w->u + b * POINTS * w->u_point);
}

/* V of some channels of one strip. */
static void fill_task(void *context, int index) {
    const winograd *w = context;
    int strip_index = index / w->n_fills % w->g.n_strips, sample = index / w->n_fills / w->g.n_strips;
    int begin = index % w->n_fills * FILL_CHANNELS, end = begin + FILL_CHANNELS < w->g.channels ? begin + FILL_CHANNELS : w->g.channels;
    float *plane = med_scratch(SCRATCH_STRIP, ((size_t)w->g.plane + STRIP_SLACK) * sizeof *plane);
    float *v = w->v + (size_t)((sample * w->g.n_strips + strip_index) * max_tile_blocks(w)) * block_floats(w);
    for (int c = begin; c < end; c++) {
        ISA(conv_strip_fill)(&w->g, w->job->call, w->job->x, sample, c, 1, strip_index * w->g.rows, plane);
        for (int k = 0; k < strip_blocks(w, strip_index); k++) transform_block(w, plane, c, block_at(w, strip_index, k), v + k * block_floats(w));
    }
}

/* A group of outputs everywhere. */
static void group_task(void *context, int group) {
    const winograd *w = context;
    int begin = group_begin(w, group), end = group_begin(w, group + 1);
    size_t n_u = (size_t)((end - begin) * POINTS) * (size_t)w->u_point;
    float *u = w->job->kept ? w->u + begin * POINTS * w->u_point : med_scratch(SCRATCH_STRIP, n_u * sizeof *u);
    outputs_memory memory = outputs_memory_of(w);
    for (int b = begin; b < end && !w->job->kept_is_made; b++) weight_block(w, b, u + (b - begin) * POINTS * w->u_point);
    for (int s = 0; s < w->job->n * w->g.n_strips; s++) {
        int sample = s / w->g.n_strips, strip = s % w->g.n_strips;
        const float *v = w->v + (size_t)(s * max_tile_blocks(w)) * block_floats(w);
        for (int k = 0; k < strip_blocks(w, strip); k++, v += block_floats(w))
            group_of_block(w, u, v, group, sample, strip, block_at(w, strip, k), memory);
        finish_strip(w, begin, end, sample, strip, memory.of);
    }
}

int ISA(conv_winograd_fits)(const conv_job *job) {
    const conv_geometry *g = &job->g;
    return g->kh == 3 && g->kw == 3 && g->stride_y == 1 && g->stride_x == 1 && job->y_col == 1 && g->channels >= 8 && job->outputs >= 8 && g->ho >= 9 && g->wo >= 9;
}

static ptrdiff_t u_point_of(const conv_job *job) { return (ptrdiff_t)job->g.channels * OB + 16; /* points do not share cache sets */ }

size_t ISA(conv_winograd_kept_floats)(const conv_job *job) { return (size_t)((job->outputs + OB - 1) / OB * POINTS) * (size_t)u_point_of(job); }

/* Big planes: a task for every strip. */
static void run_private(winograd *w) {
    enum { SMALL = 1 << 9 };
    int n_made = w->job->kept_is_made ? 0 : w->n_blocks;
    if (!w->u) w->u = med_scratch(SCRATCH_WEIGHTS, (size_t)(w->n_blocks * POINTS) * (size_t)w->u_point * sizeof *w->u);
    if (w->g.channels * w->job->outputs > SMALL)
        med_parallel(n_made, weight_task, w);
    else
        for (int b = 0; b < n_made; b++) weight_task(w, b);
    med_parallel(w->job->n * w->g.n_strips, private_task, w);
}

static void run_shared(winograd *w) {
    int n_strips = w->job->n * w->g.n_strips, least = w->n_blocks < CONV_TASKS ? w->n_blocks : CONV_TASKS;
    if (w->n_groups < least) w->n_groups = least;
    w->n_fills = (w->g.channels + FILL_CHANNELS - 1) / FILL_CHANNELS;
    w->v = med_scratch(SCRATCH_SHARED, (size_t)(n_strips * max_tile_blocks(w)) * block_floats(w) * sizeof *w->v);
    med_parallel(n_strips * w->n_fills, fill_task, w);
    med_parallel(w->n_groups, group_task, w);
}

/* Rows of tiles of a strip: few enough for CONV_TASKS, and fewer, down to half of them, if that fills all vectors of its blocks. */
static int strip_rows(int ho, int wo) {
    if (ho <= 16) return ho;
    int most = (ho + CONV_TASKS - 1) / CONV_TASKS, rows = most;
    while (2 * rows > most && rows * wo % BLOCK_TILES) rows--;
    return rows * wo % BLOCK_TILES ? most : rows;
}

void ISA(conv_winograd_run)(const conv_job *job) {
    winograd w = {.job = job, .g = job->g, .n_blocks = (job->outputs + OB - 1) / OB};
    w.g.kh = w.g.kw = 6;
    w.g.stride_y = w.g.stride_x = 4;
    w.g.is_flat = 1;
    w.g.ho = (job->g.ho + 3) / 4;
    w.g.wo = (job->g.wo + 3) / 4;
    int max_rows = strip_rows(w.g.ho, w.g.wo);
    int is_shared = job->n * w.g.ho < CONV_TASKS * max_rows;
    ISA(conv_geometry_finish)(&w.g, max_rows, is_shared ? INT32_MAX : STRIP_BYTES);
    w.n_groups = (w.n_blocks + GROUP - 1) / GROUP;
    w.parts = ISA(conv_parts_create)(job, w.g.n_strips);
    w.u = job->kept;
    w.u_point = u_point_of(job);
    (is_shared ? run_shared : run_private)(&w);
    ISA(conv_parts_finish)(job, w.parts, w.g.n_strips);
}
