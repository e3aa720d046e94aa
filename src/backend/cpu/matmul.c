/* matmul.c: small matrix products; made for few rows, where reading the weights once is all the time there is.
 *
 * y[m,n] = sum_k a[m,k] b[k,n]. b as [K,N]: sums along rows of b, a block of columns a task. b as [N,K]: dot products.
 * The order of a sum depends on shapes only. */
#include "backend/cpu/kernels.h"

typedef struct product {
    const float *a, *b;
    float *y;
    int64_t m, n, k, a_row, a_step; /* a[m,k] = a[m*a_row + k*a_step] */
} product;

enum { COLUMNS = 8 * VL, ROWS_OF_TASK = 16 };

/* y[row, begin..end) for b as [K,N] */
static void columns_task(void *context, int block) {
    const product *p = context;
    int64_t begin = (int64_t)block * COLUMNS, end = begin + COLUMNS < p->n ? begin + COLUMNS : p->n;
    for (int64_t row = 0; row < p->m; row++) {
        const float *a = p->a + row * p->a_row;
        vf acc[8];
        int n_vectors = (int)((end - begin + VL - 1) / VL);
        for (int v = 0; v < 8; v++) acc[v] = vf_all(0);
        for (int64_t k = 0; k < p->k; k++) {
            const float *b = p->b + k * p->n;
            float x = a[k * p->a_step];
            if (end - begin == COLUMNS) {
                UNROLL for (int v = 0; v < 8; v++) acc[v] += vf_load(b + begin + v * VL) * x;
            } else {
                for (int v = 0; v < n_vectors; v++) acc[v] += vf_take(b, begin + v * VL, end) * x;
            }
        }
        for (int v = 0; v < n_vectors; v++) vf_put(p->y + row * p->n, begin + v * VL, end, acc[v]);
    }
}

static float dot(const float *a, int64_t a_step, const float *b, int64_t n) {
    float sum = 0;
    if (a_step == 1) {
        vf acc[4] = {{0}, {0}, {0}, {0}};
        int64_t i = 0;
        for (; i + 4 * VL <= n; i += 4 * VL) {
            UNROLL for (int v = 0; v < 4; v++) acc[v] += vf_load(a + i + v * VL) * vf_load(b + i + v * VL);
        }
        for (; i < n; i += VL) acc[0] += vf_take(a, i, n) * vf_take(b, i, n);
        sum = vf_sum((acc[0] + acc[1]) + (acc[2] + acc[3]));
    } else {
        for (int64_t i = 0; i < n; i++) sum += a[i * a_step] * b[i];
    }
    return sum;
}

/* Some columns of y for b as [N,K]. */
static void dots_task(void *context, int block) {
    const product *p = context;
    int64_t begin = (int64_t)block * ROWS_OF_TASK, end = begin + ROWS_OF_TASK < p->n ? begin + ROWS_OF_TASK : p->n;
    for (int64_t n = begin; n < end; n++)
        for (int64_t m = 0; m < p->m; m++) p->y[m * p->n + n] = dot(p->a + m * p->a_row, p->a_step, p->b + n * p->k, p->k);
}

void ISA(matmul)(const med_call *call) {
    med_matmul_attr t = *(const med_matmul_attr *)call->node->attr;
    med_shape a = call->in[0].shape, y = call->out.shape;
    product p = {call->in[0].f32, call->in[1].f32, call->out.f32, y.dim[0], y.dim[1], a.dim[!t.trans_a],
                 t.trans_a ? 1 : a.dim[1], t.trans_a ? a.dim[1] : 1};
    if (t.trans_b)
        med_parallel((int)((p.n + ROWS_OF_TASK - 1) / ROWS_OF_TASK), dots_task, &p);
    else
        med_parallel((int)((p.n + COLUMNS - 1) / COLUMNS), columns_task, &p);
}
