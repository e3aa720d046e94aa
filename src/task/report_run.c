/* report_run.c: a training run: its curves, and its model on cases of its data set. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "task/consistency.h"
#include "task/report_curves.h"
#include "task/report_samples.h"
#include "task/report_work.h"
#include "task/synth.h"

/* ---- the run's folder ---------------------------------------------------------------------------------------- */

static med_status read_run(const char *run, json_t **out) {
    char *path = med_path_join(run, "run.json");
    med_status status = med_json_load(path, out);
    if (status == MED_OK && !json_is_object(*out)) {
        status = med_fail(MED_EFORMAT, "%s: expected a JSON object", path);
        json_decref(*out);
    }
    free(path);
    return status;
}

/* A setting of the run: at the top level, or in "config". */
static const json_t *setting(const json_t *run, const char *key) {
    const json_t *value = json_object_get(run, key);
    return value ? value : json_object_get(json_object_get(run, "config"), key);
}

static med_status find_weights(const char *run, char **path) {
    static const char *const names[] = {"weights.safetensors", "checkpoint-best.safetensors"};
    for (int i = 0; i < 2; i++) {
        *path = med_path_join(run, names[i]);
        if (med_path_exists(*path)) return MED_OK;
        free(*path);
        *path = NULL;
    }
    return med_fail(MED_EINPUT, "%s: neither %s nor %s is there: has the training finished?", run, names[0], names[1]);
}

static med_status open_data(med_report_work *work, const json_t *run) {
    const char *path = work->options->data ? work->options->data : json_string_value(setting(run, "data"));
    if (!path)
        return med_fail(MED_EFORMAT, "%s/run.json: no \"data\": name the data set with --data PATH",
                        work->options->path);
    if (!med_path_exists(path))
        return med_fail(MED_EINPUT, "%s: the data set is not there: say where it is now with --data PATH", path);
    return med_dataset_open(path, &work->data);
}

/* ---- what is asked of the model ------------------------------------------------------------------------------ */

typedef struct pair_plan {
    int n;
    med_pair *pairs; /* grouped by given set */
} pair_plan;

static bool is_asked(const med_report_work *work, med_modset given) {
    int count = med_modset_count(given);
    bool is_all = !strcmp(work->options->subsets, "all");
    return count < work->mods.n && (is_all || count == 1 || count == work->mods.n - 1);
}

static med_status make_plan(const med_report_work *work, pair_plan *out) {
    enum { MAX_MODS_OF_ALL = 8 };
    int n_mods = work->mods.n;
    if (n_mods < 2)
        return med_fail(MED_EUSAGE, "the model knows only %s: there is nothing to synthesise", work->mods.name[0]);
    if (n_mods > MAX_MODS_OF_ALL && !strcmp(work->options->subsets, "all"))
        return med_fail(MED_EUSAGE,
                        "--subsets all of %d modalities would be %ld runs of each case: use --subsets single", n_mods,
                        (1L << n_mods) - 2);
    *out = (pair_plan){0};
    med_modset end = (med_modset)1 << n_mods;
    for (int pass = 0; pass < 2; pass++) { /* count, then fill */
        if (pass) out->pairs = med_alloc(sizeof(med_pair) * (size_t)out->n);
        out->n = 0;
        for (med_modset given = 1; given < end; given++)
            for (int t = 0; is_asked(work, given) && t < n_mods; t++) {
                if (med_modset_has(given, t)) continue;
                if (pass) out->pairs[out->n] = (med_pair){given, t};
                out->n++;
            }
    }
    return MED_OK;
}

static int anchor_of(const med_report_work *work) {
    int anchor = med_modset_find(work->mods.name, work->mods.n, work->data->anchor);
    return anchor < 0 ? 0 : anchor;
}

/* Pictures show the two ends: the anchor alone, and everything but the target. */
static bool is_pictured(const med_report_work *work, med_modset given) {
    return given == med_modset_of(anchor_of(work)) || med_modset_count(given) == work->mods.n - 1;
}

/* ---- the cases ----------------------------------------------------------------------------------------------- */

/* Back to the anchor, where the images were made from it alone. Changes them. */
static med_status judge_back(med_report_work *work, med_synth_model *model, const med_report_case *c,
                             const med_synth_options *how, med_volume *const made[MED_MAX_MODS]) {
    int anchor = anchor_of(work);
    med_status status = MED_OK;
    if (how->given != med_modset_of(anchor)) return MED_OK;
    for (int via = 0; via < work->mods.n && status == MED_OK; via++) {
        const med_score base = {.case_name = c->name, .method = "", .group = ""};
        if (made[via])
            status = med_consistency_judge(model, made[via], via, anchor, how, c->scans->truth[anchor], base, work->back);
    }
    return status;
}

static med_status judge_subset(med_report_work *work, med_synth_model *model, med_report_case *c, const med_pair *pairs,
                               int n) {
    med_synth_options how = {.given = pairs[0].given,
                             .temperature = work->options->temperature,
                             .n_samples = work->options->n_samples,
                             .is_mirrored = work->options->mirror,
                             .seed = work->options->seed};
    med_modset needed = how.given;
    med_volume *made[MED_MAX_MODS] = {NULL}, *sd[MED_MAX_MODS] = {NULL};
    bool is_drawn = c->view && is_pictured(work, how.given), with_sd = is_drawn && how.n_samples > 1;
    const med_volume *inputs[MED_MAX_MODS] = {NULL};
    for (int p = 0; p < n; p++)
        if (med_modset_has(c->scans->observed, pairs[p].target)) how.target |= med_modset_of(pairs[p].target);
    if ((c->scans->observed & needed) != needed || !how.target || (c->is_scored_already && !is_drawn)) return MED_OK;
    MED_MODSET_EACH (j, how.given) inputs[j] = c->scans->input[j];
    med_status status = med_synth_run(model, inputs, &how, made, with_sd ? sd : NULL);
    for (int p = 0; p < n && status == MED_OK; p++) {
        c->sd = sd[pairs[p].target];
        if (made[pairs[p].target]) status = med_report_judge(work, c, pairs[p], made[pairs[p].target], is_drawn);
    }
    if (status == MED_OK && !c->is_scored_already) status = judge_back(work, model, c, &how, made);
    for (int j = 0; j < MED_MAX_MODS; j++) {
        med_volume_free(made[j]);
        med_volume_free(sd[j]);
    }
    return status;
}

/* heading NULL: score the case; else draw it. */
static med_status judge_case(med_report_work *work, med_synth_model *model, const med_case *c, const char *heading,
                             const pair_plan *plan) {
    med_scans scans;
    med_view view;
    med_modset observed = med_scans_observed(work->data, c, &work->mods);
    if (med_modset_count(observed) < 2) return MED_OK;
    MED_TRY(med_scans_load(c, &work->mods, observed, &scans));
    med_status status = heading ? med_report_choose_view(c, &scans, &view) : MED_OK;
    med_report_case one = {.name = c->name,
                           .scans = &scans,
                           .view = heading ? &view : NULL,
                           .heading = heading,
                           .is_scored_already = heading != NULL};
    for (int p = 0, n; p < plan->n && status == MED_OK; p += n) {
        for (n = 1; p + n < plan->n && plan->pairs[p + n].given == plan->pairs[p].given;) n++;
        status = judge_subset(work, model, &one, plan->pairs + p, n);
    }
    med_scans_free(&scans);
    return status;
}

typedef struct ranked_case {
    int index;
    double psnr; /* of the model, mean over the case's pairs */
} ranked_case;

static int by_psnr(const void *a, const void *b) {
    const ranked_case *x = a, *y = b;
    if (x->psnr != y->psnr) return x->psnr < y->psnr ? -1 : 1;
    return x->index - y->index;
}

/* Cases with a score, worst first; returns how many. */
static int rank_cases(const med_report_work *work, const int *cases, int n_cases, ranked_case *out) {
    int n = 0;
    for (int c = 0; c < n_cases; c++) {
        double sum = 0, n_values = 0;
        for (int i = 0; i < work->scores->n; i++) {
            const med_score *row = &work->scores->row[i];
            bool is_counted = !strcmp(row->method, med_table_method(work->table, MED_METHOD_MODEL)) &&
                              !strcmp(row->metric, "psnr") &&
                              !strcmp(row->case_name, work->data->cases[cases[c]].name) && isfinite(row->value);
            if (is_counted) sum += row->value, n_values++;
        }
        if (n_values > 0) out[n++] = (ranked_case){cases[c], sum / n_values};
    }
    qsort(out, (size_t)n, sizeof *out, by_psnr);
    return n;
}

static med_status draw_cases(med_report_work *work, med_synth_model *model, const int *cases, int n_cases,
                             const pair_plan *plan) {
    ranked_case *ranked = med_alloc(sizeof *ranked * (size_t)(n_cases + 1));
    int n = rank_cases(work, cases, n_cases, ranked);
    int n_shown = work->options->n_pictured < n ? work->options->n_pictured : n;
    med_status status = MED_OK;
    for (int turn = 0; turn < n_shown && status == MED_OK; turn++) {
        const ranked_case *r = &ranked[med_report_rank(turn, n_shown, n)];
        const med_case *c = &work->data->cases[r->index];
        char *heading = med_format("%s case of %d: %s, mean PSNR %.2f dB", med_report_rank_name(turn, n_shown), n,
                                   c->name, r->psnr);
        status = judge_case(work, model, c, heading, plan);
        free(heading);
    }
    free(ranked);
    return status;
}

static med_status judge_cases(med_report_work *work, med_synth_model *model, const int *cases, int n_cases,
                              const pair_plan *plan) {
    med_progress *progress = med_progress_start("synthesise and score", n_cases);
    med_status status = MED_OK;
    for (int c = 0; c < n_cases && status == MED_OK; c++) {
        status = judge_case(work, model, &work->data->cases[cases[c]], NULL, plan);
        med_progress_update(progress, c + 1, "%s", work->data->cases[cases[c]].name);
    }
    med_progress_end(progress);
    return status == MED_OK ? draw_cases(work, model, cases, n_cases, plan) : status;
}

/* ---- the run ------------------------------------------------------------------------------------------------- */

static void tell_facts(med_report_work *work, const json_t *run, med_synth_model *model, const char *weights, int fold,
                       int n_cases) {
    const med_net *m = med_synth_model_config(model);
    med_modset all = med_modset_all(work->mods.n);
    char *mods = med_modset_join(work->mods.name, all, " + ");
    const json_t *seed = setting(run, "seed");
    const char *command = json_string_value(setting(run, "command"));
    med_report_fact(work, "Run", "%s", work->options->path);
    if (command) med_report_fact(work, "Trained by", "%s", command);
    if (json_is_integer(seed)) med_report_fact(work, "Training seed", "%lld", (long long)json_integer_value(seed));
    char *what = m->model->describe(m);
    med_report_fact(work, "Model", "%s: %s; slices of %d x %d; %s", m->model->title, mods, m->height, m->width, what);
    free(what);
    med_report_fact(work, "Weights", "%s, SHA-256 %.16s", med_path_base(weights), med_synth_model_hash(model));
    med_report_fact(work, "Data set", "%s (%s): %s part of fold %d, %d cases", work->data->name, work->data->path,
                    work->options->part, fold, n_cases);
    med_report_fact(work, "Sampling", "mean of %d draw%s%s at temperature %g, seed %llu", work->options->n_samples,
                    work->options->n_samples == 1 ? "" : "s", work->options->mirror ? " and as many mirrored" : "", work->options->temperature,
                    (unsigned long long)work->options->seed);
    free(mods);
}

static med_status report_model(med_report_work *work, const json_t *run, const char *weights, med_synth_model *model) {
    const med_net *config = med_synth_model_config(model);
    const json_t *run_fold = setting(run, "fold");
    int fold = work->options->fold >= 0 ? work->options->fold : (int)json_integer_value(run_fold);
    int *cases, n_cases;
    pair_plan plan = {0};
    work->mods.n = config->n_mods;
    memcpy(work->mods.name, config->mods, sizeof work->mods.name);
    work->back = med_score_table_create(MED_SCORE_IMAGES);
    work->table = med_table_create(&work->mods, config->model->name, config->model->title);
    MED_TRY(make_plan(work, &plan));
    med_status status = med_dataset_split(work->data, fold, work->options->part, &cases, &n_cases);
    if (status == MED_OK) {
        tell_facts(work, run, model, weights, fold, n_cases);
        status = med_report_fit_opponents(work, fold, plan.pairs, plan.n, cases, n_cases);
        if (status == MED_OK) status = judge_cases(work, model, cases, n_cases, &plan);
        free(cases);
    }
    if (status == MED_OK && !med_table_judge(work->table).n_cases)
        status =
            med_fail(MED_EINPUT,
                     "%s: no case of the %s part of fold %d has two modalities of the model: nothing can be compared",
                     work->data->path, work->options->part, fold);
    free(plan.pairs);
    return status;
}

static med_status add_samples(med_report_work *work) {
    char *mods = med_modset_join(work->mods.name, med_modset_all(work->mods.n), " + ");
    med_status status = med_report_samples(&work->curves, work->options->path, mods);
    free(mods);
    return status;
}

med_status med_report_from_run(med_report_work *work) {
    json_t *run;
    char *weights = NULL, *log = med_path_join(work->options->path, "log.jsonl");
    med_synth_model *model = NULL;
    med_status status = read_run(work->options->path, &run);
    if (status != MED_OK) {
        free(log);
        return status;
    }
    status = med_report_curves(&work->curves, log);
    if (status == MED_OK) status = find_weights(work->options->path, &weights);
    if (status == MED_OK) status = open_data(work, run);
    if (status == MED_OK) status = med_synth_model_open(weights, (int[2]){0, 0}, NULL, &model);
    if (status == MED_OK) status = report_model(work, run, weights, model);
    if (status == MED_OK) status = add_samples(work);
    med_synth_model_free(model);
    json_decref(run);
    free(weights);
    free(log);
    return status;
}
