/* golden_resvit_training.c: a ResViT fixture's gradients and steps, through the trainer that `medley train` uses.
 *
 * The first gradients, with both networks untouched, are judged on the fast kernels in float32, without Winograd's transforms: with
 * three times the rounding, a difference of images or a rectifier's input lands on the other side of zero now and then. The steps
 * run on the reference loops in double, in the small fixtures: Adam turns rounding of tiny gradients into steps of lr. Losses hold
 * to 1e-5 relative, after an update to 1e-4; norms of gradients to ten times what the fixture's own program in float32 differs.
 * Parameters whose gradient is zero in exact arithmetic are left out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "task/golden_resvit.h"

static const double loss_relative = 1e-5, updated_relative = 1e-4;

typedef med_resvit_fixture fixture;

/* By the shape of the weight beside it. */
static int64_t fan_of(const med_weights *w, const med_tensor *t) {
    char *weight = med_format("%.*s/weight", (int)(strrchr(t->name, '/') - t->name), t->name);
    const med_tensor *beside = med_weights_find(w, weight);
    free(weight);
    return beside && beside->shape.rank == 4 ? med_shape_count(beside->shape) / beside->shape.dim[0] : 0;
}

med_status med_golden_resvit_fill_discriminator(const fixture *x, const med_weights *w) {
    for (int i = 0; i < med_weights_count(w); i++) {
        const med_tensor *t = med_weights_at(w, i);
        med_parameter p = {.name = t->name + strlen("disc/"), .shape = t->shape, .fan_in = fan_of(w, t)};
        MED_TRY(med_golden_fill(x->f, "d/model.", "D.model.", &p, t->data));
    }
    return MED_OK;
}

static med_status copy_of(const med_weights *from, med_weights **out) {
    *out = med_weights_create();
    for (int i = 0; i < med_weights_count(from); i++) {
        const med_tensor *f = med_weights_at(from, i);
        med_tensor *t;
        MED_TRY(med_weights_add(*out, f->name, f->dtype, f->shape, &t));
        memcpy(t->data, f->data, (size_t)med_shape_count(f->shape) * sizeof(float));
    }
    return MED_OK;
}

static med_optimizer_config adam_of(const json_t *o) {
    return (med_optimizer_config){MED_ADAM, json_number_value(json_object_get(o, "lr")), json_number_value(json_object_get(o, "beta1")),
                                  json_number_value(json_object_get(o, "beta2")), json_number_value(json_object_get(o, "eps"))};
}

static med_status start(const fixture *x, bool is_reference, med_trainer **out) {
    med_weights *w;
    med_status status = copy_of(x->weights, &w);
    if (status != MED_OK) {
        med_weights_free(w);
        return status;
    }
    MED_TRY(med_trainer_create(&x->net, (med_trainer_options){.discriminator = {x->ndf, 0}, .n_micro = 1, .is_reference = is_reference,
                                                              .optimizer = adam_of(json_object_get(x->train, "generator")),
                                                              .discriminator_optimizer = adam_of(json_object_get(x->train, "discriminator"))},
                               w, out));
    return med_golden_resvit_fill_discriminator(x, med_trainer_discriminators(*out));
}

static med_status run_step(fixture *x, med_trainer *t, int step, bool is_dry, med_step_result *out) {
    char tag[16];
    med_golden_masks masks = {.x = x, .tag = tag};
    snprintf(tag, sizeof tag, "step%d", step);
    med_step_input in = {.observed = x->observed, .anchor = -1, .n = x->n, .noise = med_golden_resvit_masks, .noise_context = &masks,
                         .w_dis = json_number_value(json_object_get(x->train, "lambda_adv")), .trains_discriminators = true, .is_dry = is_dry};
    MED_TRY(med_golden_given(x->f, &x->net, json_array_get(json_object_get(x->train, "given"), (size_t)step), &in.given));
    MED_MODSET_EACH (j, x->observed) {
        MED_TRY(med_golden_resvit_image(x, false, j, &in.x[j]));
        MED_TRY(med_golden_resvit_image(x, true, j, &in.target[j]));
    }
    MED_TRY(med_trainer_step(t, &in, out));
    return masks.status;
}

/* ---- losses ---- */

typedef struct history {
    const fixture *x;
    const char *tag;
    int step;
    const json_t *row;
    double tolerance;
} history;

static void check_number(const history *h, const char *key, double got) {
    const json_t *expected = json_object_get(h->row, key);
    if (!expected) return;
    char name[96];
    snprintf(name, sizeof name, "history/%s/%d/%s", h->tag, h->step, key);
    double value = json_number_value(expected);
    if (value == 0) med_golden_compare(h->x->f, name, &got, &value, 1, 0);
    else med_golden_compare_relative(h->x->f, name, &got, &value, 1, h->tolerance);
}

static void check_network_losses(const history *h, const med_step_result *r) {
    check_number(h, "loss", r->loss);
    check_number(h, "generator", r->loss);
    check_number(h, "adversarial", med_step_term(r, "step/adversarial"));
    check_number(h, "pix", med_step_term(r, "step/missing"));
    check_number(h, "rec", med_step_term(r, "step/given"));
}

/* ---- gradients ---- */

static bool is_zero(const fixture *x, const char *ours) {
    char *name = med_golden_name("", ours);
    size_t i;
    json_t *item;
    bool found = false;
    json_array_foreach (json_object_get(x->f->json, "zero_gradient"), i, item) found = found || strcmp(json_string_value(item), name) == 0;
    free(name);
    return found;
}

/* Norms of all gradients of one network, under KIND/TAG/NAME. */
static void check_norms(const fixture *x, const char *kind, const char *tag, const med_weights *gradients, bool of_discriminator) {
    double tolerance = 10 * json_number_value(json_object_get(x->f->json, "gradient_norm_error_float32"));
    for (int i = 0; i < med_weights_count(gradients); i++) {
        const med_tensor *g = med_weights_at(gradients, i);
        if (med_golden_is_disc(g->name) != of_discriminator || is_zero(x, g->name)) continue;
        char *name = med_golden_resvit_name(kind, tag, g->name), *shown = med_format("norm/%s", name);
        const json_t *norm = json_object_get(json_object_get(x->f->json, "gradient_norms"), name);
        double sum = 0, expected = json_number_value(norm);
        for (int64_t k = 0, n = med_shape_count(g->shape); k < n; k++) sum += (double)((const float *)g->data)[k] * ((const float *)g->data)[k];
        double got = sqrt(sum);
        if (norm) med_golden_compare_relative(x->f, shown, &got, &expected, 1, tolerance);
        free(shown);
        free(name);
    }
}

/* The tensors of `from` but those without effect. */
static med_status with_effect(const fixture *x, const med_weights *from, med_weights **out) {
    *out = med_weights_create();
    for (int i = 0; i < med_weights_count(from); i++) {
        const med_tensor *t = med_weights_at(from, i);
        if (!is_zero(x, t->name)) MED_TRY(med_weights_add_view(*out, t->name, t->dtype, t->shape, t->data));
    }
    return MED_OK;
}

static med_status compare(const fixture *x, const char *group, const char *tag, const med_weights *w, bool of_discriminator) {
    med_weights *kept;
    med_status status = with_effect(x, w, &kept);
    if (status == MED_OK) status = med_golden_resvit_compare(x, group, tag, kept, of_discriminator);
    med_weights_free(kept);
    return status;
}

/* ---- step 0, both networks untouched ---- */

static med_status dry_step(fixture *x, const char *tag, const json_t *rows) {
    med_trainer *t = NULL;
    med_step_result r;
    history h = {x, tag, 0, json_array_get(rows, 0), loss_relative};
    med_status status = start(x, false, &t);
    if (status == MED_OK) status = run_step(x, t, 0, true, &r);
    if (status == MED_OK) {
        check_number(&h, "discriminator", r.discriminator);
        h.row = json_object_get(h.row, "before_update");
        check_network_losses(&h, &r);
        const med_weights *g = med_trainer_gradients(t);
        check_norms(x, "grad0", tag, g, false);
        check_norms(x, "d_grad", tag, g, true);
        static const char *const groups[2][2] = {{"grad0", "grad0_slice"}, {"d_grad", "d_grad_slice"}};
        for (int k = 0; k < 2 && status == MED_OK; k++) status = compare(x, groups[k][x->is_hashed], tag, g, k);
    }
    med_trainer_free(t);
    return status;
}

/* ---- the steps ---- */

static med_status all_steps(fixture *x, const char *tag, const json_t *rows) {
    med_trainer *t = NULL;
    med_status status = start(x, true, &t);
    for (int step = 0; step < (int)json_array_size(rows) && status == MED_OK; step++) {
        med_step_result r;
        history h = {x, tag, step, json_array_get(rows, (size_t)step), updated_relative};
        status = run_step(x, t, step, false, &r);
        if (status != MED_OK) break;
        check_number(&h, "discriminator", r.discriminator);
        check_network_losses(&h, &r);
        if (step == 0) check_norms(x, "grad", tag, med_trainer_gradients(t), false);
    }
    if (status == MED_OK) status = compare(x, "w_after2", tag, med_trainer_weights(t), false);
    if (status == MED_OK) status = compare(x, "d_after2", tag, med_trainer_discriminators(t), true);
    med_trainer_free(t);
    return status;
}

static med_status train(void *context) {
    fixture *x = context;
    static const char *const tags[] = {"nodrop", "drop"}, *const dropouts[] = {"dropout=0", "dropout=0.1"};
    for (int k = 0; k < 2; k++) {
        const json_t *rows = json_object_get(json_object_get(x->train, "history"), tags[k]);
        if (!rows) continue;
        MED_TRY(med_net_set(&x->net, dropouts[k]));
        MED_TRY(dry_step(x, tags[k], rows));
        if (!x->is_hashed) MED_TRY(all_steps(x, tags[k], rows));
    }
    return MED_OK;
}

med_status med_golden_resvit_training(fixture *x) {
    return x->train ? med_golden_strictly(train, x) : MED_OK;
}
