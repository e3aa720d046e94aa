/* golden_m2dn.c: fixtures of M2DN: the network for one step, whole diffusions by both samplers, training steps.
 *
 * Tolerances: ten times what the fixtures' own program in float32 differs from its float64 numbers: images 4e-5, loss 1e-6 and
 * norm of the gradient 5e-5 relative; gradients 3e-5 of the largest entry of their tensor or 2e-6 (at full size, where ReLU has
 * kinks, 5e-4); parameters and their average after three steps 1e-6, but for rare entries whose gradient is nearly zero: those
 * Adam may move by 2*lr the other way; for the same reason 1e-4 for the loss and 1e-3 for the norm of later steps where they
 * are not run in double. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/plan.h"
#include "model/m2dn.h"
#include "task/golden_net.h"

extern const med_model med_model_m2dn;

enum { N_STEPS = 1000 };
static const double image_max = 4e-5, loss_relative = 1e-6, norm_relative = 5e-5, later_relative = 1e-4, later_norm_relative = 1e-3, gradient_relative = 3e-5, gradient_least = 2e-6,
                    gradient_full = 5e-4, parameter_max = 1e-6;

typedef struct fixture {
    med_golden *f;
    med_net net;
    int n; /* slices */
    int64_t plane;
    med_weights *weights;
} fixture;

/* Channel j of a tensor [.., n, modalities, H, W] from its part `at`, as [n,1,H,W]; owned. */
static med_status read_channel(const fixture *x, const char *name, int at, int j, float **out) {
    double *all;
    int64_t n, M = x->net.n_mods, part = x->n * M * x->plane;
    *out = NULL;
    MED_TRY(med_golden_tensor(x->f, name, &all, &n));
    if (n < (at + 1) * part) {
        free(all);
        return med_fail(MED_EFORMAT, "%s: %s has %lld values, expected at least %lld", x->f->path, name, (long long)n, (long long)((at + 1) * part));
    }
    *out = med_alloc((size_t)(x->n * x->plane) * sizeof **out);
    for (int s = 0; s < x->n; s++)
        for (int64_t i = 0; i < x->plane; i++) (*out)[s * x->plane + i] = (float)all[at * part + (s * M + j) * x->plane + i];
    free(all);
    return MED_OK;
}

static void check_channels(const fixture *x, const char *name, const double *const got[MED_MAX_MODS], const double *expected) {
    double worst = 0;
    for (int j = 0; j < x->net.n_mods; j++)
        for (int s = 0; s < x->n; s++)
            for (int64_t i = 0; i < x->plane; i++) {
                double d = fabs(got[j][s * x->plane + i] - expected[(s * x->net.n_mods + j) * x->plane + i]);
                if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
            }
    med_golden_add(x->f, name, worst, image_max, worst <= image_max);
}

/* ---- a graph with its inputs ---- */

typedef struct run {
    med_graph *graph;
    med_plan *plan;
    med_val out[MED_MAX_MODS];
    float *bound[MED_MAX_MODS + MED_MAX_NOISE + 2];
    int n_bound;
} run;

static med_status start(const fixture *x, run *r) {
    for (int j = 0; j < x->net.n_mods; j++) med_output(r->graph, r->out[j]);
    MED_TRY(med_plan_create(r->graph, (med_plan_options){0}, &r->plan));
    return med_golden_bind(x->f, r->graph, r->plan, x->weights);
}

/* Takes `data`. */
static void bind(run *r, med_val v, float *data) {
    r->bound[r->n_bound++] = data;
    med_plan_bind(r->plan, v, data);
}

static med_status finish(const fixture *x, run *r, const char *expected_name) {
    double *got[MED_MAX_MODS] = {NULL}, *expected = NULL;
    int64_t n;
    MED_TRY(med_plan_run(r->plan));
    MED_TRY(med_golden_tensor(x->f, expected_name, &expected, &n));
    med_status status = n == x->n * x->net.n_mods * x->plane ? MED_OK : med_fail(MED_EFORMAT, "%s: %s has another shape", x->f->path, expected_name);
    for (int j = 0; j < x->net.n_mods && status == MED_OK; j++) {
        got[j] = med_alloc((size_t)(x->n * x->plane) * sizeof **got);
        med_plan_read_f64(r->plan, r->out[j], got[j]);
    }
    if (status == MED_OK) check_channels(x, expected_name, (const double *const *)got, expected);
    for (int j = 0; j < x->net.n_mods; j++) free(got[j]);
    free(expected);
    return status;
}

static void end(run *r) {
    med_plan_free(r->plan);
    med_graph_free(r->graph);
    for (int i = 0; i < r->n_bound; i++) free(r->bound[i]);
}

/* ---- one step ---- */

static med_status read_times(const fixture *x, const char *name, float *u) {
    const med_tensor *t = med_weights_find(x->f->data, name);
    if (!t || t->dtype != MED_I64 || med_shape_count(t->shape) != x->n) return med_fail(MED_EFORMAT, "%s: %s is missing", x->f->path, name);
    for (int s = 0; s < x->n; s++) u[s] = (float)(((double)((const int64_t *)t->data)[s] + 0.5) / N_STEPS);
    return MED_OK;
}

static med_status run_network(const fixture *x, run *r) {
    const med_net *n = &x->net;
    med_shape image = med_shape_4(x->n, 1, n->height, n->width), map = med_shape_4(x->n, n->n_mods, n->height / 16, n->width / 16);
    int64_t map_plane = map.dim[2] * map.dim[3];
    med_m2dn_input in = {.u = med_input(r->graph, "u", med_shape_2(x->n, 1)), .missing = med_input(r->graph, "v", map)};
    for (int j = 0; j < n->n_mods; j++) in.x[j] = med_input(r->graph, n->mods[j], image);
    med_m2dn_network(r->graph, n, &in, med_modset_all(n->n_mods), r->out);
    MED_TRY(start(x, r));
    for (int j = 0; j < n->n_mods; j++) {
        float *data;
        MED_TRY(read_channel(x, "forward/x_t", 0, j, &data));
        bind(r, in.x[j], data);
    }
    const float *v;
    float *u = med_alloc((size_t)x->n * sizeof *u), *missing = med_alloc((size_t)med_shape_count(map) * sizeof *missing);
    bind(r, in.u, u);
    bind(r, in.missing, missing);
    MED_TRY(read_times(x, "forward/t", u));
    MED_TRY(med_golden_f32(x->f, "forward/v", (int64_t)x->n * n->n_mods, &v));
    for (int64_t i = 0; i < med_shape_count(map); i++) missing[i] = v[i / map_plane];
    return finish(x, r, "out/forward");
}

/* ---- whole diffusions ---- */

static med_status bind_noise(const fixture *x, run *r, const med_noise *noise) {
    int step;
    const char *mod = strchr(noise->label, '/') + 1;
    int j = med_modset_find(x->net.mods, x->net.n_mods, mod);
    float *data;
    if (sscanf(noise->label, "step%d/", &step) == 1) MED_TRY(read_channel(x, "sample/ddpm_noise", 17 - step, j, &data));
    else MED_TRY(read_channel(x, "sample/start", 0, j, &data));
    bind(r, noise->value, data);
    return MED_OK;
}

static med_status run_diffusion(const fixture *x, run *r, med_modset given, const char *expected) {
    med_inference values;
    med_infer_options o = {.given = given, .target = med_modset_all(x->net.n_mods), .temperature = 1, .n = x->n};
    med_net_infer(r->graph, &x->net, &o, &values);
    memcpy(r->out, values.out, sizeof r->out);
    MED_TRY(start(x, r));
    MED_MODSET_EACH (j, given) {
        char name[64];
        const float *image;
        snprintf(name, sizeof name, "x/%s", x->net.mods[j]);
        MED_TRY(med_golden_f32(x->f, name, x->n * x->plane, &image));
        med_plan_bind(r->plan, values.x[j], image);
    }
    for (int i = 0; i < values.noise.n; i++) MED_TRY(bind_noise(x, r, &values.noise.item[i]));
    return finish(x, r, expected);
}

static med_status run_case(fixture *x, const json_t *item) {
    const char *output = json_string_value(json_object_get(item, "output"));
    med_modset given = 0;
    if (!output) return med_fail(MED_EFORMAT, "%s: a case lacks output", x->f->path);
    bool is_diffusion = json_object_get(item, "given") != NULL;
    if (is_diffusion) MED_TRY(med_golden_given(x->f, &x->net, json_object_get(item, "given"), &given));
    MED_TRY(med_net_set(&x->net, strstr(output, "ddpm") ? "sampler=ddpm" : "sampler=ddim"));
    run r = {.graph = med_graph_create()};
    med_status status = is_diffusion ? run_diffusion(x, &r, given, output) : run_network(x, &r);
    end(&r);
    return status;
}

/* ---- training ---- */

/* Small enough to be run by the reference loops in double. */
static bool is_small(const fixture *x) {
    const char *how = json_string_value(json_object_get(x->f->json, "weights"));
    return how && strcmp(how, "stored") == 0;
}

typedef struct training {
    const fixture *x;
    int step;
    bool is_reference;
    med_status status;
} training;

static void fixture_noise(void *context, const med_noise *noise, int first, int n, int64_t per_slice, float *to) {
    training *t = context;
    const fixture *x = t->x;
    char name[32];
    float *all = NULL;
    med_status status;
    if (strcmp(noise->label, "t") == 0) {
        snprintf(name, sizeof name, "train%d/t", t->step);
        all = med_alloc((size_t)x->n * sizeof *all);
        status = read_times(x, name, all);
    } else {
        int j = 0;
        while (strcmp(x->net.mods[j], noise->label + strlen("eps/")) != 0) j++;
        snprintf(name, sizeof name, "train%d/eps", t->step);
        status = read_channel(x, name, 0, j, &all);
    }
    if (status != MED_OK) t->status = status;
    for (int64_t i = 0; i < n * per_slice; i++) to[i] = status == MED_OK ? all[first * per_slice + i] : 0;
    free(all);
}

/* All or the first values of every tensor that the fixture has under kind/NAME. */
static med_status check_tensors(const fixture *x, const char *kind, const med_weights *tensors, double relative, double least) {
    for (int i = 0; i < med_weights_count(tensors); i++) {
        const med_tensor *t = med_weights_at(tensors, i);
        char *name = med_golden_name(kind, t->name);
        double *expected = NULL;
        int64_t n = 0;
        med_status status = med_weights_find(x->f->data, name) ? med_golden_tensor(x->f, name, &expected, &n) : MED_OK;
        if (status == MED_OK && n > med_shape_count(t->shape)) status = med_fail(MED_EFORMAT, "%s: %s has another shape", x->f->path, name);
        double worst = 0, top = 0;
        for (int64_t k = 0; k < n && status == MED_OK; k++) {
            double d = fabs(((const float *)t->data)[k] - expected[k]);
            if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
            top = fmax(top, fabs(expected[k]));
        }
        double tolerance = fmax(relative * top, least);
        if (n && status == MED_OK) med_golden_add(x->f, name, worst, tolerance, worst <= tolerance);
        free(expected);
        free(name);
        MED_TRY(status);
    }
    return MED_OK;
}

static med_status run_step(const fixture *x, med_trainer *trainer, training *t, const json_t *json) {
    med_step_input in = {.anchor = -1, .n = x->n, .noise = fixture_noise, .noise_context = t};
    const json_t *row = json_array_get(json_object_get(json, "history"), (size_t)t->step);
    MED_TRY(med_golden_given(x->f, &x->net, json_object_get(json, "observed"), &in.observed));
    MED_TRY(med_golden_given(x->f, &x->net, json_object_get(row, "given"), &in.given));
    MED_MODSET_EACH (j, in.observed) {
        char name[64];
        snprintf(name, sizeof name, "x/%s", x->net.mods[j]);
        MED_TRY(med_golden_f32(x->f, name, x->n * x->plane, &in.x[j]));
        snprintf(name, sizeof name, "target/%s", x->net.mods[j]);
        MED_TRY(med_golden_f32(x->f, name, x->n * x->plane, &in.target[j]));
    }
    med_step_result r;
    MED_TRY(med_trainer_step(trainer, &in, &r));
    MED_TRY(t->status);
    double loss = json_number_value(json_object_get(row, "loss")), norm = json_number_value(json_object_get(row, "gradient_norm"));
    char name[32];
    snprintf(name, sizeof name, "history/%d/loss", t->step);
    bool is_sharp = t->step == 0 || t->is_reference;
    med_golden_compare_relative(x->f, name, &r.loss, &loss, 1, is_sharp ? loss_relative : later_relative);
    snprintf(name, sizeof name, "history/%d/gradient_norm", t->step);
    med_golden_compare_relative(x->f, name, &r.gradient_norm, &norm, 1, is_sharp ? norm_relative : later_norm_relative);
    return MED_OK;
}

static med_status run_training(const fixture *x, med_trainer *trainer, const json_t *json) {
    training t = {.x = x, .is_reference = is_small(x)};
    int n_steps = (int)json_integer_value(json_object_get(json, "steps"));
    for (; t.step < n_steps; t.step++) MED_TRY(run_step(x, trainer, &t, json));
    MED_TRY(check_tensors(x, "w_after3/", med_trainer_weights(trainer), 0, parameter_max));
    return check_tensors(x, "ema_after3/", med_trainer_average(trainer), 0, parameter_max);
}

/* Gradients as they are before they are clipped. */
static med_status check_gradients(const fixture *x, med_trainer *trainer, const json_t *json) {
    training t = {.x = x};
    MED_TRY(run_step(x, trainer, &t, json));
    MED_TRY(check_tensors(x, "grad_slice/", med_trainer_gradients(trainer), 0, gradient_full));
    return check_tensors(x, "grad/", med_trainer_gradients(trainer), gradient_relative, gradient_least);
}

static med_status with_trainer(const fixture *x, double clip, bool is_reference,
                               med_status (*body)(const fixture *, med_trainer *, const json_t *)) {
    const json_t *json = json_object_get(x->f->json, "train"), *o = json_object_get(json, "optimizer");
    med_trainer_options options = {.optimizer = {MED_ADAM, json_number_value(json_object_get(o, "lr")), json_number_value(json_object_get(o, "beta1")),
                                                 json_number_value(json_object_get(o, "beta2")), json_number_value(json_object_get(o, "eps"))},
                                   .n_micro = 1, .is_reference = is_reference, .clip = clip,
                                   .ema = json_number_value(json_object_get(json, "ema"))};
    med_weights *w;
    med_trainer *trainer;
    MED_TRY(med_golden_net_weights(x->f, &x->net, &w));
    MED_TRY(med_trainer_create(&x->net, options, w, &trainer));
    med_status status = body(x, trainer, json);
    med_trainer_free(trainer);
    return status;
}

/* ---- the kind ---- */

static med_status run_all(fixture *x) {
    static const char *const keys[] = {"channels", "stem", "groups", "time_sin", "time_hidden", NULL};
    MED_TRY(med_golden_read_net(x->f, &med_model_m2dn, keys, &x->net));
    x->n = (int)json_integer_value(json_object_get(json_object_get(x->f->json, "config"), "n"));
    if (x->n < 1) return med_fail(MED_EFORMAT, "%s: config.n is %d", x->f->path, x->n);
    x->plane = (int64_t)x->net.height * x->net.width;
    int64_t wanted = json_integer_value(json_object_get(x->f->json, "parameters")), n = med_net_count(&x->net);
    med_golden_add(x->f, "parameters", (double)llabs(n - wanted), 0, n == wanted);
    MED_TRY(med_golden_net_weights(x->f, &x->net, &x->weights));
    const json_t *cases = json_object_get(x->f->json, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) MED_TRY(run_case(x, json_array_get(cases, i)));
    double clip = json_number_value(json_object_get(json_object_get(x->f->json, "train"), "clip"));
    MED_TRY(with_trainer(x, 0, false, check_gradients));
    return with_trainer(x, clip, is_small(x), run_training);
}

static med_status run_m2dn(med_golden *f) {
    fixture x = {.f = f};
    med_status status = run_all(&x);
    med_weights_free(x.weights);
    return status;
}

const med_golden_kind med_golden_m2dn = {"m2dn", run_m2dn};
