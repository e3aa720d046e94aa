/* conv_winograd_weight.c: weight gradient of a 3x3 stride-1 convolution by F(4x4,3x3) read backwards:
 *
 *   dw = G' [ sum over tiles (A dy A') * (B' x B) ] G,      point by point in the brackets,
 *
 * 36 instead of 144 multiplications for 4x4 pixels of dy. Vectors run along channels: x and dy of a strip are turned to
 * [position][channels]; V[k][tile][CHUNK] and Z[k][tile][VL outputs] come out of the transforms, and a product sums
 * over tiles with OB outputs x CHUNK channels in registers, added to dU[k][output][CHUNK] once a strip. */
#include "backend/cpu/conv_weight.h"
#include "backend/cpu/winograd.h"
#include "engine/switches.h"

enum { POINTS = 36, SETS = 2, CHUNK = SETS * VL, STRIP_TILES = 96, PAD = 16 /* keeps points out of the same cache sets */ };

typedef struct weight_winograd {
    const med_call *call;
    conv_geometry x, dy;           /* of strips of whole tiles, all channels */
    int n, tiles_x, sets;          /* sets: vectors of channels in a chunk */
    ptrdiff_t v_point, z_point, u_point;
    weight_split split;
} weight_winograd;

typedef struct task_memory {
    float *strip, *x, *dy, *v, *z, *u;
} task_memory;

static task_memory task_memory_of(const weight_winograd *w) {
    size_t x = (size_t)w->x.plane * VL, dy = (size_t)w->dy.plane * VL, strip = (x > dy ? x : dy) + STRIP_SLACK; /* planes are whole lines */
    task_memory m;
    m.strip = med_scratch(SCRATCH_STRIP, (strip + x + dy) * sizeof *m.strip);
    m.x = m.strip + strip;
    m.dy = m.x + x;
    m.v = med_scratch(SCRATCH_OUT, POINTS * (size_t)(w->v_point + w->z_point + w->u_point) * sizeof *m.v);
    m.z = m.v + POINTS * w->v_point;
    m.u = m.z + POINTS * w->z_point;
    return m;
}

/* B' x B of one tile, VL channels; a pixel is `step` floats, a row `row`. */
static void tile_of_x(const float *x, ptrdiff_t row, ptrdiff_t step, float *v, ptrdiff_t v_point) {
    vf half[6][6];
    UNROLL for (int c = 0; c < 6; c++) {
        vf d[6], t[6];
        UNROLL for (int r = 0; r < 6; r++) d[r] = vf_load(x + r * row + c * step);
        input_1d(d, t);
        UNROLL for (int r = 0; r < 6; r++) half[r][c] = t[r];
    }
    UNROLL for (int r = 0; r < 6; r++) {
        vf t[6];
        input_1d(half[r], t);
        UNROLL for (int c = 0; c < 6; c++) vf_store(v + (r * 6 + c) * v_point, t[c]);
    }
}

/* A dy A' of one tile, VL outputs. */
static void tile_of_dy(const float *dy, ptrdiff_t row, float *z, ptrdiff_t z_point) {
    vf half[6][4];
    UNROLL for (int c = 0; c < 4; c++) {
        vf d[4], t[6];
        UNROLL for (int r = 0; r < 4; r++) d[r] = vf_load(dy + r * row + c * VL);
        output_grad_1d(d, t);
        UNROLL for (int r = 0; r < 6; r++) half[r][c] = t[r];
    }
    UNROLL for (int r = 0; r < 6; r++) {
        vf t[6];
        output_grad_1d(half[r], t);
        UNROLL for (int c = 0; c < 6; c++) vf_store(z + (r * 6 + c) * z_point, t[c]);
    }
}

/* u[o] += sum over tiles of z[tile][o] * v[tile], `no` outputs, `sets` vectors of channels. */
INLINE void product_body(const float *z, const float *v, int n_tiles, int no, int sets, float *u) {
    vf acc[VL][SETS];
    UNROLL for (int o = 0; o < no; o++) {
        UNROLL for (int s = 0; s < sets; s++) acc[o][s] = vf_load(u + (o * sets + s) * VL);
    }
    for (int t = n_tiles; t > 0; t--, z += VL, v += sets * VL) {
        vf in[SETS];
        UNROLL for (int s = 0; s < sets; s++) in[s] = vf_load(v + s * VL);
        UNROLL for (int o = 0; o < no; o++) {
            vf d = vf_all(z[o]);
            UNROLL for (int s = 0; s < sets; s++) acc[o][s] += in[s] * d;
        }
    }
    UNROLL for (int o = 0; o < no; o++) {
        UNROLL for (int s = 0; s < sets; s++) vf_store(u + (o * sets + s) * VL, acc[o][s]);
    }
}
static void product_2(const float *z, const float *v, int n_tiles, float *u) { product_body(z, v, n_tiles, OB, 2, u); }
static void product_1(const float *z, const float *v, int n_tiles, float *u) { product_body(z, v, n_tiles, VL, 1, u); }

/* V of the chunk's channels over one strip. */
static void strip_of_x(const weight_winograd *w, const task_memory *m, int sample, int c0, int n_channels, int strip, int rows) {
    for (int c = 0; c < n_channels; c += VL) {
        int n = n_channels - c < VL ? n_channels - c : VL;
        ISA(conv_strip_fill)(&w->x, w->call, w->call->in[0].f32, sample, c0 + c, n, strip * w->x.rows, m->strip);
        ISA(turn_strip)(m->strip, w->x.plane, n, VL, w->x.plane, m->x);
        for (int tile = 0; tile < rows * w->tiles_x; tile++) {
            ptrdiff_t row = (ptrdiff_t)w->x.pitch * VL, at = tile / w->tiles_x * 4 * row + tile % w->tiles_x * 4 * VL;
            tile_of_x(m->x + at, row, VL, m->v + tile * w->sets * VL + c, w->v_point);
        }
    }
}

/* Z of VL outputs from o0 on, and their part of dU. */
static void strip_of_dy(const weight_winograd *w, const task_memory *m, int sample, int o0, int strip, int rows) {
    int n = w->dy.channels - o0 < VL ? w->dy.channels - o0 : VL, n_tiles = rows * w->tiles_x;
    ISA(conv_strip_fill)(&w->dy, NULL, w->call->in[1].f32, sample, o0, n, strip * w->dy.rows, m->strip);
    ISA(turn_strip)(m->strip, w->dy.plane, n, VL, w->dy.plane, m->dy);
    for (int tile = 0; tile < n_tiles; tile++) {
        ptrdiff_t row = (ptrdiff_t)w->dy.pitch * VL, at = tile / w->tiles_x * 4 * row + tile % w->tiles_x * 4 * VL;
        tile_of_dy(m->dy + at, row, m->z + tile * VL, w->z_point);
    }
    for (int k = 0; k < POINTS; k++) {
        const float *z = m->z + k * w->z_point, *v = m->v + k * w->v_point;
        float *u = m->u + k * w->u_point + (int64_t)o0 * w->sets * VL;
        if (w->sets == 1) product_1(z, v, n_tiles, u);
        else
            for (int o = 0; o < n; o += OB) product_2(z + o, v, n_tiles, u + o * 2 * VL);
    }
}

/* G' dU G of all outputs and the chunk's channels to dw [outputs][inputs][9]. */
static void write_chunk(const weight_winograd *w, const float *u, int c0, int n_channels, float *dw) {
    for (int o = 0; o < w->dy.channels; o++)
        for (int c = 0; c < n_channels; c += VL) {
            vf half[3][6], g[9], row[VL];
            UNROLL for (int j = 0; j < 6; j++) {
                vf d[6], t[3];
                UNROLL for (int i = 0; i < 6; i++) d[i] = vf_load(u + (i * 6 + j) * w->u_point + (int64_t)o * w->sets * VL + c);
                weight_grad_1d(d, t);
                UNROLL for (int i = 0; i < 3; i++) half[i][j] = t[i];
            }
            UNROLL for (int i = 0; i < 3; i++) weight_grad_1d(half[i], g + 3 * i);
            float *to = dw + ((int64_t)o * w->x.channels + c0 + c) * 9;
            int n = n_channels - c < VL ? n_channels - c : VL;
            UNROLL for (int t = 0; t < 9; t += VL) { /* lanes are channels: turn to nine weights of each */
                for (int i = 0; i < VL; i++) row[i] = t + i < 9 ? g[t + i] : vf_all(0);
                vf_transpose(row);
                for (int i = 0; i < n; i++) vf_store_n(to + i * 9 + t, row[i], 9 - t < VL ? 9 - t : VL);
            }
        }
}

static void weight_task(void *context, int index) {
    const weight_winograd *w = context;
    int chunk = index % w->split.n_chunks, group = index / w->split.n_chunks, c0 = chunk * CHUNK;
    int n_channels = w->x.channels - c0 < CHUNK ? w->x.channels - c0 : CHUNK;
    task_memory m = task_memory_of(w);
    memset(m.v, 0, POINTS * (size_t)w->v_point * sizeof *m.v); /* the last chunk may leave lanes unused */
    memset(m.u, 0, POINTS * (size_t)w->u_point * sizeof *m.u);
    range strips = weight_split_strips(&w->split, group, w->n * w->x.n_strips);
    for (int s = (int)strips.begin; s < strips.end; s++) {
        int sample = s / w->x.n_strips, strip = s % w->x.n_strips, rows = conv_strip_rows(&w->x, strip) / 4;
        strip_of_x(w, &m, sample, c0, n_channels, strip, rows);
        for (int o = 0; o < w->dy.channels; o += VL) strip_of_dy(w, &m, sample, o, strip, rows);
    }
    write_chunk(w, m.u, c0, n_channels, w->split.parts + group * w->split.n);
}

int ISA(conv_winograd_weight_fits)(const med_call *call) {
    med_conv_attr a = ((const med_conv_grad_attr *)call->node->attr)->conv;
    med_shape x = call->in[0].shape, dy = call->in[1].shape;
    return a.kernel == 3 && a.stride == 1 && x.dim[1] >= VL && dy.dim[1] >= OB && dy.dim[2] >= 9 && dy.dim[3] >= 9 && med_switch_is_on(MED_SWITCH_WINOGRAD);
}

void ISA(conv_winograd_weight)(const med_call *call) {
    med_conv_attr a = ((const med_conv_grad_attr *)call->node->attr)->conv;
    med_shape x = call->in[0].shape, dy = call->in[1].shape;
    int tiles_x = ((int)dy.dim[3] + 3) / 4, tiles_y = ((int)dy.dim[2] + 3) / 4;
    int rows = STRIP_TILES / tiles_x > 1 ? STRIP_TILES / tiles_x : 1, n_strips = (tiles_y + rows - 1) / rows;
    rows = (tiles_y + n_strips - 1) / n_strips; /* all strips alike: the last may reach below the image, where dy is 0 */
    weight_winograd w = {
        .call = call, .n = (int)x.dim[0], .tiles_x = tiles_x, .sets = x.dim[1] > VL ? 2 : 1,
        .x = {.channels = (int)x.dim[1], .h = (int)x.dim[2], .w = (int)x.dim[3], .kh = 3, .kw = 3, .stride_y = 1, .stride_x = 1,
              .pad_y = a.pad, .pad_x = a.pad, .is_reflect = a.mode == MED_PAD_REFLECT, .ho = 4 * rows * n_strips, .wo = 4 * tiles_x},
        .dy = {.channels = (int)dy.dim[1], .h = (int)dy.dim[2], .w = (int)dy.dim[3], .kh = 1, .kw = 1, .stride_y = 1, .stride_x = 1,
               .ho = 4 * rows * n_strips, .wo = 4 * tiles_x},
    };
    ISA(conv_geometry_finish)(&w.x, 4 * rows, INT32_MAX);
    ISA(conv_geometry_finish)(&w.dy, 4 * rows, INT32_MAX);
    w.v_point = (ptrdiff_t)rows * tiles_x * w.sets * VL + PAD;
    w.z_point = (ptrdiff_t)rows * tiles_x * VL + PAD;
    w.u_point = (ptrdiff_t)(w.dy.channels + VL - 1) / VL * VL * w.sets * VL + PAD;
    w.split = ISA(weight_split_create)(call, (w.x.channels + CHUNK - 1) / CHUNK, w.n * w.x.n_strips);
    ISA(weight_split_run)(call, &w.split, weight_task, &w);
}
