/* Every CPU kernel of every instruction set against the op's reference loop in double: odd sizes, prologues, statistics
 * on the side, guard zones around the output, in-place where the op allows it, and the same bits for any number of
 * threads. */
#include <math.h>
#include "testing.h"

#include "base/random.h"
#include "base/thread.h"
#include "engine/backend.h"
#include "engine/switches.h"

enum { GUARD = 37, MAX_CASE_IN = 4 }; /* GUARD odd: outputs are not aligned to vectors */
enum { STATS = 1, SCALE = 2, SIDE = 4, POSITIVE = 8 /* inputs in (0.1, 2) */, RESIDUAL = 16 };

typedef struct kernel_case {
    med_op_id op;
    const void *attr;
    int n_in;
    med_shape in[MAX_CASE_IN];
    unsigned flags;
    med_unary_kind act; /* of the prologue */
} kernel_case;

typedef struct guarded {
    float *all, *data;
    int64_t n;
} guarded;

static const float guard_value = 12345.678f;

static guarded guarded_create(int64_t n) {
    guarded g = {malloc((size_t)(n + 2 * GUARD) * sizeof(float)), NULL, n};
    assert_non_null(g.all);
    for (int64_t i = 0; i < n + 2 * GUARD; i++) g.all[i] = guard_value;
    g.data = g.all + GUARD;
    return g;
}

static void guarded_check(const guarded *g, const char *what) {
    for (int i = 0; i < GUARD; i++)
        if (g->all[i] != guard_value || g->data[g->n + i] != guard_value) fail_msg("%s writes outside its output", what);
}

static float *random_floats(int64_t n, int is_positive, uint64_t seed) {
    float *x = malloc((size_t)n * sizeof *x); /* exact size: a sanitizer sees reading beyond */
    assert_non_null(x);
    if (is_positive) med_uniform_fill(x, (size_t)n, (med_rng_key){seed, 1, 0});
    else med_normal_fill(x, (size_t)n, (med_rng_key){seed, 1, 0});
    for (int64_t i = 0; is_positive && i < n; i++) x[i] = 0.1f + 1.9f * x[i];
    return x;
}

/* Largest difference allowed: float sums of some hundred terms, and functions good to 4e-6. */
static void check_close(const float *got, const float *wanted, int64_t n, double tolerance, const char *what) {
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

typedef struct prepared {
    med_node node;
    med_call call;
    float *in[MAX_CASE_IN], *stats, *scale, *residual, *side;
    char what[256];
} prepared;

static void prepare(const kernel_case *k, prepared *p) {
    memset(p, 0, sizeof *p);
    p->node = (med_node){.id = k->op, .op = med_ops[k->op], .n_in = k->n_in, .attr = k->attr, .side = MED_NONE,
                         .pro = {.stats = MED_NONE, .scale = MED_NONE, .act = k->act, .param = 0.2}};
    assert_int_equal(p->node.op->infer(&p->node, k->in, &p->node.shape), MED_OK);
    p->call = (med_call){.node = &p->node, .n_in = k->n_in};
    for (int i = 0; i < k->n_in; i++) {
        p->in[i] = random_floats(med_shape_count(k->in[i]), k->flags & POSITIVE, 10 + (uint64_t)i);
        p->call.in[i] = (med_view){.f32 = p->in[i], .shape = k->in[i]};
    }
    p->call.out.shape = p->node.shape;
    int64_t planes = k->in[0].dim[0] * k->in[0].dim[1];
    if (k->flags & STATS) {
        p->stats = random_floats(2 * planes, 1, 20);
        p->call.stats = (med_view){.f32 = p->stats, .shape = med_shape_3(k->in[0].dim[0], k->in[0].dim[1], 2)};
    }
    if (k->flags & SCALE) {
        p->scale = random_floats(planes, 1, 21);
        p->call.scale = (med_view){.f32 = p->scale, .shape = med_shape_4(k->in[0].dim[0], k->in[0].dim[1], 1, 1)};
    }
    if (k->flags & RESIDUAL) {
        p->residual = random_floats(med_shape_count(p->node.shape), 0, 23);
        p->call.residual = (med_view){.f32 = p->residual, .shape = p->node.shape};
    }
    if (k->flags & SIDE) {
        p->side = random_floats(2 * p->node.shape.dim[0] * p->node.shape.dim[1], 0, 22);
        p->call.side = (med_view){.f32 = p->side, .shape = med_shape_3(p->node.shape.dim[0], p->node.shape.dim[1], 2)};
        p->call.side_eps = 1e-5;
    }
    snprintf(p->what, sizeof p->what, "%s %s %s", p->node.op->name, med_shape_print(k->in[0]).text,
             k->n_in > 1 ? med_shape_print(k->in[1]).text : "");
}

static void release(prepared *p) {
    for (int i = 0; i < MAX_CASE_IN; i++) free(p->in[i]);
    free(p->stats);
    free(p->scale);
    free(p->residual);
    free(p->side);
}

static void check_side(const prepared *p, const float *out, const char *what) {
    med_norm_attr attr = {p->call.side_eps};
    med_node node = {.id = MED_OP_norm_stats, .op = med_ops[MED_OP_norm_stats], .n_in = 1, .attr = &attr,
                     .pro = {.stats = MED_NONE, .scale = MED_NONE, .act = MED_UNARY_none}, .side = MED_NONE};
    int64_t n = med_shape_count(p->call.side.shape);
    float *wanted = malloc((size_t)n * sizeof *wanted);
    med_call call = {.node = &node, .n_in = 1, .in[0] = {.f32 = (float *)out, .shape = p->call.out.shape},
                     .out = {.f32 = wanted, .shape = p->call.side.shape}};
    med_call_reference(&call);
    check_close(p->side, wanted, n, 2e-6, what);
    free(wanted);
}

static const char *const isas[] = {"portable", "avx2", "avx512"};
enum { N_ISAS = sizeof isas / sizeof *isas };

/* NULL: not on this processor. */
static const med_backend *backend_of(int isa) {
    setenv("MEDLEY_ISA", isas[isa], 1);
    const med_backend *backend = med_backend_cpu();
    return strstr(backend->name, isas[isa]) ? backend : NULL;
}

static void check_case(const kernel_case *k) {
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
            if (k->flags & SIDE) check_side(&p, out.data, what);
            if (threads == 1) memcpy(first.data, out.data, (size_t)n * sizeof(float));
            else if (memcmp(first.data, out.data, (size_t)n * sizeof(float)) != 0) fail_msg("%s depends on threads", what);
            free(out.all);
        }
        if (p.node.op->flags & MED_OP_INPLACE) {
            guarded out = guarded_create(n);
            memcpy(out.data, p.in[0], (size_t)n * sizeof(float));
            med_call call = p.call;
            call.in[0].f32 = call.out.f32 = out.data;
            backend->kernel[k->op](&call);
            guarded_check(&out, what);
            if (memcmp(first.data, out.data, (size_t)n * sizeof(float)) != 0) fail_msg("%s differs in place", what);
            free(out.all);
        }
        free(first.all);
    }
    free(wanted);
    release(&p);
}

static med_view view_of_sample(med_view v, int64_t sample) {
    v.shape.dim[0] = 1;
    v.f32 += sample * med_shape_count(v.shape);
    return v;
}

/* Each of some samples has the bits that it has alone: slices are computed in groups of any size. */
static void check_samples(const kernel_case *k) {
    prepared p;
    prepare(k, &p);
    int64_t n = med_shape_count(p.node.shape), n_samples = k->in[0].dim[0];
    float *all = malloc((size_t)n * sizeof *all), *one = malloc((size_t)(n / n_samples) * sizeof *one), side[4096];
    for (int isa = 0; isa < N_ISAS; isa++) {
        const med_backend *backend = backend_of(isa);
        if (!backend) continue;
        p.call.out.f32 = all;
        backend->kernel[k->op](&p.call);
        for (int64_t s = 0; s < n_samples; s++) {
            med_call call = p.call;
            call.in[0] = view_of_sample(p.call.in[0], s);
            if (k->flags & RESIDUAL) call.residual = view_of_sample(p.call.residual, s);
            if (k->flags & STATS) call.stats = view_of_sample(p.call.stats, s);
            call.out = view_of_sample(p.call.out, s);
            call.out.f32 = one;
            if (k->flags & SIDE) call.side = view_of_sample(p.call.side, s), call.side.f32 = side;
            backend->kernel[k->op](&call);
            if (memcmp(one, all + s * n / n_samples, (size_t)(n / n_samples) * sizeof *one) != 0) fail_msg("%s %s depends on other samples", backend->name, p.what);
            size_t n_side = (size_t)(2 * p.node.shape.dim[1]);
            if (k->flags & SIDE && memcmp(side, p.side + s * (int64_t)n_side, n_side * sizeof *side) != 0) fail_msg("%s %s: statistics depend on other samples", backend->name, p.what);
        }
    }
    free(all);
    free(one);
    release(&p);
}

/* The small planes of the networks. */
static void samples(void **state) {
    (void)state;
    static const struct { int channels, outputs, side, kernel, stride; } rows[] = {
        {128, 128, 24, 3, 1}, {128, 768, 24, 3, 1}, {128, 128, 12, 3, 1}, {128, 768, 12, 3, 1}, {128, 128, 6, 3, 1}, {128, 768, 6, 3, 1}, {128, 128, 3, 3, 1},
        {64, 128, 48, 3, 2}, {128, 128, 24, 3, 2}, {128, 128, 12, 3, 2}, {128, 128, 6, 3, 2}, {768, 128, 24, 1, 1}, {768, 128, 12, 1, 1},
        {768, 128, 6, 1, 1}, {128, 128, 24, 1, 1}, {128, 128, 12, 1, 1}, {128, 128, 6, 1, 1}, {256, 512, 24, 3, 2}, {256, 256, 12, 3, 1},
        {256, 64, 6, 3, 1}, {512, 768, 12, 1, 1}, {768, 1024, 12, 1, 1}, {768, 768, 12, 1, 1}, {64, 64, 48, 3, 1}, {16, 24, 24, 7, 1}, {16, 3, 12, 3, 1}, {32, 64, 24, 4, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        med_conv_attr a = {rows[i].kernel, rows[i].stride, (rows[i].kernel - 1) / 2, MED_PAD_ZERO};
        med_shape x = med_shape_4(4, rows[i].channels, rows[i].side, rows[i].side), w = med_shape_4(rows[i].outputs, rows[i].channels, a.kernel, a.kernel);
        check_samples(&(kernel_case){MED_OP_conv2d, &a, 2, {x, w}, (i % 2 ? 0 : STATS) | SIDE | (a.kernel == 1 ? RESIDUAL : 0), i % 2 ? MED_UNARY_none : MED_UNARY_silu});
    }
    med_matmul_attr t = {0, 1};
    check_samples(&(kernel_case){MED_OP_matmul, &t, 2, {med_shape_2(4, 1152), med_shape_2(512, 1152)}, 0, MED_UNARY_none});
    check_samples(&(kernel_case){MED_OP_depthwise2d, NULL, 2, {med_shape_4(4, 768, 24, 24), med_shape_4(768, 1, 5, 5)}, STATS, MED_UNARY_silu});
    check_samples(&(kernel_case){MED_OP_upsample2x, NULL, 1, {med_shape_4(4, 128, 12, 12)}, 0, MED_UNARY_none});
    check_samples(&(kernel_case){MED_OP_channel_mean, NULL, 1, {med_shape_4(4, 128, 12, 12)}, 0, MED_UNARY_none});
}

/* Sample counts, channels and planes that leave tails everywhere. */
static const int sizes[][4] = {{1, 1, 3, 3}, {2, 3, 7, 13}, {1, 5, 24, 32}, {3, 8, 6, 6}, {1, 17, 12, 12}, {1, 16, 48, 16}, {1, 2, 70, 50}};
enum { N_SIZES = sizeof sizes / sizeof *sizes };
static med_shape size_of(int i) { return med_shape_4(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3]); }

static const med_conv_attr convs[] = {
    {1, 1, 0, MED_PAD_ZERO}, {3, 1, 1, MED_PAD_ZERO}, {3, 2, 1, MED_PAD_ZERO}, {3, 1, 1, MED_PAD_REFLECT}, {7, 1, 3, MED_PAD_REFLECT},
    {4, 2, 1, MED_PAD_ZERO}, {5, 1, 2, MED_PAD_ZERO}, {1, 2, 0, MED_PAD_ZERO}, {4, 1, 1, MED_PAD_ZERO}, {3, 2, 1, MED_PAD_REFLECT},
    {3, 1, 0, MED_PAD_ZERO},
};
enum { N_CONVS = sizeof convs / sizeof *convs };

static int fits(med_conv_attr a, med_shape x) {
    int64_t least = x.dim[2] < x.dim[3] ? x.dim[2] : x.dim[3];
    return least + 2 * a.pad >= a.kernel && (a.mode == MED_PAD_ZERO || least > a.pad);
}

static med_shape conv_output(med_conv_attr a, med_shape x, int outputs) {
    return med_shape_4(x.dim[0], outputs, (x.dim[2] + 2 * a.pad - a.kernel) / a.stride + 1, (x.dim[3] + 2 * a.pad - a.kernel) / a.stride + 1);
}

static void each_conv(void (*check)(med_conv_attr a, med_shape x, int outputs, int variant)) {
    static const int outputs[] = {1, 3, 8, 17};
    for (int c = 0, variant = 0; c < N_CONVS; c++)
        for (int s = 0; s < N_SIZES; s++)
            if (fits(convs[c], size_of(s))) check(convs[c], size_of(s), outputs[(c + s) % 4], variant++);
}

static void check_conv2d(med_conv_attr a, med_shape x, int outputs, int variant) {
    static const med_unary_kind acts[] = {MED_UNARY_none, MED_UNARY_silu, MED_UNARY_relu, MED_UNARY_leaky_relu};
    med_shape w = med_shape_4(outputs, x.dim[1], a.kernel, a.kernel);
    check_case(&(kernel_case){MED_OP_conv2d, &a, 2 + variant % 2, {x, w, med_shape_1(outputs)}, variant % 3 ? SIDE : 0, MED_UNARY_none});
    if (a.kernel == 1) check_case(&(kernel_case){MED_OP_conv2d, &a, 3, {x, w, med_shape_1(outputs)}, RESIDUAL | SIDE, MED_UNARY_none});
    check_case(&(kernel_case){MED_OP_conv2d, &a, 2, {x, w}, (variant % 2 ? STATS : 0) | (variant % 3 ? SCALE : 0), acts[variant % 4]});
}
static void check_conv2d_grad_input(med_conv_attr a, med_shape x, int outputs, int variant) {
    (void)variant;
    med_conv_grad_attr attr = {a, x};
    check_case(&(kernel_case){MED_OP_conv2d_grad_input, &attr, 2,
                              {conv_output(a, x, outputs), med_shape_4(outputs, x.dim[1], a.kernel, a.kernel)}, 0, MED_UNARY_none});
}
static void check_conv2d_grad_weight(med_conv_attr a, med_shape x, int outputs, int variant) {
    med_conv_grad_attr attr = {a, med_shape_4(outputs, x.dim[1], a.kernel, a.kernel)};
    check_case(&(kernel_case){MED_OP_conv2d_grad_weight, &attr, 2, {x, conv_output(a, x, outputs)}, variant % 2 ? STATS : 0,
                              variant % 3 ? MED_UNARY_silu : MED_UNARY_none});
}
static void conv2d(void **state) { (void)state, each_conv(check_conv2d); }
static void conv2d_grad_input(void **state) { (void)state, each_conv(check_conv2d_grad_input); }
static void conv2d_grad_weight(void **state) { (void)state, each_conv(check_conv2d_grad_weight); }

/* Channels of whole vectors: one sample in parts, several samples a task, images that are no whole tiles. */
static void halving(void **state) {
    (void)state;
    static const int halved[][4] = {{1, 32, 48, 96}, {3, 32, 4, 10}, {20, 32, 6, 8}, {2, 64, 20, 16}, {1, 96, 6, 6}};
    for (int s = 0, variant = 0; s < (int)(sizeof halved / sizeof *halved); s++)
        for (int k = 0; k < 4; k++, variant++) {
            med_shape x = med_shape_4(halved[s][0], halved[s][1], halved[s][2], halved[s][3]);
            med_conv_attr a = {3 + k / 2, 2, 1, MED_PAD_ZERO};
            int outputs = k % 2 ? 128 : 64;
            check_conv2d(a, x, outputs, variant);
            check_conv2d_grad_input(a, x, outputs, variant);
            check_conv2d_grad_weight(a, x, outputs, variant);
        }
}

/* Many channels: tokens of several samples, strides far down, transposed convolutions whose patches overlap; cut vectors. */
static void many_channels(void **state) {
    (void)state;
    static const struct { med_conv_attr a; int n, channels, h, w, outputs; } rows[] = {
        {{1, 1, 0, MED_PAD_ZERO}, 3, 70, 5, 9, 33},     {{1, 1, 0, MED_PAD_ZERO}, 1, 800, 12, 12, 64},
        {{3, 2, 1, MED_PAD_ZERO}, 1, 256, 24, 23, 40},  {{3, 2, 1, MED_PAD_ZERO}, 2, 260, 17, 18, 130},
        {{4, 2, 1, MED_PAD_ZERO}, 1, 31, 12, 10, 65},   {{5, 3, 2, MED_PAD_ZERO}, 1, 18, 14, 11, 64},
        {{2, 2, 0, MED_PAD_REFLECT}, 1, 17, 9, 7, 70},  {{3, 1, 1, MED_PAD_ZERO}, 1, 33, 6, 5, 66},
        {{4, 1, 1, MED_PAD_ZERO}, 2, 32, 3, 3, 64},
    };
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
        med_shape x = med_shape_4(rows[i].n, rows[i].channels, rows[i].h, rows[i].w);
        check_conv2d(rows[i].a, x, rows[i].outputs, i);
        check_conv2d_grad_input(rows[i].a, x, rows[i].outputs, i);
    }
}

/* Linear layers by sums of parts: halves of the positions that are whole vectors, or a half more, of each instruction set. */
static void large_linear_layers(void **state) {
    (void)state;
    static const med_conv_attr a = {1, 1, 0, MED_PAD_ZERO};
    static const struct { int n, channels, h, w, outputs; } rows[] = {{1, 576, 12, 12, 528}, {1, 768, 8, 16, 576}, {1, 576, 17, 8, 528}, {1, 576, 11, 12, 600}, {2, 576, 10, 16, 528}};
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) check_conv2d(a, med_shape_4(rows[i].n, rows[i].channels, rows[i].h, rows[i].w), rows[i].outputs, i);
}

static void strassen_can_be_turned_off(void **state) {
    (void)state;
    enum { CHANNELS = 576, OUTPUTS = 528, COUNT = OUTPUTS * 144 };
    static const med_conv_attr a = {1, 1, 0, MED_PAD_ZERO};
    prepared p;
    prepare(&(kernel_case){MED_OP_conv2d, &a, 2, {med_shape_4(1, CHANNELS, 12, 12), med_shape_4(OUTPUTS, CHANNELS, 1, 1)}, 0, MED_UNARY_none}, &p);
    float *on = malloc(COUNT * sizeof *on), *off = malloc(COUNT * sizeof *off);
    p.call.out.f32 = on;
    med_backend_cpu()->kernel[MED_OP_conv2d](&p.call);
    assert_ok(med_switch_set("plan.strassen=off"));
    p.call.out.f32 = off;
    med_backend_cpu()->kernel[MED_OP_conv2d](&p.call);
    assert_ok(med_switch_set("plan.strassen=on"));
    assert_memory_not_equal(on, off, COUNT * sizeof *on);
    check_close(on, off, COUNT, 3e-6, p.what);
    free(on);
    free(off);
    release(&p);
}

static void depthwise(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++)
        for (int k = 3; k <= 7; k += 2) {
            med_shape x = size_of(s), w = med_shape_4(x.dim[1], 1, k, k);
            med_like_attr like = {w};
            check_case(&(kernel_case){MED_OP_depthwise2d, NULL, 3, {x, w, med_shape_1(x.dim[1])}, SIDE, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_depthwise2d, NULL, 2, {x, w}, STATS | SCALE, MED_UNARY_silu});
            check_case(&(kernel_case){MED_OP_depthwise2d_grad_input, NULL, 2, {x, w}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_depthwise2d_grad_weight, &like, 2, {x, x}, STATS, MED_UNARY_silu});
        }
}

static void norms(void **state) {
    (void)state;
    med_norm_attr eps = {1e-5};
    for (int s = 0; s < N_SIZES; s++) {
        med_shape x = size_of(s), stats = med_shape_3(x.dim[0], x.dim[1], 2);
        check_case(&(kernel_case){MED_OP_norm_stats, &eps, 1, {x}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_normalize, NULL, 2, {x, stats}, 0, MED_UNARY_none});
        for (int kind = 0; kind <= MED_UNARY_none; kind++) {
            if (kind == MED_UNARY_log) continue; /* not of a normalised value */
            med_unary_attr act = {(med_unary_kind)kind, 0.3};
            check_case(&(kernel_case){MED_OP_normalize_grad, &act, 3, {x, stats, x}, POSITIVE, MED_UNARY_none});
        }
    }
}

static void channels(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++) {
        med_shape x = size_of(s);
        check_case(&(kernel_case){MED_OP_channel_mean, NULL, 1, {x}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_channel_mean, NULL, 1, {x}, STATS | SCALE, MED_UNARY_silu});
        check_case(&(kernel_case){MED_OP_channel_dot, NULL, 2, {x, x}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_channel_dot, NULL, 2, {x, x}, STATS, MED_UNARY_relu});
        check_case(&(kernel_case){MED_OP_channel_sum, NULL, 1, {x}, 0, MED_UNARY_none});
    }
}

static void elementwise(void **state) {
    (void)state;
    med_scale_shift_attr line = {-1.5, 0.25};
    med_mask_attr mask = {0.1, -1};
    for (int s = 0; s < N_SIZES; s++) {
        med_shape x = size_of(s);
        for (int kind = 0; kind < MED_N_UNARY; kind++) {
            med_unary_attr f = {(med_unary_kind)kind, 0.7};
            unsigned flags = kind == MED_UNARY_log ? POSITIVE : 0;
            check_case(&(kernel_case){MED_OP_unary, &f, 1, {x}, flags, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_unary_grad, &f, 2, {x, x}, flags, MED_UNARY_none});
        }
        check_case(&(kernel_case){MED_OP_scale_shift, &line, 1, {x}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_mask_fill, &mask, 2, {x, x}, 0, MED_UNARY_none});
    }
}

/* All ways in which axes of b can be repeated. */
static void broadcasting(void **state) {
    (void)state;
    med_sum_attr scale = {0.5};
    for (int s = 0; s < N_SIZES; s++)
        for (int repeated = 0; repeated < 16; repeated++) {
            med_shape a = size_of(s), b = a;
            for (int d = 0; d < 4; d++)
                if (repeated >> d & 1) b.dim[d] = 1;
            med_like_attr small = {b}, big = {a};
            check_case(&(kernel_case){MED_OP_add, NULL, 2, {a, b}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_sub, NULL, 2, {a, b}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_mul, NULL, 2, {a, b}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_reduce, &small, 1, {a}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_broadcast, &big, 1, {b}, 0, MED_UNARY_none});
            if (!repeated) check_case(&(kernel_case){MED_OP_sum, &scale, 1, {a}, POSITIVE, MED_UNARY_none});
        }
}

static void slicing(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++)
        for (int d = 0; d < 4; d++) {
            med_shape a = size_of(s), b = a;
            b.dim[d] = 2;
            med_slice_attr part = {d, a.dim[d] / 3, (a.dim[d] + 1) / 2}, all = {d, 2, a.dim[d] + 5}, tight = {d, 0, a.dim[d]};
            med_concat_attr concat = {d};
            check_case(&(kernel_case){MED_OP_slice, &part, 1, {a}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_place, &all, 1, {a}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_place, &tight, 1, {a}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_concat, &concat, 2, {a, b}, 0, MED_UNARY_none});
        }
}

static void upsampling(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++) {
        med_shape x = size_of(s), y = med_shape_4(x.dim[0], x.dim[1], 2 * x.dim[2], 2 * x.dim[3]);
        check_case(&(kernel_case){MED_OP_upsample2x, NULL, 1, {x}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_upsample2x_grad, NULL, 1, {y}, 0, MED_UNARY_none});
    }
    med_shape line = med_shape_4(1, 2, 1, 1);
    check_case(&(kernel_case){MED_OP_upsample2x, NULL, 1, {line}, 0, MED_UNARY_none});
}

static void matrices(void **state) {
    (void)state;
    static const int mnk[][3] = {{1, 1, 1}, {1, 512, 1152}, {3, 17, 5}, {8, 200, 33}, {5, 129, 300}};
    for (int i = 0; i < 5; i++)
        for (int t = 0; t < 4; t++) {
            int m = mnk[i][0], n = mnk[i][1], k = mnk[i][2];
            med_matmul_attr attr = {t & 1, t >> 1};
            med_shape a = t & 1 ? med_shape_2(k, m) : med_shape_2(m, k), b = t >> 1 ? med_shape_2(n, k) : med_shape_2(k, n);
            check_case(&(kernel_case){MED_OP_matmul, &attr, 2, {a, b}, 0, MED_UNARY_none});
        }
    for (int s = 0; s < N_SIZES; s++) {
        med_shape v = size_of(s), gain = med_shape_1(v.dim[0]);
        check_case(&(kernel_case){MED_OP_weight_norm, NULL, 2, {v, gain}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_weight_norm_grad_v, NULL, 3, {v, gain, v}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_weight_norm_grad_gain, NULL, 3, {v, gain, v}, 0, MED_UNARY_none});
    }
}

static void gaussians(void **state) {
    (void)state;
    med_poe_attr floor = {1e-3};
    med_temperature_attr t = {0.7};
    for (int s = 0; s < N_SIZES; s++) {
        med_shape z = size_of(s), q = z, one = med_shape_1(1);
        q.dim[1] *= 2;
        for (int n = 1; n <= 3; n++) check_case(&(kernel_case){MED_OP_poe, &floor, n, {q, q, q}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_poe_grad, NULL, 3, {q, q, q}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_sample, &t, 2, {q, z}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_sample_grad, &t, 2, {z, z}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_kl, &t, 4, {q, z, z, q}, POSITIVE, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_kl_grad_q, NULL, 2, {q, one}, POSITIVE, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_kl_grad_z, NULL, 3, {z, q, one}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_kl_grad_prior, NULL, 3, {z, q, one}, 0, MED_UNARY_none});
    }
}

/* Functions are good to 4e-6 of the value wherever a float can go; NaN stays NaN. exp stops at the smallest normal float
 * instead of 0, so x * sigmoid(x) stops at 1e-35. GELU's normal distribution function is good to 2e-7, not of its value. */
static void functions_are_accurate(void **state) {
    (void)state;
    enum { N = 4001 };
    static float x[N], y[N];
    for (int isa = 0; isa < 3; isa++)
        for (int kind = 0; kind < MED_N_UNARY; kind++) {
            setenv("MEDLEY_ISA", isas[isa], 1);
            med_unary_attr attr = {(med_unary_kind)kind, 1.25};
            for (int i = 0; i < N; i++) x[i] = (float)((i - N / 2) * pow(10, i % 5 - 3) * 0.04);
            for (int i = 0; i < N && kind == MED_UNARY_log; i++) x[i] = (float)exp((i - N / 2) * 0.04);
            x[0] = NAN;
            med_node node = {.id = MED_OP_unary, .op = med_ops[MED_OP_unary], .attr = &attr};
            med_view view = {.f32 = x, .shape = med_shape_1(N)};
            med_call call = {.node = &node, .n_in = 1, .in[0] = view, .out = {.f32 = y, .shape = med_shape_1(N)}};
            med_backend_cpu()->kernel[MED_OP_unary](&call);
            if (kind != MED_UNARY_relu) assert_true(isnan(y[0]));
            for (int i = 1; i < N; i++) {
                double wanted = med_unary_table[kind].f((double)x[i], attr.param);
                if (fabs(wanted) > 3e38) continue;
                if (kind == MED_UNARY_tanh) assert_true(fabsf(y[i]) <= 1);
                double least = kind == MED_UNARY_gelu ? 2e-7 * fabs((double)x[i]) : 1e-35;
                if (fabs((double)y[i] - wanted) > 4e-6 * fabs(wanted) + least)
                    fail_msg("%s %s(%.9g) is %.9g, expected %.9g", isas[isa], med_unary_table[kind].name, x[i], y[i], wanted);
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d),       cmocka_unit_test(conv2d_grad_input), cmocka_unit_test(conv2d_grad_weight),
        cmocka_unit_test(halving),      cmocka_unit_test(many_channels),
        cmocka_unit_test(large_linear_layers), cmocka_unit_test(strassen_can_be_turned_off),
        cmocka_unit_test(depthwise),    cmocka_unit_test(norms),             cmocka_unit_test(channels),
        cmocka_unit_test(elementwise),  cmocka_unit_test(broadcasting),      cmocka_unit_test(slicing),
        cmocka_unit_test(upsampling),   cmocka_unit_test(matrices),          cmocka_unit_test(gaussians),
        cmocka_unit_test(functions_are_accurate), cmocka_unit_test(samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
