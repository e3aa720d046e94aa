/* resvit.c: ResViT's branch begins silent but learns; running statistics move with training, and only with it. */
#include "same_bits.h"

#include <math.h>

#include "engine/plan.h"
#include "model/trainer.h"
#include "turn.h"

enum { SIDE = 32, N = 2, PLANE = SIDE * SIDE };

static med_net small_net(void) {
    const med_model *model;
    med_net n;
    assert_ok(med_model_find("resvit", &model));
    assert_ok(med_net_preset(model, "tiny", &n));
    n.height = n.width = SIDE;
    assert_ok(med_net_set(&n, "ngf=2"));
    assert_ok(med_net_set(&n, "dropout=0"));
    return n;
}

static float image[4][N * PLANE], target[4][N * PLANE];

static void draw_images(const med_net *n) {
    for (int j = 0; j < 4; j++) med_hashed_fill(image[j], N * PLANE, n->mods[j], 1, 0.9);
    memcpy(target, image, sizeof target);
}

static med_trainer *start_with(const med_net *n, med_trainer_options o) {
    med_weights *w;
    med_trainer *t;
    o.discriminator = (med_discriminator_config){4, 0};
    o.optimizer = o.discriminator_optimizer = n->model->training->optimizer;
    o.optimizer.lr = o.discriminator_optimizer.lr = 1e-3;
    o.n_micro = 2;
    assert_ok(med_net_init(n, 1, &w));
    assert_ok(med_trainer_create(n, o, w, &t));
    draw_images(n);
    return t;
}

static med_trainer *start(const med_net *n) { return start_with(n, (med_trainer_options){0}); }

static void draw_noise(void *context, const med_noise *noise, int first, int n, int64_t per_slice, float *to) {
    (void)context;
    med_noise_draw(noise, (med_rng_key){2, med_site_of(noise->label), (uint64_t)first}, (size_t)(n * per_slice), to);
}

static med_status try_step(med_trainer *t, bool is_dry, med_step_result *r) {
    med_step_input in = {.observed = 7, .given = 2, .anchor = -1, .n = N, .noise = draw_noise, .w_dis = 1, .trains_discriminators = true, .is_dry = is_dry};
    for (int j = 0; j < 3; j++) in.x[j] = image[j], in.target[j] = target[j];
    return med_trainer_step(t, &in, r);
}

static void step(med_trainer *t, bool is_dry) {
    med_step_result r;
    assert_ok(try_step(t, is_dry, &r));
    assert_true(r.gradient_norm > 0 && r.discriminator_norm > 0);
}

static double largest(const med_weights *w, const char *name) {
    const med_tensor *t = med_weights_find(w, name);
    assert_non_null(t);
    double top = 0;
    for (int64_t i = 0; i < med_shape_count(t->shape); i++) top = fmax(top, fabs(((const float *)t->data)[i]));
    return top;
}

/* What is drawn for the transformer changes no image at first; the weights by which it enters get a gradient. */
static void branch_begins_silent(void **state) {
    (void)state;
    med_net n = small_net();
    med_trainer *t = start(&n);
    float out[2][PLANE];
    for (int k = 0; k < 2; k++) {
        med_graph *g = med_graph_create();
        med_inference f;
        med_plan *p;
        med_net_infer(g, &n, &(med_infer_options){.given = 1, .target = 2, .n = 1}, &f);
        med_output(g, f.out[1]);
        assert_ok(med_plan_create(g, (med_plan_options){0}, &p));
        for (int i = 0; i < med_graph_n_params(g); i++) {
            med_val v = med_graph_param(g, i);
            med_plan_bind(p, v, med_weights_find(med_trainer_weights(t), med_val_name(g, v))->data);
        }
        med_plan_bind(p, f.x[0], image[0]);
        assert_ok(med_plan_run(p));
        med_plan_read(p, f.out[1], out[k]);
        med_plan_free(p);
        med_graph_free(g);
        float *w = med_weights_find(med_trainer_weights(t), "transformer_encoder/layer/0/ffn/fc1/weight")->data;
        if (k == 0) w[3] += 1;
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    step(t, true);
    const med_weights *g = med_trainer_gradients(t);
    const float *enters = med_weights_find(g, "art_1/cc/block/0/weight")->data; /* of the first output: 8 channels of the branch first */
    double top = 0;
    for (int i = 0; i < 8 * 9; i++) top = fmax(top, fabs((double)enters[i]));
    assert_true(top > 0);
    assert_true(largest(g, "transformer_encoder/layer/0/ffn/fc1/weight") == 0); /* not before those are off 0 */
    med_trainer_free(t);
}

static void statistics_move_with_training(void **state) {
    (void)state;
    static const char *const own[] = {"encoder_1/2/running_mean", "art_6/upsample/1/running_mean", "decoder_2/1/running_mean"};
    med_net n = small_net();
    med_trainer *t = start(&n);
    step(t, true);
    for (int i = 0; i < 3; i++) assert_true(largest(med_trainer_weights(t), own[i]) == 0);
    assert_true(largest(med_trainer_discriminators(t), "disc/3/running_mean") == 0);
    step(t, false);
    for (int i = 0; i < 3; i++) assert_true(largest(med_trainer_weights(t), own[i]) > 0);
    assert_true(largest(med_trainer_discriminators(t), "disc/3/running_mean") > 0);
    med_trainer_free(t);
}

/* Of a case that lacks the modality that many to one makes, nothing is learnt. */
static void nothing_to_make_is_passed_over(void **state) {
    (void)state;
    med_net n = small_net();
    assert_ok(med_net_set(&n, "many_to_one=on"));
    med_trainer *t = start(&n);
    med_step_input in = {.observed = 7, .given = 7, .anchor = -1, .n = N, .w_dis = 1, .trains_discriminators = true};
    med_step_result r;
    for (int j = 0; j < 3; j++) in.x[j] = in.target[j] = image[j];
    assert_ok(med_trainer_step(t, &in, &r));
    assert_true(r.loss == 0 && r.gradient_norm == 0);
    assert_int_equal(med_net_makes(&n, 7), 8);
    assert_int_equal(med_net_makes(&n, 8), 0);
    med_trainer_free(t);
}

/* ---- parameters that are updated at once ---- */

/* With dropout, as every preset has it; the whole preset tiny. */
static void updates_at_once_are_the_same_bits_in_less_memory(void **state) {
    (void)state;
    med_net n = small_net();
    assert_ok(med_net_preset(n.model, "tiny", &n));
    n.height = n.width = SIDE;
    med_trainer *t[2];
    med_step_result r[2];
    size_t parameters[2], activations[2];
    for (int k = 0; k < 2; k++) {
        t[k] = start_with(&n, (med_trainer_options){.updates_at_once = k});
        for (int i = 0; i < 2; i++) assert_ok(try_step(t[k], false, &r[k]));
        med_trainer_memory(t[k], &parameters[k], &activations[k]);
    }
    assert_same_bits(med_trainer_weights(t[1]), med_trainer_weights(t[0]));
    assert_same_bits(med_trainer_discriminators(t[1]), med_trainer_discriminators(t[0]));
    assert_same_bits(med_trainer_state(t[1]), med_trainer_state(t[0]));
    assert_memory_equal(&r[1], &r[0], sizeof r[0]);
    assert_int_equal(4 * parameters[1], 3 * parameters[0]);
    assert_int_equal(med_weights_count(med_trainer_gradients(t[1])), 0);
    for (int k = 0; k < 2; k++) med_trainer_free(t[k]);
}

static void a_dry_step_changes_nothing(void **state) {
    (void)state;
    med_net n = small_net();
    med_trainer *t = start_with(&n, (med_trainer_options){.updates_at_once = true}), *same = start(&n);
    step(t, true);
    assert_same_bits(med_trainer_weights(t), med_trainer_weights(same));
    assert_same_bits(med_trainer_state(t), med_trainer_state(same));
    med_trainer_free(t);
    med_trainer_free(same);
}

static float *values(med_trainer *t, const char *name, int64_t *n) {
    const med_tensor *p = med_weights_find(med_trainer_weights(t), name);
    assert_non_null(p);
    *n = med_shape_count(p->shape);
    return p->data;
}

/* It is known before the first update. */
static void a_loss_that_is_not_finite_changes_nothing(void **state) {
    (void)state;
    med_net n = small_net();
    med_trainer *t = start_with(&n, (med_trainer_options){.updates_at_once = true}), *same = start(&n);
    med_step_result r;
    int64_t count;
    values(t, "decoder_3/1/bias", &count)[0] = values(same, "decoder_3/1/bias", &count)[0] = NAN;
    assert_fails(try_step(t, false, &r), MED_EFAIL, "the discriminators' loss is");
    assert_same_bits(med_trainer_weights(t), med_trainer_weights(same));
    assert_same_bits(med_trainer_discriminators(t), med_trainer_discriminators(same));
    assert_same_bits(med_trainer_state(t), med_trainer_state(same));
    med_trainer_free(t);
    med_trainer_free(same);
}

/* Pixels of 1e35, read by weights as small: finite, but for the gradient of these weights, as the loss is weighted heavily. It is
 * named, and nothing that comes after it is updated. */
static void a_gradient_that_is_not_finite_ends_the_updates(void **state) {
    (void)state;
    turn("winograd", false); /* whose transforms overflow first */
    med_net n = small_net();
    assert_ok(med_net_set(&n, "w_pix=1e6"));
    for (int is_at_once = 0; is_at_once < 2; is_at_once++) {
        med_trainer *t = start_with(&n, (med_trainer_options){.updates_at_once = is_at_once}), *same = start(&n);
        for (int k = 0; k < 2; k++) {
            int64_t count;
            float *gain = values(k ? same : t, "decoder_2/1/weight", &count);
            for (int64_t i = 0; i < count; i++) gain[i] = 1e35f;
            float *small = values(k ? same : t, "decoder_3/1/weight", &count);
            for (int64_t i = 0; i < count; i++) small[i] *= 1e-35f;
        }
        for (int j = 0; j < 3; j++)
            for (int i = 0; i < N * PLANE; i++) target[j][i] = 0.9f; /* all pixels pull one way */
        med_step_result r;
        assert_fails(try_step(t, false, &r), MED_EFAIL, "the gradient of decoder_3/1/weight is not finite");
        int n_changed = 0;
        for (int i = 0; i < med_weights_count(med_trainer_weights(t)); i++) {
            const med_tensor *a = med_weights_at(med_trainer_weights(t), i), *b = med_weights_at(med_trainer_weights(same), i);
            bool is_same = memcmp(a->data, b->data, (size_t)med_shape_count(a->shape) * sizeof(float)) == 0;
            if (!is_same && strcmp(a->name, "decoder_3/1/bias") != 0) fail_msg("%s is changed", a->name);
            n_changed += !is_same;
        }
        assert_true(n_changed <= is_at_once);
        med_trainer_free(t);
        med_trainer_free(same);
    }
    turn("winograd", true);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(branch_begins_silent),
                                       cmocka_unit_test(statistics_move_with_training),
                                       cmocka_unit_test(nothing_to_make_is_passed_over),
                                       cmocka_unit_test(updates_at_once_are_the_same_bits_in_less_memory),
                                       cmocka_unit_test(a_dry_step_changes_nothing),
                                       cmocka_unit_test(a_loss_that_is_not_finite_changes_nothing),
                                       cmocka_unit_test(a_gradient_that_is_not_finite_ends_the_updates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
