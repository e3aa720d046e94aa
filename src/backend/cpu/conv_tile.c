/* conv_tile.c: the kernel under all dense convolutions: OB outputs x NV vectors of positions stay in registers while the
 * sum runs over channels and taps. Each input vector is used for OB outputs, each weight for NV vectors, so the kernel
 * runs at the FMA rate from L1 and L2 (AVX-512: 8 x 3 accumulators, 11 loads for 24 multiply-adds). */
#include "backend/cpu/conv.h"

/* `no` of OB outputs are computed: all, or the only one there is. */
INLINE void tile_body(const conv_tile *t, int nv, int no) {
    vf acc[OB][NV];
    UNROLL for (int o = 0; o < no; o++) {
        UNROLL for (int v = 0; v < nv; v++) acc[o][v] = vf_all(t->bias[o]);
    }
    const float *x = t->x, *w = t->w;
    for (int c = t->channels; c > 0; c--, x += t->plane)
        for (int k = 0; k < t->taps; k++, w += OB) {
            const float *p = x + t->tap[k];
            vf in[NV];
            UNROLL for (int v = 0; v < nv; v++) in[v] = vf_load(p + v * VL);
            UNROLL for (int o = 0; o < no; o++) {
                vf weight = vf_all(w[o]);
                UNROLL for (int v = 0; v < nv; v++) acc[o][v] += in[v] * weight;
            }
        }
    UNROLL for (int o = 0; o < no; o++) {
        if (o < t->n_outputs) {
            UNROLL for (int v = 0; v < nv; v++) vf_store(t->out + o * t->out_channel + v * VL, acc[o][v]);
        }
    }
}

static void tile_3(const conv_tile *t) { tile_body(t, 3, OB); }
static void tile_2(const conv_tile *t) { tile_body(t, 2, OB); }
static void tile_1(const conv_tile *t) { tile_body(t, 1, OB); }
static void one_3(const conv_tile *t) { tile_body(t, 3, 1); }
static void one_2(const conv_tile *t) { tile_body(t, 2, 1); }
static void one_1(const conv_tile *t) { tile_body(t, 1, 1); }

void ISA(conv_tiles)(conv_tile t, int n_vectors) {
    static void (*const body[2][NV])(const conv_tile *) = {{tile_1, tile_2, tile_3}, {one_1, one_2, one_3}};
    while (n_vectors > 0) {
        int nv = n_vectors == 4 ? 2 : n_vectors < NV ? n_vectors : NV;
        body[t.n_outputs == 1][nv - 1](&t);
        t.x += nv * VL;
        t.out += nv * VL;
        n_vectors -= nv;
    }
}
