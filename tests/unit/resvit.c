/* resvit.c: ResViT's branch begins silent but learns; running statistics move with training, and only with it. */
#include "testing.h"

#include <math.h>

#include "engine/plan.h"
#include "model/trainer.h"

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

static float image[4][N * PLANE];

static void draw_images(const med_net *n) {
    for (int j = 0; j < 4; j++) med_hashed_fill(image[j], N * PLANE, n->mods[j], 1, 0.9);
}

static med_trainer *start(const med_net *n) {
    med_weights *w;
    med_trainer *t;
    med_optimizer_config adam = n->model->training->optimizer;
    adam.lr = 1e-3;
    assert_ok(med_net_init(n, 1, &w));
    assert_ok(med_trainer_create(n, (med_trainer_options){.discriminator = {4, 0}, .optimizer = adam, .discriminator_optimizer = adam, .n_micro = 2}, w, &t));
    draw_images(n);
    return t;
}

static void step(med_trainer *t, bool is_dry) {
    med_step_input in = {.observed = 7, .given = 2, .anchor = -1, .n = N, .w_dis = 1, .trains_discriminators = true, .is_dry = is_dry};
    med_step_result r;
    for (int j = 0; j < 3; j++) in.x[j] = in.target[j] = image[j];
    assert_ok(med_trainer_step(t, &in, &r));
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(branch_begins_silent), cmocka_unit_test(statistics_move_with_training),
                                       cmocka_unit_test(nothing_to_make_is_passed_over)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
