/* attention.c: softmax attention, a block of queries of one head a task: scores of as many queries as a tile of a matrix product
 * has columns, so memory grows with tokens alone. Channels are rows over tokens: scores are keys times queries, y is values times
 * weights, all as they lie.
 * The gradient runs a head a task, as dk and dv are sums over all its queries, in the order of queries: QUERIES rows of scores at a
 * time; scores and dv are sums of rows times a number, dq dot products of rows. */
#include "backend/cpu/product.h"
#include "backend/cpu/vmath.h"

enum { BLOCK_QUERIES = NV * VL, COLUMNS = 3 };
#if MED_VL == 16
enum { QUERIES = 8 }; /* 8 x 3 sums stay in registers */
#else
enum { QUERIES = 4 };
#endif
enum { CHANNELS = VL / QUERIES }; /* whose dot products with the queries are added up together */

typedef struct head {
    const float *q, *k, *v;
    int64_t d, tokens, stride; /* of a row of scores */
} head;

static int64_t stride_of(int64_t tokens) { return (tokens + VL - 1) / VL * VL; }

static head head_of(const med_call *c, int64_t h) {
    med_shape s = c->in[0].shape;
    int64_t tokens = s.dim[2] * s.dim[3], d = s.dim[1] / ((const med_attention_attr *)c->node->attr)->heads;
    int64_t at = h * d * tokens;
    return (head){c->in[0].f32 + at, c->in[1].f32 + at, c->in[2].f32 + at, d, tokens, stride_of(tokens)};
}

/* to[r][j] = scale * sum_c a[c][first + r] * b[c][j] for nv vectors of columns from j on; is_cut: the last is not whole. */
INLINE void products_body(const head *t, const float *a, const float *b, const int64_t *query, int64_t j, int nv, int is_cut, float scale, float *to) {
    vf sum[QUERIES][COLUMNS];
    UNROLL for (int r = 0; r < QUERIES; r++) {
        UNROLL for (int v = 0; v < nv; v++) sum[r][v] = vf_all(0);
    }
    const float *row = b + j;
    for (int64_t c = 0; c < t->d; c++, row += t->tokens, a += t->tokens) {
        vf y[COLUMNS];
        UNROLL for (int v = 0; v < nv; v++)
            y[v] = is_cut && v == nv - 1 ? vf_load_n(row + v * VL, (int)(t->tokens - j) - v * VL) : vf_load(row + v * VL);
        UNROLL for (int r = 0; r < QUERIES; r++) {
            vf x = vf_all(a[query[r]]);
            UNROLL for (int v = 0; v < nv; v++) sum[r][v] += y[v] * x;
        }
    }
    UNROLL for (int r = 0; r < QUERIES; r++) {
        UNROLL for (int v = 0; v < nv; v++) vf_store(to + r * t->stride + j + v * VL, sum[r][v] * scale);
    }
}

/* All columns, for r below QUERIES (those beyond the last query repeat it). */
static void products(const head *t, const float *a, const float *b, int64_t first, float scale, float *to) {
    int64_t query[QUERIES], j = 0;
    for (int r = 0; r < QUERIES; r++) query[r] = first + r < t->tokens ? first + r : t->tokens - 1;
    for (; j + COLUMNS * VL <= t->tokens; j += COLUMNS * VL) products_body(t, a, b, query, j, COLUMNS, 0, scale, to);
    for (; j + VL <= t->tokens; j += VL) products_body(t, a, b, query, j, 1, 0, scale, to);
    if (j < t->tokens) products_body(t, a, b, query, j, 1, 1, scale, to);
}

static float sum_of(vf v) {
    float sum = 0;
    for (int i = 0; i < VL; i++) sum += v[i];
    return sum;
}

/* In place; what lies behind the last token becomes 0. */
static void softmax(float *p, int64_t tokens, int64_t stride) {
    float most = p[0];
    for (int64_t j = 1; j < tokens; j++) most = p[j] > most ? p[j] : most;
    for (int64_t j = tokens; j < stride; j++) p[j] = -1e30f;
    vf sum = vf_all(0);
    for (int64_t j = 0; j < stride; j += VL) {
        vf e = vf_exp(vf_load(p + j) - most);
        if (j + VL > tokens)
            for (int i = 0; i < VL; i++) e[i] = j + i < tokens ? e[i] : 0;
        vf_store(p + j, e);
        sum += e;
    }
    vf scale = vf_all(1 / sum_of(sum));
    for (int64_t j = 0; j < stride; j += VL) vf_store(p + j, vf_load(p + j) * scale);
}

static void weights_of(const head *t, int64_t first, float *p) {
    products(t, t->q, t->k, first, 1 / __builtin_sqrtf((float)t->d), p);
    for (int r = 0; r < QUERIES; r++) softmax(p + r * t->stride, t->tokens, t->stride);
}

/* Sums of all lanes of each of VL vectors. */
INLINE vf sums_of(vf v[VL]) {
    vf_transpose(v);
    vf sum = v[0];
    UNROLL for (int i = 1; i < VL; i++) sum += v[i];
    return sum;
}

/* to[c][first + r] = sum_j p[r][j] * b[c][j] */
static void dots(const head *t, const float *p, const float *b, int64_t first, float *to) {
    int n = t->tokens - first < QUERIES ? (int)(t->tokens - first) : QUERIES;
    for (int64_t c = 0; c < t->d; c += CHANNELS) {
        vf sum[VL] = {{0}};
        const float *row[CHANNELS];
        for (int k = 0; k < CHANNELS; k++) row[k] = b + (c + k < t->d ? c + k : t->d - 1) * t->tokens;
        for (int64_t j = 0; j < t->tokens; j += VL) {
            vf x[QUERIES];
            UNROLL for (int r = 0; r < QUERIES; r++) x[r] = vf_load(p + r * t->stride + j);
            UNROLL for (int k = 0; k < CHANNELS; k++) {
                vf y = vf_take(row[k], j, t->tokens);
                UNROLL for (int r = 0; r < QUERIES; r++) sum[k * QUERIES + r] += y * x[r];
            }
        }
        vf all = sums_of(sum);
        for (int k = 0; k < CHANNELS && c + k < t->d; k++) memcpy(to + (c + k) * t->tokens + first, (float *)&all + k * QUERIES, (size_t)n * sizeof *to);
    }
}

/* ---- forward: a block of queries of one head a task, queries along vectors ---- */

/* Over the rows of p [tokens][BLOCK_QUERIES], every column for itself: e^(p - most), and 1 / their sum. */
static void column_softmax(float *p, int64_t tokens, float *inverse) {
    for (int q = 0; q < BLOCK_QUERIES; q += VL) {
        vf most = vf_load(p + q), sum = vf_all(0);
        for (int64_t j = 1; j < tokens; j++) {
            vf x = vf_load(p + j * BLOCK_QUERIES + q);
            most = vf_select(x > most, x, most);
        }
        for (int64_t j = 0; j < tokens; j++) {
            vf e = vf_exp(vf_load(p + j * BLOCK_QUERIES + q) - most);
            vf_store(p + j * BLOCK_QUERIES + q, e);
            sum += e;
        }
        vf_store(inverse + q, 1 / sum);
    }
}

static void attention_task(void *context, int task) {
    const med_call *c = context;
    int64_t tokens = c->in[0].shape.dim[2] * c->in[0].shape.dim[3], blocks = (tokens + BLOCK_QUERIES - 1) / BLOCK_QUERIES;
    int64_t first = task % blocks * BLOCK_QUERIES, end = first + BLOCK_QUERIES < tokens ? first + BLOCK_QUERIES : tokens;
    head t = head_of(c, task / blocks); /* heads of all samples lie behind each other */
    float *query = med_scratch(SCRATCH_ROWS, (size_t)((2 * t.d + tokens + 1) * BLOCK_QUERIES) * sizeof *query);
    float *out = query + t.d * BLOCK_QUERIES, *inverse = out + t.d * BLOCK_QUERIES, *p = inverse + BLOCK_QUERIES;
    float scale = 1 / __builtin_sqrtf((float)t.d);
    for (int64_t i = 0; i < t.d; i++)
        for (int q = 0; q < BLOCK_QUERIES; q += VL)
            vf_store(query + i * BLOCK_QUERIES + q, first + q < end ? vf_take(t.q + i * tokens, first + q, end) * scale : vf_all(0));
    ISA(product_tiles)((product_tile){.x = query, .x_row = BLOCK_QUERIES, .w = t.k, .w_output = 1, .w_k = tokens, .k = (int)t.d,
                                      .outputs = (int)tokens, .y = p, .y_row = BLOCK_QUERIES}, BLOCK_QUERIES / VL);
    column_softmax(p, tokens, inverse);
    ISA(product_tiles)((product_tile){.x = p, .x_row = BLOCK_QUERIES, .w = t.v, .w_output = tokens, .w_k = 1, .k = (int)tokens,
                                      .outputs = (int)t.d, .y = out, .y_row = BLOCK_QUERIES}, BLOCK_QUERIES / VL);
    float *y = c->out.f32 + (t.q - c->in[0].f32);
    for (int64_t i = 0; i < t.d; i++)
        for (int64_t q = first; q < end; q += VL)
            vf_put(y + i * tokens, q, end, vf_load(out + i * BLOCK_QUERIES + q - first) * vf_load(inverse + q - first));
}

void ISA(attention)(const med_call *call) {
    med_shape s = call->in[0].shape;
    int64_t blocks = (s.dim[2] * s.dim[3] + BLOCK_QUERIES - 1) / BLOCK_QUERIES;
    int heads = ((const med_attention_attr *)call->node->attr)->heads;
    med_parallel((int)(s.dim[0] * heads * blocks), attention_task, (void *)call);
}

/* ---- gradient ---- */

/* to[c][j] += p[r][j] * a[c][first + r] for the n queries of a tile. */
static void spread(const head *t, const float *p, const float *a, int64_t first, int n, float *to) {
    for (int64_t c = 0; c < t->d; c++)
        for (int64_t j = 0; j < t->tokens; j += VL) {
            vf sum = vf_take(to + c * t->tokens, j, t->tokens);
            for (int r = 0; r < n; r++) sum += vf_load(p + r * t->stride + j) * a[c * t->tokens + first + r];
            vf_put(to + c * t->tokens, j, t->tokens, sum);
        }
}

/* ds of a tile from p and dp, in dp. */
static void score_gradients(const head *t, const float *p, float *dp) {
    float scale = 1 / __builtin_sqrtf((float)t->d);
    for (int r = 0; r < QUERIES; r++) {
        const float *w = p + r * t->stride;
        float *x = dp + r * t->stride;
        vf sum = vf_all(0);
        for (int64_t j = t->tokens; j < t->stride; j++) x[j] = 0;
        for (int64_t j = 0; j < t->stride; j += VL) sum += vf_load(w + j) * vf_load(x + j);
        float mean = sum_of(sum);
        for (int64_t j = 0; j < t->stride; j += VL) vf_store(x + j, vf_load(w + j) * (vf_load(x + j) - mean) * scale);
    }
}

static void grad_task(void *context, int task) {
    const med_call *c = context;
    med_shape s = c->in[0].shape;
    int heads = ((const med_attention_attr *)c->node->attr)->heads;
    head t = head_of(c, task);
    int64_t third = s.dim[1] * t.tokens;
    const float *dy = c->in[3].f32 + (t.q - c->in[0].f32);
    float *dq = c->out.f32 + task / heads * 3 * third + task % heads * t.d * t.tokens, *dk = dq + third, *dv = dk + third;
    float *p = med_scratch(SCRATCH_ROWS, (size_t)(2 * QUERIES * t.stride) * sizeof *p), *dp = p + QUERIES * t.stride;
    memset(dk, 0, (size_t)(t.d * t.tokens) * sizeof *dk);
    memset(dv, 0, (size_t)(t.d * t.tokens) * sizeof *dv);
    for (int64_t first = 0; first < t.tokens; first += QUERIES) {
        int n = t.tokens - first < QUERIES ? (int)(t.tokens - first) : QUERIES;
        weights_of(&t, first, p);
        products(&t, dy, t.v, first, 1, dp);
        spread(&t, p, dy, first, n, dv);
        score_gradients(&t, p, dp);
        dots(&t, dp, t.k, first, dq);
        spread(&t, dp, t.q, first, n, dk);
    }
}

void ISA(attention_grad)(const med_call *call) {
    int heads = ((const med_attention_attr *)call->node->attr)->heads;
    med_parallel((int)call->in[0].shape.dim[0] * heads, grad_task, (void *)call);
}
