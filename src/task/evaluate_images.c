/* evaluate_images.c: medley evaluate images: every predicted image beside its reference, slice by slice, under one or
 * more presets. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "metric/preset.h"
#include "metric/samples.h"
#include "task/evaluate_work.h"

enum { MAX_PRESETS = 8 };

typedef struct scale { /* of the values in a file */
    double lo, hi;
    bool is_assumed; /* nobody said: values far outside are an error */
} scale;

typedef struct judge {
    med_evaluation e;
    int n_presets;
    const med_preset *preset[MAX_PRESETS];
    med_found_list pred, ref;
    med_dataset *data;     /* REF when it is a data set with a manifest */
    med_found_list *draws; /* one per folder of draws */
    med_seen_index *seen;
    int n_identical;
} judge;

/* One prediction at work. */
typedef struct pair {
    const med_found *pred, *ref;
    json_t *sidecar;                    /* NULL: none */
    med_volume *prediction, *reference; /* network scale, one grid */
    scale scale;                        /* of the prediction's files */
    med_score base;                     /* the columns that all its rows share */
    char *given;
} pair;

/* ---- what there is to judge ---------------------------------------------------------------------------------- */

static med_status choose_presets(judge *j) {
    const med_strings *names = &j->e.options->presets;
    if (!names->n) j->preset[j->n_presets++] = &med_preset_strict;
    for (int i = 0; i < names->n; i++) {
        const med_preset *p = med_preset_find(names->item[i]);
        if (!p) return med_fail(MED_EUSAGE, "--preset: '%s' is none of strict, mmhvae, texture", names->item[i]);
        if (j->n_presets == MAX_PRESETS) return med_fail(MED_EUSAGE, "--preset: more than %d", MAX_PRESETS);
        for (int k = 0; k < j->n_presets; k++)
            if (j->preset[k] == p) return med_fail(MED_EUSAGE, "--preset: %s is there twice", p->name);
        j->preset[j->n_presets++] = p;
    }
    return MED_OK;
}

static med_status open_data(judge *j) {
    char *manifest = med_path_join(j->e.options->ref, "manifest.json");
    bool is_there = med_path_exists(manifest);
    free(manifest);
    return is_there ? med_dataset_open(j->e.options->ref, &j->data) : MED_OK;
}

/* Two single files belong together whatever their names are. */
static void pair_single_files(judge *j) {
    if (med_path_is_dir(j->e.options->pred) || med_path_is_dir(j->e.options->ref)) return;
    memcpy(j->ref.item[0].case_name, j->pred.item[0].case_name, MED_FOUND_NAME);
    memcpy(j->ref.item[0].key, j->pred.item[0].key, MED_FOUND_NAME);
}

static bool parse_any_image(const char *name, med_found *out) {
    if (med_found_parse_image(name, out)) return true;
    return med_found_image_stem(name, out->case_name) && snprintf(out->key, sizeof out->key, "image") > 0;
}

static med_status find_files(judge *j) {
    const med_evaluate_options *o = j->e.options;
    bool is_single = !med_path_is_dir(o->pred) && !med_path_is_dir(o->ref);
    med_found_parse *parse = is_single ? parse_any_image : med_found_parse_image;
    MED_TRY(med_found_scan(o->pred, parse, false, &j->pred));
    MED_TRY(med_found_scan(o->ref, parse, false, &j->ref));
    for (int side = 0; side < 2; side++)
        if (!(side ? j->ref : j->pred).n)
            return med_fail(MED_EINPUT,
                            "%s: no images: expected files named CASE-MOD.nii.gz, here or in one folder per case",
                            side ? o->ref : o->pred);
    pair_single_files(j);
    j->draws = med_alloc(sizeof *j->draws * (size_t)(o->draws.n + 1));
    for (int d = 0; d < o->draws.n; d++) MED_TRY(med_found_scan(o->draws.item[d], parse, false, &j->draws[d]));
    return MED_OK;
}

/* Count the pairs; list what stands alone: predictions one by one, references by case. */
static void list_pairs(judge *j) {
    for (int i = 0; i < j->pred.n; i++) {
        const med_found *p = &j->pred.item[i];
        bool is_paired = med_found_get(&j->ref, p->case_name, p->key);
        j->e.n_pairs += is_paired;
        if (!is_paired) med_evaluation_only_in(j->e.only_in_pred, p->case_name, p->key);
    }
    for (int i = 0; i < j->ref.n; i++) {
        const char *name = j->ref.item[i].case_name;
        bool is_new = !i || strcmp(j->ref.item[i - 1].case_name, name), is_judged = false;
        for (int p = 0; p < j->pred.n; p++) is_judged |= !strcmp(j->pred.item[p].case_name, name);
        if (is_new && !is_judged) med_evaluation_only_in(j->e.only_in_ref, name, "");
    }
}

/* ---- loading ------------------------------------------------------------------------------------------------- */

/* CASE-MOD.json beside the image; NULL: none. */
static med_status load_sidecar(const char *image, json_t **out) {
    char stem[MED_FOUND_NAME];
    *out = NULL;
    if (!med_found_image_stem(med_path_base(image), stem)) return MED_OK;
    char *path = med_format("%.*s%s.json", (int)(med_path_base(image) - image), image, stem);
    med_status status = MED_OK;
    if (med_path_exists(path)) {
        json_error_t error;
        *out = json_load_file(path, 0, &error);
        if (!*out) status = med_fail(MED_EFORMAT, "%s:%d: %s", path, error.line, error.text);
    }
    free(path);
    return status;
}

static med_status choose_scale(const char *option, const char *text, const json_t *sidecar, scale *out) {
    double range[2] = {0, 1};
    const json_t *own = json_object_get(sidecar, "range");
    *out = (scale){0, 1, false};
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

static med_status to_network(const char *path, const scale *s, med_volume *v) {
    size_t n = med_grid_count(v->grid);
    float lo = INFINITY, hi = -INFINITY;
    for (size_t i = 0; i < n; i++) lo = fminf(lo, v->voxel[i]), hi = fmaxf(hi, v->voxel[i]);
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
static med_status load_scaled(const char *path, const scale *s, const med_volume *like, med_volume **out) {
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

static med_status load_reference(const judge *j, const med_found *ref, med_volume **out) {
    const med_evaluate_options *o = j->e.options;
    int c = j->data ? med_dataset_case(j->data, ref->case_name) : -1;
    if (c >= 0 && !o->reference_range && med_dataset_mod(j->data, ref->key) >= 0)
        return med_case_load_target(&j->data->cases[c], ref->key, out);
    json_t *sidecar;
    scale s;
    MED_TRY(load_sidecar(ref->path, &sidecar));
    const char *text = o->reference_range ? o->reference_range : sidecar ? NULL : o->range;
    med_status status = choose_scale(o->reference_range ? "--reference-range" : "--range", text, sidecar, &s);
    json_decref(sidecar);
    return status == MED_OK ? load_scaled(ref->path, &s, NULL, out) : status;
}

static char *given_of(const judge *j, const json_t *sidecar) {
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

static med_status load_pair(judge *j, pair *p) {
    const med_evaluate_options *o = j->e.options;
    MED_TRY(load_sidecar(p->pred->path, &p->sidecar));
    MED_TRY(choose_scale("--range", o->range, p->sidecar, &p->scale));
    MED_TRY(load_reference(j, p->ref, &p->reference));
    MED_TRY(load_scaled(p->pred->path, &p->scale, p->reference, &p->prediction));
    const int *a = p->prediction->grid.n, *b = p->reference->grid.n;
    if (o->ignores_affine && a[0] == b[0] && a[1] == b[1] && a[2] == b[2]) p->prediction->grid = p->reference->grid;
    p->given = given_of(j, p->sidecar);
    p->base = (med_score){.case_name = p->pred->case_name,
                          .facet = p->pred->key,
                          .given = p->given,
                          .method = o->method ? o->method : "",
                          .slice = -1,
                          .group = med_evaluation_group(&j->e, p->pred->case_name),
                          .seen = med_seen_of(j->seen, &j->e, p->sidecar, p->pred->case_name)};
    return MED_OK;
}

/* ---- judging ------------------------------------------------------------------------------------------------- */

static void add_slices(judge *j, const pair *p, const med_preset *preset, const med_slice_scores *slices, int n) {
    med_score row = p->base;
    row.preset = preset->name;
    for (int k = 0; k < n; k++)
        for (int c = 0; slices[k].is_scored && preset->columns[c].name; c++) {
            row.slice = k;
            row.metric = preset->columns[c].name;
            row.value = slices[k].value[c];
            med_score_table_add(j->e.slices, &row);
        }
}

static void add_case(judge *j, const pair *p, const med_preset *preset, const med_case_scores *scores) {
    med_score row = p->base;
    row.preset = preset->name;
    for (int c = 0; preset->columns[c].name; c++) {
        const med_summary *s = &scores->column[c];
        row.metric = preset->columns[c].name;
        row.value = s->n || !s->n_inf ? s->mean : INFINITY; /* every slice infinite: so is the case */
        row.n_slices = scores->n_slices;
        row.n_inf = s->n_inf;
        row.n_na = s->n_na;
        med_score_table_add(j->e.cases, &row);
    }
    if (!scores->n_slices)
        med_evaluation_warn(&j->e, "%s: no slice that preset %s counts: n/a", p->pred->path, preset->name);
}

/* SSIM needs a slice as large as its window: an error for a single image, n/a (with a warning) among many. */
static med_status check_window(judge *j, const pair *p, const med_preset *preset) {
    const int *n = p->reference->grid.n;
    int window = preset == &med_preset_strict ? 11 : preset == &med_preset_mmhvae ? 7 : 1;
    if (n[0] >= window && n[1] >= window) return MED_OK;
    if (j->e.n_pairs == 1)
        return med_fail(MED_EFORMAT, "%s: slices of %d x %d are smaller than the %d x %d window of SSIM (preset %s)",
                        p->pred->path, n[0], n[1], window, window, preset->name);
    med_evaluation_warn(&j->e, "%s: slices of %d x %d are smaller than SSIM's window of %d: n/a", p->pred->path, n[0],
                        n[1], window);
    return MED_OK;
}

static med_status judge_preset(judge *j, const pair *p, const med_preset *preset) {
    int n = p->reference->grid.n[2];
    MED_TRY(check_window(j, p, preset));
    med_slice_scores *slices = med_alloc(sizeof *slices * (size_t)n);
    med_status status = med_score_slices(preset, p->prediction, p->reference, slices);
    if (status != MED_OK)
        med_fail_in(status, "%s and %s", p->pred->path, p->ref->path);
    else {
        med_case_scores scores = med_case_scores_of(preset, slices, n);
        add_slices(j, p, preset, slices, n);
        add_case(j, p, preset, &scores);
    }
    free(slices);
    return status;
}

static void note_identical(judge *j, const pair *p) {
    size_t n = med_grid_count(p->reference->grid) * sizeof(float);
    if (memcmp(p->prediction->voxel, p->reference->voxel, n)) return;
    j->n_identical++;
    med_evaluation_warn(&j->e, "%s holds the reference's own values: a copy, not a synthesis", p->pred->path);
}

static med_status judge_draws(judge *j, const pair *p) {
    int n = j->e.options->draws.n;
    if (!n) return MED_OK;
    med_volume **draw = med_alloc(sizeof *draw * (size_t)n);
    const float **voxels = med_alloc(sizeof *voxels * (size_t)n);
    size_t n_voxels = med_grid_count(p->reference->grid);
    uint8_t *mask = med_alloc(n_voxels);
    int n_found = 0;
    med_status status = MED_OK;
    for (int d = 0; d < n && status == MED_OK; d++) {
        const med_found *found = med_found_get(&j->draws[d], p->pred->case_name, p->pred->key);
        if (!found) continue;
        status = load_scaled(found->path, &p->scale, p->reference, &draw[n_found]);
        if (status != MED_OK) break;
        if (!med_grid_equal(draw[n_found]->grid, p->reference->grid, 1e-3))
            status = med_fail(MED_EFORMAT, "%s and %s must lie on one grid", found->path, p->ref->path);
        voxels[n_found] = draw[n_found]->voxel;
        n_found++;
    }
    for (size_t v = 0; v < n_voxels; v++) mask[v] = p->reference->voxel[v] > -1;
    if (status == MED_OK) {
        med_samples_scores s = med_samples_of(voxels, n_found, p->reference->voxel, mask, n_voxels);
        med_score row = p->base;
        row.preset = "draws";
        row.metric = "diversity", row.value = s.diversity;
        med_score_table_add(j->e.cases, &row);
        row.metric = "coverage90", row.value = s.coverage90;
        med_score_table_add(j->e.cases, &row);
        if (n_found < MED_CALIBRATION_MIN)
            med_evaluation_warn(&j->e, "%s: %d draws, calibration needs %d: n/a", p->pred->path, n_found,
                                MED_CALIBRATION_MIN);
    }
    for (int d = 0; d < n_found; d++) med_volume_free(draw[d]);
    free(mask);
    free(voxels);
    free(draw);
    return status;
}

static med_status judge_pair(judge *j, const med_found *pred, const med_found *ref) {
    pair p = {.pred = pred, .ref = ref};
    med_status status = load_pair(j, &p);
    for (int i = 0; i < j->n_presets && status == MED_OK; i++) status = judge_preset(j, &p, j->preset[i]);
    if (status == MED_OK) status = judge_draws(j, &p);
    if (status == MED_OK) note_identical(j, &p);
    free(p.given);
    med_volume_free(p.prediction);
    med_volume_free(p.reference);
    json_decref(p.sidecar);
    return status;
}

static med_status judge_all(judge *j) {
    med_status status = MED_OK;
    med_progress *progress = med_progress_start("evaluate", j->pred.n);
    for (int i = 0; i < j->pred.n && status == MED_OK; i++) {
        const med_found *pred = &j->pred.item[i], *ref = med_found_get(&j->ref, pred->case_name, pred->key);
        if (ref) status = judge_pair(j, pred, ref);
        if (status != MED_OK) status = med_evaluation_failed(&j->e, pred->case_name, pred->key, status);
        med_progress_update(progress, i + 1, "%s", pred->case_name);
    }
    med_progress_end(progress);
    return status;
}

static void judge_free(judge *j) {
    for (int d = 0; j->draws && d < j->e.options->draws.n; d++) med_found_free(&j->draws[d]);
    free(j->draws);
    med_found_free(&j->pred);
    med_found_free(&j->ref);
    med_dataset_free(j->data);
    med_seen_index_free(j->seen);
    med_evaluation_free(&j->e);
}

static med_status prepare(judge *j, const med_evaluate_options *o) {
    double unused[2];
    MED_TRY(med_evaluation_start(o, MED_SCORE_IMAGES, &j->e));
    j->e.slices = med_score_table_create(MED_SCORE_IMAGES);
    j->seen = med_seen_index_create(o);
    MED_TRY(choose_presets(j));
    if (o->range) MED_TRY(med_evaluation_range("--range", o->range, unused));
    if (o->reference_range) MED_TRY(med_evaluation_range("--reference-range", o->reference_range, unused));
    MED_TRY(open_data(j));
    MED_TRY(find_files(j));
    list_pairs(j);
    if (j->e.n_pairs) return MED_OK;
    return med_fail(MED_EINPUT, "%s and %s have no image in common: files are paired by the name CASE-MOD", o->pred,
                    o->ref);
}

med_status med_evaluate_images(const med_evaluate_options *o, json_t *report, char **table) {
    judge j = {.n_presets = 0};
    *table = NULL;
    med_status status = prepare(&j, o);
    if (status == MED_OK) status = judge_all(&j);
    if (status == MED_OK) {
        json_object_set_new(j.e.notes, "n_identical_to_reference", json_integer(j.n_identical));
        json_object_set_new(j.e.notes, "lpips", json_string("n/a: no weights imported"));
        status = med_evaluation_finish(&j.e, "images", report, table);
    }
    judge_free(&j);
    return status;
}
