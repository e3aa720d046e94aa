/* evaluate_consistency.c: medley evaluate consistency: an image made from one scan, that scan made back from the image, and how
 * near the end is to the beginning. A diagnostic only: a network can be consistent and wrong. */
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/memory.h"
#include "data/harmonise.h"
#include "task/consistency.h"
#include "task/evaluate_work.h"

typedef struct judge {
    med_evaluation e;
    med_evaluate_options options; /* with the model and the data where the search for seen cases looks */
    med_synth_model *model;
    med_dataset *data;
    med_seen_index *seen;
    json_t *harmonisation; /* that the network learnt; NULL: none */
    int from;              /* of the network's modalities */
    med_modset through;
    int *cases, n_cases;
} judge;

static const med_net *net_of(const judge *j) { return med_synth_model_config(j->model); }

/* ---- what is asked ------------------------------------------------------------------------------------------- */

static med_status find_modality(const judge *j, const char *option, const char *name, int *out) {
    const med_net *net = net_of(j);
    *out = med_modset_find(net->mods, net->n_mods, name);
    if (*out >= 0) return MED_OK;
    const char *known[MED_MAX_MODS + 1] = {NULL};
    for (int k = 0; k < net->n_mods; k++) known[k] = net->mods[k];
    const char *nearest = med_nearest(name, known);
    return med_fail(MED_EUSAGE, "--%s: the network does not know '%s' (%s%s?)", option, name,
                    nearest ? "did you mean " : "is it ", nearest ? nearest : known[0]);
}

static med_status choose_ways(judge *j) {
    const med_evaluate_options *o = &j->options;
    if (o->from)
        MED_TRY(find_modality(j, "from", o->from, &j->from));
    else
        j->from = med_modset_find(net_of(j)->mods, net_of(j)->n_mods, "us");
    if (j->from < 0) j->from = 0;
    for (int i = 0; i < o->through.n; i++) {
        int via;
        MED_TRY(find_modality(j, "through", o->through.item[i], &via));
        j->through |= med_modset_of(via);
    }
    if (!o->through.n) j->through = med_modset_all(net_of(j)->n_mods);
    j->through &= ~med_modset_of(j->from);
    return j->through ? MED_OK
                      : med_fail(MED_EUSAGE, "--through: name another modality than %s", net_of(j)->mods[j->from]);
}

static bool has_start(const judge *j, int c) {
    int in_data = med_dataset_mod(j->data, net_of(j)->mods[j->from]);
    return in_data >= 0 && med_modset_has(j->data->cases[c].observed, in_data);
}

static med_status open_all(const med_evaluate_options *o, judge *j) {
    j->options = *o;
    j->options.weights = o->pred;
    j->options.data = o->ref;
    MED_TRY(med_evaluation_start(&j->options, MED_SCORE_IMAGES, &j->e));
    j->seen = med_seen_index_create(&j->options);
    MED_TRY(med_synth_model_open(o->pred, (int[2]){0, 0}, NULL, &j->model));
    j->harmonisation = med_synth_model_harmonisation(j->model);
    MED_TRY(choose_ways(j));
    MED_TRY(med_dataset_open(o->ref, &j->data));
    MED_TRY(med_dataset_split(j->data, o->fold, o->part, &j->cases, &j->n_cases));
    for (int i = 0; i < j->n_cases; i++) j->e.n_pairs += has_start(j, j->cases[i]);
    if (j->e.n_pairs) return MED_OK;
    return med_fail(MED_EINPUT, "%s: no case of part %s has %s to start from", o->ref, o->part,
                    net_of(j)->mods[j->from]);
}

/* ---- there and back ------------------------------------------------------------------------------------------ */

/* What all rows of a case say. */
static med_score row_of(judge *j, const med_case *c) {
    return (med_score){.case_name = c->name,
                       .method = j->options.method ? j->options.method : "",
                       .group = med_evaluation_group(&j->e, c->name),
                       .seen = med_seen_of(j->seen, &j->e, NULL, c->name)};
}

/* The network starts from the scan as acquired, and is held to what it learnt to make of this modality. */
static med_status judge_case(judge *j, const med_case *c) {
    const char *mod = net_of(j)->mods[j->from];
    const med_volume *inputs[MED_MAX_MODS] = {NULL};
    med_volume *input, *start = NULL, *there[MED_MAX_MODS] = {NULL};
    const med_synth_options how = {.given = med_modset_of(j->from),
                                   .target = j->through,
                                   .temperature = j->options.temperature,
                                   .n_samples = j->options.n_samples,
                                   .seed = j->options.seed};
    MED_TRY(med_case_load_input(c, mod, &input));
    inputs[j->from] = input;
    med_status status = med_harmonised_target(c, mod, j->harmonisation, &start);
    if (status == MED_OK) status = med_synth_run(j->model, inputs, &how, there, NULL);
    MED_MODSET_EACH (via, j->through) {
        if (status == MED_OK)
            status = med_consistency_judge(j->model, there[via], via, j->from, &how, start, row_of(j, c), j->e.cases);
        med_volume_free(there[via]);
    }
    med_volume_free(start);
    med_volume_free(input);
    return status;
}

static med_status judge_all(judge *j) {
    med_status status = MED_OK;
    med_progress *progress = med_progress_start("there and back", j->n_cases);
    for (int i = 0; i < j->n_cases && status == MED_OK; i++) {
        const med_case *c = &j->data->cases[j->cases[i]];
        const char *mod = net_of(j)->mods[j->from];
        if (has_start(j, j->cases[i])) status = judge_case(j, c);
        if (status != MED_OK) status = med_evaluation_failed(&j->e, c->name, mod, status);
        med_progress_update(progress, i + 1, "%s", c->name);
    }
    med_progress_end(progress);
    return status;
}

med_status med_evaluate_consistency(const med_evaluate_options *o, json_t *report, char **table) {
    judge j = {.model = NULL};
    *table = NULL;
    med_status status = open_all(o, &j);
    if (status == MED_OK) status = judge_all(&j);
    if (status == MED_OK) {
        json_object_set_new(j.e.notes, "weights_sha256", json_pack("[s]", med_synth_model_hash(j.model)));
        json_object_set_new(j.e.notes, "sampling",
                            json_pack("{s:f, s:i}", "temperature", o->temperature, "samples", o->n_samples));
        status = med_evaluation_finish(&j.e, "consistency", report, table);
    }
    free(j.cases);
    med_dataset_free(j.data);
    json_decref(j.harmonisation);
    med_synth_model_free(j.model);
    med_seen_index_free(j.seen);
    med_evaluation_free(&j.e);
    return status;
}
