/* attention.c: softmax attention, a tile of queries of one head a task: QUERIES rows of scores at a time, as long as there are
 * tokens, so memory grows with tokens alone. Keys and values are rows of a channel over tokens: scores are sums of rows times
 * a number, and so is dv; y and dq are dot products of rows.
 * The gradient runs a head a task, as dk and dv are sums over all its queries, in the order of queries. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/vmath.h"

enum { QUERIES = 4, COLUMNS = 4 };

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

/* to[r][j] = scale * sum_c a[c][first + r] * b[c][j], r below QUERIES (those beyond the last query repeat it). */
static void products(const head *t, const float *a, const float *b, int64_t first, float scale, float *to) {
    int64_t query[QUERIES];
    for (int r = 0; r < QUERIES; r++) query[r] = first + r < t->tokens ? first + r : t->tokens - 1;
    for (int64_t j = 0; j < t->tokens; j += COLUMNS * VL) {
        vf sum[QUERIES][COLUMNS] = {{{0}}};
        int n_columns = (int)((t->tokens - j + VL - 1) / VL), is_whole = t->tokens - j >= COLUMNS * VL;
        if (n_columns > COLUMNS) n_columns = COLUMNS;
        for (int64_t c = 0; c < t->d; c++) {
            const float *row = b + c * t->tokens, *x = a + c * t->tokens;
            if (is_whole) {
                UNROLL for (int v = 0; v < COLUMNS; v++) {
                    vf y = vf_load(row + j + v * VL);
                    UNROLL for (int r = 0; r < QUERIES; r++) sum[r][v] += y * x[query[r]];
                }
            } else {
                for (int v = 0; v < n_columns; v++) {
                    vf y = vf_take(row, j + v * VL, t->tokens);
                    UNROLL for (int r = 0; r < QUERIES; r++) sum[r][v] += y * x[query[r]];
                }
            }
        }
        for (int r = 0; r < QUERIES; r++)
            for (int v = 0; v < n_columns; v++) vf_store(to + r * t->stride + j + v * VL, sum[r][v] * scale);
    }
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

/* to[c][first + r] = sum_j p[r][j] * b[c][j] */
static void dots(const head *t, const float *p, const float *b, int64_t first, float *to) {
    int n = t->tokens - first < QUERIES ? (int)(t->tokens - first) : QUERIES;
    for (int64_t c = 0; c < t->d; c++) {
        vf sum[QUERIES] = {{0}};
        for (int64_t j = 0; j < t->tokens; j += VL) {
            vf y = vf_take(b + c * t->tokens, j, t->tokens);
            UNROLL for (int r = 0; r < QUERIES; r++) sum[r] += y * vf_load(p + r * t->stride + j);
        }
        for (int r = 0; r < n; r++) to[c * t->tokens + first + r] = sum_of(sum[r]);
    }
}

static int64_t tiles_of(int64_t tokens) { return (tokens + QUERIES - 1) / QUERIES; }

static void attention_task(void *context, int task) {
    const med_call *c = context;
    int64_t tokens = c->in[0].shape.dim[2] * c->in[0].shape.dim[3], tiles = tiles_of(tokens), h = task / tiles;
    head t = head_of(c, h); /* heads of all samples lie behind each other */
    float *p = med_scratch(SCRATCH_ROWS, (size_t)(QUERIES * t.stride) * sizeof *p);
    weights_of(&t, task % tiles * QUERIES, p);
    dots(&t, p, t.v, task % tiles * QUERIES, c->out.f32 + (t.q - c->in[0].f32));
}

void ISA(attention)(const med_call *call) {
    med_shape s = call->in[0].shape;
    int heads = ((const med_attention_attr *)call->node->attr)->heads;
    med_parallel((int)(s.dim[0] * heads * tiles_of(s.dim[2] * s.dim[3])), attention_task, (void *)call);
}

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
