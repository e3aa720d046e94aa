/* conv_strassen.c: large linear layers of tokens by a fast matrix product, of Strassen's kind.
 *
 * y = w x, with outputs and inputs cut into three parts, positions into two: 15 products of sums of parts instead of 18 of parts
 * (Hopcroft & Kerr 1971). Parts alternate: OB outputs of each part are a block, CHUNK inputs of each a chunk.
 * A task has some blocks and goes through the inputs chunk by chunk, whose sums of x it makes and keeps in its L2 with the products of
 * its blocks. Sums of weights, vectors along inputs, are made while the product before is multiplied, and the weights of the next block
 * are fetched. In the end sums of products, with the bias, are y. 1.5 times the rounding error of the plain product; on Zen 4 (peak 118
 * GFLOP/s) as fast as one at 119, which runs at 111. */
#include "backend/cpu/conv.h"
#include "engine/switches.h"

enum { PARTS = 3, HALVES = 2, PRODUCTS = 15, MOST_TERMS = 3 /* of a sum of weights */, MOST_POSITIONS = 192, MOST_TILES = (MOST_POSITIONS / HALVES / VL + 1) / 2 };
enum { CHUNK = 64, SHARES = 4 /* of LINE inputs */, PAD = 16 /* keeps sums out of the same cache set */ };

/* Product i of the sum of w[i][m][k] times part (m,k) of w and that of x[i][k][h] times part (k,h) of x is added y[i][m][h] times to
 * part (m,h) of y. The first part of w in each has no sign. */
static const struct {
    signed char w[PARTS * PARTS], x[PARTS * HALVES], y[PARTS * HALVES];
} plan[PRODUCTS] = {
    {{ 1, -1,  0,  0,  0,  0,  1,  0,  0}, { 0,  1,  0,  0,  0,  0}, { 1,  1,  0,  0,  0,  0}},
    {{ 1,  0,  1, -1,  0,  0,  0,  0,  0}, { 1, -1,  0,  0,  0,  0}, { 1,  0,  0,  0,  0,  0}},
    {{ 0,  0,  0,  1, -1,  0,  0, -1,  0}, { 0,  0,  1,  0,  0,  0}, { 0,  0, -1, -1,  0,  0}},
    {{ 0,  0,  0,  1,  0,  0,  0,  0,  0}, { 1,  0,  1,  0,  0,  0}, { 1,  0,  1,  0,  0,  0}},
    {{ 0,  1,  0, -1,  0,  0,  0,  0,  0}, { 0,  1,  1,  0,  0,  0}, { 1,  0,  0, -1,  0,  0}},
    {{ 0,  0,  0,  0,  0,  0,  1,  0,  0}, { 1,  0,  0,  0, -1,  0}, {-1, -1,  0,  0,  1,  1}},
    {{ 0,  0,  0,  0,  0,  1,  1,  0,  1}, { 0,  0,  0,  0,  1,  0}, { 0,  0,  0,  0,  1,  0}},
    {{ 0,  0,  1,  0,  0,  0, -1,  0,  0}, { 1, -1,  0,  0, -1,  0}, {-1, -1,  0,  0,  0,  1}},
    {{ 0,  1,  0,  0, -1, -1,  0,  0,  0}, { 0,  0,  1, -1,  0,  0}, { 0,  0,  0,  1,  0,  0}},
    {{ 0,  1,  0,  0,  0,  0,  0,  0,  0}, { 0,  1,  0,  1,  0,  0}, { 0,  1,  0,  1,  0,  0}},
    {{ 0,  0,  0,  0,  0,  0,  0,  1,  0}, { 0,  0,  0,  1,  0, -1}, { 0,  0, -1, -1,  1,  1}},
    {{ 0,  0,  1,  0,  0,  0,  0,  1,  1}, { 0,  0,  0,  0,  0,  1}, { 0,  0,  0,  0,  0,  1}},
    {{ 0,  0,  0,  0,  0,  1,  0,  0,  0}, { 0,  0,  1, -1, -1,  1}, { 0,  0, -1,  0,  1,  0}},
    {{ 0,  0,  0,  0,  0,  1,  0, -1,  0}, { 0,  0,  1, -1,  0,  1}, { 0,  0,  1,  1, -1,  0}},
    {{ 0,  0,  1,  0,  0,  0,  0,  0,  0}, { 1, -1,  0,  0, -1,  1}, { 0,  1,  0,  0,  0, -1}},
};

typedef struct tile tile;
typedef struct errand errand;
/* A tile of the positions, and the outputs of its errand. */
typedef struct tile_plan {
    void (*run)(const tile *, const errand *);
    int first, begin, end;
} tile_plan;

typedef struct strassen {
    const conv_job *job;
    conv_job written;       /* the job for who reads y, where the residual is in */
    int positions;          /* of a half */
    tile_plan tile[MOST_TILES];
    int n_tiles;
    int n_chunks, n_blocks, n_tasks; /* tasks: of a sample */
    ptrdiff_t sum;          /* from a sum of a chunk of x to the next */
    double *parts;
} strassen;

/* v times a coefficient, added. */
INLINE void add_signed(vf *to, vf v, int sign) {
    if (sign > 0) *to += v;
    if (sign < 0) *to -= v;
}

INLINE vf load_part(const float *p, int n) { return n == VL ? vf_load(p) : vf_load_n(p, n); }
INLINE void store_part(float *p, vf v, int n) {
    if (n == VL) vf_store(p, v);
    else vf_store_n(p, v, n);
}

/* ---- x ---- */

/* n positions of all sums of an input of each part; sums are `sum` apart. */
INLINE void sum_parts(const float *const from[PARTS * HALVES], int p, int n, ptrdiff_t sum, float *to) {
    vf v[PARTS * HALVES];
    UNROLL for (int i = 0; i < PARTS * HALVES; i++) v[i] = load_part(from[i] + p, n);
    UNROLL for (int r = 0; r < PRODUCTS; r++) {
        vf all = vf_all(0);
        UNROLL for (int i = 0; i < PARTS * HALVES; i++) add_signed(&all, v[i], plan[r].x[i]);
        store_part(to + r * sum + p, all, n);
    }
}

/* Sums of a chunk: [PRODUCTS], each [CHUNK][positions]. */
static void sum_inputs(const strassen *s, int sample, int chunk, float *to) {
    int positions = s->positions, whole = positions / VL * VL;
    ptrdiff_t sum = s->sum;
    const float *x = s->job->x + ((ptrdiff_t)sample * s->n_chunks + chunk) * PARTS * CHUNK * HALVES * positions;
    for (int k = 0; k < CHUNK; k++, to += positions, x += HALVES * positions) {
        const float *from[PARTS * HALVES];
        UNROLL for (int i = 0; i < PARTS * HALVES; i++) from[i] = x + (i / HALVES * CHUNK * HALVES + i % HALVES) * positions;
        for (int p = 0; p < whole; p += VL) sum_parts(from, p, VL, sum, to);
        if (whole < positions) sum_parts(from, whole, positions - whole, sum, to);
    }
}

/* ---- products ---- */

/* Where the parts of w in a product lie, and signs of all but the first. */
typedef struct terms {
    int n;
    ptrdiff_t at[MOST_TERMS];
    vi sign[MOST_TERMS];
} terms;

static ptrdiff_t part_at(const strassen *s, int part) { return part / PARTS * OB * s->job->order.output + part % PARTS * CHUNK; }

static void find_terms(const strassen *s, terms of[PRODUCTS]) {
    for (int r = 0; r < PRODUCTS; r++) {
        of[r].n = 0;
        for (int i = 0; i < PARTS * PARTS; i++) {
            if (!plan[r].w[i]) continue;
            of[r].at[of[r].n] = part_at(s, i);
            of[r].sign[of[r].n++] = (vi)vf_all(plan[r].w[i]) & INT32_MIN;
        }
    }
}

/* What is done beside a tile: sums of weights for the next product, of some outputs, and fetching those of the next block. */
struct errand {
    const terms *of;
    const float *w;
    ptrdiff_t row;
    int begin, end;     /* outputs */
    float *u;           /* [OB][CHUNK] */
    const float *ahead; /* OB rows to be fetched */
};

/* LINE inputs from k on, of every SHARES-th output. By additions alone: multiply-adds would wait for those of the tile. */
INLINE void run_errand(const errand *e, int k, int share) {
    for (int o = e->begin + share; o < e->end; o += SHARES) {
        const float *from = e->w + o * e->row + k;
        UNROLL for (int i = 0; i < LINE; i += VL) {
            vf v = vf_load(from + e->of->at[0] + i);
            if (e->of->n > 1) v += (vf)((vi)vf_load(from + e->of->at[1] + i) ^ e->of->sign[1]);
            if (e->of->n > 2) v += (vf)((vi)vf_load(from + e->of->at[2] + i) ^ e->of->sign[2]);
            vf_store(e->u + o * CHUNK + k + i, v);
        }
    }
    UNROLL for (int o = share; o < OB; o += SHARES) __builtin_prefetch(e->ahead + o * e->row + k, 0, 2);
}

struct tile {
    const float *x, *u; /* u: [OB][CHUNK] */
    float *m;           /* [OB][row] */
    ptrdiff_t row;      /* of x and m */
    int is_added;
};

/* nv vectors of positions, and half a vector. */
INLINE void tile_body(const tile *t, const errand *e, int nv, int has_half) {
    vf acc[OB][NV];
    vf_half half[OB];
    UNROLL for (int o = 0; o < OB; o++) {
        UNROLL for (int v = 0; v < nv; v++) acc[o][v] = t->is_added ? vf_load(t->m + o * t->row + v * VL) : vf_all(0);
        if (has_half) half[o] = t->is_added ? vf_half_load(t->m + o * t->row + nv * VL) : vf_lower(vf_all(0));
    }
    const float *x = t->x, *u = t->u;
    for (int first = 0; first < CHUNK; first += LINE) {
        UNROLL for (int share = 0; share < SHARES; share++) {
            run_errand(e, first, share);
            UNROLL for (int k = 0; k < LINE / SHARES; k++, x += t->row, u++) {
                vf in[NV];
                vf_half last;
                UNROLL for (int v = 0; v < nv; v++) in[v] = vf_load(x + v * VL);
                if (has_half) last = vf_half_load(x + nv * VL);
                UNROLL for (int o = 0; o < OB; o++) {
                    vf weight = vf_all(u[o * CHUNK]);
                    UNROLL for (int v = 0; v < nv; v++) acc[o][v] += in[v] * weight;
                    if (has_half) half[o] += last * vf_lower(weight);
                }
            }
        }
    }
    UNROLL for (int o = 0; o < OB; o++) {
        UNROLL for (int v = 0; v < nv; v++) vf_store(t->m + o * t->row + v * VL, acc[o][v]);
        if (has_half) vf_half_store(t->m + o * t->row + nv * VL, half[o]);
    }
}
#define TILE(name, nv, has_half) static void name(const tile *t, const errand *e) { tile_body(t, e, nv, has_half); }
TILE(tile_1, 1, 0) TILE(tile_2, 2, 0) TILE(tile_3, 3, 0) TILE(tile_2_half, 2, 1)

/* Three vectors each, but two and two of four; half a vector in the end goes with two. */
static void plan_tiles(strassen *s) {
    static void (*const whole[NV])(const tile *, const errand *) = {tile_1, tile_2, tile_3};
    int has_half = s->positions % VL != 0;
    for (int first = 0, nv; first + VL <= s->positions; first += nv * VL) {
        int rest = (s->positions - first) / VL, n = has_half ? rest - 2 : rest;
        nv = n == 0 || n == 4 ? 2 : n < NV ? n : NV;
        s->tile[s->n_tiles++] = (tile_plan){.run = n ? whole[nv - 1] : tile_2_half, .first = first};
    }
    for (int i = 0; i < s->n_tiles; i++) {
        s->tile[i].begin = i * OB / s->n_tiles;
        s->tile[i].end = (i + 1) * OB / s->n_tiles;
    }
}

/* The 15 products of a block, m, with one chunk more. u[0] holds sums of its weights w for the first of them, and then those of `next`. */
static void multiply_block(const strassen *s, const terms of[PRODUCTS], const float *x, const float *w, const float *next, int is_added, float *u[2], float *m) {
    errand e = {.w = w, .row = s->job->order.output};
    tile t = {.row = s->positions, .is_added = is_added};
    for (int r = 0; r < PRODUCTS; r++) {
        e.of = of + r + 1;
        if (r + 1 == PRODUCTS) e.of = of, e.w = next;
        e.ahead = next + part_at(s, r % (PARTS * PARTS)); /* some twice: a fetch is not always heeded */
        t.u = u[r & 1];
        e.u = u[~r & 1];
        for (int i = 0; i < s->n_tiles; i++) {
            const tile_plan *plan_of = &s->tile[i];
            e.begin = plan_of->begin;
            e.end = plan_of->end;
            t.x = x + r * s->sum + plan_of->first;
            t.m = m + r * OB * s->positions + plan_of->first;
            plan_of->run(&t, &e);
        }
    }
    float *made = u[1]; /* PRODUCTS is odd */
    u[1] = u[0];
    u[0] = made;
}

/* ---- y ---- */

/* n positions from p on of an output of each part: from its products m, `product` apart, to y + at[], with the residual unless that is NULL. */
INLINE void add_parts(const float *m, ptrdiff_t product, const float bias[PARTS], const int64_t at[PARTS * HALVES], int p, int n, const float *residual, float *y) {
    vf sum[PARTS * HALVES];
    UNROLL for (int i = 0; i < PARTS * HALVES; i++) sum[i] = vf_all(bias[i / HALVES]);
    UNROLL for (int r = 0; r < PRODUCTS; r++) {
        vf v = load_part(m + r * product + p, n);
        UNROLL for (int i = 0; i < PARTS * HALVES; i++) add_signed(&sum[i], v, plan[r].y[i]);
    }
    UNROLL for (int i = 0; i < PARTS * HALVES; i++) {
        if (residual) sum[i] += load_part(residual + at[i] + p, n);
        store_part(y + at[i] + p, sum[i], n);
    }
}

static void add_products(const strassen *s, const float *m, int sample, int output) {
    const conv_job *job = s->job;
    int positions = s->positions, whole = positions / VL * VL;
    int64_t at[PARTS * HALVES];
    float bias[PARTS];
    for (int i = 0; i < PARTS; i++) bias[i] = job->bias ? job->bias[output + i * OB] : 0;
    for (int i = 0; i < PARTS * HALVES; i++) at[i] = sample * job->y_sample + (output + i / HALVES * OB) * job->y_channel + i % HALVES * positions;
    for (int p = 0; p < whole; p += VL) add_parts(m, OB * positions, bias, at, p, VL, job->residual, job->y);
    if (whole < positions) add_parts(m, OB * positions, bias, at, whole, positions - whole, job->residual, job->y);
    for (int i = 0; i < PARTS; i++) ISA(conv_parts_add)(&s->written, s->parts, 1, sample, output + i * OB, 0, 0, job->g.ho);
}

static const float *weights_at(const strassen *s, int block, int chunk) {
    return s->job->w + PARTS * ((int64_t)block * OB * s->job->order.output + chunk * CHUNK);
}

static void blocks_task(void *context, int index) {
    const strassen *s = context;
    int sample = index / s->n_tasks, task = index % s->n_tasks;
    int begin = task * s->n_blocks / s->n_tasks, n = (task + 1) * s->n_blocks / s->n_tasks - begin, n_steps = s->n_chunks * n;
    float *x = med_scratch(SCRATCH_ROWS, (size_t)(PRODUCTS * s->sum) * sizeof *x), *u = med_scratch(SCRATCH_STRIP, 2 * OB * CHUNK * sizeof *u);
    float *m = med_scratch(SCRATCH_OUT, (size_t)(n * PRODUCTS * OB) * (size_t)s->positions * sizeof *m), *turns[2] = {u, u + OB * CHUNK};
    terms of[PRODUCTS];
    find_terms(s, of);
    const float *first = weights_at(s, begin, 0);
    errand start = {.of = of, .w = first, .row = s->job->order.output, .end = OB, .u = u, .ahead = first};
    for (int i = 0; i < CHUNK / LINE * SHARES; i++) run_errand(&start, i / SHARES * LINE, i % SHARES);
    for (int i = 0; i < n_steps; i++) {
        int next = i + 1 < n_steps ? i + 1 : i;
        if (i % n == 0) sum_inputs(s, sample, i / n, x);
        multiply_block(s, of, x, weights_at(s, begin + i % n, i / n), weights_at(s, begin + next % n, next / n), i >= n, turns,
                       m + (ptrdiff_t)(i % n * PRODUCTS * OB) * s->positions);
    }
    for (int o = 0; o < n * OB; o++) add_products(s, m + (o / OB * PRODUCTS * OB + o % OB) * s->positions, sample, (begin + o / OB) * PARTS * OB + o % OB);
}

/* Weights row after row, for which sums pay, and planes whose halves are whole or half vectors. */
int ISA(conv_strassen_fits)(const conv_job *job) {
    enum { LEAST = 512 /* inputs, outputs */, LEAST_POSITIONS = 128 };
    int positions = job->g.ho * job->g.wo;
    return med_switch_is_on(MED_SWITCH_STRASSEN) && ISA(conv_is_plain)(job) && job->order.input == 1 && job->y_col == 1 && job->y_row == job->g.wo &&
           positions >= LEAST_POSITIONS && positions <= MOST_POSITIONS && job->g.channels >= LEAST && job->g.channels % (PARTS * CHUNK) == 0 &&
           job->outputs >= LEAST && job->outputs % (PARTS * OB) == 0;
}

/* As many blocks of a task as its L2 has room for, and a task for every thread: which blocks are together changes no sum. */
static int count_tasks(const strassen *s) {
    enum { ROOM = 960 << 10 };
    int block = PRODUCTS * OB * s->positions * (int)sizeof(float), fit = (ROOM - PRODUCTS * (int)s->sum * (int)sizeof(float)) / block;
    int least = (s->n_blocks + fit - 1) / fit, threads = med_threads(), n = (least + threads - 1) / threads * threads;
    return n < s->n_blocks ? n : s->n_blocks;
}

void ISA(conv_strassen_run)(const conv_job *job) {
    strassen s = {.job = job, .written = *job, .positions = job->g.ho * job->g.wo / HALVES, .n_chunks = job->g.channels / (PARTS * CHUNK), .n_blocks = job->outputs / (PARTS * OB)};
    s.written.residual = NULL;
    s.sum = CHUNK * s.positions + PAD;
    plan_tiles(&s);
    s.n_tasks = count_tasks(&s);
    s.parts = ISA(conv_parts_create)(job, 1);
    med_parallel(job->n * s.n_tasks, blocks_task, &s);
    ISA(conv_parts_finish)(job, s.parts, 1);
}
