/* ops.c: for every row of cases.def, with gradients for all inputs:
 *   - gradients agree with central differences, both by the reference loops in double;
 *   - every fast kernel of the graph, before and after fusion, agrees with the reference loop on the same f32 inputs,
 *     writes nothing outside its output, works in place where it may, and gives the same bits with 1 and 2 threads;
 *   - the fused f32 plan agrees with the unfused reference plan. */
#include <math.h>

#include "base/random.h"
#include "base/thread.h"
#include "engine/backend.h"
#include "engine/plan.h"
#include "engine/rewrite.h"
#include "turn.h"

enum { MAX_INPUTS = 4, GUARD = 64 };
typedef med_val build_fn(med_graph *g, const med_val *in);
typedef struct op_case {
    const char *name;
    med_shape shape[MAX_INPUTS];
    build_fn *build;
} op_case;

/* Product of two experts, a draw from it, and its divergence from the first. */
static med_val one_level(med_graph *g, const med_val *in, double temperature) {
    med_val q = med_poe(g, in, 2, 0), z = med_sample(g, q, in[2], temperature);
    return med_kl(g, q, z, in[2], in[0], temperature);
}

/* The way of the decoder: what follows the depthwise convolution is scaled by a function of its own mean. */
static med_val excite(med_graph *g, const med_val *in) {
    med_val h = med_silu(g, med_instance_norm(g, med_depthwise2d(g, in[0], in[1], MED_NONE), 1e-5));
    return med_conv2d(g, med_mul(g, h, med_sigmoid(g, med_channel_mean(g, h))), in[2], MED_NONE, (med_conv_attr){1, 1, 0, MED_PAD_ZERO});
}

/* The way of the encoder: a convolution is scaled by a function of its own mean, and its input added. */
static med_val squeeze(med_graph *g, const med_val *in) {
    med_val h = med_conv2d(g, med_silu(g, med_instance_norm(g, in[0], 1e-5)), in[1], in[2], (med_conv_attr){3, 1, 1, MED_PAD_ZERO});
    return med_add(g, med_mul(g, h, med_sigmoid(g, med_channel_mean(g, h))), in[0]);
}

/* The norm, plus a little of the running statistics, which have no gradient. */
static med_val batch_norm(med_graph *g, const med_val *in) {
    med_val running[2] = {med_fill(g, (med_shape){1, {2}}, 0.1), med_fill(g, (med_shape){1, {2}}, 0.9)};
    return med_batch_norm(g, in[0], in[1], in[2], 1e-5, 0.1, running);
}

#define CASE(name, shapes, value) static med_val build_##name(med_graph *g, const med_val *in) { return value; }
#include "ops/cases.def"
#undef CASE
#define UNPACK(...) {__VA_ARGS__}
#define CASE(name, shapes, value) {#name, UNPACK shapes, build_##name},
static const op_case cases[] = {
#include "ops/cases.def"
};
#undef CASE

typedef struct built { /* y = case(inputs), loss = sum(y * mix), its gradients */
    med_graph *graph;
    int n_in;
    med_val in[MAX_INPUTS], mix, y, loss, grad[MAX_INPUTS];
    float *data[MAX_INPUTS], *mix_data;
} built;

/* Odd multiples of 2^-10 within (-1, 1): exact in f32, also after a step of 2^-12, and never on a kink at 0. */
static float *random_values(const char *name, int which, med_shape s) {
    int64_t n = med_shape_count(s);
    float *v = malloc((size_t)n * sizeof *v);
    med_rng rng = med_rng_start((med_rng_key){7, med_site_of(name), (uint64_t)which});
    for (int64_t i = 0; i < n; i++) v[i] = (float)(2 * (int)med_rng_below(&rng, 1024) - 1023) / 1024;
    return v;
}

static built build_case(const op_case *c, bool with_gradients) {
    built b = {.graph = med_graph_create()};
    char name[16];
    while (b.n_in < MAX_INPUTS && c->shape[b.n_in].rank) {
        snprintf(name, sizeof name, "in%d", b.n_in);
        b.data[b.n_in] = random_values(c->name, b.n_in, c->shape[b.n_in]);
        b.in[b.n_in] = med_param(b.graph, name, c->shape[b.n_in]);
        b.n_in++;
    }
    b.y = c->build(b.graph, b.in);
    med_shape s = med_val_shape(b.graph, b.y);
    b.mix = med_input(b.graph, "mix", s);
    b.mix_data = random_values(c->name, MAX_INPUTS, s);
    b.loss = med_sum(b.graph, med_mul(b.graph, b.y, b.mix), 1);
    for (int i = 0; i < b.n_in; i++) b.grad[i] = MED_NONE;
    if (with_gradients) med_gradients(b.graph, b.loss, b.in, b.n_in, b.grad);
    med_output(b.graph, b.y);
    if (with_gradients) med_output(b.graph, b.loss);
    for (int i = 0; i < b.n_in; i++) med_output(b.graph, b.grad[i]);
    if (med_graph_status(b.graph) != MED_OK) fail_msg("%s: %s", c->name, med_message());
    return b;
}

static built build(const op_case *c) { return build_case(c, true); }

static void free_built(built *b) {
    for (int i = 0; i < b->n_in; i++) free(b->data[i]);
    free(b->mix_data);
    med_graph_free(b->graph);
}

static med_plan *plan_of(built *b, med_plan_options o) {
    med_plan *p;
    if (med_plan_create(b->graph, o, &p) != MED_OK) fail_msg("plan: %s", med_message());
    for (int i = 0; i < b->n_in; i++) med_plan_bind(p, b->in[i], b->data[i]);
    med_plan_bind(p, b->mix, b->mix_data);
    return p;
}

static void run(med_plan *p) {
    if (med_plan_run(p) != MED_OK) fail_msg("run: %s", med_message());
}

static double *values(const built *b, const med_plan *p, med_val v) {
    double *d = malloc((size_t)med_shape_count(med_val_shape(b->graph, v)) * sizeof *d);
    med_plan_read_f64(p, v, d);
    return d;
}

static void check_close(const char *what, const char *detail, const double *a, const double *b, int64_t n, double tolerance) {
    double scale = 1e-30;
    for (int64_t i = 0; i < n; i++) scale = fmax(scale, fabs(b[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= tolerance * scale))
            fail_msg("%s %s: element %lld is %.9g, expected %.9g (largest %.3g)", what, detail, (long long)i, a[i], b[i], scale);
}

/* Noise is drawn, not computed: sample and kl have no gradient for it. */
static bool is_noise(const built *b, med_val v) {
    for (int i = 0; i < med_graph_n_nodes(b->graph); i++) {
        const med_node *n = med_node_of(b->graph, (med_val){i});
        if ((n->id == MED_OP_sample && n->in[1].id == v.id) || (n->id == MED_OP_kl && n->in[2].id == v.id)) return true;
    }
    return false;
}

/* Central differences with h = 2^-12: error h^2/6 times the third derivative, below 2e-6 of the largest gradient here. */
static void check_gradients(const op_case *c) {
    built b = build(c);
    med_plan *p = plan_of(&b, (med_plan_options){.is_reference = true});
    run(p);
    const float h = 0x1p-12f;
    for (int k = 0; k < b.n_in; k++) {
        if (is_noise(&b, b.in[k])) continue;
        int64_t n = med_shape_count(c->shape[k]);
        double *expected = malloc((size_t)n * sizeof *expected), *got = calloc((size_t)n, sizeof *got);
        if (b.grad[k].id >= 0) med_plan_read_f64(p, b.grad[k], got);
        for (int64_t i = 0; i < n; i++) {
            float x = b.data[k][i];
            double loss[2];
            for (int side = 0; side < 2; side++) {
                b.data[k][i] = side ? x - h : x + h;
                run(p);
                med_plan_read_f64(p, b.loss, &loss[side]);
            }
            b.data[k][i] = x;
            expected[i] = (loss[0] - loss[1]) / (2 * (double)h);
        }
        run(p);
        char detail[32];
        snprintf(detail, sizeof detail, "gradient of input %d", k);
        if (b.grad[k].id >= 0) check_close(c->name, detail, got, expected, n, 2e-5);
        else for (int64_t i = 0; i < n; i++) assert_true(fabs(expected[i]) < 1e-9);
        free(expected);
        free(got);
    }
    med_plan_free(p);
    free_built(&b);
}

static int64_t count(med_view v) { return med_shape_count(v.shape); }

static void check_guards(const med_call *c, const float *block, int64_t n) {
    for (int i = 0; i < GUARD; i++)
        if (block[i] != 12345 || block[GUARD + n + i] != 12345) fail_msg("%s writes outside its output", c->node->op->name);
}

static float *run_guarded(const med_backend *backend, med_call c, bool in_place) {
    int64_t n = count(c.out);
    float *block = malloc((size_t)(n + 2 * GUARD) * sizeof *block);
    for (int64_t i = 0; i < n + 2 * GUARD; i++) block[i] = 12345;
    c.out.f32 = block + GUARD;
    if (in_place) {
        memcpy(c.out.f32, c.in[0].f32, (size_t)n * sizeof(float));
        c.in[0].f32 = c.out.f32;
    }
    backend->kernel[c.node->id](&c);
    check_guards(&c, block, n);
    memmove(block, block + GUARD, (size_t)n * sizeof *block);
    return block;
}

static void check_kernel(const med_backend *backend, const char *name, const med_call *c, const float *expected) {
    int64_t n = count(c->out);
    double *a = malloc((size_t)n * sizeof *a), *b = malloc((size_t)n * sizeof *b);
    med_threads_set(1);
    float *one = run_guarded(backend, *c, false);
    med_threads_set(2);
    float *two = run_guarded(backend, *c, false);
    if (memcmp(one, two, (size_t)n * sizeof *one) != 0) fail_msg("%s: %s depends on the number of threads", name, c->node->op->name);
    for (int64_t i = 0; i < n; i++) a[i] = one[i], b[i] = expected[i];
    check_close(name, c->node->op->name, a, b, n, 1e-5); /* f32 sums of up to a few hundred terms */
    if ((c->node->op->flags & (MED_OP_INPLACE | MED_OP_OVERWRITE)) && med_shape_equal(c->in[0].shape, c->out.shape)) {
        float *same = run_guarded(backend, *c, true);
        if (memcmp(one, same, (size_t)n * sizeof *one) != 0) fail_msg("%s: %s differs in place", name, c->node->op->name);
        free(same);
    }
    free(one), free(two), free(a), free(b);
}

static float *leaf_values(const built *b, int id, int64_t n) {
    float *v = malloc((size_t)n * sizeof *v);
    const med_node *node = med_node_of(b->graph, (med_val){id});
    for (int k = 0; k < b->n_in; k++)
        if (b->in[k].id == id) memcpy(v, b->data[k], (size_t)n * sizeof *v);
    if (b->mix.id == id) memcpy(v, b->mix_data, (size_t)n * sizeof *v);
    if (node->id == MED_OP_fill)
        for (int64_t i = 0; i < n; i++) v[i] = (float)((const med_fill_attr *)node->attr)->value;
    return v;
}

/* Walk the graph with reference values and give every node's inputs to its fast kernel as well. */
static void check_kernels(const op_case *c, bool with_gradients, bool fused) {
    const med_backend *backend = med_backend_cpu();
    built b = build_case(c, with_gradients);
    if (fused) {
        med_rewrite_biases(b.graph);
        med_rewrite_norm_grads(b.graph);
        med_rewrite_epilogues(b.graph);
        med_rewrite_squeezes(b.graph);
        med_rewrite_residuals(b.graph);
        med_rewrite_prologues(b.graph);
        med_rewrite_folds(b.graph);
    }
    int n_nodes = med_graph_n_nodes(b.graph);
    med_view *value = calloc((size_t)n_nodes, sizeof *value);
    for (int i = 0; i < n_nodes; i++) {
        const med_node *n = med_node_of(b.graph, (med_val){i});
        value[i].shape = n->shape;
        if (n->op->flags & MED_OP_LEAF) {
            value[i].f32 = leaf_values(&b, i, med_shape_count(n->shape));
            continue;
        }
        value[i].f32 = malloc((size_t)med_shape_count(n->shape) * sizeof(float));
        med_call call = {.node = n, .n_in = n->n_in, .out = value[i]};
        for (int k = 0; k < n->n_in; k++) call.in[k] = value[n->in[k].id];
        if (n->pro.stats.id >= 0) call.stats = value[n->pro.stats.id];
        if (n->pro.scale.id >= 0) call.scale = value[n->pro.scale.id];
        if (n->gain.id >= 0) call.gain = value[n->gain.id];
        if (n->residual.id >= 0) call.residual = value[n->residual.id];
        med_call_reference(&call);
        if (backend->kernel[n->id]) check_kernel(backend, c->name, &call, value[i].f32);
    }
    for (int i = 0; i < n_nodes; i++) free(value[i].f32);
    free(value);
    free_built(&b);
}

/* Rounding of f32 through a norm and two convolutions: a few 1e-6 of the largest value. */
static void check_plans(const op_case *c, bool with_gradients) {
    built wide = build_case(c, with_gradients), narrow = build_case(c, with_gradients);
    med_plan *a = plan_of(&wide, (med_plan_options){.is_reference = true}), *b = plan_of(&narrow, (med_plan_options){0});
    run(a);
    run(b);
    for (int k = -1; k < wide.n_in; k++) {
        med_val v = k < 0 ? wide.y : wide.grad[k];
        if (v.id < 0) continue;
        double *x = values(&narrow, b, k < 0 ? narrow.y : narrow.grad[k]), *y = values(&wide, a, v);
        check_close(c->name, "fused plan", x, y, med_shape_count(med_val_shape(wide.graph, v)), 5e-5);
        free(x), free(y);
    }
    med_plan_free(a), med_plan_free(b);
    free_built(&wide), free_built(&narrow);
}

static void turn_rules(bool on) {
    turn("squeezes", on);
    turn("folds", on);
}

static void test_case(void **state) {
    const op_case *c = *state;
    check_gradients(c);
    check_kernels(c, true, false);
    check_kernels(c, true, true);
    check_kernels(c, false, true);
    check_plans(c, true);
    check_plans(c, false); /* more is fused where no gradient needs what lies between */
    turn_rules(true);
    check_plans(c, true);
    check_plans(c, false);
    turn_rules(false);
}

int main(void) {
    enum { N = sizeof cases / sizeof *cases };
    struct CMUnitTest tests[N];
    for (int i = 0; i < N; i++) tests[i] = (struct CMUnitTest){cases[i].name, test_case, NULL, NULL, (void *)(uintptr_t)&cases[i]};
    return cmocka_run_group_tests_name("ops", tests, NULL, NULL);
}
