/* evaluate_pair.c: a predicted image and its reference, brought to one scale and one orientation, and what is known of how
 * the prediction was made. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "data/harmonise.h"
#include "task/evaluate_images.h"

static med_status choose_scale(const char *option, const char *text, const json_t *sidecar, med_file_scale *out) {
    double range[2] = {0, 1};
    const json_t *own = json_object_get(sidecar, "range");
    *out = (med_file_scale){0, 1, false};
    if (text)
        MED_TRY(med_evaluation_range(option, text, range));
    else if (json_array_size(own) == 2)
        for (size_t i = 0; i < 2; i++) range[i] = json_number_value(json_array_get(own, i));
    else
        out->is_assumed = true;
    if (!(range[0] < range[1])) return med_fail(MED_EFORMAT, "a sidecar's range is %g,%g", range[0], range[1]);
    out->lo = range[0];
    out->hi = range[1];
    return MED_OK;
}

static med_status to_network(const char *path, const med_file_scale *s, med_volume *v) {
    size_t n = med_grid_count(v->grid);
    float lo, hi;
    med_volume_range(v, &lo, &hi);
    if (s->is_assumed && (lo < -1e-3f || hi > 1 + 1e-3f))
        return med_fail(
            MED_EFORMAT,
            "%s: values from %g to %g, and nothing says what scale that is: give --range LO,HI (both sides) or "
            "--reference-range LO,HI (REF), or take a data set with a manifest as REF",
            path, (double)lo, (double)hi);
    if (s->lo == -1 && s->hi == 1) return MED_OK;
    for (size_t i = 0; i < n; i++) v->voxel[i] = (float)((v->voxel[i] - s->lo) * (2 / (s->hi - s->lo)) - 1);
    return MED_OK;
}

/* A file at network scale, turned (without interpolation) like `like` where that is not NULL. */
med_status med_image_load_scaled(const char *path, const med_file_scale *s, const med_volume *like, med_volume **out) {
    med_volume *stored;
    MED_TRY(med_volume_load(path, &stored));
    med_status status = to_network(path, s, stored);
    char code[4], wanted[4];
    med_grid_orientation(stored->grid, code);
    if (like) med_grid_orientation(like->grid, wanted);
    if (status == MED_OK && like && strcmp(code, wanted)) {
        status = med_volume_reorient(stored, wanted, out);
        med_volume_free(stored);
        return status;
    }
    if (status == MED_OK)
        *out = stored;
    else
        med_volume_free(stored);
    return status;
}

/* A reference without a harmonised file is brought to the scale that the prediction's network learnt. */
static med_status load_reference(const med_image_judge *j, const med_found *ref, const json_t *of_prediction,
                                 med_volume **out) {
    const med_evaluate_options *o = j->e.options;
    int c = j->data ? med_dataset_case(j->data, ref->case_name) : -1;
    if (c >= 0 && !o->reference_range && med_dataset_mod(j->data, ref->key) >= 0)
        return med_harmonised_target(&j->data->cases[c], ref->key, json_object_get(of_prediction, "harmonisation"),
                                     out);
    json_t *sidecar;
    med_file_scale s;
    MED_TRY(med_sidecar_load(ref->path, &sidecar));
    const char *text = o->reference_range ? o->reference_range : sidecar ? NULL : o->range;
    med_status status = choose_scale(o->reference_range ? "--reference-range" : "--range", text, sidecar, &s);
    json_decref(sidecar);
    return status == MED_OK ? med_image_load_scaled(ref->path, &s, NULL, out) : status;
}

static char *given_of(const med_image_judge *j, const json_t *sidecar) {
    const med_strings *option = &j->e.options->given;
    const json_t *list = json_object_get(sidecar, "given");
    char *joined = med_strdup("");
    int n = json_is_array(list) ? (int)json_array_size(list) : option->n;
    for (int i = 0; i < n; i++) {
        const char *mod = json_is_array(list) ? json_string_value(json_array_get(list, (size_t)i)) : option->item[i];
        char *longer = med_format("%s%s%s", joined, *joined ? "+" : "", mod ? mod : "?");
        free(joined);
        joined = longer;
    }
    return joined;
}

/* Rounding of a copy's own file apart, every voxel the same. */
static bool is_copy(const med_volume *a, const med_volume *b) {
    size_t n = med_grid_count(a->grid);
    for (int axis = 0; axis < 3; axis++)
        if (a->grid.n[axis] != b->grid.n[axis]) return false;
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(a->voxel[i] - b->voxel[i]) <= 1e-5f)) return false;
    return true;
}

/* Not a synthesis but the reference itself, or the image from which it was harmonised: made from itself. */
static med_status note_copy(med_image_judge *j, med_image_pair *p) {
    const char *of = NULL;
    int c = j->data ? med_dataset_case(j->data, p->ref->case_name) : -1;
    if (is_copy(p->prediction, p->reference)) of = "the reference's own values";
    if (!of && c >= 0 && med_dataset_mod(j->data, p->ref->key) >= 0) {
        med_volume *input;
        MED_TRY(med_case_load_input(&j->data->cases[c], p->ref->key, &input));
        if (is_copy(p->prediction, input)) of = "the image from which the reference was harmonised";
        med_volume_free(input);
    }
    if (!of) return MED_OK;
    j->n_identical++;
    free(p->given);
    p->given = med_strdup(p->pred->key);
    med_evaluation_warn(&j->e, "%s holds %s: a copy, not a synthesis", p->pred->path, of);
    return MED_OK;
}

/* Which networks made what is judged: hashes, each once, for summary.json. */
static void note_weights(med_image_judge *j, const json_t *sidecar) {
    const json_t *hash = json_object_get(json_object_get(sidecar, "weights"), "sha256");
    json_t *list = json_object_get(j->e.notes, "weights_sha256"), *known;
    size_t i;
    if (!json_is_string(hash)) return;
    if (!list) json_object_set_new(j->e.notes, "weights_sha256", list = json_array());
    json_array_foreach (list, i, known)
        if (json_equal(known, hash)) return;
    json_array_append(list, (json_t *)hash);
}

static med_status load_volumes(med_image_judge *j, med_image_pair *p) {
    const med_evaluate_options *o = j->e.options;
    MED_TRY(med_sidecar_load(p->pred->path, &p->sidecar));
    MED_TRY(choose_scale("--range", o->range, p->sidecar, &p->scale));
    MED_TRY(load_reference(j, p->ref, p->sidecar, &p->reference));
    MED_TRY(med_image_load_scaled(p->pred->path, &p->scale, p->reference, &p->prediction));
    const int *a = p->prediction->grid.n, *b = p->reference->grid.n;
    if (o->ignores_affine && a[0] == b[0] && a[1] == b[1] && a[2] == b[2]) p->prediction->grid = p->reference->grid;
    return MED_OK;
}

med_status med_image_pair_load(med_image_judge *j, const med_found *pred, const med_found *ref, med_image_pair *p) {
    const med_evaluate_options *o = j->e.options;
    *p = (med_image_pair){.pred = pred, .ref = ref};
    MED_TRY(load_volumes(j, p));
    p->given = given_of(j, p->sidecar);
    note_weights(j, p->sidecar);
    MED_TRY(note_copy(j, p));
    p->base = (med_score){.case_name = pred->case_name,
                          .facet = pred->key,
                          .given = p->given,
                          .method = o->method ? o->method : "",
                          .slice = -1,
                          .group = med_evaluation_group(&j->e, pred->case_name),
                          .seen = med_seen_of(j->seen, &j->e, p->sidecar, pred->case_name)};
    return MED_OK;
}

void med_image_pair_free(med_image_pair *p) {
    free(p->given);
    med_volume_free(p->prediction);
    med_volume_free(p->reference);
    json_decref(p->sidecar);
}
