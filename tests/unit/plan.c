/* plan.c: planning and running: memory by liveness, frozen values, errors that are reported once and by name. */
#include <math.h>

#include "base/thread.h"
#include "engine/plan.h"
#include "turn.h"

enum { SIDE = 64, COUNT = SIDE * SIDE };

static med_val image(med_graph *g, const char *name) { return med_input(g, name, med_shape_4(1, 1, SIDE, SIDE)); }

static med_plan *plan_of(med_graph *g, med_plan_options o) {
    med_plan *p;
    if (med_plan_create(g, o, &p) != MED_OK) fail_msg("%s", med_message());
    return p;
}

static void a_chain_needs_two_buffers_at_most(void **state) {
    (void)state;
    med_graph *g = med_graph_create();
    med_val v = image(g, "x");
    for (int i = 0; i < 20; i++) v = med_upsample2x(g, med_slice(g, med_slice(g, v, 2, 0, SIDE / 2), 3, 0, SIDE / 2));
    med_output(g, v);
    med_plan *p = plan_of(g, (med_plan_options){0});
    assert_true(med_plan_bytes(p) <= 3 * COUNT * sizeof(float));
    med_plan_free(p);
    med_graph_free(g);
}

static void an_elementwise_chain_runs_in_place(void **state) {
    (void)state;
    med_graph *g = med_graph_create();
    med_val x = image(g, "x"), v = x;
    for (int i = 0; i < 10; i++) v = med_scale_shift(g, v, 2, 1);
    med_output(g, v);
    med_plan *p = plan_of(g, (med_plan_options){0});
    assert_int_equal(med_plan_bytes(p), COUNT * sizeof(float));
    float in[COUNT], out[COUNT];
    for (int i = 0; i < COUNT; i++) in[i] = (float)i / COUNT;
    med_plan_bind(p, x, in);
    assert_int_equal(med_plan_run(p), MED_OK);
    med_plan_read(p, v, out);
    for (int i = 0; i < COUNT; i++) assert_float_equal(out[i], 1024 * in[i] + 1023, 1e-3);
    assert_float_equal(in[5], 5.0f / COUNT, 0); /* a leaf is never written */
    med_plan_free(p);
    med_graph_free(g);
}

static void frozen_values_are_computed_once(void **state) {
    (void)state;
    med_graph *g = med_graph_create();
    med_val x = med_input(g, "x", med_shape_1(1)), w = med_param(g, "w", med_shape_1(1));
    med_val y = med_add(g, x, med_square(g, w));
    med_output(g, y);
    med_plan *p = plan_of(g, (med_plan_options){.is_frozen = true});
    float in = 1, weight = 3, out;
    med_plan_bind(p, x, &in);
    med_plan_bind(p, w, &weight);
    const struct { float in, weight, expected; } steps[] = {{1, 3, 10}, {2, 3, 11}, {2, 4, 11}};
    for (int i = 0; i < 3; i++) {
        in = steps[i].in;
        weight = steps[i].weight;
        assert_int_equal(med_plan_run(p), MED_OK);
        med_plan_read(p, y, &out);
        assert_float_equal(out, steps[i].expected, 0);
    }
    med_plan_free(p);
    med_graph_free(g);
}

static void two_plans_share_a_workspace(void **state) {
    (void)state;
    med_workspace *w = med_workspace_create();
    med_graph *g[2];
    med_plan *p[2];
    med_val x[2], y[2];
    float in[COUNT] = {0}, out[COUNT];
    in[7] = 2;
    for (int i = 0; i < 2; i++) {
        g[i] = med_graph_create();
        x[i] = image(g[i], "x");
        y[i] = med_upsample2x(g[i], med_scale_shift(g[i], x[i], i + 1, 0));
        y[i] = med_sum(g[i], y[i], 1);
        med_output(g[i], y[i]);
        p[i] = plan_of(g[i], (med_plan_options){.workspace = w});
        med_plan_bind(p[i], x[i], in);
    }
    for (int round = 0; round < 4; round++) {
        assert_int_equal(med_plan_run(p[round % 2]), MED_OK);
        med_plan_read(p[round % 2], y[round % 2], out);
        assert_float_equal(out[0], 8 * (round % 2 + 1), 1e-5);
    }
    for (int i = 0; i < 2; i++) med_plan_free(p[i]), med_graph_free(g[i]);
    med_workspace_free(w);
}

/* ---- samples one after the other ---- */

enum { SAMPLES = 3, CHANNELS = 8, EDGE = 16, SAMPLE = CHANNELS * EDGE * EDGE };

static float images[SAMPLES * SAMPLE], noises[SAMPLES * SAMPLE], kernels[CHANNELS * CHANNELS * 9];

static void fill_leaves(void) {
    for (int i = 0; i < SAMPLES * SAMPLE; i++) images[i] = (float)sin(0.37 * i + 0.001 * i * (i % 13)), noises[i] = (float)cos(1.7 * i);
    for (int i = 0; i < CHANNELS * CHANNELS * 9; i++) kernels[i] = (float)(i % 17 - 8) / 64;
}

/* Big planes, their squeeze and excitation, small planes with noise, big planes that read a skip. */
static med_val small_unet(med_graph *g, int n, med_val *x, med_val *noise) {
    const med_conv_attr same = {3, 1, 1, MED_PAD_ZERO}, down = {3, 2, 1, MED_PAD_ZERO};
    med_shape w = med_shape_4(CHANNELS, CHANNELS, 3, 3), square = med_shape_2(CHANNELS, CHANNELS);
    *x = med_input(g, "x", med_shape_4(n, CHANNELS, EDGE, EDGE));
    *noise = med_input(g, "noise", med_shape_4(n, CHANNELS, EDGE / 2, EDGE / 2));
    med_val h = med_conv2d(g, *x, med_param(g, "w0", w), MED_NONE, same);
    med_val s = med_matmul(g, med_reshape(g, med_channel_mean(g, h), med_shape_2(n, CHANNELS)), med_param(g, "w1", square), 0, 1);
    med_val skip = med_add(g, med_mul(g, h, med_reshape(g, med_sigmoid(g, s), med_shape_4(n, CHANNELS, 1, 1))), *x);
    h = med_conv2d(g, med_silu(g, med_instance_norm(g, skip, 1e-5)), med_param(g, "w2", w), MED_NONE, down);
    h = med_conv2d(g, med_add(g, h, *noise), med_square(g, med_param(g, "w3", w)), MED_NONE, same);
    h = med_conv2d(g, med_silu(g, med_instance_norm(g, med_upsample2x(g, h), 1e-5)), med_param(g, "w4", w), MED_NONE, same);
    return med_tanh(g, med_add(g, h, skip));
}

/* y of n samples from sample `first` on; twice, as frozen values are there the second time. Returns the plan's bytes. */
static size_t run_samples(int n, int first, int64_t big_plane, float *y) {
    fill_leaves();
    med_graph *g = med_graph_create();
    med_val in, eps, out = small_unet(g, n, &in, &eps);
    med_output(g, out);
    med_plan *p = plan_of(g, (med_plan_options){.is_frozen = true, .big_plane = big_plane});
    for (int i = 0; i < med_graph_n_params(g); i++) med_plan_bind(p, med_graph_param(g, i), kernels);
    med_plan_bind(p, in, images + first * SAMPLE);
    med_plan_bind(p, eps, noises + first * SAMPLE / 4);
    for (int round = 0; round < 2; round++) assert_int_equal(med_plan_run(p), MED_OK);
    med_plan_read(p, out, y);
    size_t n_bytes = med_plan_bytes(p);
    med_plan_free(p);
    med_graph_free(g);
    return n_bytes;
}

static void check_samples(void) {
    static float together[SAMPLES * SAMPLE], alone[SAMPLE];
    static const int64_t big_planes[] = {0, 1, EDGE *EDGE / 4 + 1, EDGE *EDGE + 1};
    size_t n_bytes[4];
    for (int b = 0; b < 4; b++) {
        n_bytes[b] = run_samples(SAMPLES, 0, big_planes[b], together);
        for (int i = 0; i < SAMPLES; i++) {
            run_samples(1, i, 0, alone);
            assert_memory_equal(alone, together + i * SAMPLE, sizeof alone);
        }
    }
    assert_true(n_bytes[1] < n_bytes[0] && n_bytes[2] < n_bytes[0]); /* what is local has the memory of one sample */
    assert_true(n_bytes[3] == n_bytes[0]);
    run_samples(1, 1, 0, alone);
    assert_true(memcmp(alone, together, sizeof alone) != 0);
}

static void samples_have_the_bits_that_they_have_alone(void **state) {
    (void)state;
    static const char *const rules[] = {"points", "squeezes", "folds"};
    check_samples();
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        turn(rules[i], true);
        check_samples();
        turn(rules[i], false);
    }
}

/* ---- transformed weights ---- */

/* One 3x3 convolution with weights that others take the place of before the second run. Returns the plan's bytes. */
static size_t run_with_other_weights(bool is_frozen, float *first, float *second) {
    fill_leaves();
    med_graph *g = med_graph_create();
    med_val x = med_input(g, "x", med_shape_4(1, CHANNELS, EDGE, EDGE)), w = med_param(g, "w", med_shape_4(CHANNELS, CHANNELS, 3, 3));
    med_val y = med_conv2d(g, x, w, MED_NONE, (med_conv_attr){3, 1, 1, MED_PAD_ZERO});
    med_output(g, y);
    med_plan *p = plan_of(g, (med_plan_options){.is_frozen = is_frozen});
    med_plan_bind(p, x, images);
    med_plan_bind(p, w, kernels);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(med_plan_run(p), MED_OK);
        med_plan_read(p, y, round ? second : first);
        for (int i = 0; i < CHANNELS * CHANNELS * 9; i++) kernels[i] += 1;
    }
    size_t n_bytes = med_plan_bytes(p);
    med_plan_free(p);
    med_graph_free(g);
    return n_bytes;
}

static void weights_that_never_change_are_transformed_once(void **state) {
    (void)state;
    enum { POINTS = 36 };
    static float every[2][SAMPLE], once[2][SAMPLE], trained[2][SAMPLE];
    size_t n_every = run_with_other_weights(true, every[0], every[1]);
    turn("points", true);
    size_t n_once = run_with_other_weights(true, once[0], once[1]), n_trained = run_with_other_weights(false, trained[0], trained[1]);
    turn("points", false);
    assert_true(n_once >= n_every + POINTS * CHANNELS * CHANNELS * sizeof(float));
    assert_memory_equal(once[0], every[0], sizeof once[0]);
    assert_memory_equal(once[1], once[0], sizeof once[0]);
    assert_true(memcmp(every[1], every[0], sizeof every[0]) != 0);
    assert_true(n_trained == n_every);
    assert_memory_equal(trained, every, sizeof every);
}

/* ---- branches ---- */

enum { MAX_HEADS = 5, HEAD = EDGE * EDGE };

/* Some images of one trunk; every second one is wanted with what it is made from. */
static size_t run_heads(int n_heads, int n_threads, int n_threads_later, bool is_on, bool is_frozen, float *y) {
    fill_leaves();
    turn("branches", is_on);
    med_threads_set(n_threads);
    const med_conv_attr same = {3, 1, 1, MED_PAD_ZERO};
    med_graph *g = med_graph_create();
    med_val in = med_input(g, "x", med_shape_4(1, CHANNELS, EDGE, EDGE)), out[MAX_HEADS], weights[2];
    weights[0] = med_param(g, "w0", med_shape_4(CHANNELS, CHANNELS, 3, 3));
    weights[1] = med_param(g, "w1", med_shape_4(1, CHANNELS, 3, 3));
    med_val trunk = med_silu(g, med_instance_norm(g, med_conv2d(g, in, weights[0], MED_NONE, same), 1e-5));
    for (int i = 0; i < n_heads; i++) {
        med_val h = med_scale_shift(g, trunk, 1, i);
        for (int k = 0; k < 3; k++) h = med_add(g, med_relu(g, med_instance_norm(g, med_conv2d(g, h, weights[0], MED_NONE, same), 1e-5)), h);
        out[i] = med_tanh(g, med_conv2d(g, h, weights[1], MED_NONE, same));
        med_output(g, out[i]);
        if (i % 2) med_output(g, h);
    }
    med_plan *p = plan_of(g, (med_plan_options){.is_frozen = is_frozen});
    for (int i = 0; i < 2; i++) med_plan_bind(p, weights[i], kernels);
    med_plan_bind(p, in, images);
    med_threads_set(n_threads_later);
    for (int round = 0; round < 2; round++) assert_int_equal(med_plan_run(p), MED_OK);
    for (int i = 0; i < n_heads; i++) med_plan_read(p, out[i], y + i * HEAD);
    size_t n_bytes = med_plan_bytes(p);
    med_plan_free(p);
    med_graph_free(g);
    med_threads_set(0);
    return n_bytes;
}

static void branches_keep_every_bit(void **state) {
    (void)state;
    static float together[MAX_HEADS * HEAD], apart[MAX_HEADS * HEAD];
    static const int threads[][2] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {2, 1}, {2, 4}, {4, 2}, {8, 8}};
    for (int n = 1; n <= MAX_HEADS; n++) {
        size_t n_bytes = run_heads(n, 2, 2, false, true, apart);
        for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
            size_t n_more = run_heads(n, threads[t][0], threads[t][1], true, true, together);
            assert_memory_equal(apart, together, (size_t)(n * HEAD) * sizeof(float));
            bool has_branches = threads[t][0] > 1 && n >= 2 * threads[t][0]; /* every second head is two outputs */
            if (has_branches) assert_true(n_more > n_bytes);
        }
        assert_true(run_heads(n, 2, 2, true, false, together) == n_bytes); /* not while training */
    }
    turn("branches", true);
}

/* ---- values for a sink ---- */

enum { WIDE = 256, SQUARE = WIDE * WIDE, CHAIN = 6 };

typedef struct products {
    int n_weights;
    float *weight[CHAIN]; /* the sink spoils them */
    float gradient[CHAIN], loss;
    med_val w[CHAIN], mean;
    int n_taken;
    size_t n_bytes;
} products;

static void take(void *context, const med_plan *p, med_val value, med_val param) {
    products *c = context;
    if (c->n_taken++ == 0) med_plan_read(p, c->mean, &c->loss);
    for (int i = 0; i < c->n_weights; i++) {
        if (c->w[i].id != param.id) continue;
        c->gradient[i] = med_plan_data(p, value)[1];
        c->weight[i][0] = NAN;
    }
}

/* The mean of W..W x with CHAIN factors, and gradients by its weights, which take turns: kept, or handed over. */
static products chain_of_products(int n_weights, bool is_for_sink) {
    products c = {.n_weights = n_weights};
    float in[WIDE];
    med_graph *g = med_graph_create();
    med_val x = med_input(g, "x", med_shape_2(WIDE, 1)), v = x, dw[CHAIN];
    for (int i = 0; i < CHAIN; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i % n_weights);
        c.w[i % n_weights] = med_param(g, name, med_shape_2(WIDE, WIDE));
        v = med_matmul(g, c.w[i % n_weights], v, 0, 0);
    }
    c.mean = med_mean(g, v);
    med_gradients(g, c.mean, c.w, n_weights, dw);
    med_output(g, c.mean);
    for (int i = 0; i < n_weights; i++) med_output_for(g, dw[i], is_for_sink ? c.w[i] : MED_NONE);
    med_plan *p = plan_of(g, (med_plan_options){.sink = take, .sink_context = &c});
    for (int i = 0; i < n_weights; i++) {
        c.weight[i] = malloc(SQUARE * sizeof(float));
        for (int k = 0; k < SQUARE; k++) c.weight[i][k] = (float)((k + i) % 11 - 5) / 64;
        med_plan_bind(p, c.w[i], c.weight[i]);
    }
    for (int i = 0; i < WIDE; i++) in[i] = (float)(i % 7 + 1) / 7;
    med_plan_bind(p, x, in);
    assert_int_equal(med_plan_run(p), MED_OK);
    for (int i = 0; i < n_weights && !is_for_sink; i++) c.gradient[i] = med_plan_data(p, dw[i])[1];
    if (!is_for_sink) med_plan_read(p, c.mean, &c.loss);
    for (int i = 0; i < n_weights; i++) free(c.weight[i]);
    c.n_bytes = med_plan_bytes(p);
    med_plan_free(p);
    med_graph_free(g);
    return c;
}

/* The sink may spoil what it gets: it comes after everything that reads it and after the loss, in memory that others take then. */
static void a_gradient_is_handed_over_when_nobody_reads_its_parameter(void **state) {
    (void)state;
    products kept = chain_of_products(CHAIN, false), handed = chain_of_products(CHAIN, true);
    assert_int_equal(kept.n_taken, 0);
    assert_int_equal(handed.n_taken, CHAIN);
    assert_true(handed.loss == kept.loss && isfinite(kept.loss));
    for (int i = 0; i < CHAIN; i++) assert_true(handed.gradient[i] == kept.gradient[i] && isfinite(kept.gradient[i]) && kept.gradient[i] != 0);
    assert_true(kept.n_bytes >= CHAIN * SQUARE * sizeof(float));
    assert_true(handed.n_bytes < 2 * SQUARE * sizeof(float));
}

/* Each of the gradients of a shared weight is an outer product of two columns: it waits for the sum that it goes into. */
static void gradients_of_a_shared_weight_wait_for_each_other(void **state) {
    (void)state;
    products kept = chain_of_products(2, false), handed = chain_of_products(2, true);
    for (int i = 0; i < 2; i++) assert_true(handed.gradient[i] == kept.gradient[i] && isfinite(kept.gradient[i]) && kept.gradient[i] != 0);
    assert_true(handed.n_bytes < 4 * SQUARE * sizeof(float));
}

/* SiLU's values are wanted by the next product's gradient; computed again from what SiLU's own gradient keeps. */
static void cheap_values_are_computed_again(void **state) {
    (void)state;
    enum { DEPTH = 6, ROWS = 512 };
    float *params = malloc(SQUARE * sizeof *params), *in = calloc(ROWS * WIDE, sizeof *in), gradient[2];
    size_t n_bytes[2];
    in[3] = 1;
    for (int i = 0; i < SQUARE; i++) params[i] = (float)(i % 11 - 5) / 64;
    for (int is_on = 0; is_on < 2; is_on++) {
        turn("recompute", is_on);
        med_graph *g = med_graph_create();
        med_val w = med_param(g, "w", med_shape_2(WIDE, WIDE)), x = med_input(g, "x", med_shape_2(ROWS, WIDE)), v = x, dw;
        for (int i = 0; i < DEPTH; i++) v = med_silu(g, med_matmul(g, v, w, 0, 0));
        med_gradients(g, med_mean(g, v), &w, 1, &dw);
        med_output(g, dw);
        med_plan *p = plan_of(g, (med_plan_options){0});
        med_plan_bind(p, w, params);
        med_plan_bind(p, x, in);
        assert_int_equal(med_plan_run(p), MED_OK);
        gradient[is_on] = med_plan_data(p, dw)[WIDE + 1];
        n_bytes[is_on] = med_plan_bytes(p);
        med_plan_free(p);
        med_graph_free(g);
    }
    assert_true(gradient[0] == gradient[1] && gradient[0] != 0);
    assert_true(n_bytes[1] + 3 * ROWS * WIDE * sizeof(float) < n_bytes[0]);
    free(params);
    free(in);
}

static void an_unbound_leaf_is_named(void **state) {
    (void)state;
    med_graph *g = med_graph_create();
    med_output(g, med_square(g, image(g, "x/flair")));
    med_plan *p = plan_of(g, (med_plan_options){0});
    assert_int_equal(med_plan_run(p), MED_EUSAGE);
    assert_non_null(strstr(med_message(), "x/flair"));
    med_plan_free(p);
    med_graph_free(g);
}

static void a_bad_call_poisons_and_is_reported_once_with_its_scope(void **state) {
    (void)state;
    med_graph *g = med_graph_create();
    med_scope_push(g, "enc/%s", "t2");
    med_val bad = med_matmul(g, image(g, "x"), med_param(g, "w", med_shape_2(3, 3)), 0, 0);
    med_scope_pop(g);
    assert_true(bad.id < 0);
    med_val after = med_silu(g, med_add(g, bad, bad));
    assert_true(after.id < 0);
    med_output(g, after);
    med_plan *p;
    assert_int_equal(med_plan_create(g, (med_plan_options){0}, &p), MED_EUSAGE);
    assert_null(p);
    assert_non_null(strstr(med_message(), "enc/t2: matmul: 1x1x64x64 times 3x3"));
    med_graph_free(g);
}

static void gradients_are_refused_by_name(void **state) {
    (void)state;
    med_graph *g = med_graph_create();
    med_val x = med_param(g, "x", med_shape_4(1, 1, 4, 4)), dx, ddx;
    med_val y = med_mean(g, med_square(g, med_upsample2x(g, x)));
    med_gradients(g, y, &x, 1, &dx);
    med_gradients(g, med_mean(g, dx), &x, 1, &ddx); /* upsample2x_grad has none */
    assert_int_equal(med_graph_status(g), MED_EUSAGE);
    assert_non_null(strstr(med_message(), "has no gradient"));
    med_graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_needs_two_buffers_at_most),
        cmocka_unit_test(an_elementwise_chain_runs_in_place),
        cmocka_unit_test(frozen_values_are_computed_once),
        cmocka_unit_test(two_plans_share_a_workspace),
        cmocka_unit_test(samples_have_the_bits_that_they_have_alone),
        cmocka_unit_test(weights_that_never_change_are_transformed_once),
        cmocka_unit_test(branches_keep_every_bit),
        cmocka_unit_test(a_gradient_is_handed_over_when_nobody_reads_its_parameter),
        cmocka_unit_test(gradients_of_a_shared_weight_wait_for_each_other),
        cmocka_unit_test(cheap_values_are_computed_again),
        cmocka_unit_test(an_unbound_leaf_is_named),
        cmocka_unit_test(a_bad_call_poisons_and_is_reported_once_with_its_scope),
        cmocka_unit_test(gradients_are_refused_by_name),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
