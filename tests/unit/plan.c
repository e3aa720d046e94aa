/* plan.c: planning and running: memory by liveness, frozen values, errors that are reported once and by name. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/plan.h"

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

static void frozen_values_follow_only_when_told(void **state) {
    (void)state;
    med_graph *g = med_graph_create();
    med_val x = med_input(g, "x", med_shape_1(1)), w = med_param(g, "w", med_shape_1(1));
    med_val y = med_add(g, x, med_square(g, w));
    med_output(g, y);
    med_plan *p = plan_of(g, (med_plan_options){.is_frozen = true});
    float in = 1, weight = 3, out;
    med_plan_bind(p, x, &in);
    med_plan_bind(p, w, &weight);
    const struct { float weight; int tell; float expected; } steps[] = {{3, 0, 10}, {4, 0, 10}, {4, 1, 17}};
    for (int i = 0; i < 3; i++) {
        weight = steps[i].weight;
        if (steps[i].tell) med_plan_params_changed(p);
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
        cmocka_unit_test(frozen_values_follow_only_when_told),
        cmocka_unit_test(two_plans_share_a_workspace),
        cmocka_unit_test(an_unbound_leaf_is_named),
        cmocka_unit_test(a_bad_call_poisons_and_is_reported_once_with_its_scope),
        cmocka_unit_test(gradients_are_refused_by_name),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
