/* Convolutions as rewrites make them: with factors and a residual of the output, with the norm in front folded into weights, with
 * weights transformed once, of the mean alone. */
#include "kernel_case.h"
#include "turn.h"

static const med_conv_attr three = {3, 1, 1, MED_PAD_ZERO};

typedef struct layer { int n, channels, h, w, outputs; } layer;

static kernel_case case_of(layer l, int has_bias, unsigned flags, med_unary_kind act) {
    return (kernel_case){MED_OP_conv2d, &three, 2 + has_bias,
                         {med_shape_4(l.n, l.channels, l.h, l.w), med_shape_4(l.outputs, l.channels, 3, 3), med_shape_1(l.outputs)}, flags, act};
}

/* What rewrites put together; bias and side in all combinations over the layers. */
static void check_layers(const layer *layers, int n) {
    static const struct { unsigned flags; med_unary_kind act; } uses[] = {
        {GAIN, MED_UNARY_none},
        {STATS | GAIN | RESIDUAL, MED_UNARY_silu},
        {SCALE | GAIN, MED_UNARY_relu},
        {RESIDUAL, MED_UNARY_none},
        {STATS | RESIDUAL, MED_UNARY_silu},
        {STATS | FOLDED, MED_UNARY_none},
        {STATS | FOLDED | RESIDUAL, MED_UNARY_none},
        {STATS | FOLDED | GAIN | RESIDUAL, MED_UNARY_none},
    };
    static const unsigned sides[] = {0, SIDE, MEANS};
    for (int l = 0; l < n; l++)
        for (int u = 0; u < (int)(sizeof uses / sizeof *uses); u++) {
            kernel_case k = case_of(layers[l], (l + u) % 2, uses[u].flags | sides[(l + u) % 3], uses[u].act);
            check_case(&k);
        }
}
#define CHECK_LAYERS(...) check_layers((const layer[]){__VA_ARGS__}, (int)(sizeof(const layer[]){__VA_ARGS__} / sizeof(layer)))

/* A task for every strip: eight strips or more of a sample, or of several samples where those are not taken one by one. */
static void winograd_in_strips_of_tasks(void **state) {
    (void)state;
    CHECK_LAYERS({1, 16, 94, 20, 16}, {1, 9, 96, 33, 11}, {1, 8, 128, 16, 9}, {2, 8, 66, 48, 24}, {2, 10, 70, 13, 8}, {8, 8, 9, 12, 8});
}

/* Inputs transformed before outputs are shared among tasks: whole planes, several strips, several groups of outputs. */
static void winograd_of_shared_inputs(void **state) {
    (void)state;
    CHECK_LAYERS({1, 16, 40, 48, 16}, {1, 64, 24, 24, 64}, {2, 64, 12, 12, 64}, {3, 10, 13, 19, 9}, {1, 8, 9, 9, 8}, {2, 24, 11, 70, 17}, {1, 16, 68, 20, 8});
}

/* Small planes, few channels, few outputs (less than 8, and those whose rows are taken as outputs). */
static void direct(void **state) {
    (void)state;
    CHECK_LAYERS({3, 12, 6, 6, 20}, {2, 40, 3, 3, 24}, {1, 5, 24, 32, 17}, {2, 3, 70, 50, 12}, {1, 16, 12, 16, 7}, {2, 20, 18, 17, 5});
    CHECK_LAYERS({2, 8, 12, 10, 1}, {1, 20, 18, 17, 2}, {1, 4, 12, 9, 3}, {3, 9, 16, 32, 4}, {1, 1, 3, 3, 1}, {2, 3, 1, 1, 9});
}

static void matrix_product(void **state) {
    (void)state;
    CHECK_LAYERS({2, 256, 8, 16, 16}, {1, 260, 8, 17, 19});
}

static void samples(void **state) {
    (void)state;
    static const layer layers[] = {{3, 16, 94, 20, 16}, {8, 16, 24, 24, 16}, {4, 64, 24, 24, 64}, {4, 64, 12, 12, 64}, {4, 64, 6, 6, 64}, {3, 10, 13, 19, 9}, {3, 8, 12, 10, 2}};
    static const unsigned uses[] = {RESIDUAL | SIDE, GAIN | RESIDUAL | MEANS, STATS | FOLDED | SIDE, STATS | FOLDED | GAIN};
    for (size_t l = 0; l < sizeof layers / sizeof *layers; l++)
        for (size_t u = 0; u < sizeof uses / sizeof *uses; u++) {
            kernel_case k = case_of(layers[l], u % 2, uses[u], MED_UNARY_none);
            check_samples(&k);
        }
}

/* ---- of the mean alone ---- */

static void means(void **state) {
    (void)state;
    for (int s = 0, variant = 0; s <= N_SIZES; s++)
        for (int kernel = 1; kernel <= 7; kernel += 2, variant++) {
            med_conv_attr a = {kernel, 1, kernel / 2, MED_PAD_ZERO};
            med_shape x = s < N_SIZES ? size_of(s) : med_shape_4(2, 64, 2, 24);
            int outputs = (int[]){1, 3, 8, 17}[(s + kernel) % 4];
            kernel_case k = {MED_OP_conv2d_mean, &a, 2 + variant % 2, {x, med_shape_4(outputs, x.dim[1], kernel, kernel), med_shape_1(outputs)}, 0, MED_UNARY_none};
            check_case(&k);
            k.flags = STATS, k.act = MED_UNARY_silu;
            check_case(&k);
            if (x.dim[0] > 1) check_samples(&k);
            k.flags = STATS | SCALE, k.act = MED_UNARY_relu;
            check_case(&k);
        }
}

/* ---- weights transformed once ---- */

/* What the backend keeps of a convolution of a graph; `gain` and `is_folded` as a rewrite sets them. */
static size_t kept_floats(const med_backend *backend, const kernel_case *k) {
    med_graph *g = med_graph_create();
    med_val in[2] = {med_input(g, "x", k->in[0]), med_param(g, "w", k->in[1])};
    med_node node = *med_node_of(g, med_node_add(g, k->op, in, 2, k->attr));
    if (k->flags & GAIN) node.gain = in[0];
    node.pro.is_folded = k->flags & FOLDED;
    size_t n = backend->kept_floats[k->op](g, &node);
    med_graph_free(g);
    return n;
}

/* The first run fills what is kept, later ones read it instead of the weights. */
static void check_kept(const med_backend *backend, const kernel_case *k) {
    prepared p;
    prepare(k, &p);
    int64_t n = med_shape_count(p.node.shape), n_kept = (int64_t)kept_floats(backend, k);
    char what[320];
    snprintf(what, sizeof what, "%s %s", backend->name, p.what);
    assert_true(n_kept > 0);
    med_view others = random_view(k->in[1], 0, 30);
    guarded plain = guarded_create(n), kept = guarded_create(n_kept);
    p.call.out.f32 = plain.data;
    backend->kernel[k->op](&p.call);
    for (int threads = 1; threads <= 4; threads *= 2) {
        med_threads_set(threads);
        med_call call = p.call;
        guarded out = guarded_create(n);
        call.out.f32 = out.data;
        call.kept = kept.data;
        call.kept_is_made = threads > 1;
        if (call.kept_is_made) call.in[1] = others;
        backend->kernel[k->op](&call);
        guarded_check(&out, what);
        guarded_check(&kept, what);
        check_same(out.data, plain.data, n, what, "differs with kept weights");
        if (call.side.data) check_side(&call, out.data, what);
        free(out.all);
    }
    free(plain.all);
    free(kept.all);
    free(others.f32);
    release(&p);
}

static void kept_weights_give_the_same_bits(void **state) {
    (void)state;
    static const layer layers[] = {{1, 16, 94, 20, 16}, {2, 40, 66, 13, 24}, {8, 8, 9, 12, 8}, {1, 16, 40, 48, 16}, {2, 64, 24, 24, 64}, {1, 64, 12, 12, 64}, {3, 10, 13, 19, 9}};
    for (int isa = 0; isa < N_ISAS; isa++) {
        const med_backend *backend = backend_of(isa);
        for (size_t l = 0; backend && l < sizeof layers / sizeof *layers; l++) {
            kernel_case plain = case_of(layers[l], 0, RESIDUAL, MED_UNARY_none), normed = case_of(layers[l], 1, STATS | SIDE, MED_UNARY_silu);
            check_kept(backend, &plain);
            check_kept(backend, &normed);
        }
    }
}

/* Weights that change with the sample, and those of other ways than Winograd's. */
static void nothing_else_is_kept(void **state) {
    (void)state;
    const layer fits = {1, 16, 24, 24, 16};
    const kernel_case cases[] = {
        case_of(fits, 0, GAIN, MED_UNARY_none), case_of(fits, 0, STATS | FOLDED, MED_UNARY_none), case_of((layer){1, 16, 6, 6, 16}, 0, 0, MED_UNARY_none),
        case_of((layer){1, 7, 24, 24, 16}, 0, 0, MED_UNARY_none), case_of((layer){1, 16, 24, 24, 7}, 0, 0, MED_UNARY_none),
    };
    for (int isa = 0; isa < N_ISAS; isa++) {
        const med_backend *backend = backend_of(isa);
        for (size_t i = 0; backend && i < sizeof cases / sizeof *cases; i++) assert_int_equal(kept_floats(backend, &cases[i]), 0);
    }
    kernel_case plain = case_of(fits, 0, 0, MED_UNARY_none);
    turn("winograd", false);
    assert_int_equal(kept_floats(med_backend_cpu(), &plain), 0);
    turn("winograd", true);
    assert_int_not_equal(kept_floats(med_backend_cpu(), &plain), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(winograd_in_strips_of_tasks), cmocka_unit_test(winograd_of_shared_inputs), cmocka_unit_test(direct), cmocka_unit_test(matrix_product),
        cmocka_unit_test(samples), cmocka_unit_test(means), cmocka_unit_test(kept_weights_give_the_same_bits), cmocka_unit_test(nothing_else_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
