/* schedule.c: what a training run does when: by formula, and independent of what happened before. */
#include "testing.h"

#include <math.h>

#include "task/train_schedule.h"

static void assert_close(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.17g, expected %.17g within %g", value, expected, tolerance);
}

static const med_model *model_of(const char *name) {
    const med_model *m;
    assert_ok(med_model_find(name, &m));
    return m;
}

static med_train_config paper(void) {
    med_train_config c;
    assert_ok(med_train_preset("paper", med_models[0], &c, &(med_net){0}));
    return c;
}

static void rates_follow_the_paper(void **state) {
    (void)state;
    med_train_config c = paper();
    assert_close(med_train_phase_of(&c, 1).lr, 2e-3, 1e-15);
    assert_close(med_train_phase_of(&c, 501).lr, 0.5 * (2e-3 + 1e-4), 1e-15);
    double last = med_train_phase_of(&c, 1000).lr;
    assert_true(last > 1e-4 && last < 1.0001e-4);
    assert_close(med_train_phase_of(&c, 1).w_kl, 1e-3 / 50, 1e-15);
    assert_close(med_train_phase_of(&c, 25).w_kl, 0.5e-3, 1e-15);
    assert_close(med_train_phase_of(&c, 50).w_kl, 1e-3, 0);
    assert_close(med_train_phase_of(&c, 900).w_kl, 1e-3, 0);
    c.epochs = 40; /* shorter than the ramp */
    assert_close(med_train_phase_of(&c, 10).w_kl, 0.25e-3, 1e-15);
    assert_close(med_train_phase_of(&c, 40).w_kl, 1e-3, 0);
}

/* The multipliers of ResViT's authors, of both rates; epochs count from 1 here. */
static void a_line_falls_as_its_authors_draw_it(void **state) {
    (void)state;
    med_train_config c;
    assert_ok(med_train_preset("paper", model_of("resvit"), &c, &(med_net){0}));
    assert_string_equal(c.lr_decay, "linear");
    static const struct {
        int epochs, epoch;
        double part;
    } rows[] = {{100, 1, 1}, {100, 49, 1}, {100, 50, 50.0 / 51}, {100, 99, 1.0 / 51}, {100, 100, 0}, {667, 333, 1}, {667, 334, 333.0 / 334}, {667, 667, 0}, {333, 166, 1}, {333, 167, 166.0 / 167}, {1, 1, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        c.epochs = rows[i].epochs;
        assert_close(med_train_phase_of(&c, rows[i].epoch).lr, 2e-4 * rows[i].part, 1e-15);
        assert_close(med_train_phase_of(&c, rows[i].epoch).lr_disc, 2e-4 * rows[i].part, 1e-15);
    }
    c = paper(); /* elsewhere the discriminators' rate stays */
    assert_close(med_train_phase_of(&c, 1000).lr_disc, 2e-4, 0);
}

static void the_rate_warms_up_step_by_step(void **state) {
    (void)state;
    med_train_config c = paper();
    assert_close(med_train_warmth(&c, 0), 1, 0);
    c.warmup_steps = 1000;
    assert_close(med_train_warmth(&c, 0), 1e-3, 1e-15);
    assert_close(med_train_warmth(&c, 499), 0.5, 1e-15);
    assert_close(med_train_warmth(&c, 999), 1, 0);
    assert_close(med_train_warmth(&c, 5000), 1, 0);
}

static void adversarial_phases_begin_when_they_should(void **state) {
    (void)state;
    med_train_config c = paper();
    assert_false(med_train_phase_of(&c, 789).trains_discriminators);
    assert_true(med_train_phase_of(&c, 790).trains_discriminators);
    assert_true(med_train_phase_of(&c, 799).w_dis == 0);
    assert_true(med_train_phase_of(&c, 800).w_dis == 0.05);
    for (int epoch = 770; epoch < 790; epoch++) assert_int_equal(med_train_phase_of(&c, epoch).restarts, epoch == 780);
    c.w_dis = 0;
    assert_false(med_train_phase_of(&c, 780).restarts);
    assert_false(med_train_phase_of(&c, 900).trains_discriminators);
}

static void every_epoch_visits_each_case_once(void **state) {
    (void)state;
    enum { N = 23 };
    int order[2][N], n_same = 0;
    for (int epoch = 1; epoch <= 2; epoch++) {
        int seen[N] = {0};
        med_train_order(7, epoch, N, order[epoch - 1]);
        for (int i = 0; i < N; i++) seen[order[epoch - 1][i]]++;
        for (int i = 0; i < N; i++) assert_int_equal(seen[i], 1);
    }
    for (int i = 0; i < N; i++) n_same += order[0][i] == order[1][i];
    assert_true(n_same < N / 2);
    int again[N];
    med_train_order(7, 2, N, again);
    assert_memory_equal(again, order[1], sizeof again);
}

/* Bits: us 1, t2 2, cet1 4, flair 8. */
static void subsets_are_every_choice_beside_the_anchor(void **state) {
    (void)state;
    med_train_subject all = {0xf, 0, false}, no_t2 = {0xd, 0, false}, only_us = {0x1, 0, false}, no_us = {0xe, 0, false};
    assert_int_equal(med_train_n_subsets(all), 7);
    med_modset seen = 0;
    for (long i = 0; i < 7; i++) {
        med_modset s = med_train_subset(all, i);
        assert_int_equal(s & ~0xeu, 0);
        assert_false(seen >> s & 1);
        seen |= 1u << s;
    }
    assert_int_equal(med_train_subset(all, 6), 0xe);
    assert_int_equal(med_train_n_subsets(no_t2), 3);
    assert_int_equal(med_train_subset(no_t2, 0), 0x4);
    assert_int_equal(med_train_subset(no_t2, 1), 0x8);
    assert_int_equal(med_train_subset(no_t2, 2), 0xc);
    assert_int_equal(med_train_n_subsets(only_us), 0);
    assert_int_equal(med_train_n_subsets(no_us), 0);
}

static void without_an_anchor_the_whole_set_is_not_given_twice(void **state) {
    (void)state;
    med_train_subject three = {0xe, -1, false}, one = {0x2, -1, false}, none = {0, -1, false};
    assert_int_equal(med_train_n_subsets(three), 6);
    for (long i = 0; i < 6; i++) assert_int_not_equal(med_train_subset(three, i), 0xe);
    assert_int_equal(med_train_n_subsets(one), 1);
    assert_int_equal(med_train_subset(one, 0), 0x2);
    assert_int_equal(med_train_n_subsets(none), 0);
}

static void a_visit_draws_within_its_case(void **state) {
    (void)state;
    med_train_config c = paper();
    med_train_subject all = {0xf, 0, false};
    int n_flipped = 0, least = 1000, most = 0, n_subset[7] = {0};
    enum { N = 2000 };
    for (int epoch = 1; epoch <= N; epoch++) {
        med_train_draw d = med_train_draw_of(&c, 3, epoch, "case-01", 40, all);
        assert_int_equal(d.n, 16);
        assert_in_range(d.first, 0, 24);
        least = d.first < least ? d.first : least;
        most = d.first > most ? d.first : most;
        n_flipped += d.is_flipped;
        n_subset[d.subset]++;
    }
    assert_int_equal(least, 0);
    assert_int_equal(most, 24);
    assert_in_range(n_flipped, N / 2 - 100, N / 2 + 100); /* 4.5 standard deviations */
    for (int i = 0; i < 7; i++) assert_in_range(n_subset[i], N / 7 - 70, N / 7 + 70);
    med_train_draw small = med_train_draw_of(&c, 3, 1, "case-01", 5, all);
    assert_int_equal(small.n, 5);
    assert_int_equal(small.first, 0);
}

static void draws_depend_on_seed_epoch_and_case_alone(void **state) {
    (void)state;
    med_train_config c = paper();
    med_train_subject all = {0xf, 0, false};
    med_train_draw a = med_train_draw_of(&c, 3, 9, "a", 4000, all), same = med_train_draw_of(&c, 3, 9, "a", 4000, all);
    assert_int_equal(a.first, same.first);
    assert_int_not_equal(a.first, med_train_draw_of(&c, 3, 9, "b", 4000, all).first);
    assert_int_not_equal(a.first, med_train_draw_of(&c, 3, 10, "a", 4000, all).first);
    assert_int_not_equal(a.first, med_train_draw_of(&c, 4, 9, "a", 4000, all).first);
}

static void one_subset_per_visit_or_all(void **state) {
    (void)state;
    med_train_config c = paper();
    med_train_subject all = {0xf, 0, false}, two = {0x3, 0, false};
    assert_int_equal(med_train_visit_steps(&c, all), 7);
    assert_ok(med_option_set(med_train_keys, &c, "subsets", "one"));
    assert_int_equal(med_train_visit_steps(&c, all), 1);
    assert_int_equal(med_train_visit_steps(&c, two), 1);
}

static void settings_that_contradict_each_other_are_refused(void **state) {
    (void)state;
    med_train_config c = paper();
    assert_ok(med_train_config_check(&c));
    c.lr_end = 1;
    assert_fails(med_train_config_check(&c), MED_EUSAGE, "lr_end");
    c = paper();
    c.adversarial_from = 5;
    assert_fails(med_train_config_check(&c), MED_EUSAGE, "adversarial_from");
    assert_fails(med_train_preset("tinny", med_models[0], &c, &(med_net){0}), MED_EUSAGE, "did you mean 'tiny'");
    assert_fails(med_option_set_pair(med_train_keys, &c, "epoch=5"), MED_EUSAGE, "epochs");
    assert_fails(med_option_set_pair(med_train_keys, &c, "flip=2"), MED_EUSAGE, "flip");
}

static void the_grid_is_rounded_up_or_as_said(void **state) {
    (void)state;
    med_train_config c = paper();
    char mods[2][MED_MOD_NAME] = {"us", "t2"};
    med_net m;
    assert_ok(med_net_preset(med_models[0], "paper", &m));
    assert_ok(med_train_model(&c, 2, mods, 181, 217, &m));
    assert_int_equal(m.height, 192);
    assert_int_equal(m.width, 256);
    assert_string_equal(m.mods[1], "t2");
    assert_ok(med_option_set(med_train_keys, &c, "size", "192,128"));
    assert_ok(med_train_model(&c, 2, mods, 181, 217, &m));
    assert_int_equal(m.width, 128);
    assert_ok(med_option_set(med_train_keys, &c, "size", "100,128"));
    assert_int_equal(med_train_model(&c, 2, mods, 181, 217, &m), MED_EUSAGE);
    assert_ok(med_option_set(med_train_keys, &c, "size", "128"));
    assert_fails(med_train_model(&c, 2, mods, 181, 217, &m), MED_EUSAGE, "size");
}

static void keys_survive_json(void **state) {
    (void)state;
    med_train_config c = paper(), back = {0};
    c.lr = 0.1 + 0.2;
    assert_ok(med_option_set(med_train_keys, &c, "size", "64,96"));
    json_t *json = med_option_to_json(med_train_keys, &c);
    assert_ok(med_option_set_json(med_train_keys, &back, json, "test"));
    json_t *again = med_option_to_json(med_train_keys, &back);
    assert_true(json_equal(json, again));
    assert_true(back.lr == c.lr);
    json_decref(json);
    json_decref(again);
}

static void tested_inputs_are_the_anchor_or_what_stands_beside_it(void **state) {
    (void)state;
    enum { N = 14000 };
    med_train_subject all = {0xf, 0, true}, no_us = {0xe, 0, true};
    int n[16] = {0};
    med_rng rng = med_rng_start((med_rng_key){3, med_site_of("test"), 0});
    for (int i = 0; i < N; i++) n[med_train_draw_tested(all, &rng)]++;
    assert_close(n[1], N / 2, 5 * sqrt(N) / 2);
    for (int s = 2; s < 16; s += 2) assert_close(n[s], N / 14, 5 * sqrt(N / 14));
    for (int s = 3; s < 16; s += 2) assert_int_equal(n[s], 0);
    for (int i = 0; i < 100; i++) {
        med_modset s = med_train_draw_tested(no_us, &rng);
        assert_true(s && !(s & ~0xeu) && s != 0xe);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_follow_the_paper),
        cmocka_unit_test(a_line_falls_as_its_authors_draw_it),
        cmocka_unit_test(the_rate_warms_up_step_by_step),
        cmocka_unit_test(adversarial_phases_begin_when_they_should),
        cmocka_unit_test(every_epoch_visits_each_case_once),
        cmocka_unit_test(subsets_are_every_choice_beside_the_anchor),
        cmocka_unit_test(without_an_anchor_the_whole_set_is_not_given_twice),
        cmocka_unit_test(a_visit_draws_within_its_case),
        cmocka_unit_test(draws_depend_on_seed_epoch_and_case_alone),
        cmocka_unit_test(tested_inputs_are_the_anchor_or_what_stands_beside_it),
        cmocka_unit_test(one_subset_per_visit_or_all),
        cmocka_unit_test(settings_that_contradict_each_other_are_refused),
        cmocka_unit_test(the_grid_is_rounded_up_or_as_said),
        cmocka_unit_test(keys_survive_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
