/* conv_winograd7.c: 7x7 stride-1 convolution, as four 4x4 convolutions by Winograd's F(4x4,4x4).
 *
 * The kernel with a row and a column of zeros is 8x8: four blocks of 4x4, 4 pixels apart, which is how far tiles are
 * apart. So a block further right or down reads V of the next tile right or down, and V is made once for all four:
 *   M[k][o] = sum_i sum_block U[k][o][i][block] V[k][i][tile + block],   k < 49,
 * a convolution of 2x2 taps over tiles at each point, by conv_tile.c. 12 multiplications instead of 49 for a pixel, 1.2e-6
 * relative error. A task is some rows of tiles: V of their channels in L2, then M of a row of tiles and its pixels. */
#include "backend/cpu/conv.h"
#include "backend/cpu/winograd.h"

enum { POINTS = 49, BLOCKS = 4, V_BYTES = 600 << 10, MOST_CHANNELS = 32 };

typedef struct winograd7 {
    const conv_job *job;
    conv_geometry g;       /* of one strip of tiles: kernel 7, stride 4, a row and a column of tiles more than outputs need */
    int rows, n_strips;    /* rows of tiles a task */
    int n_vectors;         /* of tiles in a row */
    int n_blocks;          /* of OB outputs */
    ptrdiff_t v_channel, v_point, m_point, u_block;
    int tap[BLOCKS];       /* from a tile to those of the four blocks */
    float *u;              /* [n_blocks][POINTS][channels][BLOCKS][OB] */
    double *parts;
} winograd7;

/* The 4x4 weights of one block of the kernel, OB outputs side by side; zeros outside the kernel. */
static void load_block(const winograd7 *w, int first, int channel, int block, float g[4][4][OB]) {
    const conv_job *job = w->job;
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 4; x++)
            for (int o = 0; o < OB; o++) {
                int row = block / 2 * 4 + y, column = block % 2 * 4 + x, is_there = row < 7 && column < 7 && first + o < job->outputs;
                g[y][x][o] = is_there ? job->w[(first + o) * job->order.output + channel * job->order.input + job->order.tap[row * 7 + column]] : 0;
            }
}

/* U of one channel, for one block of outputs. */
static void weight_task(void *context, int index) {
    const winograd7 *w = context;
    int b = index / w->g.channels, channel = index % w->g.channels;
    for (int i = channel * BLOCKS; i < (channel + 1) * BLOCKS; i++) {
        float g[4][4][OB], half[7][4][OB];
        load_block(w, b * OB, i / BLOCKS, i % BLOCKS, g);
        for (int k = 0; k < 7; k++)
            for (int x = 0; x < 4; x++)
                for (int o = 0; o < OB; o++)
                    half[k][x][o] = g[0][x][o] * weight_4x4[k][0] + g[1][x][o] * weight_4x4[k][1] + g[2][x][o] * weight_4x4[k][2] + g[3][x][o] * weight_4x4[k][3];
        for (int k = 0; k < POINTS; k++)
            for (int o = 0; o < OB; o++) {
                const float *t = weight_4x4[k % 7];
                float(*h)[OB] = half[k / 7];
                w->u[b * w->u_block + (k * w->g.channels * BLOCKS + i) * OB + o] = h[0][o] * t[0] + h[1][o] * t[1] + h[2][o] * t[2] + h[3][o] * t[3];
            }
    }
}

/* V of all channels over one strip. */
static void transform_strip(const winograd7 *w, int sample, int strip_index, float *strip, float *v) {
    int n = (w->g.rows - 1) * w->g.pitch + w->g.wo;
    for (int c = 0; c < w->g.channels; c++) {
        ISA(conv_strip_fill)(&w->g, w->job->call, w->job->x, sample, c, 1, strip_index * w->rows, strip);
        for (int i = 0; i < n; i += VL) input_transform_4x4(strip + i, w->g.tap, v + c * w->v_channel + i, w->v_point);
    }
}

/* Pixels of VL tiles, from tile column tx on, to where they belong in a plane of y. */
static void write_tiles(const winograd7 *w, const float *m, float bias, int row, int tx, float *plane) {
    const conv_job *job = w->job;
    int rows = job->g.ho - row < 4 ? job->g.ho - row : 4, columns = job->g.wo - 4 * tx < 4 * VL ? job->g.wo - 4 * tx : 4 * VL;
    float *to = plane + row * job->y_row + 4 * tx, pixels[4 * 4 * VL];
    if (rows == 4 && columns == 4 * VL) {
        output_transform_4x4(m, w->m_point, bias, to, job->y_row);
        return;
    }
    output_transform_4x4(m, w->m_point, bias, pixels, 4 * VL);
    for (int r = 0; r < rows; r++) memcpy(to + r * job->y_row, pixels + r * 4 * VL, (size_t)columns * sizeof *to);
}

/* OB outputs at one row of tiles of a strip. */
static void compute_row(const winograd7 *w, int b, int sample, int tile_row, const float *v, float *m) {
    const conv_job *job = w->job;
    float zero[OB] = {0};
    int n = job->outputs - b * OB < OB ? job->outputs - b * OB : OB;
    for (int k = 0; k < POINTS; k++)
        ISA(conv_tiles)((conv_tile){v + k * w->v_point, w->v_channel, w->g.channels, BLOCKS, w->tap, w->u + b * w->u_block + k * w->g.channels * BLOCKS * OB,
                                    zero, m + k * w->m_point, (int64_t)w->n_vectors * VL, n}, w->n_vectors);
    for (int o = b * OB; o < b * OB + n; o++)
        for (int i = 0; i < w->n_vectors; i++)
            write_tiles(w, m + ((o - b * OB) * w->n_vectors + i) * VL, job->bias ? job->bias[o] : 0, 4 * tile_row, i * VL,
                        job->y + sample * job->y_sample + o * job->y_channel);
}

static void strip_task(void *context, int index) {
    const winograd7 *w = context;
    const conv_job *job = w->job;
    int sample = index / w->n_strips, strip_index = index % w->n_strips, first = strip_index * w->rows;
    size_t n_strip = (size_t)w->g.plane + STRIP_SLACK, n_v = POINTS * (size_t)w->v_point + STRIP_SLACK;
    float *strip = med_scratch(SCRATCH_STRIP, (n_strip + n_v) * sizeof *strip), *v = strip + n_strip;
    float *m = med_scratch(SCRATCH_OUT, POINTS * (size_t)w->m_point * sizeof *m);
    transform_strip(w, sample, strip_index, strip, v);
    int last = first + w->rows < (job->g.ho + 3) / 4 ? first + w->rows : (job->g.ho + 3) / 4;
    for (int row = first; row < last; row++)
        for (int b = 0; b < w->n_blocks; b++) compute_row(w, b, sample, row, v + (row - first) * w->g.pitch, m);
    int begin = 4 * first, rows = 4 * last < job->g.ho ? 4 * last - begin : job->g.ho - begin;
    for (int o = 0; o < job->outputs; o++) ISA(conv_parts_add)(job, w->parts, w->n_strips, sample, o, strip_index, begin, rows);
}

int ISA(conv_winograd7_fits)(const conv_job *job) {
    const conv_geometry *g = &job->g;
    return g->kh == 7 && g->kw == 7 && g->stride_y == 1 && g->stride_x == 1 && job->y_col == 1 && g->channels <= MOST_CHANNELS && g->ho >= 16 && g->wo >= 16;
}

void ISA(conv_winograd7_run)(const conv_job *job) {
    winograd7 w = {.job = job, .g = job->g, .n_blocks = (job->outputs + OB - 1) / OB};
    int tile_rows = (job->g.ho + 3) / 4, tile_columns = (job->g.wo + 3) / 4;
    int fit = V_BYTES / (POINTS * job->g.channels * (tile_columns + 2) * (int)sizeof(float)) - 1, share = (tile_rows + CONV_TASKS - 1) / CONV_TASKS;
    w.rows = fit < 1 ? 1 : fit < share ? fit : share;
    w.n_strips = (tile_rows + w.rows - 1) / w.rows;
    w.g.stride_y = w.g.stride_x = 4;
    w.g.ho = w.rows + 1;
    w.g.wo = tile_columns + 1;
    ISA(conv_geometry_finish)(&w.g, INT32_MAX, INT32_MAX);
    w.n_vectors = (tile_columns + VL - 1) / VL;
    /* Odd numbers of cache lines, so that channels and points do not share cache sets. */
    w.v_channel = ((w.g.rows * w.g.pitch + VL + 15) / 16 | 1) * 16;
    w.v_point = w.g.channels * w.v_channel + 16;
    w.m_point = OB * w.n_vectors * VL + 16;
    w.u_block = (ptrdiff_t)POINTS * w.g.channels * BLOCKS * OB;
    for (int i = 0; i < BLOCKS; i++) w.tap[i] = i / 2 * w.g.pitch + i % 2;
    w.u = med_scratch(SCRATCH_WEIGHTS, (size_t)(w.n_blocks * w.u_block) * sizeof *w.u);
    w.parts = ISA(conv_parts_create)(job, w.n_strips);
    med_parallel(w.n_blocks * w.g.channels, weight_task, &w);
    med_parallel(job->n * w.n_strips, strip_task, &w);
    ISA(conv_parts_finish)(job, w.parts, w.n_strips);
}
