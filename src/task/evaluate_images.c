/* evaluate_images.c: medley evaluate images: every predicted image beside its reference, slice by slice, under one or
 * more presets. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "metric/ssim_volume.h"
#include "task/evaluate_images.h"

/* ---- what there is to judge ---------------------------------------------------------------------------------- */

static med_status choose_presets(med_image_judge *j) {
    const med_strings *names = &j->e.options->presets;
    if (!names->n) j->preset[j->n_presets++] = &med_preset_strict;
    for (int i = 0; i < names->n; i++) {
        const med_preset *p = med_preset_find(names->item[i]);
        if (!p) return med_fail(MED_EUSAGE, "--preset: '%s' is none of strict, mmhvae, texture", names->item[i]);
        if (j->n_presets == MED_MAX_PRESETS) return med_fail(MED_EUSAGE, "--preset: more than %d", MED_MAX_PRESETS);
        for (int k = 0; k < j->n_presets; k++)
            if (j->preset[k] == p) return med_fail(MED_EUSAGE, "--preset: %s is there twice", p->name);
        j->preset[j->n_presets++] = p;
    }
    return MED_OK;
}

static med_status open_data(med_image_judge *j) {
    char *manifest = med_path_join(j->e.options->ref, "manifest.json");
    bool is_there = med_path_exists(manifest);
    free(manifest);
    return is_there ? med_dataset_open(j->e.options->ref, &j->data) : MED_OK;
}

/* Two single files belong together whatever their names are. */
static void pair_single_files(med_image_judge *j) {
    if (med_path_is_dir(j->e.options->pred) || med_path_is_dir(j->e.options->ref)) return;
    memcpy(j->ref.item[0].case_name, j->pred.item[0].case_name, MED_FOUND_NAME);
    memcpy(j->ref.item[0].key, j->pred.item[0].key, MED_FOUND_NAME);
}

static bool parse_any_image(const char *name, med_found *out) {
    if (med_found_parse_image(name, out)) return true;
    return med_found_image_stem(name, out->case_name) && snprintf(out->key, sizeof out->key, "image") > 0;
}

static med_status find_files(med_image_judge *j) {
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
static void list_pairs(med_image_judge *j) {
    for (int i = 0; i < j->pred.n; i++) {
        const med_found *p = &j->pred.item[i];
        bool is_paired = med_found_get(&j->ref, p->case_name, p->key);
        j->e.n_pairs += is_paired;
        if (!is_paired) med_evaluation_only_in(j->e.only_in_pred, p->case_name, p->key);
    }
    med_found_missing(&j->ref, &j->pred, j->e.only_in_ref);
}

/* ---- judging ------------------------------------------------------------------------------------------------- */

static void add_slices(med_image_judge *j, const med_image_pair *p, const med_preset *preset,
                       const med_slice_scores *slices, int n) {
    med_score row = p->base;
    row.preset = preset->name;
    for (int k = 0; k < n; k++)
        for (int c = 0; slices[k].is_scored && preset->columns[c].name; c++) {
            row.slice = k;
            row.metric = preset->columns[c].name;
            row.value = slices[k].value[c];
            med_score_table_add(j->e.slices, &row);
        }
    row.metric = "lpips";
    for (int k = 0; k < n && preset->to_lpips; k++)
        if (slices[k].is_scored) {
            row.slice = k;
            row.value = slices[k].lpips;
            med_score_table_add(j->e.slices, &row);
        }
}

static void add_summary(med_image_judge *j, med_score row, const char *metric, int n_slices, const med_summary *s) {
    row.metric = metric;
    row.value = s->n || !s->n_inf ? s->mean : INFINITY; /* every slice infinite: so is the case */
    row.n_slices = n_slices;
    row.n_inf = s->n_inf;
    row.n_na = s->n_na;
    med_score_table_add(j->e.cases, &row);
}

static void add_case(med_image_judge *j, const med_image_pair *p, const med_preset *preset,
                     const med_case_scores *scores) {
    med_score row = p->base;
    row.preset = preset->name;
    for (int c = 0; preset->columns[c].name; c++)
        add_summary(j, row, preset->columns[c].name, scores->n_slices, &scores->column[c]);
    if (preset->to_lpips) add_summary(j, row, "lpips", scores->n_slices, &scores->lpips);
    if (!scores->n_slices)
        med_evaluation_warn(&j->e, "%s: no slice that preset %s counts: n/a", p->pred->path, preset->name);
}

/* SSIM needs a slice as large as its window: an error for a single image, n/a (with a warning) among many. */
static med_status check_window(med_image_judge *j, const med_image_pair *p, const med_preset *preset) {
    const int *n = p->reference->grid.n;
    int window = preset->window;
    if (n[0] >= window && n[1] >= window) return MED_OK;
    if (j->e.n_pairs == 1)
        return med_fail(MED_EFORMAT, "%s: slices of %d x %d are smaller than the %d x %d window of SSIM (preset %s)",
                        p->pred->path, n[0], n[1], window, window, preset->name);
    med_evaluation_warn(&j->e, "%s: slices of %d x %d are smaller than SSIM's window of %d: n/a", p->pred->path, n[0],
                        n[1], window);
    return MED_OK;
}

static med_status judge_preset(med_image_judge *j, const med_image_pair *p, const med_preset *preset) {
    int n = p->reference->grid.n[2];
    MED_TRY(check_window(j, p, preset));
    med_slice_scores *slices = med_alloc(sizeof *slices * (size_t)n);
    med_status status = med_score_slices(preset, p->prediction, p->reference, slices);
    if (status != MED_OK)
        med_fail_in(status, "%s and %s", p->pred->path, p->ref->path);
    else {
        if (j->lpips) med_score_lpips(preset, p->prediction, p->reference, med_lpips_file_weights(j->lpips), slices);
        med_case_scores scores = med_case_scores_of(preset, slices, n);
        add_slices(j, p, preset, slices, n);
        add_case(j, p, preset, &scores);
    }
    free(slices);
    return status;
}

/* Whole volumes: another quantity, so a preset of its own. */
static void judge_volume(med_image_judge *j, const med_image_pair *p) {
    const char *ssim = j->e.options->ssim;
    if (!ssim || strcmp(ssim, "3d")) return;
    med_score row = p->base;
    row.preset = "3d";
    row.metric = "ssim";
    row.value = med_ssim_volume(p->prediction, p->reference, 2, -1);
    row.n_slices = p->reference->grid.n[2];
    row.n_na = isnan(row.value);
    med_score_table_add(j->e.cases, &row);
}

static med_status judge_pair(med_image_judge *j, const med_found *pred, const med_found *ref) {
    med_image_pair p;
    med_status status = med_image_pair_load(j, pred, ref, &p);
    for (int i = 0; i < j->n_presets && status == MED_OK; i++) status = judge_preset(j, &p, j->preset[i]);
    if (status == MED_OK) status = med_image_judge_draws(j, &p);
    if (status == MED_OK) judge_volume(j, &p);
    med_image_pair_free(&p);
    return status;
}

static med_status judge_all(med_image_judge *j) {
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

void med_image_judge_free(med_image_judge *j) {
    for (int d = 0; j->draws && d < j->e.options->draws.n; d++) med_found_free(&j->draws[d]);
    free(j->draws);
    med_found_free(&j->pred);
    med_found_free(&j->ref);
    med_dataset_free(j->data);
    med_seen_index_free(j->seen);
    med_lpips_file_free(j->lpips);
    med_evaluation_free(&j->e);
}

med_status med_image_judge_open(const med_evaluate_options *o, med_image_judge *j) {
    double unused[2];
    *j = (med_image_judge){.n_presets = 0};
    MED_TRY(med_evaluation_start(o, MED_SCORE_IMAGES, &j->e));
    j->e.slices = med_score_table_create(MED_SCORE_IMAGES);
    j->seen = med_seen_index_create(o);
    MED_TRY(choose_presets(j));
    if (o->lpips) MED_TRY(med_lpips_file_open(o->lpips, &j->lpips));
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
    med_image_judge j;
    *table = NULL;
    med_status status = med_image_judge_open(o, &j);
    if (status == MED_OK) status = judge_all(&j);
    if (status == MED_OK) {
        json_object_set_new(j.e.notes, "n_identical_to_reference", json_integer(j.n_identical));
        json_object_set_new(j.e.notes, "lpips",
                            j.lpips ? med_lpips_file_describe(j.lpips) : json_string("n/a: no weights (--lpips FILE)"));
        status = med_evaluation_finish(&j.e, "images", report, table);
    }
    med_image_judge_free(&j);
    return status;
}
