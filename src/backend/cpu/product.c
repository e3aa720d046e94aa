/* product.c: matrix products from registers: each vector of x is used for OB rows of w, each number of w for NV vectors. With w in
 * rows (w_k 1) OB rows are read side by side; with w in columns (w_output 1) OB neighbours. AVX-512: 24 multiply-adds for 11 loads. */
#include "backend/cpu/product.h"

INLINE void tile_body(const product_tile *t, int nv, int no, int is_rows) {
    vf acc[OB][NV];
    UNROLL for (int o = 0; o < no; o++) {
        UNROLL for (int v = 0; v < nv; v++) acc[o][v] = t->is_added ? vf_load(t->y + o * t->y_row + v * VL) : vf_all(t->bias ? t->bias[o] : 0);
    }
    const float *x = t->x, *w = t->w;
    ptrdiff_t row = is_rows ? t->w_output : 1, step = is_rows ? 1 : t->w_k;
    for (int k = t->k; k > 0; k--, x += t->x_row, w += step) {
        vf in[NV];
        UNROLL for (int v = 0; v < nv; v++) in[v] = vf_load(x + v * VL);
        if (is_rows && no == OB && k % LINE == 0) {
            UNROLL for (int o = 0; o < no; o++) __builtin_prefetch(w + (o + OB) * row, 0, 2);
        }
        UNROLL for (int o = 0; o < no; o++) {
            vf weight = vf_all(w[o * row]);
            UNROLL for (int v = 0; v < nv; v++) acc[o][v] += in[v] * weight;
        }
    }
    UNROLL for (int o = 0; o < no; o++) {
        UNROLL for (int v = 0; v < nv; v++) vf_store(t->y + o * t->y_row + v * VL, acc[o][v]);
    }
}

#define TILE(name, nv, no, is_rows) static void name(const product_tile *t) { tile_body(t, nv, no, is_rows); }
TILE(rows_3, 3, OB, 1) TILE(rows_2, 2, OB, 1) TILE(rows_1, 1, OB, 1)
TILE(row_3, 3, 1, 1) TILE(row_2, 2, 1, 1) TILE(row_1, 1, 1, 1)
TILE(columns_3, 3, OB, 0) TILE(columns_2, 2, OB, 0) TILE(columns_1, 1, OB, 0)
TILE(column_3, 3, 1, 0) TILE(column_2, 2, 1, 0) TILE(column_1, 1, 1, 0)

static void all_columns(product_tile t, int no, int n_vectors) {
    static void (*const body[2][2][NV])(const product_tile *) = {{{columns_1, columns_2, columns_3}, {column_1, column_2, column_3}},
                                                                 {{rows_1, rows_2, rows_3}, {row_1, row_2, row_3}}};
    while (n_vectors > 0) {
        int nv = n_vectors == 4 ? 2 : n_vectors < NV ? n_vectors : NV;
        body[t.w_k == 1][no == 1][nv - 1](&t);
        t.x += nv * VL;
        t.y += nv * VL;
        n_vectors -= nv;
    }
}

void ISA(product_tiles)(product_tile t, int n_vectors) {
    while (t.outputs > 0) {
        int no = t.outputs < OB ? 1 : OB;
        all_columns(t, no, n_vectors);
        t.outputs -= no;
        t.w += no * t.w_output;
        t.y += no * t.y_row;
        if (t.bias) t.bias += no;
    }
}
