/* bench.c: repeated runs of one graph, or of one training step. */
#include "task/bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/thread.h"
#include "engine/backend.h"
#include "engine/plan.h"
#include "model/net.h"
#include "model/trainer.h"
#include "task/synth_model.h"
#include "task/train_config.h"

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts; value at a fraction of the way. */
static double quantile(double *values, int n, double fraction) {
    qsort(values, (size_t)n, sizeof *values, by_size);
    double at = fraction * (n - 1);
    int i = (int)at;
    return i + 1 < n ? values[i] + (at - i) * (values[i + 1] - values[i]) : values[i];
}

static json_int_t peak_bytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (json_int_t)usage.ru_maxrss * 1024;
}

enum { MAX_ROWS = 128 };

static json_t *op_table(const med_op_time *times, int n, double peak) {
    json_t *table = json_array();
    for (int i = 0; i < n; i++) {
        double gflops = times[i].seconds > 0 ? times[i].gflop / times[i].seconds : 0;
        json_array_append_new(table, json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f}", "op", times[i].op, "calls", times[i].n_calls, "ms",
                                               1e3 * times[i].seconds, "gflop", times[i].gflop, "gflops", gflops, "peak_share",
                                               gflops / peak, "bytes", times[i].bytes));
    }
    return table;
}

/* ---- what is timed ---- */

typedef struct subject {
    med_train_config config;
    med_net model;
    int n;                  /* slices */
    float *x[MED_MAX_MODS]; /* random images within a round field of view */
} subject;

static void subject_free(subject *s) {
    for (int j = 0; j < MED_MAX_MODS; j++) free(s->x[j]);
}

static med_status draw_images(subject *s, uint64_t seed) {
    int h = s->model.height, w = s->model.width;
    size_t plane = (size_t)h * (size_t)w, n = (size_t)s->n * plane;
    for (int j = 0; j < s->model.n_mods; j++) {
        MED_TRY(med_buffer_alloc(n * sizeof(float), "images", (void **)&s->x[j]));
        med_uniform_fill(s->x[j], n, (med_rng_key){seed, med_site_of("bench/images"), (uint64_t)j});
        for (size_t i = 0; i < n; i++) {
            double y = (double)(i % plane) / w / h - 0.5, x = (double)(i % (size_t)w) / w - 0.5;
            s->x[j][i] = x * x + y * y < 0.2 ? 2 * s->x[j][i] - 1 : -1;
        }
    }
    return MED_OK;
}

static med_status subject_create(const med_bench_options *o, subject *s) {
    const med_model *model;
    *s = (subject){0};
    MED_TRY(med_model_find(o->model, &model));
    MED_TRY(med_train_preset(o->preset, model, &s->config, &s->model));
    for (int i = 0; i < o->set.n; i++) MED_TRY(med_train_set(&s->config, &s->model, o->set.item[i]));
    med_net like = s->model;
    return med_train_model(&s->config, like.n_mods, like.mods, like.height, like.width, &s->model);
}

static void describe(const subject *s, const med_bench_options *o, json_t *report) {
    json_object_set_new(report, "preset", json_string(o->preset));
    json_object_set_new(report, "size", json_pack("[i, i]", s->model.height, s->model.width));
    json_object_set_new(report, "batch", json_integer(s->n));
    json_object_set_new(report, "repeats", json_integer(o->n_repeats));
    json_object_set_new(report, "threads", json_integer(med_threads()));
    json_object_set_new(report, "kernels", json_string(med_backend_cpu()->name));
    json_object_set_new(report, "peak_bytes", json_integer(peak_bytes()));
}

/* ---- synthesis ---- */

enum { MAX_PASSES = 16 };

/* What is given, by pass. */
typedef struct modsets {
    int n;
    med_modset item[MAX_PASSES];
} modsets;

/* The values of a noise input; passes that draw the same have one in common. */
typedef struct bound_noise {
    med_val value;
    float *data;
} bound_noise;

typedef struct synthesis {
    med_graph *graph;
    med_plan *plan;
    med_weights *weights;
    int n_noise;
    bound_noise noise[MAX_PASSES * MED_MAX_NOISE];
} synthesis;

static void synthesis_free(synthesis *y) {
    med_plan_free(y->plan);
    med_graph_free(y->graph);
    med_weights_free(y->weights);
    for (int i = 0; i < y->n_noise; i++) free(y->noise[i].data);
}

static void bind_parameters(const synthesis *y) {
    for (int i = 0; i < med_graph_n_params(y->graph); i++) {
        med_val v = med_graph_param(y->graph, i);
        med_plan_bind(y->plan, v, med_weights_find(y->weights, med_val_name(y->graph, v))->data);
    }
}

static bool is_bound(const synthesis *y, med_val noise) {
    for (int i = 0; i < y->n_noise; i++)
        if (y->noise[i].value.id == noise.id) return true;
    return false;
}

static med_status bind_noise(synthesis *y, const med_noise *noise) {
    size_t n = (size_t)med_shape_count(med_val_shape(y->graph, noise->value));
    bound_noise *b = &y->noise[y->n_noise];
    MED_TRY(med_buffer_alloc(n * sizeof(float), "noise", (void **)&b->data));
    med_noise_draw(noise, (med_rng_key){0, med_site_of("bench/noise"), (uint64_t)y->n_noise}, n, b->data);
    b->value = noise->value;
    y->n_noise++;
    med_plan_bind(y->plan, b->value, b->data);
    return MED_OK;
}

/* Images and noise of a pass; all passes read the same images. */
static med_status bind_pass(const subject *s, synthesis *y, const med_inference *f, med_modset given) {
    MED_MODSET_EACH (j, given) med_plan_bind(y->plan, f->x[j], s->x[j]);
    for (int i = 0; i < f->noise.n; i++)
        if (!is_bound(y, f->noise.item[i].value)) MED_TRY(bind_noise(y, &f->noise.item[i]));
    return MED_OK;
}

/* All passes in one graph: what they have in common is computed once. */
static med_status synthesis_create(const subject *s, uint64_t seed, const modsets *given, med_modset target, synthesis *y) {
    med_inference *f = med_alloc((size_t)given->n * sizeof *f);
    y->graph = med_graph_create();
    for (int i = 0; i < given->n; i++) {
        med_infer_options o = {.given = given->item[i], .target = target, .temperature = 0.5, .n = s->n};
        med_net_infer(y->graph, &s->model, &o, &f[i]);
        MED_MODSET_EACH (j, target) med_output(y->graph, f[i].out[j]);
    }
    med_status status = med_net_init(&s->model, seed, &y->weights);
    if (status == MED_OK) status = med_plan_create(y->graph, (med_plan_options){.is_frozen = true, .big_plane = MED_SYNTH_BIG_PLANE}, &y->plan);
    if (status == MED_OK) bind_parameters(y);
    for (int i = 0; i < given->n && status == MED_OK; i++) status = bind_pass(s, y, &f[i], given->item[i]);
    free(f);
    return status;
}

static med_status time_synthesis(const subject *s, const med_bench_options *o, const modsets *given, med_modset target, json_t *report) {
    synthesis y = {0};
    double *ms = med_alloc((size_t)o->n_repeats * sizeof *ms), start = now_s();
    med_status status = synthesis_create(s, o->seed, given, target, &y);
    if (status == MED_OK) status = med_plan_run(y.plan);
    json_object_set_new(report, "first_ms", json_real(1e3 * (now_s() - start)));
    for (int i = 0; i < o->n_repeats && status == MED_OK; i++) {
        start = now_s();
        status = med_plan_run(y.plan);
        ms[i] = 1e3 * (now_s() - start) / s->n;
    }
    if (status == MED_OK) {
        json_object_set_new(report, "median_ms_per_slice", json_real(quantile(ms, o->n_repeats, 0.5)));
        json_object_set_new(report, "quartiles_ms",
                            json_pack("[f, f]", quantile(ms, o->n_repeats, 0.25), quantile(ms, o->n_repeats, 0.75)));
        json_object_set_new(report, "activation_bytes", json_integer((json_int_t)med_plan_bytes(y.plan)));
        med_plan_profile(y.plan, true);
        status = med_plan_run(y.plan);
        med_op_time times[MAX_ROWS];
        double peak = med_bench_peak();
        json_object_set_new(report, "peak_gflops", json_real(peak));
        json_object_set_new(report, "ops", op_table(times, med_plan_times(y.plan, times, MAX_ROWS), peak));
    }
    synthesis_free(&y);
    free(ms);
    return status;
}

static med_status choose_given(const med_bench_options *o, const med_net *m, modsets *given) {
    MED_TRY(med_net_find_mods(m, "--given", &o->given, &given->item[0]));
    if (!o->given.n) given->item[0] = med_modset_of(0);
    given->n = 1;
    if (!o->has_subsets) return MED_OK;
    if (o->given.n) return med_fail(MED_EUSAGE, "--subsets takes the first modality and all subsets of the others: leave out --given");
    if (m->n_mods > 5) return med_fail(MED_EUSAGE, "--subsets: %d modalities have too many subsets, expected 5 or fewer", m->n_mods);
    for (med_modset others = 1; others < (med_modset)1 << (m->n_mods - 1); others++) given->item[given->n++] = (med_modset)(others << 1);
    return MED_OK;
}

med_status med_bench_synth(const med_bench_options *o, json_t *report) {
    subject s;
    modsets given = {0};
    med_modset target;
    MED_TRY(subject_create(o, &s));
    MED_TRY(choose_given(o, &s.model, &given));
    MED_TRY(med_net_find_mods(&s.model, "--target", &o->target, &target));
    if (!o->target.n) target = med_modset_all(s.model.n_mods);
    s.n = o->batch ? o->batch : 1;
    med_status status = draw_images(&s, o->seed);
    if (status == MED_OK) status = time_synthesis(&s, o, &given, target, report);
    describe(&s, o, report);
    json_object_set_new(report, "passes", json_integer(given.n));
    subject_free(&s);
    return status;
}

/* ---- training ---- */

static void draw_noise(void *context, const med_noise *noise, int first, int n, int64_t per_slice, float *to) {
    (void)context;
    med_rng_key key = {0, med_site_of(noise->label), (uint64_t)first};
    med_noise_draw(noise, key, (size_t)n * (size_t)per_slice, to);
}

static med_status create_trainer(const subject *s, const med_bench_options *o, med_trainer **out) {
    med_weights *weights;
    MED_TRY(med_net_init(&s->model, o->seed, &weights));
    const med_train_config *c = &s->config;
    med_trainer_options t = med_train_trainer_options(c, &s->model);
    t.seed = o->seed;
    t.discriminator.ndf = o->is_adversarial ? c->ndf : 0;
    t.discriminator.layers = med_discriminator_layers(s->model.height, s->model.width, c->disc_layers);
    return med_trainer_create(&s->model, t, weights, out);
}

static med_status time_steps(const subject *s, const med_bench_options *o, med_trainer *trainer,
                             double *seconds) {
    med_modset all = med_modset_all(s->model.n_mods);
    med_step_input in = {.observed = all,
                         .given = all & ~med_modset_of(0),
                         .anchor = 0,
                         .n = s->n,
                         .noise = draw_noise,
                         .w_kl = s->config.w_kl,
                         .w_dis = o->is_adversarial ? 0.05 : 0,
                         .trains_discriminators = o->is_adversarial};
    med_step_result result;
    for (int j = 0; j < s->model.n_mods; j++) in.x[j] = in.target[j] = s->x[j];
    MED_TRY(med_trainer_step(trainer, &in, &result));
    med_trainer_profile(trainer, true);
    for (int i = 0; i < o->n_repeats; i++) {
        double start = now_s();
        MED_TRY(med_trainer_step(trainer, &in, &result));
        seconds[i] = (now_s() - start) / s->n;
    }
    return MED_OK;
}

static json_t *part_tables(const med_trainer *trainer, int n_parts, double peak) {
    json_t *parts = json_array();
    for (int part = 0; part < n_parts; part++) {
        med_op_time times[MAX_ROWS];
        json_array_append_new(parts, op_table(times, med_trainer_times(trainer, part, times, MAX_ROWS), peak));
    }
    return parts;
}

static med_status time_training(const subject *s, const med_bench_options *o, json_t *report) {
    med_trainer *trainer = NULL;
    size_t parameter_bytes, activation_bytes;
    double *seconds = med_alloc((size_t)o->n_repeats * sizeof *seconds);
    med_status status = create_trainer(s, o, &trainer);
    if (status == MED_OK) status = time_steps(s, o, trainer, seconds);
    if (status == MED_OK) {
        med_trainer_memory(trainer, &parameter_bytes, &activation_bytes);
        json_object_set_new(report, "seconds_per_slice_step", json_real(quantile(seconds, o->n_repeats, 0.5)));
        json_object_set_new(
            report, "quartiles_s",
            json_pack("[f, f]", quantile(seconds, o->n_repeats, 0.25), quantile(seconds, o->n_repeats, 0.75)));
        json_object_set_new(report, "parameter_bytes", json_integer((json_int_t)parameter_bytes));
        json_object_set_new(report, "activation_bytes", json_integer((json_int_t)activation_bytes));
        double peak = med_bench_peak();
        json_object_set_new(report, "peak_gflops", json_real(peak));
        /* Pieces computed at the same time have a thread each. */
        double peak_of_piece = med_trainer_n_micro(trainer) > 1 ? peak / med_threads() : peak;
        json_object_set_new(report, "parts", part_tables(trainer, s->model.model->training->n_parts, peak_of_piece));
    }
    med_trainer_free(trainer);
    free(seconds);
    return status;
}

med_status med_bench_train(const med_bench_options *o, json_t *report) {
    subject s;
    MED_TRY(subject_create(o, &s));
    s.n = o->batch ? o->batch : s.config.batch;
    med_status status = draw_images(&s, o->seed);
    if (status == MED_OK) status = time_training(&s, o, report);
    describe(&s, o, report);
    json_object_set_new(report, "adversarial", json_boolean(o->is_adversarial));
    subject_free(&s);
    return status;
}
