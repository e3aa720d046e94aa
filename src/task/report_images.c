/* report_images.c: worst, median and best cases of an evaluation of images, and how their network was trained. */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "task/evaluate_images.h"
#include "task/report_curves.h"
#include "task/report_eval.h"
#include "task/report_films.h"

enum { MAX_PICTURED = 6 /* (target, inputs, method) */ };

/* How the first image of this evaluation was made, and the curves of that training where its log lies by the weights. */
static med_status tell_model(med_report_work *work, const json_t *sidecar) {
    const json_t *weights = json_object_get(sidecar, "weights"), *temperature = json_object_get(sidecar, "temperature");
    const char *command = json_string_value(json_object_get(sidecar, "command"));
    const char *path = json_string_value(json_object_get(weights, "path"));
    const char *hash = json_string_value(json_object_get(weights, "sha256"));
    if (command) med_report_fact(work, "Synthesised by", "%s", command);
    if (path) med_report_fact(work, "Weights", "%s, SHA-256 %s", path, hash ? hash : "not recorded");
    if (json_is_number(temperature))
        med_report_fact(work, "Sampling", "temperature %g, %lld draws, seed %lld", json_number_value(temperature),
                        (long long)json_integer_value(json_object_get(sidecar, "samples")),
                        (long long)json_integer_value(json_object_get(sidecar, "seed")));
    if (!path || work->curves.n) return MED_OK;
    char *copy = med_strdup(path), *log = med_path_join(dirname(copy), "log.jsonl");
    med_status status = med_report_curves(&work->curves, log);
    free(log);
    free(copy);
    return status;
}

/* The images that the prediction was made from, as far as they are still there and on its grid. */
static int load_inputs(const med_image_pair *p, med_volume *inputs[MED_MAX_MODS], const char *names[MED_MAX_MODS]) {
    const char *mod;
    json_t *value;
    int n = 0;
    json_object_foreach (json_object_get(p->sidecar, "inputs"), mod, value) {
        const char *path = json_string_value(json_is_object(value) ? json_object_get(value, "path") : value);
        if (n == MED_MAX_MODS || !path) continue;
        names[n] = mod;
        inputs[n] = med_report_load_input(path, mod, p->reference);
        n += inputs[n] != NULL;
    }
    return n;
}

/* CASE-MOD-sd.nii.gz at network scale; NULL: none. */
static med_volume *load_sd(const med_image_pair *p) {
    char stem[MED_FOUND_NAME];
    med_volume *sd = NULL;
    if (!med_found_image_stem(med_path_base(p->pred->path), stem)) return NULL;
    char *path =
        med_format("%.*s%s-sd.nii.gz", (int)(med_path_base(p->pred->path) - p->pred->path), p->pred->path, stem);
    const med_file_scale plain = {-1, 1, false};
    if (med_path_exists(path) && med_image_load_scaled(path, &plain, p->reference, &sd) != MED_OK) sd = NULL;
    for (size_t i = 0; sd && i < med_grid_count(sd->grid); i++)
        sd->voxel[i] *= (float)(2 / (p->scale.hi - p->scale.lo));
    free(path);
    return sd;
}

static med_status draw_pair(med_report_work *work, const med_image_pair *p, const char *caption) {
    med_volume *inputs[MED_MAX_MODS] = {NULL}, *sd = load_sd(p);
    const med_volume *seen[] = {p->reference};
    med_view view;
    med_synthesis_films s = {.target = p->pred->key, .prediction = p->prediction, .truth = p->reference, .sd = sd};
    s.n_inputs = load_inputs(p, inputs, s.input_name);
    for (int i = 0; i < s.n_inputs; i++) s.input[i] = inputs[i];
    med_status status = med_view_choose(NULL, seen, 1, &view);
    if (status == MED_OK) status = med_report_draw_synthesis(&work->pictures, &s, &view, caption);
    for (int i = 0; i < s.n_inputs; i++) med_volume_free(inputs[i]);
    work->has_uncertainty |= sd != NULL;
    med_volume_free(sd);
    return status;
}

static med_status draw_case(void *context, med_report_work *work, const med_score *row, const char *caption) {
    med_image_judge *judge = context;
    const med_found *pred = med_found_get(&judge->pred, row->case_name, row->facet);
    const med_found *ref = med_found_get(&judge->ref, row->case_name, row->facet);
    med_image_pair p;
    if (!pred || !ref) return MED_OK;
    med_status status = med_image_pair_load(judge, pred, ref, &p);
    if (status == MED_OK) status = draw_pair(work, &p, caption);
    med_image_pair_free(&p);
    return status;
}

/* First rows of the series of this evaluation that have a value. */
static int list_series(const med_report_work *work, const med_report_source *source, const med_report_metric *m,
                       const med_score *series[MAX_PICTURED]) {
    int n = 0;
    for (int i = source->first; i < source->end && n < MAX_PICTURED; i++) {
        const med_score *row = &work->scores->row[i];
        bool is_new = med_report_counts(row, m, true);
        for (int k = 0; k < n && is_new; k++) is_new = !med_score_same_series(series[k], row);
        if (is_new) series[n++] = row;
    }
    return n;
}

med_status med_report_image_pictures(med_report_work *work, const med_report_source *source) {
    const med_report_metric *shown[MED_MAX_REPORT_METRICS];
    const med_score *series[MAX_PICTURED];
    med_evaluate_options o;
    if (!med_report_metrics(work->scores, shown) || !med_report_options_of(work, source, &o)) return MED_OK;
    int n = list_series(work, source, shown[0], series);
    med_image_judge judge;
    json_t *sidecar = NULL;
    med_status status = med_image_judge_open(&o, &judge);
    if (status == MED_OK) status = med_sidecar_load(judge.pred.item[0].path, &sidecar);
    if (status == MED_OK) status = tell_model(work, sidecar);
    for (int k = 0; k < n && status == MED_OK; k++) {
        char *label = med_report_label(series[k], true);
        status = med_report_draw_series(work, source, shown[0], series[k], label, draw_case, &judge);
        free(label);
    }
    json_decref(sidecar);
    med_image_judge_free(&judge);
    return status;
}
