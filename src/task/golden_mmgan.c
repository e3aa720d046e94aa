/* golden_mmgan.c: fixtures of MM-GAN: images of subsets, and training steps of network and discriminator with and without
 * dropout, through the trainer that `medley train` uses.
 *
 * Step 0 is judged on the fast kernels in float32, dry: both networks untouched. The steps that follow run on the reference
 * loops in double where the fixture is small: Adam turns rounding of tiny gradients into steps of lr. Tolerances are ten times
 * the difference between the reference program's own float32 and float64 runs (the fixtures' README); losses after an update
 * 1e-4. Gradients of the large network are judged by their norms, as L1 and LeakyReLU have kinks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "engine/plan.h"
#include "model/trainer.h"
#include "task/golden_net.h"

extern const med_model med_model_mmgan;

static const double image_absolute = 3e-5, loss_relative = 5e-6, updated_relative = 1e-4, gradient_relative = 2e-4, norm_relative = 1e-4,
                    parameter_absolute = 5e-5;

typedef struct gan_run {
    med_golden *f;
    med_net net;
    med_modset observed;
    int n;
    bool is_hashed;
    uint64_t seed;
    const json_t *train;
    float *image[2][MED_MAX_MODS]; /* hashed inputs, targets: owned */
    int step;
    med_status status; /* of the noise */
} gan_run;

/* ---- names and weights ---- */

static const int d_index[] = {0, 2, 5, 8, 12};

/* down1/weight: down1.model.0.weight; final/bias: final.2.bias; disc/3/bias: model.8.bias (owned). */
static char *release_name(const char *ours) {
    int k;
    char block[16], leaf[16];
    if (sscanf(ours, "disc/%d/%15s", &k, leaf) == 2 && k >= 0 && k < 5) return med_format("model.%d.%s", d_index[k], leaf);
    if (sscanf(ours, "%15[^/]/%15s", block, leaf) != 2) return med_strdup(ours);
    return strcmp(block, "final") == 0 ? med_format("final.2.%s", leaf) : med_format("%s.model.0.%s", block, leaf);
}

static bool is_disc(const char *name) { return strncmp(name, "disc/", 5) == 0; }

static med_status fill_parameter(const gan_run *r, const med_tensor *t, int64_t fan_in) {
    char *release = release_name(t->name), *name;
    int64_t n = med_shape_count(t->shape);
    med_status status = MED_OK;
    if (r->is_hashed) {
        name = med_format("%s%s", is_disc(t->name) ? "D." : "", release);
        med_hashed_fill(t->data, (size_t)n, name, r->seed, 1 / sqrt((double)fan_in));
    } else {
        const float *from;
        name = med_format("%s/%s", is_disc(t->name) ? "d" : "w", release);
        status = med_golden_f32(r->f, name, n, &from);
        if (status == MED_OK) memcpy(t->data, from, (size_t)n * sizeof *from);
    }
    free(name);
    free(release);
    return status;
}

typedef struct fill_context {
    const gan_run *r;
    const med_weights *weights;
} fill_context;

static med_status fill_one(void *context, const med_parameter *p) {
    const fill_context *c = context;
    return fill_parameter(c->r, med_weights_find(c->weights, p->name), p->fan_in);
}

static med_status network_weights(const gan_run *r, med_weights **out) {
    MED_TRY(med_net_init(&r->net, 1, out));
    fill_context c = {r, *out};
    med_status status = med_net_parameters(&r->net, fill_one, &c);
    if (status == MED_OK) return MED_OK;
    med_weights_free(*out);
    *out = NULL;
    return status;
}

static med_status fill_discriminator(const gan_run *r, const med_weights *d) {
    for (int i = 0; i < med_weights_count(d); i++) {
        const med_tensor *t = med_weights_at(d, i);
        char *weight = med_format("%.*s/weight", (int)(strrchr(t->name, '/') - t->name), t->name);
        med_shape s = med_weights_find(d, weight)->shape;
        free(weight);
        MED_TRY(fill_parameter(r, t, s.dim[1] * s.dim[2] * s.dim[3]));
    }
    return MED_OK;
}

/* ---- images ---- */

static med_status image_of(gan_run *r, bool is_target, int j, const float **out) {
    char name[64];
    int64_t n = (int64_t)r->n * r->net.height * r->net.width;
    snprintf(name, sizeof name, "%s/%s", is_target ? "target" : "x", r->net.mods[j]);
    if (!r->is_hashed) {
        if (!med_weights_find(r->f->data, name)) snprintf(name, sizeof name, "x/%s", r->net.mods[j]); /* input = target */
        return med_golden_f32(r->f, name, n, out);
    }
    float *image = r->image[is_target][j];
    if (!image) {
        MED_TRY(med_buffer_alloc((size_t)n * sizeof *image, "images", (void **)&image));
        r->image[is_target][j] = image;
        snprintf(name, sizeof name, "x/%s", r->net.mods[j]);
        med_hashed_fill(image, (size_t)n, name, r->seed, 0.95);
        for (int64_t i = 0; i < n; i++) image[i] += 1.0f; /* non-negative, for the release's ReLU */
    }
    *out = image;
    return MED_OK;
}

/* ---- forward ---- */

typedef struct forward {
    med_graph *graph;
    med_plan *plan;
    med_inference values;
} forward;

/* The channel's values, or every second row and column of them. */
static med_status check_channel(gan_run *r, const forward *w, const char *case_name, int j) {
    char name[64], shown[96];
    snprintf(name, sizeof name, "%s/%s", r->is_hashed ? "out_slice" : "out", case_name);
    snprintf(shown, sizeof shown, "%s/%s", name, r->net.mods[j]);
    double *expected;
    int64_t n_all;
    int H = r->net.height, W = r->net.width, step = r->is_hashed ? 2 : 1, M = r->net.n_mods, plane = H / step * (W / step);
    MED_TRY(med_golden_tensor(r->f, name, &expected, &n_all));
    if (n_all != (int64_t)r->n * M * plane) {
        free(expected);
        return med_fail(MED_EFORMAT, "%s: %s has another shape", r->f->path, name);
    }
    double *all = med_alloc((size_t)r->n * (size_t)H * (size_t)W * sizeof *all), *got = med_alloc((size_t)r->n * (size_t)plane * sizeof *got),
           *want = med_alloc((size_t)r->n * (size_t)plane * sizeof *want);
    med_plan_read_f64(w->plan, w->values.out[j], all);
    for (int s = 0; s < r->n; s++)
        for (int i = 0; i < plane; i++) {
            got[s * plane + i] = all[(s * H + i / (W / step) * step) * W + i % (W / step) * step];
            want[s * plane + i] = expected[(s * M + j) * plane + i];
        }
    med_golden_compare(r->f, shown, got, want, (int64_t)r->n * plane, image_absolute);
    free(all);
    free(got);
    free(want);
    free(expected);
    return MED_OK;
}

static med_status run_forward(gan_run *r, forward *w, const med_weights *weights, med_modset given, const char *name) {
    med_modset all = med_modset_all(r->net.n_mods);
    w->graph = med_graph_create();
    med_net_infer(w->graph, &r->net, &(med_infer_options){.given = given, .target = all, .n = r->n}, &w->values);
    for (int j = 0; j < r->net.n_mods; j++) med_output(w->graph, w->values.out[j]);
    MED_TRY(med_plan_create(w->graph, (med_plan_options){0}, &w->plan));
    MED_TRY(med_golden_bind(r->f, w->graph, w->plan, weights));
    MED_MODSET_EACH (j, given) {
        const float *x;
        MED_TRY(image_of(r, false, j, &x));
        med_plan_bind(w->plan, w->values.x[j], x);
    }
    MED_TRY(med_plan_run(w->plan));
    for (int j = 0; j < r->net.n_mods; j++) MED_TRY(check_channel(r, w, name, j));
    return MED_OK;
}

static med_status run_cases(gan_run *r, const med_weights *weights) {
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(r->f->json, "cases"), i, item) {
        const char *mode = json_string_value(json_object_get(item, "mode")), *name = json_string_value(json_object_get(item, "name"));
        if (!mode || !name || strcmp(mode, "eval") != 0) continue; /* with dropout: the training steps */
        med_modset given;
        MED_TRY(med_golden_given(r->f, &r->net, json_object_get(item, "given"), &given));
        forward w = {0};
        med_status status = run_forward(r, &w, weights, given, name);
        med_plan_free(w.plan);
        med_graph_free(w.graph);
        MED_TRY(status);
    }
    return MED_OK;
}

/* ---- training ---- */

/* Keep masks of the fixture; slices of a batch lie behind each other. */
static void fixture_masks(void *context, const med_noise *noise, int first, int n, int64_t per_slice, float *to) {
    gan_run *r = context;
    char name[64];
    snprintf(name, sizeof name, "drop/step%d/%s", r->step, noise->label);
    const med_tensor *t = med_weights_find(r->f->data, name);
    if (!t || t->dtype != MED_U8 || med_shape_count(t->shape) != per_slice * r->n) {
        r->status = med_fail(MED_EFORMAT, "%s: mask %s is missing or of another shape", r->f->path, name);
        return;
    }
    const uint8_t *from = (const uint8_t *)t->data + first * per_slice;
    for (int64_t i = 0; i < n * per_slice; i++) to[i] = from[i] ? (float)(1 / noise->keep) : 0;
}

static med_status start(gan_run *r, bool is_reference, med_trainer **out) {
    const json_t *o = json_object_get(r->train, "generator");
    med_optimizer_config adam = {MED_ADAM, json_number_value(json_object_get(o, "lr")), json_number_value(json_object_get(o, "beta1")),
                                 json_number_value(json_object_get(o, "beta2")), json_number_value(json_object_get(o, "eps"))};
    const json_t *names = json_object_get(json_object_get(r->f->json, "names"), "discriminator");
    int ndf = (int)json_integer_value(json_array_get(json_object_get(names, "model.0.bias"), 0));
    med_weights *weights;
    MED_TRY(network_weights(r, &weights));
    MED_TRY(med_trainer_create(&r->net, (med_trainer_options){.discriminator = {ndf, 0}, .optimizer = adam, .discriminator_optimizer = adam,
                                                              .n_micro = 1, .is_reference = is_reference}, weights, out));
    return fill_discriminator(r, med_trainer_discriminators(*out));
}

static med_status run_step(gan_run *r, med_trainer *t, bool is_dry, med_step_result *out) {
    double lambda = json_number_value(json_object_get(r->train, "lambda_"));
    med_step_input in = {.observed = r->observed, .anchor = -1, .n = r->n, .noise = fixture_masks, .noise_context = r, .w_dis = 1 - lambda,
                         .trains_discriminators = true, .is_dry = is_dry};
    MED_TRY(med_golden_given(r->f, &r->net, json_array_get(json_object_get(r->train, "given"), (size_t)r->step), &in.given));
    MED_MODSET_EACH (j, r->observed) {
        MED_TRY(image_of(r, false, j, &in.x[j]));
        MED_TRY(image_of(r, true, j, &in.target[j]));
    }
    MED_TRY(med_trainer_step(t, &in, out));
    return r->status;
}

static void check_number(gan_run *r, const char *tag, const char *key, double got, double tolerance) {
    const json_t *row = json_array_get(json_object_get(json_object_get(r->train, "history"), tag), (size_t)r->step);
    const json_t *expected = json_object_get(row, key);
    if (!expected) return;
    char name[96];
    snprintf(name, sizeof name, "history/%s/%d/%s", tag, r->step, key);
    double value = json_number_value(expected);
    med_golden_compare_relative(r->f, name, &got, &value, 1, tolerance);
}

static void check_network_losses(gan_run *r, const char *tag, const med_step_result *s, double tolerance) {
    check_number(r, tag, "generator", s->loss, tolerance);
    check_number(r, tag, "gan", med_step_term(s, "step/adversarial"), tolerance);
    check_number(r, tag, "pixel", med_step_term(s, "step/image"), tolerance);
}

static double norm_of(const med_tensor *t) {
    double sum = 0;
    const float *x = t->data;
    for (int64_t i = 0, n = med_shape_count(t->shape); i < n; i++) sum += (double)x[i] * x[i];
    return sqrt(sum);
}

/* By its norm, and where the fixture has it whole, by its entries. A gradient that is zero in exact arithmetic is left out. */
static med_status check_gradient(gan_run *r, const char *tag, const med_tensor *g) {
    char *release = release_name(g->name), *name = med_format("%s/%s/%s", is_disc(g->name) ? "d_grad0" : "grad", tag, release);
    const json_t *norm = json_object_get(json_object_get(r->f->json, "gradient_norms"), name);
    double expected_norm = json_number_value(norm), got_norm = norm_of(g), *expected = NULL;
    int64_t n;
    med_status status = MED_OK;
    if (norm && expected_norm > 1e-10) {
        char *shown = med_format("norm/%s", name);
        med_golden_compare_relative(r->f, shown, &got_norm, &expected_norm, 1, norm_relative);
        free(shown);
        if (med_weights_find(r->f->data, name) && (status = med_golden_tensor(r->f, name, &expected, &n)) == MED_OK) {
            double top = 0, *got = med_alloc((size_t)n * sizeof *got);
            for (int64_t i = 0; i < n; i++) {
                got[i] = ((const float *)g->data)[i];
                top = fmax(top, fabs(expected[i]));
            }
            med_golden_compare(r->f, name, got, expected, n, gradient_relative * top);
            free(got);
        }
    }
    free(expected);
    free(name);
    free(release);
    return status;
}

typedef struct first_step { gan_run *r; const char *tag; } first_step;

/* Step 0 with both networks untouched. */
static med_status dry_step(void *context) {
    const first_step *step = context;
    gan_run *r = step->r;
    const char *tag = step->tag;
    med_trainer *t = NULL;
    med_step_result s;
    r->step = 0;
    med_status status = start(r, false, &t);
    if (status == MED_OK) status = run_step(r, t, true, &s);
    if (status == MED_OK) {
        check_network_losses(r, tag, &s, loss_relative);
        /* With dropout the discriminator's own fake has other masks. */
        if (strcmp(tag, "nodrop") == 0) check_number(r, tag, "discriminator_before_generator_update", s.discriminator, loss_relative);
        const med_weights *gradients = med_trainer_gradients(t);
        for (int i = 0; i < med_weights_count(gradients) && status == MED_OK; i++) {
            const med_tensor *g = med_weights_at(gradients, i);
            if (strcmp(tag, "nodrop") == 0 || !is_disc(g->name)) status = check_gradient(r, tag, g);
        }
    }
    med_trainer_free(t);
    return status;
}

/* First values of a parameter after the steps. */
static med_status check_after(gan_run *r, const med_weights *w, const char *prefix) {
    for (int i = 0; i < med_weights_count(w); i++) {
        const med_tensor *t = med_weights_at(w, i);
        char *release = release_name(t->name), *name = med_format("%s/nodrop/%s", prefix, release);
        const json_t *norm;
        char *gradient = med_format("%s/nodrop/%s", is_disc(t->name) ? "d_grad0" : "grad", release);
        norm = json_object_get(json_object_get(r->f->json, "gradient_norms"), gradient);
        double *expected = NULL, got[16] = {0};
        int64_t n = 0;
        med_status status = MED_OK;
        if (json_number_value(norm) > 1e-10 && med_weights_find(r->f->data, name)) {
            status = med_golden_tensor(r->f, name, &expected, &n);
            for (int64_t k = 0; k < n && k < 16; k++) got[k] = ((const float *)t->data)[k];
            if (status == MED_OK) med_golden_compare(r->f, name, got, expected, n < 16 ? n : 16, parameter_absolute);
        }
        free(expected);
        free(gradient);
        free(name);
        free(release);
        MED_TRY(status);
    }
    return MED_OK;
}

static med_status all_steps(gan_run *r, const char *tag) {
    med_trainer *t = NULL;
    med_status status = start(r, !r->is_hashed, &t);
    int n_steps = r->is_hashed ? 1 : (int)json_integer_value(json_object_get(r->train, "steps"));
    for (r->step = 0; r->step < n_steps && status == MED_OK; r->step++) {
        med_step_result s;
        status = run_step(r, t, false, &s);
        if (status != MED_OK) break;
        if (r->step) check_network_losses(r, tag, &s, updated_relative);
        check_number(r, tag, "discriminator", s.discriminator, updated_relative);
    }
    if (status == MED_OK && strcmp(tag, "nodrop") == 0 && !r->is_hashed) {
        status = check_after(r, med_trainer_weights(t), "w_after2");
        if (status == MED_OK) status = check_after(r, med_trainer_discriminators(t), "d_after2");
    }
    med_trainer_free(t);
    return status;
}

static med_status train(gan_run *r) {
    static const char *const tags[] = {"nodrop", "drop"};
    for (int i = 0; i < 2; i++) {
        if (!json_object_get(json_object_get(r->train, "history"), tags[i])) continue;
        MED_TRY(med_net_set(&r->net, i ? "dropout=0.2" : "dropout=0"));
        MED_TRY(med_golden_strictly(dry_step, &(first_step){r, tags[i]}));
        MED_TRY(all_steps(r, tags[i]));
    }
    return MED_OK;
}

/* ---- the kind ---- */

static med_status read_config(gan_run *r) {
    static const char *const keys[] = {"base", "levels", "fill", NULL};
    const json_t *c = json_object_get(r->f->json, "config");
    MED_TRY(med_golden_read_net(r->f, &med_model_mmgan, keys, &r->net));
    const char *activation = json_string_value(json_object_get(c, "activation"));
    MED_TRY(med_net_set(&r->net, activation && strcmp(activation, "relu") == 0 ? "output=relu" : "output=tanh"));
    MED_TRY(med_golden_given(r->f, &r->net, json_object_get(c, "observed"), &r->observed));
    r->n = (int)json_integer_value(json_object_get(c, "n"));
    if (r->n < 1) return med_fail(MED_EFORMAT, "%s: config.n is %d", r->f->path, r->n);
    const char *weights = json_string_value(json_object_get(r->f->json, "weights"));
    r->is_hashed = weights && strcmp(weights, "hashed") == 0;
    r->seed = (uint64_t)json_integer_value(json_object_get(json_object_get(r->f->json, "hash"), "seed"));
    r->train = json_object_get(r->f->json, "train");
    return med_net_check(&r->net);
}

static med_status run(med_golden *f) {
    gan_run r = {.f = f};
    med_weights *weights = NULL;
    med_status status = read_config(&r);
    if (status == MED_OK) {
        json_int_t expected = json_integer_value(json_object_get(json_object_get(f->json, "parameters"), "generator")), n = med_net_count(&r.net);
        med_golden_add(f, "parameters", (double)llabs(n - expected), 0, n == expected);
        status = network_weights(&r, &weights);
    }
    if (status == MED_OK) status = run_cases(&r, weights);
    med_weights_free(weights);
    if (status == MED_OK && r.train) status = train(&r);
    for (int k = 0; k < 2; k++)
        for (int j = 0; j < MED_MAX_MODS; j++) free(r.image[k][j]);
    return status;
}

const med_golden_kind med_golden_mmgan = {"mmgan", run};
