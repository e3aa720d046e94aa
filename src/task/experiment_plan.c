/* experiment_plan.c: what an experiment is going to do, and about how long: steps by the schedule of its first arm, so that all
 * arms get as many; times from a step of every arm on random images. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "task/bench.h"
#include "task/experiment_work.h"
#include "task/train.h"

bool med_experiment_is_native(const med_experiment_work *w) { return strcmp(w->options->schedule, "native") == 0; }

static bool knows(const med_arm *a, const char *preset, const char *pair) {
    med_train_config c;
    med_net n;
    return med_train_preset(preset, a->model, &c, &n) == MED_OK && med_train_set(&c, &n, pair) == MED_OK;
}

void med_experiment_sets(const med_experiment_work *w, const med_arm *a, med_strings *out) {
    const med_experiment_options *o = w->options;
    out->n = 0;
    if (med_experiment_is_native(w) && a->model->training->native) out->item[out->n++] = "schedule=native";
    for (int i = 0; i < a->n_set; i++) out->item[out->n++] = a->set[i];
    for (int i = 0; i < o->set.n && out->n < MED_MAX_STRINGS; i++)
        if (knows(a, o->preset, o->set.item[i])) out->item[out->n++] = o->set.item[i];
}

/* A setting that no arm knows is a mistake. */
static med_status check_settings(const med_experiment_work *w) {
    for (int i = 0; i < w->options->set.n; i++) {
        bool is_known = false;
        for (int k = 0; k < w->n_arms; k++) is_known |= knows(&w->arms[k], w->options->preset, w->options->set.item[i]);
        if (!is_known) return MED_EUSAGE; /* told by the last arm */
    }
    return MED_OK;
}

/* The plan of the training itself, which reads every case. */
static med_status check_training(const med_experiment_work *w, med_arm *a, long budget, json_t *report) {
    med_train_options o = {.data = w->options->data, .model = a->model->name, .preset = w->options->preset, .is_check = true,
                           .steps = med_experiment_is_native(w) ? 0 : (int)budget};
    med_experiment_sets(w, a, &o.set);
    med_log_pause(true);
    med_status status = med_train(&o, report);
    med_log_pause(false);
    if (status != MED_OK) return med_fail_in(status, "arm %s", a->name);
    if (json_is_true(json_object_get(report, "is_late")))
        med_warn("arm %s: its adversarial term would begin after the last epoch: --set adversarial_from= and discriminator_from= say when", a->title);
    a->n_steps = (long)json_integer_value(json_object_get(report, "planned_steps"));
    a->n_parameters = (int)json_integer_value(json_object_get(report, "parameters"));
    a->n_train = (int)json_integer_value(json_object_get(report, "n_train"));
    a->batch = (int)json_integer_value(json_object_get(report, "batch"));
    a->bytes = json_number_value(json_object_get(report, "planned_bytes"));
    return MED_OK;
}

static med_status time_step(const med_experiment_work *w, med_arm *a, const json_t *checked) {
    med_bench_options o = {.model = a->model->name, .preset = w->options->preset, .batch = 1, .n_repeats = 2,
                           .is_adversarial = json_is_true(json_object_get(checked, "is_adversarial"))};
    med_experiment_sets(w, a, &o.set);
    const json_t *size = json_object_get(checked, "size");
    char *pair = med_format("size=%d,%d", (int)json_integer_value(json_array_get(size, 0)), (int)json_integer_value(json_array_get(size, 1)));
    if (o.set.n < MED_MAX_STRINGS) o.set.item[o.set.n++] = pair;
    json_t *report = json_object();
    med_status status = med_bench_train(&o, report);
    a->seconds = json_number_value(json_object_get(report, "seconds_per_slice_step")) * a->batch * (double)a->n_steps;
    json_decref(report);
    free(pair);
    return status;
}

static double memory_available(void) { return (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE); }

/* As many trainings at a time as there are processors and as memory holds. */
static void choose_jobs(med_experiment_work *w) {
    double most = 1;
    for (int i = 0; i < w->n_arms; i++) most = w->arms[i].bytes > most ? w->arms[i].bytes : most;
    int n = w->options->n_jobs ? w->options->n_jobs : med_threads(), fit = (int)(0.8 * memory_available() / most);
    if (!w->options->n_jobs && n > fit) n = fit;
    if (n > w->n_arms * w->n_folds) n = w->n_arms * w->n_folds;
    w->n_jobs = n < 1 ? 1 : n;
}

med_status med_experiment_plan(med_experiment_work *w) {
    long budget = w->options->steps;
    MED_TRY(check_settings(w));
    for (int i = 0; i < w->n_arms; i++) {
        json_t *checked = json_object();
        med_status status = check_training(w, &w->arms[i], budget, checked);
        if (status == MED_OK) status = time_step(w, &w->arms[i], checked);
        json_decref(checked);
        MED_TRY(status);
        if (!budget) budget = w->arms[0].n_steps;
    }
    choose_jobs(w);
    return MED_OK;
}

json_t *med_experiment_plan_to_json(const med_experiment_work *w) {
    json_t *arms = json_array();
    for (int i = 0; i < w->n_arms; i++) {
        const med_arm *a = &w->arms[i];
        json_t *set = json_array();
        for (int k = 0; k < a->n_set; k++) json_array_append_new(set, json_string(a->set[k]));
        json_array_append_new(arms, json_pack("{s:s, s:s, s:s, s:o, s:I, s:i, s:i, s:f, s:f}", "name", a->name, "title", a->title, "model",
                                              a->model->name, "set", set, "steps", (json_int_t)a->n_steps, "parameters", a->n_parameters,
                                              "training_cases", a->n_train, "estimated_seconds", a->seconds, "bytes", a->bytes));
    }
    return arms;
}

void med_experiment_plan_to_text(const med_experiment_work *w, med_text *text) {
    double seconds = 0;
    med_text_add(text, "%s: %s\n%-20s %12s %8s %8s %10s %12s\n", w->kind->title, w->kind->question, "arm", "parameters", "cases", "steps",
                 "memory MB", "minutes");
    for (int i = 0; i < w->n_arms; i++) {
        const med_arm *a = &w->arms[i];
        med_text_add(text, "%-20s %12d %8d %8ld %10.0f %12.1f\n", a->title, a->n_parameters, a->n_train, a->n_steps, a->bytes / 1e6, a->seconds / 60);
        seconds += a->seconds * w->n_folds;
    }
    med_text_add(text, "%d arm%s x %d fold%s, %d at a time: about %.0f minutes of training with %d thread%s\n", w->n_arms, w->n_arms == 1 ? "" : "s",
                 w->n_folds, w->n_folds == 1 ? "" : "s", w->n_jobs, seconds / 60, med_threads(), med_threads() == 1 ? "" : "s");
}
