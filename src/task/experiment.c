/* experiment.c: trains the arms as child processes of this program, several at a time; what is done is on disk, so an experiment that
 * was interrupted goes on where it was. */
#include "task/experiment.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/thread.h"
#include "task/experiment_work.h"
#include "task/train_config.h"

enum { MAX_ARGUMENTS = 160 };

char *med_experiment_path(const med_experiment_work *w, int fold, int arm, const char *leaf) {
    return med_format("%s/fold%d/%s%s%s", w->options->out, fold, w->arms[arm].name, leaf ? "/" : "", leaf ? leaf : "");
}

/* ---- arms ---- */

static bool is_wanted(const med_experiment_options *o, const char *name) {
    for (int i = 0; i < o->arms.n; i++)
        if (strcmp(o->arms.item[i], name) == 0) return true;
    return o->arms.n == 0;
}

static med_status list_arms(med_experiment_work *w) {
    const med_experiment_options *o = w->options;
    const med_model *model;
    med_train_config c;
    med_net preset;
    MED_TRY(med_model_find(NULL, &model));
    MED_TRY(med_train_preset(o->preset, model, &c, &preset));
    for (int i = 0; i < o->set.n; i++) /* pools, say, decides the depths; an unknown key is told of later */
        if (med_train_set(&c, &preset, o->set.item[i]) != MED_OK) break;
    med_arm all[MED_MAX_ARMS];
    const char *names[MED_MAX_ARMS + 1] = {NULL};
    int n = 0;
    w->kind->list(&preset, all, &n);
    for (int i = 0; i < n; i++) {
        names[i] = all[i].name;
        if (is_wanted(o, all[i].name)) w->arms[w->n_arms++] = all[i];
    }
    for (int i = 0; i < o->arms.n; i++) {
        bool is_there = false;
        for (int k = 0; k < n; k++) is_there |= strcmp(names[k], o->arms.item[i]) == 0;
        const char *nearest = is_there ? NULL : med_nearest(o->arms.item[i], names);
        if (!is_there)
            return med_fail(MED_EUSAGE, "--arms: %s has no arm '%s'%s%s%s", o->name, o->arms.item[i], nearest ? " (did you mean '" : "",
                            nearest ? nearest : "", nearest ? "'?)" : "");
    }
    return MED_OK;
}

static med_status open_data(med_experiment_work *w) {
    MED_TRY(med_dataset_open(w->options->data, &w->data));
    int there = w->data->n_folds ? w->data->n_folds : 1;
    w->n_folds = w->options->n_folds;
    if (w->n_folds > there) return med_fail(MED_EUSAGE, "--folds is %d, but %s has %d", w->n_folds, w->options->data, there);
    return MED_OK;
}

/* ---- the folder ---- */

static json_t *settings_of(const med_experiment_work *w) {
    const med_experiment_options *o = w->options;
    json_t *set = json_array(), *arms = json_array();
    for (int i = 0; i < o->set.n; i++) json_array_append_new(set, json_string(o->set.item[i]));
    for (int i = 0; i < w->n_arms; i++) json_array_append_new(arms, json_pack("{s:s, s:I}", "name", w->arms[i].name, "steps", (json_int_t)w->arms[i].n_steps));
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:f, s:i, s:I, s:o, s:o}", "experiment", o->name, "data_hash", w->data->hash, "preset", o->preset,
                     "schedule", o->schedule, "folds", w->n_folds, "temperature", o->temperature, "samples", o->n_samples, "seed",
                     (json_int_t)o->seed, "set", set, "arms", arms);
}

/* A new folder, or the same experiment. */
static med_status settle_folder(const med_experiment_work *w) {
    char *path = med_path_join(w->options->out, "experiment.json");
    json_t *is = settings_of(w), *was = NULL;
    med_status status = MED_OK;
    if (!med_path_exists(path)) {
        char *text = json_dumps(is, JSON_INDENT(2));
        status = med_path_exists(w->options->out) && !w->options->is_resumed
                     ? med_fail(MED_EUSAGE, "%s is there already: choose another --out", w->options->out) : med_dir_create(w->options->out);
        if (status == MED_OK) status = med_file_write(path, text, strlen(text));
        free(text);
    } else if (!w->options->is_resumed) {
        status = med_fail(MED_EUSAGE, "%s holds an experiment: --resume goes on with it", w->options->out);
    } else if ((status = med_json_load(path, &was)) == MED_OK) {
        const char *key;
        json_t *value;
        json_object_foreach (is, key, value)
            if (status == MED_OK && !json_equal(value, json_object_get(was, key)))
                status = med_fail(MED_EUSAGE, "%s is an experiment of another configuration: %s differs; choose another --out", path, key);
    }
    json_decref(is);
    json_decref(was);
    free(path);
    return status;
}

/* ---- trainings ---- */

typedef struct queue {
    med_experiment_work *w;
    pthread_mutex_t mutex;
    int next;
    char *program, *threads;
    med_progress *progress;
    long n_done;
} queue;

typedef struct words {
    int n;
    const char *item[MAX_ARGUMENTS + 1];
    char *owned[16];
    int n_owned;
} words;

static void say(words *a, const char *word) {
    if (a->n < MAX_ARGUMENTS) a->item[a->n++] = word;
}

static void say_setting(words *a, const char *pair) {
    say(a, "--set");
    say(a, pair);
}

static void say_number(words *a, const char *format, long long value) { say(a, a->owned[a->n_owned++] = med_format(format, value)); }

static void say_all(queue *q, int fold, const med_arm *a, const char *run, bool is_begun, words *to) {
    const med_experiment_options *o = q->w->options;
    const char *first[] = {q->program, "train", o->data, run, "--quiet", "--threads", q->threads};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) say(to, first[i]);
    if (is_begun) {
        say(to, "--resume");
        return;
    }
    const char *more[] = {"--model", a->model->name, "--preset", o->preset};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) say(to, more[i]);
    med_strings sets;
    med_experiment_sets(q->w, a, &sets);
    for (int i = 0; i < sets.n; i++) say_setting(to, sets.item[i]);
    say(to, "--set");
    say_number(to, "fold=%lld", fold);
    say(to, "--seed");
    say_number(to, "%lld", (long long)o->seed);
    if (med_experiment_is_native(q->w)) return;
    say(to, "--steps");
    say_number(to, "%lld", a->n_steps);
}

static med_status train_arm(queue *q, int fold, int arm) {
    const med_arm *a = &q->w->arms[arm];
    char *run = med_experiment_path(q->w, fold, arm, "run"), *record = med_path_join(run, "run.json"), *done = med_experiment_path(q->w, fold, arm, "trained"),
         *folder = med_experiment_path(q->w, fold, arm, NULL), *log = NULL;
    med_status status = med_dir_create(folder);
    if (status == MED_OK && !med_path_exists(done)) {
        bool is_begun = med_path_exists(record);
        if (!is_begun && med_path_exists(run)) med_dir_remove(run);
        words to = {0};
        say_all(q, fold, a, run, is_begun, &to);
        status = med_process_run(to.item, &(med_process_limits){.seconds = 1e9, .n_file_bytes = (size_t)1 << 40}, &log);
        for (int i = 0; i < to.n_owned; i++) free(to.owned[i]);
        if (status == MED_OK) status = med_file_write(done, "", 0);
    }
    free(run);
    free(record);
    free(done);
    free(folder);
    free(log);
    return status;
}

static void *worker(void *context) {
    queue *q = context;
    med_experiment_work *w = q->w;
    for (;;) {
        pthread_mutex_lock(&q->mutex);
        int job = q->next++;
        pthread_mutex_unlock(&q->mutex);
        if (job >= w->n_arms * w->n_folds) return NULL;
        int fold = job / w->n_arms, arm = job % w->n_arms;
        med_status status = train_arm(q, fold, arm);
        pthread_mutex_lock(&q->mutex);
        if (status != MED_OK) {
            char *line = med_format("fold%d/%s: %s", fold, w->arms[arm].name, med_message());
            json_array_append_new(w->failed, json_string(line));
            free(line);
        }
        med_progress_update(q->progress, ++q->n_done, "%s of fold %d", w->arms[arm].title, fold);
        pthread_mutex_unlock(&q->mutex);
    }
}

static med_status train_all(med_experiment_work *w) {
    char program[4096];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n < 0) return med_fail(MED_EFAIL, "/proc/self/exe: the program does not find itself");
    program[n] = '\0';
    int per_job = med_threads() / w->n_jobs;
    queue q = {.w = w, .mutex = PTHREAD_MUTEX_INITIALIZER, .program = program, .threads = med_format("%d", per_job < 1 ? 1 : per_job)};
    q.progress = med_progress_start("trainings", w->n_arms * w->n_folds);
    pthread_t *threads = med_alloc((size_t)w->n_jobs * sizeof *threads);
    int n_started = 0;
    while (n_started < w->n_jobs && pthread_create(&threads[n_started], NULL, worker, &q) == 0) n_started++;
    if (!n_started) worker(&q);
    for (int i = 0; i < n_started; i++) pthread_join(threads[i], NULL);
    med_progress_end(q.progress);
    free(threads);
    free(q.threads);
    return MED_OK;
}

static med_status judge_all(med_experiment_work *w) {
    for (int fold = 0; fold < w->n_folds; fold++)
        for (int arm = 0; arm < w->n_arms; arm++) {
            char *done = med_experiment_path(w, fold, arm, "trained"), *scores = med_experiment_path(w, fold, arm, "per_case.csv");
            bool is_due = med_path_exists(done) && !med_path_exists(scores);
            free(done);
            free(scores);
            if (is_due && med_experiment_judge(w, fold, arm) != MED_OK) return med_fail_in(MED_EFAIL, "fold%d/%s", fold, w->arms[arm].name);
        }
    return MED_OK;
}

/* ---- all together ---- */

static med_status fail_arms(const med_experiment_work *w) {
    return med_fail(MED_EFAIL, "%zu of %d trainings failed; the first: %s", json_array_size(w->failed), w->n_arms * w->n_folds,
                    json_string_value(json_array_get(w->failed, 0)));
}

static void tell(const char *text) {
    for (const char *end; text && (end = strchr(text, '\n')); text = end + 1) med_info("%.*s", (int)(end - text), text);
}

static med_status run(med_experiment_work *w, json_t *report, med_text *text) {
    MED_TRY(med_experiment_find(w->options->name, &w->kind));
    MED_TRY(list_arms(w));
    MED_TRY(open_data(w));
    MED_TRY(med_experiment_plan(w));
    med_experiment_plan_to_text(w, text);
    json_object_set_new(report, "plan", med_experiment_plan_to_json(w));
    json_object_set_new(report, "jobs", json_integer(w->n_jobs));
    if (w->options->is_plan) return text->status;
    tell(text->data);
    MED_TRY(settle_folder(w));
    MED_TRY(train_all(w));
    MED_TRY(judge_all(w));
    json_object_set(report, "failed", w->failed);
    if ((int)json_array_size(w->failed) == w->n_arms * w->n_folds) return fail_arms(w);
    MED_TRY(med_experiment_report(w, report, text));
    return json_array_size(w->failed) ? fail_arms(w) : text->status;
}

med_status med_experiment(const med_experiment_options *o, json_t *report, char **text) {
    med_experiment_work *w = med_alloc(sizeof *w);
    *w = (med_experiment_work){.options = o, .failed = json_array()};
    med_text t = {0};
    med_status status = run(w, report, &t);
    *text = t.data;
    med_dataset_free(w->data);
    json_decref(w->failed);
    free(w);
    return status;
}
