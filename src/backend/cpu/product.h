/* product.h: the tile kernel of matrix products: OB rows of y by NV vectors of columns stay in registers over k. */
#ifndef MED_CPU_PRODUCT_H
#define MED_CPU_PRODUCT_H

#include "backend/cpu/conv.h"

/* y[o][p] = its start + sum_k w[o][k] x[k][p]. One of the two steps of w is 1: reading it takes no packing. */
typedef struct product_tile {
    const float *x, *w;
    ptrdiff_t x_row, w_output, w_k;
    int k, outputs;    /* outputs: any number */
    int is_added;      /* y starts from itself; else from bias, per output, or 0 */
    const float *bias;
    float *y;
    ptrdiff_t y_row;
} product_tile;
/* `n_vectors` vectors of columns, all of which x and y must have. */
void ISA(product_tiles)(product_tile tile, int n_vectors);

#endif
