/* mmgan.c: MM-GAN's curriculum draws what a step gives; the network's gradient does not pass through what is overwritten. */
#include "testing.h"

#include <math.h>

#include "model/trainer.h"

enum { N_DRAWS = 7000 };

static med_net small_net(void) {
    const med_model *model;
    med_net n;
    assert_ok(med_model_find("mmgan", &model));
    assert_ok(med_net_preset(model, "tiny", &n));
    return n;
}

static void draw_all(const med_net *n, med_modset observed, double progress, int count[16]) {
    med_rng rng = med_rng_start((med_rng_key){1, 2, 3});
    memset(count, 0, 16 * sizeof *count);
    for (int i = 0; i < N_DRAWS; i++) count[n->model->training->draw_given(n, observed, progress, &rng)]++;
}

/* Of a complete case: three inputs first, then the harder two of two, then two, then any. */
static void scenarios_widen(void **state) {
    (void)state;
    med_net n = small_net();
    static const struct {
        double progress;
        med_modset scenario[14];
        int n;
    } rows[] = {{0, {7, 11, 13, 14}, 4},
                {0.16, {7, 11, 13, 14}, 4},
                {0.17, {9, 10, 12, 7, 11, 13, 14}, 7},
                {0.34, {8, 3, 5, 6, 9, 10, 12, 7, 11, 13, 14}, 11},
                {0.5, {1, 2, 4, 8, 3, 5, 6, 9, 10, 12, 7, 11, 13, 14}, 14}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int count[16], sum = 0;
        draw_all(&n, 15, rows[i].progress, count);
        for (int k = 0; k < rows[i].n; k++) { /* six standard deviations of a binomial */
            double mean = (double)N_DRAWS / rows[i].n, off = count[rows[i].scenario[k]] - mean;
            assert_true(off * off < 36 * mean);
            sum += count[rows[i].scenario[k]];
        }
        assert_int_equal(sum, N_DRAWS);
    }
}

/* With two modalities observed both halves come equally often once every scenario is in play, and nothing else ever. */
static void two_observed_are_halved(void **state) {
    (void)state;
    med_net n = small_net();
    int count[16];
    draw_all(&n, 5, 0.9, count);
    assert_int_equal(count[1] + count[4], N_DRAWS);
    assert_true(abs(count[1] - count[4]) < 6 * 84); /* standard deviation of the difference: sqrt(N) */
    draw_all(&n, 5, 0, count);
    assert_int_equal(count[1] + count[4], N_DRAWS);
}

/* The last convolution's weights of a channel that is given are untouched by both terms. */
static void given_channels_are_not_trained(void **state) {
    (void)state;
    med_net n = small_net();
    n.height = n.width = 32;
    enum { PLANE = 32 * 32 };
    static float image[4][PLANE];
    for (int j = 0; j < 4; j++) med_hashed_fill(image[j], PLANE, n.mods[j], 1, 0.9);
    med_weights *w;
    med_trainer *t;
    assert_ok(med_net_set(&n, "dropout=0"));
    assert_ok(med_net_init(&n, 1, &w));
    med_optimizer_config adam = n.model->training->optimizer;
    assert_ok(med_trainer_create(&n, (med_trainer_options){.discriminator = {4, 0}, .optimizer = adam, .discriminator_optimizer = adam, .n_micro = 1}, w, &t));
    med_step_input in = {.observed = 7, .given = 2, .anchor = -1, .n = 1, .w_dis = 0.1, .trains_discriminators = true, .is_dry = true};
    for (int j = 0; j < 3; j++) in.x[j] = in.target[j] = image[j];
    med_step_result r;
    assert_ok(med_trainer_step(t, &in, &r));
    assert_true(r.gradient_norm > 0 && r.discriminator_norm > 0);
    const med_tensor *g = med_weights_find(med_trainer_gradients(t), "final/weight");
    int64_t row = med_shape_count(g->shape) / 4;
    static const bool is_trained[4] = {true, false, true, false}; /* t2 is given, flair not observed */
    for (int j = 0; j < 4; j++) {
        double sum = 0;
        for (int64_t i = 0; i < row; i++) sum += fabs(((const float *)g->data)[j * row + i]);
        assert_true(is_trained[j] ? sum > 0 : sum == 0);
    }
    med_trainer_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(scenarios_widen), cmocka_unit_test(two_observed_are_halved),
                                       cmocka_unit_test(given_channels_are_not_trained)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
