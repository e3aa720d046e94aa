/* experiment_judge.c: one trained arm on the test cases: the anchor alone and every subset of the MRs, as the paper tests. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "task/evaluate.h"
#include "task/experiment_work.h"
#include "task/synth_files.h"

typedef struct question { /* of one case: sets of the data set's modalities */
    med_modset given, target;
} question;

/* Of the network's modalities, in the other order. */
static med_modset to_net(const med_dataset *d, const med_net *net, med_modset set) {
    med_modset out = 0;
    for (int j = 0; j < net->n_mods; j++) {
        int k = med_dataset_mod(d, net->mods[j]);
        if (k >= 0 && med_modset_has(set, k)) out |= med_modset_of(j);
    }
    return out;
}

static med_modset from_net(const med_dataset *d, const med_net *net, med_modset set) {
    med_modset out = 0;
    for (int j = 0; j < net->n_mods; j++) {
        int k = med_dataset_mod(d, net->mods[j]);
        if (k >= 0 && med_modset_has(set, j)) out |= med_modset_of(k);
    }
    return out;
}

static void list_names(const med_dataset *d, med_modset set, med_strings *out) {
    out->n = 0;
    MED_MODSET_EACH (j, set) out->item[out->n++] = d->mods[j];
}

static med_status answer(const med_experiment_work *w, const char *weights, const char *folder, const med_case *c, question q) {
    const med_dataset *d = w->data;
    med_synth_config s = {.weights = weights, .out = folder, .temperature = w->options->temperature, .n_samples = w->options->n_samples,
                          .scale = "unit", .seed = w->options->seed, .command_line = w->options->command_line};
    char *pair[MED_MAX_MODS] = {NULL};
    MED_MODSET_EACH (j, q.given) {
        char *path = med_case_path(c, d->mods[j], NULL);
        s.images.item[s.images.n++] = pair[j] = med_format("%s=%s", d->mods[j], path);
        free(path);
    }
    list_names(d, q.given, &s.given);
    list_names(d, q.target, &s.target);
    json_t *unused = json_object();
    med_log_pause(true);
    med_status status = med_synth_files(&s, unused);
    med_log_pause(false);
    json_decref(unused);
    for (int j = 0; j < MED_MAX_MODS; j++) free(pair[j]);
    return status;
}

/* All cases that can answer with these as input; *n counts them. */
static med_status fill_in(const med_experiment_work *w, const med_net *net, const char *weights, const char *folder, const int *cases, int n_cases,
                          med_modset given, int *n) {
    const med_dataset *d = w->data;
    *n = 0;
    if (given & ~from_net(d, net, med_modset_all(net->n_mods))) return MED_OK;
    med_modset makes = from_net(d, net, med_net_makes(net, to_net(d, net, given)));
    for (int i = 0; i < n_cases; i++) {
        const med_case *c = &d->cases[cases[i]];
        question q = {given, makes & c->observed};
        if (given & ~c->observed || !q.target) continue;
        MED_TRY(answer(w, weights, folder, c, q));
        (*n)++;
    }
    return MED_OK;
}

static med_status score(const med_experiment_work *w, int arm, const char *filled, const char *scores, med_score_table *all) {
    med_evaluate_options o = {.pred = filled, .ref = w->options->data, .out = scores, .method = w->arms[arm].title, .data = w->options->data,
                              .presets = {2, {"strict", "mmhvae"}}, .aggregate = "cases", .ssim = "2d", .seed = w->options->seed,
                              .command_line = w->options->command_line};
    json_t *unused = json_object();
    char *table = NULL;
    med_log_pause(true);
    med_status status = med_evaluate_images(&o, unused, &table);
    med_log_pause(false);
    json_decref(unused);
    free(table);
    MED_TRY(status);
    char *csv = med_score_table_path(scores);
    status = med_score_table_load(all, csv, NULL);
    free(csv);
    return status;
}

static med_status judge_given(const med_experiment_work *w, int fold, int arm, const med_net *net, const char *weights, const int *cases, int n_cases,
                              med_modset given, med_score_table *all) {
    char *name = med_modset_join(w->data->mods, given, "+"), *leaf = med_format("filled/%s", name), *filled = med_experiment_path(w, fold, arm, leaf),
         *leaf2 = med_format("scores/%s", name), *scores = med_experiment_path(w, fold, arm, leaf2);
    int n;
    med_dir_remove(filled); /* half of what an interruption left is made again */
    med_dir_remove(scores);
    med_status status = fill_in(w, net, weights, filled, cases, n_cases, given, &n);
    if (status == MED_OK && n) status = score(w, arm, filled, scores, all);
    free(name);
    free(leaf);
    free(leaf2);
    free(filled);
    free(scores);
    return status;
}

static med_status judge_all(const med_experiment_work *w, int fold, int arm, const med_net *net, const char *weights, med_score_table *all) {
    int *cases, n_cases;
    const med_dataset *d = w->data;
    MED_TRY(med_dataset_split(d, fold, "test", &cases, &n_cases));
    int anchor = med_dataset_mod(d, med_dataset_anchor(d));
    med_modset others = med_modset_all(d->n_mods) & ~(anchor >= 0 ? med_modset_of(anchor) : 0);
    med_status status = n_cases ? MED_OK : med_fail(MED_EINPUT, "%s: fold %d has no test cases", d->path, fold);
    if (status == MED_OK && anchor >= 0) status = judge_given(w, fold, arm, net, weights, cases, n_cases, med_modset_of(anchor), all);
    for (med_modset given = 1; given <= others && status == MED_OK; given++)
        if (!(given & ~others)) status = judge_given(w, fold, arm, net, weights, cases, n_cases, given, all);
    free(cases);
    return status;
}

med_status med_experiment_judge(const med_experiment_work *w, int fold, int arm) {
    char *weights = med_experiment_path(w, fold, arm, "run/weights.safetensors"), *csv = med_experiment_path(w, fold, arm, "per_case.csv");
    med_weights *loaded = NULL;
    med_net net;
    med_score_table *all = med_score_table_create(MED_SCORE_IMAGES);
    med_status status = med_net_load(weights, NULL, NULL, &loaded, &net);
    med_weights_free(loaded);
    if (status == MED_OK) status = judge_all(w, fold, arm, &net, weights, all);
    if (status == MED_OK) status = med_score_table_save(all, csv, false);
    med_score_table_free(all);
    free(weights);
    free(csv);
    return status;
}
