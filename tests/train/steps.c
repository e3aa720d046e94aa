/* steps.c: what a step of the trainer is made of: the same bits however its batch is cut and shared, clipping, the moving average. */
#include "same_bits.h"

#include <math.h>

#include "base/random.h"
#include "base/thread.h"
#include "model/trainer.h"
#include "turn.h"

enum { SIZE = 8, PLANE = SIZE * SIZE, N_MAX = 5, N_MODS = 2 };

static float image[N_MODS][N_MAX * PLANE];
static const med_optimizer_config adamax = {MED_ADAMAX, 0.01, 0.9, 0.999, 1e-8};

static int set_up(void **state) {
    (void)state;
    for (int j = 0; j < N_MODS; j++)
        med_uniform_fill(image[j], N_MAX * PLANE, (med_rng_key){1, med_site_of("test/images"), (uint64_t)j});
    return 0;
}

/* Noise by slice, as a training draws it. */
static void draw_noise(void *context, const med_noise *noise, int first, int n, int64_t per_slice, float *to) {
    (void)context;
    for (int i = 0; i < n; i++)
        med_noise_draw(noise, (med_rng_key){2, med_site_of(noise->label), (uint64_t)(first + i)}, (size_t)per_slice, to + i * per_slice);
}

static med_trainer *create(med_trainer_options o) {
    const char *const settings[] = {"modalities=us,t2", "size=8,8", "base=4", "max=8", "pools=2", "nfinal=2", "nblocks=1"};
    med_net net;
    med_weights *w;
    med_trainer *t;
    assert_ok(med_net_preset(med_models[0], "tiny", &net));
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) assert_ok(med_net_set(&net, settings[i]));
    assert_ok(med_net_init(&net, 1, &w));
    o.n_micro = o.n_micro ? o.n_micro : 1;
    o.optimizer = o.discriminator_optimizer = adamax;
    assert_ok(med_trainer_create(&net, o, w, &t));
    return t;
}

/* Slices first..first+n-1. */
static med_step_input input(int first, int n) {
    med_step_input in = {.observed = 3, .given = 2, .anchor = 0, .n = n, .noise = draw_noise, .w_kl = 0.1};
    for (int j = 0; j < N_MODS; j++) in.x[j] = in.target[j] = image[j] + first * PLANE;
    return in;
}

static med_step_result step(med_trainer *t, med_step_input in) {
    med_step_result r;
    assert_ok(med_trainer_step(t, &in, &r));
    return r;
}

static double norm_of(const med_weights *gradients) {
    double sum = 0;
    for (int i = 0; i < med_weights_count(gradients); i++) {
        const med_tensor *g = med_weights_at(gradients, i);
        for (int64_t k = 0; k < med_shape_count(g->shape); k++) sum += pow((double)((const float *)g->data)[k], 2);
    }
    return sqrt(sum);
}

/* ---- the tests ---- */

static med_trainer *train(int n_threads, int n_micro) {
    med_threads_set(n_threads);
    med_trainer *t = create((med_trainer_options){.n_micro = n_micro, .discriminator = {.ndf = 4, .layers = 1}, .ema = 0.5, .seed = 3});
    med_step_input in = input(0, N_MAX);
    in.w_dis = 0.1;
    in.trains_discriminators = true;
    for (int i = 0; i < 3; i++) step(t, in);
    return t;
}

static void neither_threads_nor_micro_batch_change_a_bit(void **state) {
    (void)state;
    static const struct {
        int n_threads, n_micro;
    } ways[] = {{1, 2}, {1, 5}, {2, 1}, {2, 2}, {2, 3}, {4, 1}, {4, 2}, {4, 4}};
    med_trainer *expected = train(1, 1);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        med_trainer *found = train(ways[i].n_threads, ways[i].n_micro);
        assert_same_bits(med_trainer_weights(found), med_trainer_weights(expected));
        assert_same_bits(med_trainer_discriminators(found), med_trainer_discriminators(expected));
        assert_same_bits(med_trainer_state(found), med_trainer_state(expected));
        med_trainer_free(found);
    }
    med_trainer_free(expected);
    med_threads_set(0);
}

/* Noise of slice k must be that of the batch. */
static void draw_noise_from(void *context, const med_noise *noise, int first, int n, int64_t per_slice, float *to) {
    draw_noise(NULL, noise, *(const int *)context + first, n, per_slice, to);
}

/* A batch runs in pieces (here of 3 and 2 slices): their sum is the mean over its slices one by one, but for rounding. */
static void a_batch_is_the_mean_of_its_slices(void **state) {
    (void)state;
    med_trainer *whole = create((med_trainer_options){0}), *single = create((med_trainer_options){0});
    med_step_input in = input(0, N_MAX);
    in.is_dry = true;
    med_step_result r = step(whole, in);
    double loss = 0;
    const med_weights *gradients = med_trainer_gradients(whole);
    for (int s = 0; s < N_MAX; s++) {
        in = input(s, 1);
        in.is_dry = true;
        in.noise = draw_noise_from;
        in.noise_context = &s;
        loss += step(single, in).loss / N_MAX;
        for (int i = 0; i < med_weights_count(gradients); i++) {
            const med_tensor *g = med_weights_at(gradients, i);
            const float *part = med_weights_find(med_trainer_gradients(single), g->name)->data;
            for (int64_t k = 0; k < med_shape_count(g->shape); k++) ((float *)g->data)[k] -= part[k] / N_MAX;
        }
    }
    assert_true(fabs(loss - r.loss) <= 1e-6 * fabs(loss));
    /* What is left of the batch's gradient; rounding of 5 float sums. */
    if (!(norm_of(gradients) <= 1e-5 * r.gradient_norm)) fail_msg("%g left of %g", norm_of(gradients), r.gradient_norm);
    med_trainer_free(whole);
    med_trainer_free(single);
}

static void a_long_gradient_is_shortened(void **state) {
    (void)state;
    med_trainer *free_one = create((med_trainer_options){0});
    double norm = step(free_one, input(0, 2)).gradient_norm;
    assert_true(fabs(norm_of(med_trainer_gradients(free_one)) - norm) <= 1e-6 * norm);
    med_trainer *clipped = create((med_trainer_options){.clip = norm / 4}), *loose = create((med_trainer_options){.clip = 2 * norm});
    assert_true(step(clipped, input(0, 2)).gradient_norm == norm); /* what is logged is what it was */
    assert_true(fabs(norm_of(med_trainer_gradients(clipped)) - norm / 4) <= 1e-6 * norm);
    step(loose, input(0, 2));
    assert_same_bits(med_trainer_weights(loose), med_trainer_weights(free_one));
    /* First moments, (1 - beta1) times the gradient, are what the shorter one was for. */
    const char moment[] = "opt/m/head/t2/out/bias";
    const med_tensor *m = med_weights_find(med_trainer_state(clipped), moment), *full = med_weights_find(med_trainer_state(free_one), moment);
    assert_non_null(m);
    for (int64_t k = 0; k < med_shape_count(m->shape); k++)
        assert_true(fabs(4.0 * (double)((float *)m->data)[k] - (double)((float *)full->data)[k]) <= 1e-5 * fabs((double)((float *)full->data)[k]) + 1e-12);
    med_trainer_free(free_one);
    med_trainer_free(clipped);
    med_trainer_free(loose);
}

static void the_average_follows_its_formula(void **state) {
    (void)state;
    enum { N = 4 };
    const double past = 0.75;
    const char name[] = "head/t2/out/bias";
    med_trainer *t = create((med_trainer_options){.ema = past});
    const float *now = med_weights_find(med_trainer_weights(t), name)->data, *average = med_weights_find(med_trainer_average(t), name)->data;
    double expected = now[0], start = expected;
    for (int i = 0; i < N; i++) {
        step(t, input(0, 2));
        expected = past * expected + (1 - past) * (double)now[0];
        assert_true(fabs((double)average[0] - expected) <= 1e-6 * fabs(start) + 1e-7);
    }
    assert_true((double)now[0] != start && fabs((double)average[0] - start) < fabs((double)now[0] - start));
    med_trainer_free(t);
    t = create((med_trainer_options){0}); /* without one, the weights themselves */
    assert_ptr_equal(med_trainer_average(t), med_trainer_weights(t));
    med_trainer_free(t);
}

static size_t activation_bytes(bool is_on) {
    turn("prologues", is_on);
    turn("recompute", is_on);
    med_trainer *t = create((med_trainer_options){0});
    med_step_input in = input(0, 2);
    size_t parameters, activations;
    assert_ok(med_trainer_plan(t, &in));
    med_trainer_memory(t, &parameters, &activations);
    med_trainer_free(t);
    return activations;
}

/* Norms, activations and scales are not kept for the way back: kernels compute them anew while they read, or just before. */
static void cheap_nodes_are_recomputed(void **state) {
    (void)state;
    size_t kept = activation_bytes(false), recomputed = activation_bytes(true);
    if (!(recomputed < kept)) fail_msg("%zu bytes with, %zu without", recomputed, kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neither_threads_nor_micro_batch_change_a_bit),
        cmocka_unit_test(a_batch_is_the_mean_of_its_slices),
        cmocka_unit_test(a_long_gradient_is_shortened),
        cmocka_unit_test(cheap_nodes_are_recomputed),
        cmocka_unit_test(the_average_follows_its_formula),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
