/* kernel_case.h: CPU kernels of every instruction set against the op's reference loop in double: prologues, factors, statistics
 * on the side, guard zones around the output, in-place where the op allows it, and the same bits for any number of threads and
 * of samples. */
#ifndef MED_TESTS_KERNEL_CASE_H
#define MED_TESTS_KERNEL_CASE_H

#include <math.h>
#include "testing.h"

#include "base/random.h"
#include "base/thread.h"
#include "engine/backend.h"

enum { GUARD = 37, MAX_CASE_IN = 4 }; /* GUARD odd: outputs are not aligned to vectors */
enum {
    STATS = 1,
    SCALE = 2,
    SIDE = 4,      /* statistics of the output */
    POSITIVE = 8,  /* inputs in (0.1, 2) */
    RESIDUAL = 16,
    GAIN = 32,
    FOLDED = 64,   /* with STATS and no activation */
    MEANS = 128,   /* channel means of the output, instead of SIDE */
};

typedef struct kernel_case {
    med_op_id op;
    const void *attr;
    int n_in;
    med_shape in[MAX_CASE_IN];
    unsigned flags;
    med_unary_kind act; /* of the prologue */
} kernel_case;

/* Sample counts, channels and planes that leave tails everywhere. */
static const int case_sizes[][4] = {{1, 1, 3, 3}, {2, 3, 7, 13}, {1, 5, 24, 32}, {3, 8, 6, 6}, {1, 17, 12, 12}, {1, 16, 48, 16}, {1, 2, 70, 50}};
enum { N_SIZES = sizeof case_sizes / sizeof *case_sizes };
static inline med_shape size_of(int i) { return med_shape_4(case_sizes[i][0], case_sizes[i][1], case_sizes[i][2], case_sizes[i][3]); }

static const char *const isas[] = {"portable", "avx2", "avx512"};
enum { N_ISAS = sizeof isas / sizeof *isas };

/* NULL: not on this processor. */
static inline const med_backend *backend_of(int isa) {
    setenv("MEDLEY_ISA", isas[isa], 1);
    const med_backend *backend = med_backend_cpu();
    return strstr(backend->name, isas[isa]) ? backend : NULL;
}

/* ---- memory ---- */

typedef struct guarded {
    float *all, *data;
    int64_t n;
} guarded;

static const float guard_value = 12345.678f;

static inline guarded guarded_create(int64_t n) {
    guarded g = {malloc((size_t)(n + 2 * GUARD) * sizeof(float)), NULL, n};
    assert_non_null(g.all);
    for (int64_t i = 0; i < n + 2 * GUARD; i++) g.all[i] = guard_value;
    g.data = g.all + GUARD;
    return g;
}

static inline void guarded_check(const guarded *g, const char *what) {
    for (int i = 0; i < GUARD; i++)
        if (g->all[i] != guard_value || g->data[g->n + i] != guard_value) fail_msg("%s writes outside its output", what);
}

static inline float *random_floats(int64_t n, int is_positive, uint64_t seed) {
    float *x = malloc((size_t)n * sizeof *x); /* exact size: a sanitizer sees reading beyond */
    assert_non_null(x);
    if (is_positive) med_uniform_fill(x, (size_t)n, (med_rng_key){seed, 1, 0});
    else med_normal_fill(x, (size_t)n, (med_rng_key){seed, 1, 0});
    for (int64_t i = 0; is_positive && i < n; i++) x[i] = 0.1f + 1.9f * x[i];
    return x;
}

static inline med_view random_view(med_shape shape, int is_positive, uint64_t seed) {
    return (med_view){.f32 = random_floats(med_shape_count(shape), is_positive, seed), .shape = shape};
}

/* ---- one call ---- */

typedef struct prepared {
    med_node node;
    med_call call; /* owns all but the output */
    char what[256];
} prepared;

static inline void prepare(const kernel_case *k, prepared *p) {
    memset(p, 0, sizeof *p);
    p->node = med_node_alone(k->op, k->n_in, k->attr);
    p->node.pro.act = k->act;
    p->node.pro.param = 0.2;
    p->node.pro.is_folded = k->flags & FOLDED;
    assert_int_equal(p->node.op->infer(&p->node, k->in, &p->node.shape), MED_OK);
    med_call *c = &p->call;
    *c = (med_call){.node = &p->node, .n_in = k->n_in, .out.shape = p->node.shape, .side_eps = 1e-5};
    for (int i = 0; i < k->n_in; i++) c->in[i] = random_view(k->in[i], k->flags & POSITIVE, 10 + (uint64_t)i);
    int64_t samples = k->in[0].dim[0], channels = k->in[0].dim[1], outputs = p->node.shape.dim[1];
    if (k->flags & STATS) c->stats = random_view(med_shape_3(samples, channels, 2), 1, 20);
    if (k->flags & SCALE) c->scale = random_view(med_shape_4(samples, channels, 1, 1), 1, 21);
    if (k->flags & SIDE) c->side = random_view(med_shape_3(samples, outputs, 2), 0, 22);
    if (k->flags & MEANS) c->side = random_view(med_shape_4(samples, outputs, 1, 1), 0, 22);
    if (k->flags & RESIDUAL) c->residual = random_view(p->node.shape, 0, 23);
    if (k->flags & GAIN) c->gain = random_view(med_shape_4(samples, outputs, 1, 1), 1, 24);
    snprintf(p->what, sizeof p->what, "%s %s %s, flags %u", p->node.op->name, med_shape_print(k->in[0]).text,
             k->n_in > 1 ? med_shape_print(k->in[1]).text : "", k->flags);
}

static inline void release(prepared *p) {
    for (int i = 0; i < p->call.n_in; i++) free(p->call.in[i].f32);
    free(p->call.stats.f32);
    free(p->call.scale.f32);
    free(p->call.side.f32);
    free(p->call.residual.f32);
    free(p->call.gain.f32);
}

/* ---- checks ---- */

/* Largest difference allowed: float sums of some hundred terms, and functions good to 4e-6. */
static inline void check_close(const float *got, const float *wanted, int64_t n, double tolerance, const char *what) {
    double size = 1e-3, worst = 0;
    int64_t where = 0;
    for (int64_t i = 0; i < n; i++)
        if (fabs(wanted[i]) > size) size = fabs(wanted[i]);
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - (double)wanted[i]);
        if (!(d <= worst)) worst = d, where = i;
    }
    if (!(worst <= tolerance * size))
        fail_msg("%s: element %d is %.9g, expected %.9g (largest %.3g)", what, (int)where, got[where], wanted[where], size);
}

static inline void check_same(const float *got, const float *wanted, int64_t n, const char *what, const char *trouble) {
    if (memcmp(got, wanted, (size_t)n * sizeof *got) != 0) fail_msg("%s %s", what, trouble);
}

/* The side of a call that wrote `out`. */
static inline void check_side(const med_call *of, const float *out, const char *what) {
    med_norm_attr attr = {of->side_eps};
    bool is_means = of->side.shape.rank == 4;
    med_node node = med_node_alone(is_means ? MED_OP_channel_mean : MED_OP_norm_stats, 1, is_means ? NULL : &attr);
    int64_t n = med_shape_count(of->side.shape);
    float *wanted = malloc((size_t)n * sizeof *wanted);
    med_call call = {.node = &node, .n_in = 1, .in[0] = {.f32 = (float *)out, .shape = of->out.shape},
                     .out = {.f32 = wanted, .shape = of->side.shape}};
    med_call_reference(&call);
    check_close(of->side.f32, wanted, n, 2e-6, what);
    free(wanted);
}

static inline void check_in_place(med_kernel *kernel, const med_call *c, const float *wanted, const char *what) {
    int64_t n = med_shape_count(c->out.shape);
    guarded out = guarded_create(n);
    memcpy(out.data, c->in[0].f32, (size_t)n * sizeof(float));
    med_call call = *c;
    call.in[0].f32 = call.out.f32 = out.data;
    kernel(&call);
    guarded_check(&out, what);
    check_same(out.data, wanted, n, what, "differs in place");
    free(out.all);
}

static inline void check_case(const kernel_case *k) {
    prepared p;
    prepare(k, &p);
    int64_t n = med_shape_count(p.node.shape);
    float *wanted = malloc((size_t)n * sizeof *wanted);
    p.call.out.f32 = wanted;
    med_call_reference(&p.call);
    for (int isa = 0; isa < N_ISAS; isa++) {
        const med_backend *backend = backend_of(isa);
        if (!backend) continue;
        char what[320];
        snprintf(what, sizeof what, "%s %s", backend->name, p.what);
        assert_non_null(backend->kernel[k->op]);
        guarded first = guarded_create(n);
        for (int threads = 1; threads <= 4; threads *= 2) {
            med_threads_set(threads);
            guarded out = guarded_create(n);
            p.call.out.f32 = out.data;
            backend->kernel[k->op](&p.call);
            guarded_check(&out, what);
            check_close(out.data, wanted, n, 1e-5, what);
            if (p.call.side.data) check_side(&p.call, out.data, what);
            if (threads == 1) memcpy(first.data, out.data, (size_t)n * sizeof(float));
            else check_same(out.data, first.data, n, what, "depends on threads");
            free(out.all);
        }
        if (p.node.op->flags & MED_OP_INPLACE) check_in_place(backend->kernel[k->op], &p.call, first.data, what);
        free(first.all);
    }
    free(wanted);
    release(&p);
}

static inline med_call call_of_sample(const med_call *all, int64_t sample) {
    med_call call = *all;
    med_view *const views[] = {&call.in[0], &call.stats, &call.scale, &call.gain, &call.residual, &call.side, &call.out};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        if (!views[i]->data) continue;
        views[i]->shape.dim[0] = 1;
        views[i]->f32 += sample * med_shape_count(views[i]->shape);
    }
    return call;
}

/* Each of some samples has the bits that it has alone: slices are computed in groups of any size. */
static inline void check_samples(const kernel_case *k) {
    prepared p;
    prepare(k, &p);
    int64_t n_samples = k->in[0].dim[0], n = med_shape_count(p.node.shape) / n_samples, n_side = p.call.side.data ? med_shape_count(p.call.side.shape) / n_samples : 0;
    float *all = malloc((size_t)(n * n_samples) * sizeof *all), *one = malloc((size_t)n * sizeof *one), *side = malloc((size_t)(n_side + 1) * sizeof *side);
    for (int isa = 0; isa < N_ISAS; isa++) {
        const med_backend *backend = backend_of(isa);
        if (!backend) continue;
        char what[320];
        snprintf(what, sizeof what, "%s %s", backend->name, p.what);
        p.call.out.f32 = all;
        backend->kernel[k->op](&p.call);
        for (int64_t s = 0; s < n_samples; s++) {
            med_call call = call_of_sample(&p.call, s);
            call.out.f32 = one;
            if (n_side) call.side.f32 = side;
            backend->kernel[k->op](&call);
            check_same(one, all + s * n, n, what, "depends on other samples");
            if (n_side) check_same(side, p.call.side.f32 + s * n_side, n_side, what, "has statistics that depend on other samples");
        }
    }
    free(all);
    free(one);
    free(side);
    release(&p);
}

#endif
