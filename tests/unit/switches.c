/* switches.c: the tiny network's images with each rewrite turned are those of the usual ones. */
#include <math.h>

#include "engine/plan.h"
#include "model/mmhvae_graph.h"
#include "turn.h"

enum { SIDE = 32, COUNT = SIDE * SIDE };

/* The second and the third modality from the first at temperature 0, each by a pass of its own; returns the number of
 * kernel calls. */
static int synthesise(const med_mmhvae_config *c, const med_weights *w, float *image) {
    float x[COUNT];
    for (int i = 0; i < COUNT; i++) x[i] = (float)sin(0.1 * i + 0.003 * i * (i % 7));
    med_graph *g = med_graph_create();
    med_mmhvae_features f;
    med_mmhvae_pass pass[2];
    for (int k = 0; k < 2; k++) {
        med_mmhvae_encode(g, c, med_modset_of(0), 1, &f);
        med_mmhvae_pass_options o = {.given = med_modset_of(0), .target = med_modset_of(1 + k), .name = "test"};
        med_mmhvae_generate(g, c, &f, 1, o, &pass[k]);
        med_output(g, pass[k].out[1 + k]);
    }
    med_plan *p;
    assert_ok(med_plan_create(g, (med_plan_options){.is_frozen = true}, &p));
    for (int i = 0; i < med_graph_n_params(g); i++) {
        med_val v = med_graph_param(g, i);
        med_plan_bind(p, v, med_weights_find(w, med_val_name(g, v))->data);
    }
    med_plan_bind(p, f.x[0], x);
    assert_ok(med_plan_run(p));
    for (int k = 0; k < 2; k++) med_plan_read(p, pass[k].out[1 + k], image + k * COUNT);
    int n = med_plan_n_calls(p);
    med_plan_free(p);
    med_graph_free(g);
    return n;
}

static void every_rewrite_keeps_the_images(void **state) {
    (void)state;
    static const struct { const char *name; bool saves_calls, is_off_first; } rows[] = {
        {"winograd", false, false}, {"strassen", false, false}, {"common", true, false}, {"biases", false, false}, {"norm_grads", false, false},
        {"epilogues", true, false}, {"prologues", true, false}, {"recompute", false, false}, {"sides", true, false}, {"groups", false, false},
        {"branches", false, false}, {"residuals", true, false}, {"points", false, true}, {"squeezes", false, true}, {"folds", false, true},
    };
    med_mmhvae_config c;
    med_weights *w;
    float with[2 * COUNT], without[2 * COUNT];
    assert_ok(med_mmhvae_preset("tiny", &c));
    c.height = c.width = SIDE;
    assert_ok(med_mmhvae_init(&c, 3, &w));
    int n = synthesise(&c, w, with);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        turn(rows[r].name, rows[r].is_off_first);
        int n_turned = synthesise(&c, w, without);
        turn(rows[r].name, !rows[r].is_off_first);
        assert_true(rows[r].saves_calls ? n_turned > n : n_turned == n);
        for (int i = 0; i < 2 * COUNT; i++) /* rounding that instance norm amplifies at temperature 0: as golden/mmhvae-paper */
            if (!(fabsf(with[i] - without[i]) < 5e-4F)) fail_msg("%s: pixel %d is %g as usual, %g when it is turned", rows[r].name, i, (double)with[i], (double)without[i]);
    }
    med_weights_free(w);
}

static void an_unknown_switch_is_named(void **state) {
    (void)state;
    assert_int_equal(med_switch_set("plan.magic=off"), MED_EUSAGE);
    assert_non_null(strstr(med_message(), "plan.magic=off"));
    assert_int_equal(med_switch_set("plan.winograd=maybe"), MED_EUSAGE);
    assert_int_equal(med_switch_set("plan.winograd"), MED_EUSAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rewrite_keeps_the_images),
        cmocka_unit_test(an_unknown_switch_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
