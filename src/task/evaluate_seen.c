/* evaluate_seen.c: has the judged model seen this case in training? The sidecar names the weights; these name their
 * training cases and the hash of their data set. Equal hashes decide; where they differ or are not known, the answer is
 * "unknown", never a guess by name. A case that the model has not seen may still have shaped the reference: the manifest
 * names the cases from which the harmonised grey scale was learnt. */
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "engine/weights.h"
#include "task/evaluate_work.h"

typedef struct model { /* what a weights file says; NULL: nothing */
    char *path, *sha256, *data_hash;
    json_t *training_cases; /* names; NULL: not recorded */
    struct model *next;
} model;

typedef struct place {     /* a data set */
    char *path, hash[65];  /* "" none */
    json_t *harmonised_by; /* names of cases; NULL: not recorded */
    struct place *next;
} place;

struct med_seen_index {
    const med_evaluate_options *options;
    model *models;
    place *places;
};

med_seen_index *med_seen_index_create(const med_evaluate_options *o) {
    med_seen_index *index = med_alloc(sizeof *index);
    index->options = o;
    return index;
}

void med_seen_index_free(med_seen_index *index) {
    if (!index) return;
    for (model *m = index->models, *next; m; m = next) {
        next = m->next;
        free(m->path);
        free(m->sha256);
        free(m->data_hash);
        json_decref(m->training_cases);
        free(m);
    }
    for (place *p = index->places, *next; p; p = next) {
        next = p->next;
        free(p->path);
        json_decref(p->harmonised_by);
        free(p);
    }
    free(index);
}

static void read_model(med_evaluation *e, model *m) {
    char sha256[65];
    med_weights *w = NULL;
    med_status status = med_file_sha256(m->path, sha256);
    if (status == MED_OK) status = med_weights_load(m->path, &w);
    if (status != MED_OK) {
        med_evaluation_warn(e, "%s; say where the weights are with --weights FILE to learn what they were trained on",
                            med_message());
        return;
    }
    const char *hash = med_weights_meta(w, "medley.data_hash"), *cases = med_weights_meta(w, "medley.training_cases");
    m->sha256 = med_strdup(sha256);
    if (hash) m->data_hash = med_strdup(hash);
    if (cases) m->training_cases = json_loads(cases, 0, NULL);
    med_weights_free(w);
}

static const model *find_model(med_seen_index *index, med_evaluation *e, const char *path) {
    for (const model *m = index->models; m; m = m->next)
        if (!strcmp(m->path, path)) return m;
    model *m = med_alloc(sizeof *m);
    m->path = med_strdup(path);
    m->next = index->models;
    index->models = m;
    read_model(e, m);
    return m;
}

static json_t *harmonisation_cases(const char *path) {
    char *manifest = med_path_join(path, "manifest.json");
    json_t *root = json_load_file(manifest, 0, NULL);
    json_t *cases = json_incref(json_object_get(json_object_get(root, "harmonisation"), "training"));
    json_decref(root);
    free(manifest);
    return cases;
}

static const place *find_place(med_seen_index *index, const char *path) {
    for (const place *p = index->places; p; p = p->next)
        if (!strcmp(p->path, path)) return p;
    place *p = med_alloc(sizeof *p);
    p->path = med_strdup(path);
    p->next = index->places;
    index->places = p;
    med_dataset *d = NULL;
    if (med_path_is_dir(path) && med_dataset_open(path, &d) == MED_OK) memcpy(p->hash, d->hash, sizeof p->hash);
    med_dataset_free(d);
    p->harmonised_by = harmonisation_cases(path);
    return p;
}

static bool is_among(const json_t *names, const char *name) {
    size_t i;
    json_t *item;
    json_array_foreach ((json_t *)names, i, item)
        if (json_is_string(item) && !strcmp(json_string_value(item), name)) return true;
    return false;
}

static med_seen seen_by_model(med_seen_index *index, med_evaluation *e, const json_t *sidecar, const char *case_name) {
    const med_evaluate_options *o = index->options;
    const json_t *weights = json_object_get(sidecar, "weights");
    const char *path = o->weights ? o->weights : json_string_value(json_object_get(weights, "path"));
    const char *sha256 = json_string_value(json_object_get(weights, "sha256"));
    if (!path) return MED_SEEN_UNKNOWN;
    const model *m = find_model(index, e, path);
    if (!m->sha256 || !m->training_cases || !m->data_hash) return MED_SEEN_UNKNOWN;
    if (sha256 && strcmp(sha256, m->sha256)) return MED_SEEN_UNKNOWN; /* another file took its place */
    const char *places[] = {o->data, json_string_value(json_object_get(sidecar, "data")), o->ref};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (places[i] && !strcmp(find_place(index, places[i])->hash, m->data_hash))
            return is_among(m->training_cases, case_name) ? MED_SEEN_YES : MED_SEEN_NO;
    return MED_SEEN_UNKNOWN;
}

med_seen med_seen_of(med_seen_index *index, med_evaluation *e, const json_t *sidecar, const char *case_name) {
    med_seen seen = seen_by_model(index, e, sidecar, case_name);
    const char *places[] = {index->options->data, index->options->ref};
    for (size_t i = 0; i < 2 && seen != MED_SEEN_YES; i++)
        if (places[i] && is_among(find_place(index, places[i])->harmonised_by, case_name))
            seen = MED_SEEN_HARMONISATION;
    return seen;
}
