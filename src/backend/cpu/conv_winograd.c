/* conv_winograd.c: 3x3 stride-1 convolution by Winograd's F(4x4,3x3) (Lavin & Gray 2016): 36 instead of 144
 * multiplications for 4x4 outputs, 2e-6 relative error in float.
 *
 * The input of a tile is 6x6 pixels, tiles are 4 apart: so the strip of a convolution with kernel 6 and stride 4 has
 * each of the 36 pixels of neighbouring tiles side by side, and vectors run along tiles. A block of NV vectors:
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
    BLOCK_TILES = NV * VL,
    GROUP = (160 << 10) / (POINTS * OB * BLOCK_TILES * 4), /* blocks of outputs whose M stays in L2 */
    FILL_CHANNELS = 8,
};

typedef struct winograd {
    const conv_job *job;
    conv_geometry g;             /* of tiles: kernel 6, stride 4 */
    int n_blocks, n_groups;      /* blocks of OB outputs; groups of blocks */
    int n_fills;                 /* tasks that make V of one strip, when shared */
    ptrdiff_t u_point;           /* floats from a point of U to the next */
    float *u;                    /* [n_blocks][POINTS][channels][OB], when not made by every task */
    float *v;                    /* [n][n_strips][tile blocks] of a block's V, when shared */
    double *parts;
} winograd;

/* Lanes are OB outputs of VL/OB neighbouring channels, as U has them. */
enum { LANE_CHANNELS = VL / OB };

/* Nine weights of each lane's (output, channel), in the memory's order; zeros for lanes that are not there. */
INLINE void load_weights(const winograd *w, const float *from, int n_outputs, int n_channels, vf weight[9]) {
    const weight_order *order = &w->job->order;
    UNROLL for (int t = 0; t < 9; t += VL) {
        vf row[VL];
        int n = 9 - t < VL ? 9 - t : VL;
        for (int l = 0; l < VL; l++) {
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
    int first_tap = order->tap[0] < order->tap[8] ? order->tap[0] : order->tap[8]; /* nine neighbours in one order or the other */
    for (int i = 0; i < channels; i += LANE_CHANNELS, from += LANE_CHANNELS * order->input, u += VL) {
        vf weight[9], g[9], half[18], point[POINTS];
        int n_channels = channels - i < LANE_CHANNELS ? channels - i : LANE_CHANNELS;
        load_weights(w, from + first_tap, n, n_channels, weight);
        for (int t = 0; t < 9; t++) g[t] = weight[order->tap[t] - first_tap];
        UNROLL for (int c = 0; c < 3; c++) weight_1d(g[c], g[3 + c], g[6 + c], half + c, 3);
        UNROLL for (int r = 0; r < 6; r++) weight_1d(half[3 * r], half[3 * r + 1], half[3 * r + 2], point + 6 * r, 1);
        for (int k = 0; k < POINTS; k++) vf_put(u + k * w->u_point, 0, n_channels * OB, point[k]);
    }
}

/* ---- blocks of tiles ---- */

static int strip_tiles(const winograd *w, int strip) { return (conv_strip_rows(&w->g, strip) - 1) * w->g.pitch + w->g.wo; }

/* Blocks run along all tiles of a strip, through the junk behind its rows; where rows are whole vectors, along each row:
 * then nothing is junk and pixels are stored in place. */
typedef struct tile_block { int first, nv; } tile_block;
static int has_whole_rows(const winograd *w) { return w->g.wo % VL == 0; }
static int blocks_of(int n_tiles) { return (n_tiles + BLOCK_TILES - 1) / BLOCK_TILES; }
static int strip_blocks(const winograd *w, int strip) {
    return has_whole_rows(w) ? conv_strip_rows(&w->g, strip) * blocks_of(w->g.wo) : blocks_of(strip_tiles(w, strip));
}
static tile_block block_at(const winograd *w, int strip, int index) {
    int per_row = has_whole_rows(w) ? blocks_of(w->g.wo) : INT32_MAX, at = index % per_row * BLOCK_TILES;
    int n = ((has_whole_rows(w) ? w->g.wo : strip_tiles(w, strip)) - at + VL - 1) / VL;
    return (tile_block){index / per_row * w->g.pitch + at, n < NV ? n : NV};
}
/* Floats from a point to the next: one line more than a round number, so that points do not share cache sets. */
static ptrdiff_t point_step(int channels) { return (ptrdiff_t)channels * BLOCK_TILES + 16; }
static size_t block_floats(const winograd *w) { return POINTS * (size_t)point_step(w->g.channels); }

/* Four rows of the pixels of VL tiles to where they belong in a plane of y. */
static void scatter(const winograd *w, const float *rows, int first, int first_row, int strip_rows, float *plane) {
    const conv_job *job = w->job;
    for (int n = VL; n > 0;) {
        int ty = first / w->g.pitch, tx = first % w->g.pitch, run = w->g.pitch - tx < n ? w->g.pitch - tx : n;
        int columns = 4 * run < job->g.wo - 4 * tx ? 4 * run : job->g.wo - 4 * tx;
        for (int r = 0; r < 4 && columns > 0 && ty < strip_rows && first_row + 4 * ty + r < job->g.ho; r++)
            memcpy(plane + (4 * ty + r) * job->y_row + 4 * tx, rows + r * 4 * VL, (size_t)columns * sizeof *rows);
        rows += 4 * run;
        first += run;
        n -= run;
    }
}

/* m[o] = sum_i u[i][o] v[i] for OB outputs and nv vectors of tiles. */
INLINE void product_body(const float *v, const float *u, int channels, int nv, float *m) {
    vf acc[OB][NV];
    UNROLL for (int o = 0; o < OB; o++) {
        UNROLL for (int i = 0; i < nv; i++) acc[o][i] = vf_all(0);
    }
    for (int c = channels; c > 0; c--, v += BLOCK_TILES, u += OB) {
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

static int group_begin(const winograd *w, int group) { return group * w->n_blocks / w->n_groups; }

/* One group of outputs, whose U is given, at one block of tiles. */
static void group_of_block(const winograd *w, const float *u, const float *v, int group, int sample, int strip, tile_block block, float *m) {
    const conv_job *job = w->job;
    int begin = group_begin(w, group), end = group_begin(w, group + 1);
    ptrdiff_t v_point = point_step(w->g.channels), m_point = point_step((end - begin) * OB);
    for (int k = 0; k < POINTS; k++)
        for (int b = begin; b < end; b++)
            (block.nv == 3 ? product_3 : block.nv == 2 ? product_2 : product_1)(v + k * v_point, u + ((b - begin) * POINTS + k) * w->u_point,
                                                                    w->g.channels, m + k * m_point + (b - begin) * OB * BLOCK_TILES);
    int first_row = 4 * strip * w->g.rows, rows = conv_strip_rows(&w->g, strip);
    float pixels[4 * 4 * VL];
    for (int o = begin * OB; o < end * OB && o < job->outputs; o++) {
        float bias = job->bias ? job->bias[o] : 0, *plane = job->y + sample * job->y_sample + o * job->y_channel + first_row * job->y_row;
        for (int i = 0; i < block.nv; i++) {
            const float *from = m + (o - begin * OB) * BLOCK_TILES + i * VL;
            int tile = block.first + i * VL, ty = tile / w->g.pitch, tx = tile % w->g.pitch;
            if (4 * (tx + VL) <= job->g.wo && ty < rows && first_row + 4 * ty + 4 <= job->g.ho) {
                output_transform(from, m_point, bias, plane + 4 * ty * job->y_row + 4 * tx, job->y_row);
            } else {
                output_transform(from, m_point, bias, pixels, 4 * VL);
                scatter(w, pixels, tile, first_row, rows, plane);
            }
        }
    }
}

/* V of channels c0 .. c0+n-1 of one block; `strip` starts with c0. */
static void transform_block(const winograd *w, const float *strip, int c0, int n, tile_block b, float *v) {
    for (int c = 0; c < n; c++)
        for (int i = 0; i < b.nv; i++)
            input_transform(strip + c * w->g.plane + b.first + i * VL, w->g.tap, v + (c0 + c) * BLOCK_TILES + i * VL,
                            point_step(w->g.channels));
}

static float *m_scratch(const winograd *w) {
    int blocks = (w->n_blocks + w->n_groups - 1) / w->n_groups;
    return med_scratch(SCRATCH_OUT, POINTS * (size_t)point_step(blocks * OB) * sizeof(float));
}

static void add_parts(const winograd *w, int begin, int end, int sample, int strip) {
    int row = 4 * strip * w->g.rows, rows = 4 * conv_strip_rows(&w->g, strip);
    if (rows > w->job->g.ho - row) rows = w->job->g.ho - row;
    for (int o = begin; o < end && o < w->job->outputs; o++)
        ISA(conv_parts_add)(w->job, w->parts, w->g.n_strips, sample, o, strip, row, rows);
}

static void private_task(void *context, int index) {
    const winograd *w = context;
    int sample = index / w->g.n_strips, strip_index = index % w->g.n_strips;
    size_t n_strip = (ISA(conv_strip_floats)(&w->g) + 15) / 16 * 16;
    float *strip = med_scratch(SCRATCH_STRIP, (n_strip + block_floats(w)) * sizeof *strip), *v = strip + n_strip;
    float *m = m_scratch(w);
    ISA(conv_strip_fill)(&w->g, w->job->call, w->job->x, sample, 0, w->g.channels, strip_index * w->g.rows, strip);
    for (int k = 0; k < strip_blocks(w, strip_index); k++) {
        tile_block b = block_at(w, strip_index, k);
        transform_block(w, strip, 0, w->g.channels, b, v);
        for (int group = 0; group < w->n_groups; group++)
            group_of_block(w, w->u + group_begin(w, group) * POINTS * w->u_point, v, group, sample, strip_index, b, m);
    }
    add_parts(w, 0, w->job->outputs, sample, strip_index);
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
    int c0 = index % w->n_fills * FILL_CHANNELS, n = w->g.channels - c0 < FILL_CHANNELS ? w->g.channels - c0 : FILL_CHANNELS;
    float *strip = med_scratch(SCRATCH_STRIP, ((size_t)(n * w->g.plane) + STRIP_SLACK) * sizeof *strip);
    ISA(conv_strip_fill)(&w->g, w->job->call, w->job->x, sample, c0, n, strip_index * w->g.rows, strip);
    float *v = w->v + (size_t)((sample * w->g.n_strips + strip_index) * max_tile_blocks(w)) * block_floats(w);
    for (int k = 0; k < strip_blocks(w, strip_index); k++, v += block_floats(w))
        transform_block(w, strip, c0, n, block_at(w, strip_index, k), v);
}

/* A group of outputs everywhere. */
static void group_task(void *context, int group) {
    const winograd *w = context;
    int begin = group_begin(w, group), end = group_begin(w, group + 1);
    float *u = med_scratch(SCRATCH_STRIP, (size_t)((end - begin) * POINTS) * (size_t)w->u_point * sizeof *u), *m = m_scratch(w);
    for (int b = begin; b < end; b++) weight_block(w, b, u + (b - begin) * POINTS * w->u_point);
    for (int s = 0; s < w->job->n * w->g.n_strips; s++) {
        int sample = s / w->g.n_strips, strip = s % w->g.n_strips;
        const float *v = w->v + (size_t)(s * max_tile_blocks(w)) * block_floats(w);
        for (int k = 0; k < strip_blocks(w, strip); k++, v += block_floats(w))
            group_of_block(w, u, v, group, sample, strip, block_at(w, strip, k), m);
        add_parts(w, begin * OB, end * OB, sample, strip);
    }
}

int ISA(conv_winograd_fits)(const conv_job *job) {
    const conv_geometry *g = &job->g;
    return g->kh == 3 && g->kw == 3 && g->stride_y == 1 && g->stride_x == 1 && job->y_col == 1 && g->channels >= 8 && job->outputs >= 8 && g->ho >= 9 && g->wo >= 9;
}

/* Big planes: a task for every strip. */
static void run_private(winograd *w) {
    enum { SMALL = 1 << 9 };
    w->u = med_scratch(SCRATCH_WEIGHTS, (size_t)(w->n_blocks * POINTS) * (size_t)w->u_point * sizeof *w->u);
    if (w->g.channels * w->job->outputs > SMALL)
        med_parallel(w->n_blocks, weight_task, w);
    else
        for (int b = 0; b < w->n_blocks; b++) weight_task(w, b);
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

void ISA(conv_winograd_run)(const conv_job *job) {
    winograd w = {.job = job, .g = job->g, .n_blocks = (job->outputs + OB - 1) / OB};
    w.g.kh = w.g.kw = 6;
    w.g.stride_y = w.g.stride_x = 4;
    w.g.ho = (job->g.ho + 3) / 4;
    w.g.wo = (job->g.wo + 3) / 4;
    int max_rows = w.g.ho > 16 ? (w.g.ho + CONV_TASKS - 1) / CONV_TASKS : w.g.ho;
    int is_shared = job->n * w.g.ho < CONV_TASKS * max_rows;
    ISA(conv_geometry_finish)(&w.g, max_rows, is_shared ? INT32_MAX : STRIP_BYTES);
    w.n_groups = (w.n_blocks + GROUP - 1) / GROUP;
    w.parts = ISA(conv_parts_create)(job, w.g.n_strips);
    w.u_point = (ptrdiff_t)w.g.channels * OB + 16;
    (is_shared ? run_shared : run_private)(&w);
    ISA(conv_parts_finish)(job, w.parts, w.g.n_strips);
}
