/* golden_training.c: a fixture's training steps, through the trainer that `medley train` uses, one slice at a time.
 *
 * Losses and gradients of step 0 are judged on the fast kernels in float32, without Winograd's transforms: with three times
 * the rounding, a difference of images or a rectifier's input lands on the other side of zero now and then. The steps that
 * follow run on the reference loops in double: between them lies Adamax, which turns rounding of tiny gradients into steps,
 * and ReLU inputs within 1e-6 of zero, so a float32 trajectory agrees or not by luck of the order of sums.
 *
 * Tolerances: losses 1e-6 relative, but 5e-6 where discriminators judge: their instance norms over a few pixels make 1.5e-6
 * of float32's rounding; gradients 1e-4 of the tensor's largest entry or 1e-6, discriminator gradients 1e-5 of
 * theirs. Parameters 5e-6, but 1e-4 where the first gradient is below 1e-6 (Adamax's first step is lr*sign(g)). Tensors
 * whose golden gradient is below 1e-10 everywhere have no effect and are left out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "task/golden_mmhvae.h"
#include "task/golden_net.h"

static const double gradient_relative = 1e-4, gradient_absolute = 1e-6, discriminator_gradient_relative = 1e-5, loss_relative = 1e-6, judged_relative = 5e-6,
                    parameter_absolute = 5e-6, parameter_absolute_loose = 1e-4, sure_gradient = 1e-6, zero_gradient = 1e-10;

typedef struct training {
    med_golden_run *r;
    const json_t *json;
    med_trainer *trainer;
    med_step_input input;
    int step;
    med_status noise_status;
} training;

static void fixture_noise(void *context, const med_noise *noise, int first, int n, int64_t per_slice, float *to) {
    training *t = context;
    char name[96];
    snprintf(name, sizeof name, "eps/train%d/%s", t->step, noise->label);
    const float *from = NULL;
    med_status status = med_golden_f32(t->r->f, name, per_slice * t->r->n, &from);
    if (status != MED_OK) t->noise_status = status;
    for (int64_t i = 0; i < n * per_slice; i++) to[i] = from ? from[first * per_slice + i] : 0;
}

static med_optimizer_config read_optimizer(const json_t *o, med_optimizer_kind kind) {
    return (med_optimizer_config){kind, json_number_value(json_object_get(o, "lr")), json_number_value(json_object_get(o, "beta1")),
                                  json_number_value(json_object_get(o, "beta2")), json_number_value(json_object_get(o, "eps"))};
}

/* Release name of a discriminator parameter disc/MOD/K/leaf: d/MOD/model.I.leaf, I = 0, 2, 5, 8, ... (owned). */
static char *discriminator_release_name(const char *prefix, const char *ours) {
    char mod[MED_MOD_NAME], leaf[16];
    int k;
    if (sscanf(ours, "disc/%31[^/]/%d/%15s", mod, &k, leaf) != 3) return NULL;
    return med_format("%s/%s/model.%d.%s", prefix, mod, k ? 3 * k - 1 : 0, leaf);
}

static med_status copy_discriminators(training *t) {
    med_weights *d = med_trainer_discriminators(t->trainer);
    for (int i = 0; i < med_weights_count(d); i++) {
        const med_tensor *to = med_weights_at(d, i);
        char *name = discriminator_release_name("d", to->name);
        const float *from;
        med_status status = med_golden_f32(t->r->f, name, med_shape_count(to->shape), &from);
        free(name);
        MED_TRY(status);
        memcpy(to->data, from, (size_t)med_shape_count(to->shape) * sizeof(float));
    }
    return MED_OK;
}

static med_status start_training(training *t, bool is_reference) {
    med_golden_run *r = t->r;
    const json_t *d = json_object_get(t->json, "discriminator");
    med_trainer_options o = {
        .discriminator = {(int)json_integer_value(json_object_get(d, "ndf")), (int)json_integer_value(json_object_get(d, "layers"))},
        .optimizer = read_optimizer(json_object_get(t->json, "generator"), MED_ADAMAX),
        .discriminator_optimizer = read_optimizer(d, MED_ADAM),
        .n_micro = 1, .is_reference = is_reference, .smooth_l1 = json_is_true(json_object_get(t->json, "smooth_l1"))};
    o.optimizer.eps /= med_golden_scale(r); /* a smaller loss in the same proportion gives the same steps */
    med_net net = med_golden_net(r);
    med_weights *weights;
    MED_TRY(med_golden_parameters(r, &weights));
    MED_TRY(med_trainer_create(&net, o, weights, &t->trainer));
    MED_TRY(copy_discriminators(t));
    t->input = (med_step_input){.n = r->n, .anchor = -1, .noise = fixture_noise, .noise_context = t, .trains_discriminators = true,
                                .w_kl = json_number_value(json_object_get(t->json, "w_kl")),
                                .w_dis = json_number_value(json_object_get(t->json, "w_dis"))};
    t->input.observed = t->input.given = med_modset_all(r->config.n_mods);
    if (!r->is_mhvae) {
        MED_TRY(med_golden_set(r->f, r->config.mods, r->config.n_mods, json_object_get(t->json, "observed"), &t->input.observed));
        MED_TRY(med_golden_set(r->f, r->config.mods, r->config.n_mods, json_object_get(t->json, "subset"), &t->input.given));
    }
    const char *anchor = json_string_value(json_object_get(t->json, "anchor"));
    int64_t n = (int64_t)r->n * r->config.height * r->config.width;
    for (int j = 0; j < r->config.n_mods; j++) {
        char name[64];
        if (anchor && strcmp(anchor, r->config.mods[j]) == 0) t->input.anchor = j;
        if (!med_modset_has(t->input.observed, j)) continue;
        snprintf(name, sizeof name, "x/%s", r->config.mods[j]);
        MED_TRY(med_golden_f32(r->f, name, n, &t->input.x[j]));
        if (!json_is_true(json_object_get(t->json, "input_equals_target"))) snprintf(name, sizeof name, "target/%s", r->config.mods[j]);
        MED_TRY(med_golden_f32(r->f, name, n, &t->input.target[j]));
    }
    return MED_OK;
}

static void check_number(training *t, const char *name, double got, const json_t *expected) {
    if (!expected) return;
    const char *what = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
    bool is_sum = strcmp(what, "kl") == 0 || strcmp(what, "discriminator") == 0;
    double value = json_number_value(expected) / (is_sum ? 1 : med_golden_scale(t->r));
    char full[96];
    snprintf(full, sizeof full, "history/%d/%s", t->step, name);
    bool is_judged = strstr(name, "adversarial") || strcmp(name, "discriminator") == 0;
    med_golden_compare_relative(t->r->f, full, &got, &value, 1, is_judged ? judged_relative : loss_relative);
}

/* One pass of the step: its terms, and its divergence level by level. */
static med_status check_pass(training *t, const med_step_result *s, const char *pass, const json_t *expected) {
    char name[64];
    double kl[MED_MAX_LEVELS], sum = 0, *levels;
    int n_levels = t->r->config.pools + 1;
    for (int l = 0; l < n_levels; l++) {
        snprintf(name, sizeof name, "%s/kl/z%d", pass, n_levels - l);
        sum += kl[l] = med_step_term(s, name);
    }
    snprintf(name, sizeof name, "%s/kl", pass);
    check_number(t, name, sum, json_object_get(expected, "kl"));
    snprintf(name, sizeof name, "%s/image", pass);
    check_number(t, name, med_step_term(s, name), json_object_get(expected, "image"));
    snprintf(name, sizeof name, "%s/adversarial", pass);
    check_number(t, name, med_step_term(s, name), json_object_get(expected, "adversarial"));

    int64_t n;
    snprintf(name, sizeof name, "kl/train%d/%s", t->step, pass);
    if (!med_weights_find(t->r->f->data, name)) return MED_OK;
    MED_TRY(med_golden_tensor(t->r->f, name, &levels, &n));
    if (n <= MED_MAX_LEVELS) med_golden_compare_relative(t->r->f, name, kl, levels, n, med_golden_kl_relative);
    free(levels);
    return MED_OK;
}

static med_status check_history(training *t, const med_step_result *s) {
    const json_t *row = json_array_get(json_object_get(t->json, "history"), (size_t)t->step);
    if (!row) return med_fail(MED_EFORMAT, "%s: history lacks step %d", t->r->f->path, t->step);
    check_number(t, "loss", s->loss, json_object_get(row, "loss"));
    check_number(t, "image", s->kind[MED_TERM_IMAGE], json_object_get(row, "image"));
    check_number(t, "kl", s->kind[MED_TERM_KL], json_object_get(row, "kl"));
    check_number(t, "adversarial", s->kind[MED_TERM_ADVERSARIAL], json_object_get(row, "adversarial"));
    check_number(t, "discriminator", s->discriminator, json_object_get(row, "discriminator"));
    const char *pass;
    json_t *expected;
    json_object_foreach (json_object_get(row, "passes"), pass, expected) MED_TRY(check_pass(t, s, pass, expected));
    return MED_OK;
}

/* Name of a parameter of ours in the fixture, under `kind` for the generator or `d_kind` for discriminators (owned). */
static char *fixture_name(const med_golden_run *r, const char *kind, const char *ours) {
    char d_kind[32];
    snprintf(d_kind, sizeof d_kind, "d_%s", kind);
    if (strncmp(ours, "disc/", 5) == 0) return discriminator_release_name(d_kind, ours);
    char *release = med_golden_release_name(r, ours);
    char *name = release ? med_format("%s/%s", kind, release) : NULL;
    free(release);
    return name;
}

static double *widened(const med_tensor *t) {
    int64_t n = med_shape_count(t->shape);
    double *d = med_alloc((size_t)n * sizeof *d);
    for (int64_t i = 0; i < n; i++) d[i] = ((const float *)t->data)[i];
    return d;
}

static double largest_of(const double *v, int64_t n) {
    double m = 0;
    for (int64_t i = 0; i < n; i++) m = fmax(m, fabs(v[i]));
    return m;
}

static med_status check_gradient(const med_golden_run *r, const med_tensor *g) {
    char *name = fixture_name(r, "grad", g->name);
    double *expected = NULL, *got = NULL;
    int64_t n;
    med_status status = MED_OK;
    if (name && med_weights_find(r->f->data, name) && (status = med_golden_tensor(r->f, name, &expected, &n)) == MED_OK) {
        bool is_disc = strncmp(g->name, "disc/", 5) == 0;
        for (int64_t i = 0; i < n && !is_disc; i++) expected[i] /= med_golden_scale(r);
        double top = largest_of(expected, n);
        got = widened(g);
        double tolerance = is_disc ? discriminator_gradient_relative * top : fmax(gradient_relative * top, gradient_absolute);
        if (n != med_shape_count(g->shape)) status = med_fail(MED_EFORMAT, "%s: %s has another shape", r->f->path, name);
        else if (top >= zero_gradient) med_golden_compare(r->f, name, got, expected, n, tolerance);
    }
    free(got);
    free(expected);
    free(name);
    return status;
}

/* Two checks a tensor: elements whose first gradient was sure, and the others. */
static med_status check_parameter(const med_golden_run *r, const med_tensor *p, const char *after) {
    char *name = fixture_name(r, after, p->name), *grad_name = fixture_name(r, "grad", p->name);
    if (strncmp(p->name, "disc/", 5) == 0 && name) { /* d_after3, not d_w_after3 */
        char prefix[32];
        snprintf(prefix, sizeof prefix, "d_%s", after + 2);
        free(name);
        name = discriminator_release_name(prefix, p->name);
    }
    double *expected = NULL, *grad = NULL, *got = widened(p);
    int64_t n = 0, n_grad = 0;
    med_status status = MED_OK;
    if (name && grad_name && med_weights_find(r->f->data, name) && med_weights_find(r->f->data, grad_name)) {
        status = med_golden_tensor(r->f, name, &expected, &n);
        if (status == MED_OK) status = med_golden_tensor(r->f, grad_name, &grad, &n_grad);
        if (status == MED_OK && (n > n_grad || n_grad != med_shape_count(p->shape))) /* some fixtures keep the first few */
            status = med_fail(MED_EFORMAT, "%s: %s has another shape", r->f->path, name);
        if (status == MED_OK && largest_of(grad, n_grad) >= zero_gradient) {
            double sure = 0, other = 0;
            for (int64_t i = 0; i < n; i++) {
                double d = fabs(got[i] - expected[i]);
                if (fabs(grad[i]) > sure_gradient) sure = d <= sure ? sure : d;
                else other = d <= other ? other : d;
            }
            med_golden_add(r->f, name, fmax(sure, other), other > parameter_absolute ? parameter_absolute_loose : parameter_absolute,
                           sure <= parameter_absolute && other <= parameter_absolute_loose);
        }
    }
    free(got), free(grad), free(expected), free(name), free(grad_name);
    return status;
}

static med_status check_all(const med_golden_run *r, const med_weights *tensors, const char *after) {
    for (int i = 0; i < med_weights_count(tensors); i++) {
        if (after) MED_TRY(check_parameter(r, med_weights_at(tensors, i), after));
        else MED_TRY(check_gradient(r, med_weights_at(tensors, i)));
    }
    return MED_OK;
}

static med_status step(training *t, bool is_dry) {
    med_step_result s;
    t->input.is_dry = is_dry;
    MED_TRY(med_trainer_step(t->trainer, &t->input, &s));
    MED_TRY(t->noise_status);
    return is_dry || t->step > 0 ? check_history(t, &s) : MED_OK;
}

static med_status first_step(void *context) {
    training *t = context;
    MED_TRY(start_training(t, false));
    MED_TRY(step(t, true));
    return check_all(t->r, med_trainer_gradients(t->trainer), NULL);
}

static med_status all_steps(void *context) {
    training *t = context;
    MED_TRY(start_training(t, true));
    int n_steps = (int)json_integer_value(json_object_get(t->json, "steps"));
    for (t->step = 0; t->step < n_steps; t->step++) MED_TRY(step(t, false));
    char after[32];
    snprintf(after, sizeof after, "w_after%d", n_steps);
    MED_TRY(check_all(t->r, med_trainer_weights(t->trainer), after));
    return check_all(t->r, med_trainer_discriminators(t->trainer), after);
}

med_status med_golden_training(med_golden_run *r) {
    static med_status (*const parts[])(void *) = {first_step, all_steps};
    for (int i = 0; i < 2; i++) {
        training t = {.r = r, .json = json_object_get(r->f->json, "train")};
        if (!t.json) return MED_OK;
        med_status status = med_golden_strictly(parts[i], &t);
        med_trainer_free(t.trainer);
        MED_TRY(status);
    }
    return MED_OK;
}
