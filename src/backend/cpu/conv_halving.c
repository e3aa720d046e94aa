/* conv_halving.c: y of a halving convolution, and dx: points of all tiles first, then a task for some outputs at some tiles:
 *   M[k][tile][o] = sum_i V[k][tile][i] U[k][i][o],   k < 16,
 * a block of inputs at a time, whose U it makes and uses while they are in its L2. */
#include <stdlib.h>
#include "backend/cpu/conv_halving.h"
#include "backend/cpu/winograd.h"
#include "engine/switches.h"

#if MED_VL == 16
enum { TB = 8 }; /* tiles of a product */
#else
enum { TB = 4 };
#endif
enum { OUT = 2 * VL /* outputs of a task */, TASK_TILES = 64, TAPS = 16, PAD = 16 /* keeps points out of the same cache sets */,
       U_POINT = HALVING_K * OUT + PAD };

/* ---- points of the input ---- */

halving_tiles ISA(halving_tiles_of)(int n, int channels, int h, int w, int tiles_y, int tiles_x, int is_dy) {
    enum { TURNED_BYTES = 192 << 10 };
    halving_tiles t = {.n = n, .channels = channels, .tiles_y = tiles_y, .tiles_x = tiles_x, .is_dy = is_dy, .zero = -1};
    int step = is_dy ? 3 : 6, pitch = step * tiles_x + 2;
    int fit = (TURNED_BYTES / (pitch * VL * (int)sizeof(float)) - 2) / step, rows = fit < 1 ? 1 : fit < tiles_y ? fit : tiles_y;
    int n_strips = (tiles_y + rows - 1) / rows;
    rows = (tiles_y + n_strips - 1) / n_strips; /* all strips alike: the last may reach below the image, where there are zeros */
    t.g = (conv_geometry){.channels = channels, .h = h, .w = w, .kh = 3, .kw = 3, .stride_y = 1, .stride_x = 1, .pad_y = 1, .pad_x = 1,
                          .ho = step * rows * n_strips, .wo = step * tiles_x};
    ISA(conv_geometry_finish)(&t.g, step * rows, INT32_MAX);
    t.point = (ptrdiff_t)n * tiles_y * tiles_x * HALVING_K + PAD;
    return t;
}

size_t ISA(halving_floats)(const halving_tiles *t) {
    return (size_t)(t->channels / VL) * HALVING_POINTS * (size_t)t->point; /* by dy: a quarter as many blocks for each phase */
}

/* Points of one tile, VL channels, but for those that meet zeros. */
static void tile_points(const float *x, ptrdiff_t row, ptrdiff_t column, int zero_row, int zero_column, float *v, ptrdiff_t point) {
    vf half[4][4];
    UNROLL for (int c = 0; c < 4; c++) {
        vf d[4], t[4];
        UNROLL for (int r = 0; r < 4; r++) d[r] = vf_load(x + r * row + c * column);
        input_1d_2(d, t);
        UNROLL for (int r = 0; r < 4; r++) half[r][c] = t[r];
    }
    UNROLL for (int r = 0; r < 4; r++) {
        if (r == zero_row) continue;
        vf t[4];
        input_1d_2(half[r], t);
        UNROLL for (int c = 0; c < 4; c++)
            if (c != zero_column) vf_store(v + (r * 4 + c) * point, t[c]);
    }
}

/* Pixel (r, c) of phase (p, q) of a tile: of x at row 6 ty + p + 2 r, of dy at row 3 ty + (1 - p) + r. */
static void points_task(void *context, int index) {
    const halving_tiles *t = context;
    int strip_index = index % t->g.n_strips, chunk = index / t->g.n_strips % (t->channels / VL), sample = index / t->g.n_strips / (t->channels / VL);
    int step = t->is_dy ? 3 : 6, pixel = t->is_dy ? 1 : 2, rows = t->g.rows / step, first = strip_index * rows;
    size_t n = (size_t)t->g.plane * VL + STRIP_SLACK;
    float *strip = med_scratch(SCRATCH_STRIP, 2 * n * sizeof *strip), *turned = strip + n;
    ISA(conv_strip_fill)(&t->g, t->call, t->from, sample, chunk * VL, VL, strip_index * t->g.rows, strip);
    ISA(turn_strip)(strip, t->g.plane, VL, VL, t->g.plane, turned);
    ptrdiff_t row = (ptrdiff_t)t->g.pitch * VL;
    int groups = t->channels / HALVING_K;
    for (int phase = 0; phase < PHASES; phase++) {
        int p = (phase / 2) ^ t->is_dy, q = (phase % 2) ^ t->is_dy;
        int block = t->is_dy ? phase * groups + chunk / PHASES : chunk, slot = t->is_dy ? chunk % PHASES : phase;
        float *v = (float *)halving_block(t, block, 0) + slot * VL;
        for (int y = 0; y < rows && first + y < t->tiles_y; y++)
            for (int x = 0; x < t->tiles_x; x++)
                tile_points(turned + (step * y + p) * row + (step * x + q) * VL, pixel * row, pixel * VL,
                            halving_zero_row(t, phase), halving_zero_column(t, phase), v + (((ptrdiff_t)sample * t->tiles_y + first + y) * t->tiles_x + x) * HALVING_K, t->point);
    }
}

void ISA(halving_points)(const halving_tiles *t) { med_parallel(t->n * (t->channels / VL) * t->g.n_strips, points_task, (void *)t); }

/* ---- the convolution ---- */

typedef struct halving {
    const conv_job *job;
    halving_tiles in;
    int kernel;              /* 4; or 3, a kernel of 4 whose last row and column of taps are zero */
    int n_blocks;            /* of inputs, whose U are made together */
    int64_t w_output, w_input; /* floats from an output of the job, an input, to the next */
    int rows, n_ranges;      /* rows of tiles, counted through all samples, of a task */
    int image_rows;          /* of the output for a row of tiles */
    ptrdiff_t m_point;
    double *parts;
} halving;

typedef struct task_memory {
    float *taps; /* [inputs of a block][TAPS][OUT] */
    float *u;    /* [HALVING_POINTS] of U_POINT: [HALVING_K][OUT] */
    float *m;    /* [phases of the output][HALVING_POINTS][tiles][OUT] */
    float *image;
} task_memory;

static int out_phases(const halving *w) { return w->in.is_dy ? PHASES : 1; }

static task_memory memory_of(const halving *w) {
    size_t u = HALVING_POINTS * U_POINT, m = (size_t)out_phases(w) * HALVING_POINTS * (size_t)w->m_point, taps = HALVING_K * TAPS * OUT;
    size_t image = (size_t)(w->rows * w->image_rows) * (size_t)w->job->g.wo * VL + STRIP_SLACK * VL;
    task_memory t;
    t.taps = med_scratch(SCRATCH_OUT, (u + m + taps + image) * sizeof *t.taps);
    t.u = t.taps + taps;
    t.m = t.u + u;
    t.image = t.m + m;
    return t;
}

/* The taps of an input and VL outputs, lanes along outputs. */
INLINE void turn_taps(const halving *w, const float *from, int kernel, float *taps) {
    enum { AHEAD = 4 }; /* inputs: weights come from far, and every line once */
    for (int t = 0; t < kernel * kernel; t += VL) {
        vf square[VL];
        UNROLL for (int l = 0; l < VL; l++) {
            square[l] = vf_take(from + l * w->w_output, t, kernel * kernel);
            __builtin_prefetch(from + l * w->w_output + AHEAD * w->w_input);
        }
        vf_transpose(square);
        UNROLL for (int l = 0; l < VL; l++)
            if (t + l < kernel * kernel) vf_store(taps + ((t + l) / kernel * 4 + (t + l) % kernel) * OUT, square[l]);
    }
}

/* All taps of a block's weights; those that a kernel of 3 lacks are zero already. */
static void turn_weights(const halving *w, int first_output, int first_input, int n, float *taps) {
    for (int i = 0; i < n; i++)
        for (int o = 0; o < OUT; o += VL) {
            const float *from = w->job->w + (first_output + o) * w->w_output + (first_input + i) * w->w_input;
            float *to = taps + i * TAPS * OUT + o;
            if (w->kernel == 4) turn_taps(w, from, 4, to);
            else turn_taps(w, from, 3, to);
        }
}

/* U of one phase of n inputs, but for points that are zero. By x the first tap of a phase meets the first pixel; by dy the last. */
static void weight_points(const halving_tiles *in, const float *taps, int n, int phase, float *u) {
    int is_dy = in->is_dy, zero_row = halving_zero_row(in, phase), zero_column = halving_zero_column(in, phase);
    for (int i = 0; i < n; i++)
        for (int o = 0; o < OUT; o += VL) {
            vf g[2][2], half[4][2], point[4];
            UNROLL for (int a = 0; a < 2; a++) {
                UNROLL for (int b = 0; b < 2; b++)
                    g[a][b] = vf_load(taps + (i * TAPS + (2 * (a ^ is_dy) + phase / 2) * 4 + 2 * (b ^ is_dy) + phase % 2) * OUT + o);
            }
            UNROLL for (int b = 0; b < 2; b++) {
                weight_1d_2(g[0][b], g[1][b], point);
                UNROLL for (int k = 0; k < 4; k++) half[k][b] = point[k];
            }
            UNROLL for (int k = 0; k < 4; k++) {
                if (k == zero_row) continue;
                weight_1d_2(half[k][0], half[k][1], point);
                UNROLL for (int l = 0; l < 4; l++)
                    if (l != zero_column) vf_store(u + (k * 4 + l) * U_POINT + i * OUT + o, point[l]);
            }
        }
}

/* m[tile][o] += sum_i v[tile][i] u[i][o] for nt tiles and n inputs; `is_first`: = */
INLINE void product_body(const float *v, const float *u, int n, int nt, int is_first, float *m) {
    vf acc[TB][2];
    UNROLL for (int t = 0; t < nt; t++) {
        UNROLL for (int o = 0; o < 2; o++) acc[t][o] = is_first ? vf_all(0) : vf_load(m + t * OUT + o * VL);
    }
    for (int i = 0; i < n; i++, u += OUT) {
        vf weight[2] = {vf_load(u), vf_load(u + VL)};
        if (i % LINE == 0) {
            UNROLL for (int t = 0; t < nt; t++) __builtin_prefetch(v + (nt + t) * HALVING_K + i); /* of the next tiles */
        }
        UNROLL for (int t = 0; t < nt; t++) {
            vf x = vf_all(v[t * HALVING_K + i]);
            UNROLL for (int o = 0; o < 2; o++) acc[t][o] += weight[o] * x;
        }
    }
    UNROLL for (int t = 0; t < nt; t++) {
        UNROLL for (int o = 0; o < 2; o++) vf_store(m + t * OUT + o * VL, acc[t][o]);
    }
}
static void product_all(const float *v, const float *u, int n, int is_first, float *m) { product_body(v, u, n, TB, is_first, m); }
static void product_half(const float *v, const float *u, int n, int is_first, float *m) { product_body(v, u, n, TB / 2, is_first, m); }
static void product_1(const float *v, const float *u, int n, int is_first, float *m) { product_body(v, u, n, 1, is_first, m); }

static void tile_products(const float *v, const float *u, int n, int n_tiles, int is_first, float *m) {
    for (int t = 0, step; t < n_tiles; t += step) {
        step = n_tiles - t >= TB ? TB : n_tiles - t >= TB / 2 ? TB / 2 : 1;
        (step == TB ? product_all : step == TB / 2 ? product_half : product_1)(v + (ptrdiff_t)t * HALVING_K, u, n, is_first, m + t * OUT);
    }
}

static int has_point(const halving *w, int phase, int k) { return k / 4 != halving_zero_row(&w->in, phase) && k % 4 != halving_zero_column(&w->in, phase); }

/* M of tiles [begin, end) from one block of V; by dy, of one phase. */
static void products(const halving *w, int v_block, const float *u, int phase, int begin, int end, int is_first, float *m) {
    for (int k = 0; k < HALVING_POINTS; k++) {
        const float *v = halving_block(&w->in, v_block, k) + (ptrdiff_t)begin * HALVING_K, *points = u + k * U_POINT;
        float *sums = m + k * w->m_point;
        if (w->in.is_dy) {
            if (has_point(w, phase, k)) tile_products(v, points, HALVING_K, end - begin, is_first, sums);
            else if (is_first) memset(sums, 0, (size_t)((end - begin) * OUT) * sizeof *sums);
            continue;
        }
        for (int slot = 0, n; slot < PHASES; slot += n + 1) { /* phases that lie side by side */
            for (n = 0; slot + n < PHASES && has_point(w, slot + n, k);) n++;
            if (n) tile_products(v + slot * VL, points + slot * VL * OUT, n * VL, end - begin, is_first && slot == 0, sums);
        }
    }
}

static void add_block(const halving *w, const task_memory *t, int block, int first_output, int begin, int end) {
    int is_dy = w->in.is_dy, n = is_dy ? HALVING_K : VL;
    turn_weights(w, first_output, block * n, n, t->taps);
    for (int phase = 0; phase < PHASES; phase++) {
        weight_points(&w->in, t->taps, n, phase, t->u + (is_dy ? 0 : phase * VL * OUT));
        if (is_dy) products(w, phase * w->n_blocks + block, t->u, phase, begin, end, block == 0, t->m + phase * HALVING_POINTS * w->m_point);
    }
    if (!is_dy) products(w, block, t->u, 0, begin, end, block == 0, t->m);
}

/* Pixels of a tile into an image of VL outputs; the tile's first is at (y, x), others `step` apart. */
static void tile_pixels(const halving *w, const float *m, vf bias, int y, int x, int step, int rows, float *image) {
    vf half[3][4];
    UNROLL for (int c = 0; c < 4; c++) {
        vf d[4], t[3];
        UNROLL for (int r = 0; r < 4; r++) d[r] = vf_load(m + (r * 4 + c) * w->m_point);
        output_1d_2(d, t);
        UNROLL for (int r = 0; r < 3; r++) half[r][c] = t[r];
    }
    int width = w->job->g.wo;
    UNROLL for (int r = 0; r < 3; r++) {
        vf t[3];
        output_1d_2(half[r], t);
        if (y + r * step >= rows) continue;
        float *row = image + ((ptrdiff_t)(y + r * step) * width + x) * VL;
        UNROLL for (int c = 0; c < 3; c++)
            if (x + c * step < width) vf_store(row + c * step * VL, t[c] + bias);
    }
}

/* [n][VL] to VL planes. */
static void write_planes(const float *image, int64_t n, float *plane, int64_t next) {
    for (int64_t i = 0; i < n; i += VL) {
        vf square[VL];
        UNROLL for (int l = 0; l < VL; l++) square[l] = vf_load(image + (i + l) * VL);
        vf_transpose(square);
        for (int l = 0; l < VL; l++) vf_put(plane + l * next, i, n, square[l]);
    }
}

/* Outputs of one sample at its rows of tiles [begin, end), which are `m`. */
static void write_rows(const halving *w, const task_memory *t, int first_output, int sample, int begin, int end, const float *m) {
    const conv_job *job = w->job;
    int step = w->in.is_dy ? 2 : 1, first = begin * w->image_rows, rows = (end * w->image_rows < job->g.ho ? end * w->image_rows : job->g.ho) - first;
    for (int o = 0; o < OUT; o += VL) {
        vf bias = job->bias ? vf_load(job->bias + first_output + o) : vf_all(0);
        for (int phase = 0; phase < out_phases(w); phase++) {
            int y0 = step == 2 ? !(phase / 2) : 0, x0 = step == 2 ? !(phase % 2) : 0;
            for (int y = 0; y < end - begin; y++)
                for (int x = 0; x < w->in.tiles_x; x++)
                    tile_pixels(w, m + phase * HALVING_POINTS * w->m_point + (y * w->in.tiles_x + x) * OUT + o, bias, y * w->image_rows + y0,
                                x * w->image_rows + x0, step, rows, t->image);
        }
        float *plane = job->y + sample * job->y_sample + (first_output + o) * job->y_channel + first * job->y_row;
        write_planes(t->image, (int64_t)rows * job->g.wo, plane, job->y_channel);
    }
    for (int o = first_output; o < first_output + OUT; o++)
        for (int y = begin; y < end; y++) {
            int row = y * w->image_rows, n = job->g.ho - row < w->image_rows ? job->g.ho - row : w->image_rows;
            ISA(conv_parts_add)(job, w->parts, w->in.tiles_y, sample, o, y, row, n);
        }
}

static void range_task(void *context, int index) {
    const halving *w = context;
    int blocks = w->job->outputs / OUT, first_output = index % blocks * OUT, begin = index / blocks * w->rows, end = begin + w->rows;
    int tiles_y = w->in.tiles_y, all = w->in.n * tiles_y;
    /* Some rows of one sample, or whole samples. */
    if (w->rows < tiles_y) {
        int per_sample = (tiles_y + w->rows - 1) / w->rows, sample = index / blocks / per_sample;
        begin = sample * tiles_y + index / blocks % per_sample * w->rows;
        end = begin + w->rows < (sample + 1) * tiles_y ? begin + w->rows : (sample + 1) * tiles_y;
    }
    if (end > all) end = all;
    task_memory t = memory_of(w);
    if (w->kernel < 4) memset(t.taps, 0, HALVING_K * TAPS * OUT * sizeof *t.taps);
    for (int block = 0; block < w->n_blocks; block++) add_block(w, &t, block, first_output, begin * w->in.tiles_x, end * w->in.tiles_x);
    for (int row = begin; row < end;) {
        int sample = row / tiles_y, last = (sample + 1) * tiles_y < end ? (sample + 1) * tiles_y : end;
        write_rows(w, &t, first_output, sample, row - sample * tiles_y, last - sample * tiles_y, t.m + (row - begin) * w->in.tiles_x * OUT);
        row = last;
    }
}

/* Rows of tiles of a task: at most TASK_TILES tiles where a row allows it, and CONV_TASKS tasks. */
static void choose_ranges(halving *w) {
    int blocks = w->job->outputs / OUT, tiles_y = w->in.tiles_y, per_sample = tiles_y * w->in.tiles_x;
    if (per_sample <= TASK_TILES && w->in.n * blocks > CONV_TASKS) {
        int samples = TASK_TILES / per_sample, most = w->in.n * blocks / CONV_TASKS;
        samples = samples < most ? samples : most;
        w->rows = samples * tiles_y;
        w->n_ranges = (w->in.n + samples - 1) / samples;
        return;
    }
    int fit = TASK_TILES / w->in.tiles_x, wanted = (CONV_TASKS + w->in.n * blocks - 1) / (w->in.n * blocks), share = (tiles_y + wanted - 1) / wanted;
    w->rows = fit < 1 ? 1 : fit < share ? fit : share;
    w->n_ranges = w->in.n * ((tiles_y + w->rows - 1) / w->rows);
}

static void run(halving *w) {
    choose_ranges(w);
    w->m_point = (ptrdiff_t)w->rows * w->in.tiles_x * OUT + PAD;
    w->in.v = med_scratch(SCRATCH_SHARED, ISA(halving_floats)(&w->in) * sizeof *w->in.v);
    w->parts = ISA(conv_parts_create)(w->job, w->in.tiles_y);
    ISA(halving_points)(&w->in);
    med_parallel(w->n_ranges * (w->job->outputs / OUT), range_task, w);
    ISA(conv_parts_finish)(w->job, w->parts, w->in.tiles_y);
}

int ISA(is_halving)(med_conv_attr a, int h, int w) {
    return (a.kernel == 4 || a.kernel == 3) && a.stride == 2 && a.pad == 1 && a.mode == MED_PAD_ZERO && h % 2 == 0 && w % 2 == 0 && med_switch_is_on(MED_SWITCH_WINOGRAD);
}

int ISA(conv_halving_fits)(const conv_job *job) {
    enum { LEAST_CHANNELS = 64, LEAST_PIXELS = 144 }; /* for fewer products to pay for points, where they are not a quarter */
    const conv_geometry *g = &job->g;
    int is_worth = g->kh == 4 || (g->channels >= LEAST_CHANNELS && g->ho * g->wo >= LEAST_PIXELS);
    return is_worth && job->call && job->call->node->id == MED_OP_conv2d && g->channels % VL == 0 && job->outputs % OUT == 0 &&
           ISA(is_halving)(*(const med_conv_attr *)job->call->node->attr, g->h, g->w);
}

void ISA(conv_halving_run)(const conv_job *job) {
    const conv_geometry *g = &job->g;
    halving w = {.job = job, .kernel = g->kh, .n_blocks = g->channels / VL, .w_output = job->order.output, .w_input = job->order.input, .image_rows = 3};
    w.in = ISA(halving_tiles_of)(job->n, g->channels, g->h, g->w, (g->ho + 2) / 3, (g->wo + 2) / 3, 0);
    w.in.zero = w.kernel == 3 ? 3 : -1;
    w.in.call = job->call;
    w.in.from = job->x;
    run(&w);
}

int ISA(conv_halving_grad_fits)(const med_call *call) {
    med_shape dx = call->out.shape, dy = call->in[0].shape;
    return ISA(is_halving)(((const med_conv_grad_attr *)call->node->attr)->conv, (int)dx.dim[2], (int)dx.dim[3]) && dy.dim[1] % HALVING_K == 0 &&
           dx.dim[1] % OUT == 0;
}

void ISA(conv_halving_grad)(const med_call *call) {
    med_shape dx = call->out.shape, dy = call->in[0].shape;
    int kernel = ((const med_conv_grad_attr *)call->node->attr)->conv.kernel, taps = kernel * kernel;
    conv_job job = {.g = {.ho = (int)dx.dim[2], .wo = (int)dx.dim[3]}, .n = (int)dx.dim[0], .outputs = (int)dx.dim[1], .w = call->in[1].f32,
                    .y = call->out.f32, .y_sample = dx.dim[1] * dx.dim[2] * dx.dim[3], .y_channel = dx.dim[2] * dx.dim[3], .y_row = dx.dim[3], .y_col = 1};
    halving w = {.job = &job, .kernel = kernel, .n_blocks = (int)dy.dim[1] / HALVING_K, .w_output = taps, .w_input = job.outputs * taps, .image_rows = 6};
    w.in = ISA(halving_tiles_of)(job.n, (int)dy.dim[1], (int)dy.dim[2], (int)dy.dim[3], ((int)dy.dim[2] + 2) / 3, ((int)dy.dim[3] + 2) / 3, 1);
    w.in.zero = w.kernel == 3 ? 0 : -1; /* taps are reversed */
    w.in.from = call->in[0].f32;
    run(&w);
}
