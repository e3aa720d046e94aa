/* conv_halving_weight.c: dw of a halving convolution: F(3x3,2x2) read backwards,
 *
 *   dw = G' [ sum over tiles (A dy A') * (B' x B) ] G,      point by point in the brackets.
 *
 * Points of x and dy first; then a task sums over all tiles for some outputs and VL channels of x, whose phases lie side by
 * side: nothing has to be added afterwards. */
#include "backend/cpu/conv_halving.h"
#include "backend/cpu/winograd.h"

enum { OUT = 2 * VL /* outputs of a task */, TAPS = 16, PAD = 16 /* keeps points out of the same cache sets */ };

typedef struct halving_weight {
    const med_call *call;
    halving_tiles x;
    conv_geometry dy;
    ptrdiff_t z_point; /* floats from a point to the next */
    float *z;          /* [channels of dy / VL][HALVING_POINTS][tiles][VL] */
} halving_weight;

/* A dy A' of one tile, VL channels. */
static void tile_points(const float *dy, ptrdiff_t row, float *z, ptrdiff_t point) {
    vf half[4][3];
    UNROLL for (int c = 0; c < 3; c++) {
        vf d[3], t[4];
        UNROLL for (int r = 0; r < 3; r++) d[r] = vf_load(dy + r * row + c * VL);
        output_grad_1d_2(d, t);
        UNROLL for (int r = 0; r < 4; r++) half[r][c] = t[r];
    }
    UNROLL for (int r = 0; r < 4; r++) {
        vf t[4];
        output_grad_1d_2(half[r], t);
        UNROLL for (int c = 0; c < 4; c++) vf_store(z + (r * 4 + c) * point, t[c]);
    }
}

/* Z of VL channels of one sample. */
static void dy_task(void *context, int index) {
    const halving_weight *w = context;
    int chunks = w->dy.channels / VL, chunk = index % chunks, sample = index / chunks;
    size_t n = (size_t)w->dy.plane * VL + STRIP_SLACK;
    float *strip = med_scratch(SCRATCH_STRIP, 2 * n * sizeof *strip), *turned = strip + n;
    ISA(conv_strip_fill)(&w->dy, NULL, w->call->in[1].f32, sample, chunk * VL, VL, 0, strip);
    ISA(turn_strip)(strip, w->dy.plane, VL, VL, w->dy.plane, turned);
    ptrdiff_t row = (ptrdiff_t)w->dy.pitch * VL;
    float *z = w->z + chunk * HALVING_POINTS * w->z_point + (ptrdiff_t)sample * w->x.tiles_y * w->x.tiles_x * VL;
    for (int y = 0; y < w->x.tiles_y; y++)
        for (int x = 0; x < w->x.tiles_x; x++, z += VL) tile_points(turned + 3 * (y * row + x * VL), row, z, w->z_point);
}

/* u[o][c] = sum over tiles of z[tile][o] * v[tile][c], OB outputs, two vectors of HALVING_K. */
static void product(const float *z, const float *v, int n_tiles, float *u) {
    vf acc[OB][2];
    UNROLL for (int o = 0; o < OB; o++) acc[o][0] = acc[o][1] = vf_all(0);
    for (int t = 0; t < n_tiles; t++, z += VL, v += HALVING_K) {
        vf in[2] = {vf_load(v), vf_load(v + VL)};
        UNROLL for (int o = 0; o < OB; o++) {
            vf d = vf_all(z[o]);
            UNROLL for (int s = 0; s < 2; s++) acc[o][s] += in[s] * d;
        }
    }
    UNROLL for (int o = 0; o < OB; o++) {
        UNROLL for (int s = 0; s < 2; s++) vf_store(u + o * HALVING_K + s * VL, acc[o][s]);
    }
}

/* Taps of one output and VL channels, from the points of their phases. */
static void write_taps(const float *u, ptrdiff_t point, float *dw) {
    vf taps[TAPS];
    UNROLL for (int phase = 0; phase < PHASES; phase++) {
        vf half[2][4], d[4], g[2];
        UNROLL for (int c = 0; c < 4; c++) {
            UNROLL for (int r = 0; r < 4; r++) d[r] = vf_load(u + (r * 4 + c) * point + phase * VL);
            weight_grad_1d_2(d, g);
            UNROLL for (int a = 0; a < 2; a++) half[a][c] = g[a];
        }
        UNROLL for (int a = 0; a < 2; a++) {
            weight_grad_1d_2(half[a], g);
            UNROLL for (int b = 0; b < 2; b++) taps[(2 * a + phase / 2) * 4 + 2 * b + phase % 2] = g[b];
        }
    }
    UNROLL for (int t = 0; t < TAPS; t += VL) {
        vf_transpose(taps + t);
        UNROLL for (int c = 0; c < VL; c++) vf_store(dw + c * TAPS + t, taps[t + c]);
    }
}

static void weight_task(void *context, int index) {
    const halving_weight *w = context;
    int chunks = w->x.channels / VL, chunk = index % chunks, first = index / chunks * OUT, n_tiles = w->x.n * w->x.tiles_y * w->x.tiles_x;
    ptrdiff_t point = OUT * HALVING_K + PAD;
    float *u = med_scratch(SCRATCH_OUT, HALVING_POINTS * (size_t)point * sizeof *u);
    for (int k = 0; k < HALVING_POINTS; k++)
        for (int o = 0; o < OUT; o += OB) {
            const float *z = w->z + ((first + o) / VL * HALVING_POINTS + k) * w->z_point + o % VL, *v = halving_block(&w->x, chunk, k);
            for (int c = 0; c < HALVING_K; c += 2 * VL) product(z, v + c, n_tiles, u + k * point + o * HALVING_K + c);
        }
    for (int o = 0; o < OUT; o++)
        write_taps(u + o * HALVING_K, point, w->call->out.f32 + ((int64_t)(first + o) * w->x.channels + chunk * VL) * TAPS);
}

int ISA(conv_halving_weight_fits)(const med_call *call) {
    med_shape x = call->in[0].shape, dy = call->in[1].shape;
    med_conv_attr a = ((const med_conv_grad_attr *)call->node->attr)->conv;
    return a.kernel == 4 && ISA(is_halving)(a, (int)x.dim[2], (int)x.dim[3]) && x.dim[1] % VL == 0 && dy.dim[1] % OUT == 0;
}

void ISA(conv_halving_weight)(const med_call *call) {
    med_shape x = call->in[0].shape, dy = call->in[1].shape;
    int n = (int)x.dim[0], tiles_y = ((int)dy.dim[2] + 2) / 3, tiles_x = ((int)dy.dim[3] + 2) / 3;
    halving_weight w = {.call = call, .x = ISA(halving_tiles_of)(n, (int)x.dim[1], (int)x.dim[2], (int)x.dim[3], tiles_y, tiles_x, 0),
                        .dy = {.channels = (int)dy.dim[1], .h = (int)dy.dim[2], .w = (int)dy.dim[3], .kh = 1, .kw = 1, .stride_y = 1, .stride_x = 1,
                               .ho = 3 * tiles_y, .wo = 3 * tiles_x}};
    ISA(conv_geometry_finish)(&w.dy, w.dy.ho, INT32_MAX);
    w.x.call = call;
    w.x.from = call->in[0].f32;
    w.z_point = (ptrdiff_t)n * tiles_y * tiles_x * VL + PAD;
    w.x.v = med_scratch(SCRATCH_SHARED, ISA(halving_floats)(&w.x) * sizeof *w.x.v);
    w.z = med_scratch(SCRATCH_WEIGHTS, (size_t)(w.dy.channels / VL * HALVING_POINTS) * (size_t)w.z_point * sizeof *w.z);
    ISA(halving_points)(&w.x);
    med_parallel(n * (w.dy.channels / VL), dy_task, &w);
    med_parallel(w.x.channels / VL * (w.dy.channels / OUT), weight_task, &w);
}
