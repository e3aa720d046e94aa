/* evaluate_segmentation.c: medley evaluate segmentation: label by label, overlap and surface distances of predicted
 * masks, and their mean over the labels that occur. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "metric/overlap.h"
#include "task/evaluate_masks.h"
#include "task/mask_metrics.h"

enum { MAX_LABELS = 64, MAX_LABEL = MED_MAX_LABEL };

typedef struct label_set { /* ascending */
    int n, value[MAX_LABELS];
} label_set;

typedef struct judge {
    med_evaluation e;
    med_mask_files files;
    label_set labels; /* asked for, or all that were met */
    bool is_fixed;    /* asked for */
    int n_tolerances;
    double tolerance_mm[MED_MAX_TOLERANCES];
    double empty_distance_mm; /* NaN: n/a; INFINITY: the diagonal */
    med_seen_index *seen;
    med_seen seen_case; /* of the case at work */
} judge;

/* ---- options, pairs ------------------------------------------------------------------------------------------ */

static med_status read_tolerances(judge *j) {
    const med_strings *list = &j->e.options->nsd;
    for (int i = 0; i < list->n; i++) {
        char *end;
        double t = strtod(list->item[i], &end);
        if (*end || !isfinite(t) || t < 0 || i == MED_MAX_TOLERANCES)
            return med_fail(MED_EUSAGE, "--nsd: '%s': expected up to %d tolerances in mm, such as 1,2", list->item[i],
                            MED_MAX_TOLERANCES);
        j->tolerance_mm[j->n_tolerances++] = t;
    }
    return MED_OK;
}

static med_status read_empty_distance(judge *j) {
    const char *text = j->e.options->empty_distance;
    char *end = NULL;
    j->empty_distance_mm = NAN;
    if (!text) return MED_OK;
    j->empty_distance_mm = !strcmp(text, "diagonal") ? INFINITY : strtod(text, &end);
    if (!(j->empty_distance_mm >= 0) || (end && (*end || end == text)))
        return med_fail(MED_EUSAGE, "--empty-distance is '%s', expected a number of mm, or diagonal", text);
    return MED_OK;
}

static void add_label(label_set *set, int label) {
    int at = 0;
    while (at < set->n && set->value[at] < label) at++;
    if ((at < set->n && set->value[at] == label) || set->n == MAX_LABELS) return;
    memmove(&set->value[at + 1], &set->value[at], sizeof(int) * (size_t)(set->n - at));
    set->value[at] = label;
    set->n++;
}

static med_status read_labels(judge *j) {
    const med_strings *list = &j->e.options->labels;
    j->is_fixed = list->n > 0;
    for (int i = 0; i < list->n; i++) {
        char *end;
        long label = strtol(list->item[i], &end, 10);
        if (*end || label < 1 || label > MAX_LABEL)
            return med_fail(MED_EUSAGE, "--labels: '%s': expected whole numbers from 1, such as 1,2,4", list->item[i]);
        add_label(&j->labels, (int)label);
    }
    return MED_OK;
}

/* Count the pairs; list what stands alone. */
static med_status list_pairs(judge *j) {
    const med_found_list *pred = &j->files.pred, *ref = &j->files.ref;
    for (int i = 0; i < pred->n; i++) {
        bool is_paired = med_found_get(ref, pred->item[i].case_name, "label");
        j->e.n_pairs += is_paired;
        if (!is_paired) med_evaluation_only_in(j->e.only_in_pred, pred->item[i].case_name, "");
    }
    med_found_missing(ref, pred, j->e.only_in_ref);
    if (j->e.n_pairs) return MED_OK;
    return med_fail(MED_EINPUT, "%s and %s have no case in common: files are paired by name", j->e.options->pred,
                    j->e.options->ref);
}

static med_status check_spacing(const char *path, const double spacing_mm[3]) {
    for (int a = 0; a < 3; a++)
        if (!(spacing_mm[a] > 0))
            return med_fail(MED_EFORMAT, "%s: spacing of axis %d is %g mm, expected more than 0", path, a,
                            spacing_mm[a]);
    return MED_OK;
}

/* ---- judging ------------------------------------------------------------------------------------------------- */

/* What all rows of a class share. */
static med_score row_of(const judge *j, const char *case_name, const char *class_name) {
    const char *method = j->e.options->method;
    return (med_score){.case_name = case_name,
                       .facet = class_name,
                       .given = "",
                       .preset = "",
                       .method = method ? method : "",
                       .group = med_evaluation_group(&j->e, case_name),
                       .slice = -1};
}

static void add_metric(judge *j, med_score row, int m, double value) {
    char name[32];
    if (!med_mask_metric_name(m, j->tolerance_mm, j->n_tolerances, name)) return;
    row.metric = name;
    row.value = value;
    row.seen = j->seen_case;
    med_score_table_add(j->e.cases, &row);
}

static void add_rows(judge *j, const char *case_name, const char *class_name, const double *value) {
    med_score row = row_of(j, case_name, class_name);
    for (int m = 0; m < MED_N_MASK_METRICS; m++) add_metric(j, row, m, value[m]);
}

/* One label of one case. */
static med_status judge_label(judge *j, const med_mask_pair *masks, double diagonal_mm, double *value) {
    const med_evaluate_options *o = j->e.options;
    med_overlap overlap = med_overlap_of(masks);
    med_surface surface;
    MED_TRY(med_surface_of(masks, j->tolerance_mm, j->n_tolerances, &surface));
    med_mask_metric_values(&overlap, &surface, value);
    double fill = isinf(j->empty_distance_mm) ? diagonal_mm : j->empty_distance_mm;
    if (!overlap.n_pred != !overlap.n_ref)
        for (int m = MED_MASK_ASSD; m <= MED_MASK_HD95_MAX; m++) value[m] = fill;
    if (!overlap.n_pred && !overlap.n_ref && !strcmp(o->empty, "one"))
        for (int m = MED_MASK_DICE; m <= MED_MASK_RECALL; m++) value[m] = 1;
    return MED_OK;
}

static uint8_t *mask_of(const med_volume *v, int label) {
    size_t n = med_grid_count(v->grid);
    uint8_t *mask = med_alloc(n);
    for (size_t i = 0; i < n; i++) mask[i] = v->voxel[i] == (float)label;
    return mask;
}

static void meet_labels(judge *j, const med_volume *v, label_set *met) {
    static const int most = MAX_LABEL + 1;
    bool *is_there = med_alloc((size_t)most);
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n; i++) is_there[(int)v->voxel[i]] = true;
    for (int label = 1; label < most; label++) {
        if (!is_there[label]) continue;
        add_label(met, label);
        if (!j->is_fixed) add_label(&j->labels, label);
    }
    free(is_there);
}

static bool has_label(const label_set *set, int label) {
    for (int i = 0; i < set->n; i++)
        if (set->value[i] == label) return true;
    return false;
}

static const char *class_of(int label, char text[16]) {
    snprintf(text, 16, "%d", label);
    return text;
}

/* Mean of every metric over labels present in either mask, n/a left out. */
static void add_mean_row(judge *j, const char *case_name, const double *values, int n_labels) {
    double column[MAX_LABELS];
    med_score row = row_of(j, case_name, "mean");
    for (int m = MED_MASK_DICE; m < MED_N_MASK_METRICS; m++) {
        if (m >= MED_MASK_SURFACE_REF && m <= MED_MASK_SURFACE_PRED) continue;
        for (int l = 0; l < n_labels; l++) column[l] = values[l * MED_N_MASK_METRICS + m];
        add_metric(j, row, m, med_summarise(column, n_labels).mean);
    }
}

static med_status judge_volumes(judge *j, const char *case_name, const char *path, const med_volume *p,
                                const med_volume *r) {
    med_mask_pair masks = {.prediction = NULL};
    label_set met = {0};
    memcpy(masks.n, r->grid.n, sizeof masks.n);
    med_grid_spacing(r->grid, masks.spacing_mm);
    MED_TRY(check_spacing(path, masks.spacing_mm));
    meet_labels(j, p, &met);
    meet_labels(j, r, &met);
    double diagonal = 0, values[MAX_LABELS * MED_N_MASK_METRICS];
    for (int a = 0; a < 3; a++) diagonal += pow((masks.n[a] - 1) * masks.spacing_mm[a], 2);
    int n_values = 0;
    for (int l = 0; l < met.n; l++) {
        if (j->is_fixed && !has_label(&j->labels, met.value[l])) continue;
        uint8_t *in_p = mask_of(p, met.value[l]), *in_r = mask_of(r, met.value[l]);
        masks.prediction = in_p, masks.reference = in_r;
        double *value = values + n_values * MED_N_MASK_METRICS;
        med_status status = judge_label(j, &masks, sqrt(diagonal), value);
        free(in_p);
        free(in_r);
        MED_TRY(status);
        char class_name[16];
        add_rows(j, case_name, class_of(met.value[l], class_name), value);
        n_values++;
    }
    add_mean_row(j, case_name, values, n_values);
    return MED_OK;
}

/* ---- slice by slice ------------------------------------------------------------------------------------------ */

/* The authors' way for intraoperative ultrasound: every slice of axis 2 by itself, pixels of 0.5 mm; both masks empty:
 * Dice 1, ASSD 0; one empty: Dice 0, ASSD 10 mm. */
static med_status judge_slices(judge *j, const char *case_name, const med_volume *p, const med_volume *r, int label) {
    uint8_t *in_p = mask_of(p, label), *in_r = mask_of(r, label);
    size_t plane = (size_t)r->grid.n[0] * (size_t)r->grid.n[1];
    char class_name[16];
    med_score row = row_of(j, case_name, class_of(label, class_name));
    med_status status = MED_OK;
    for (int k = 0; k < r->grid.n[2] && status == MED_OK; k++) {
        med_mask_pair masks = {
            {r->grid.n[0], r->grid.n[1], 1}, {0.5, 0.5, 0.5}, in_p + plane * (size_t)k, in_r + plane * (size_t)k, true};
        med_overlap overlap = med_overlap_of(&masks);
        med_surface surface;
        status = med_surface_of(&masks, NULL, 0, &surface);
        bool is_empty = !overlap.n_pred && !overlap.n_ref;
        row.slice = k;
        row.metric = "dice", row.value = is_empty ? 1 : overlap.dice;
        med_score_table_add(j->e.slices, &row);
        row.metric = "assd", row.value = is_empty ? 0 : isnan(surface.assd) ? 10 : surface.assd;
        med_score_table_add(j->e.slices, &row);
    }
    free(in_p);
    free(in_r);
    return status;
}

/* ---- cases --------------------------------------------------------------------------------------------------- */

static med_status judge_loaded(judge *j, const med_found *pred, const med_found *ref, const med_volume *p,
                               const med_volume *r) {
    MED_TRY(judge_volumes(j, pred->case_name, ref->path, p, r));
    for (int l = 0; j->e.slices && l < j->labels.n; l++)
        MED_TRY(judge_slices(j, pred->case_name, p, r, j->labels.value[l]));
    return MED_OK;
}

static med_status judge_case(judge *j, const med_found *pred, const med_found *ref) {
    med_volume *p = NULL, *r = NULL;
    json_t *sidecar;
    MED_TRY(med_sidecar_load(pred->path, &sidecar));
    j->seen_case = med_seen_of(j->seen, &j->e, sidecar, pred->case_name);
    med_status status = med_mask_pair_load(&j->files, pred, ref, &p, &r);
    if (status == MED_OK) status = judge_loaded(j, pred, ref, p, r);
    json_decref(sidecar);
    med_volume_free(p);
    med_volume_free(r);
    return status;
}

/* Of the case whose rows start at `first`; returns the first row of the next one, of n. */
static int add_absent(judge *j, int first, int n) {
    const char *name = j->e.cases->row[first].case_name;
    double nothing[MED_N_MASK_METRICS];
    const med_mask_pair none = {.prediction = NULL};
    int end = first;
    while (end < n && !strcmp(j->e.cases->row[end].case_name, name)) end++;
    j->seen_case = j->e.cases->row[first].seen;
    for (int l = 0; l < j->labels.n; l++) {
        char class_name[16];
        bool is_there = false;
        class_of(j->labels.value[l], class_name);
        for (int i = first; i < end && !is_there; i++) is_there = !strcmp(j->e.cases->row[i].facet, class_name);
        if (!is_there && judge_label(j, &none, NAN, nothing) == MED_OK) add_rows(j, name, class_name, nothing);
    }
    return end;
}

/* Labels that other cases have, and this one in neither mask: n/a, so that every case has a row. */
static void add_absent_labels(judge *j) {
    for (int i = 0, n = j->e.cases->n; i < n;) i = add_absent(j, i, n);
}

static med_status judge_all(judge *j) {
    med_status status = MED_OK;
    const med_found_list *list = &j->files.pred;
    med_progress *progress = med_progress_start("evaluate", list->n);
    for (int i = 0; i < list->n && status == MED_OK; i++) {
        const med_found *pred = &list->item[i], *ref = med_found_get(&j->files.ref, pred->case_name, "label");
        if (ref) status = judge_case(j, pred, ref);
        if (status != MED_OK) status = med_evaluation_failed(&j->e, pred->case_name, "label", status);
        med_progress_update(progress, i + 1, "%s", pred->case_name);
    }
    med_progress_end(progress);
    if (status == MED_OK) add_absent_labels(j);
    return status;
}

static med_status prepare(judge *j, const med_evaluate_options *o) {
    MED_TRY(med_evaluation_start(o, MED_SCORE_SEGMENTATION, &j->e));
    j->seen = med_seen_index_create(o);
    if (o->is_slicewise) j->e.slices = med_score_table_create(MED_SCORE_SEGMENTATION);
    MED_TRY(read_tolerances(j));
    MED_TRY(read_empty_distance(j));
    MED_TRY(read_labels(j));
    if (o->is_slicewise && !j->is_fixed)
        return med_fail(MED_EUSAGE, "--slicewise needs --labels: an absent label counts in every slice");
    MED_TRY(med_mask_files_find(o, &j->files));
    return list_pairs(j);
}

med_status med_evaluate_segmentation(const med_evaluate_options *o, json_t *report, char **table) {
    judge j = {.n_tolerances = 0};
    *table = NULL;
    med_status status = prepare(&j, o);
    if (status == MED_OK) status = judge_all(&j);
    if (status == MED_OK) {
        json_object_set_new(j.e.notes, "n_resampled_to_reference", json_integer(j.files.n_resampled));
        json_object_set_new(j.e.notes, "empty", json_string(o->empty));
        status = med_evaluation_finish(&j.e, "segmentation", report, table);
    }
    med_mask_files_free(&j.files);
    med_seen_index_free(j.seen);
    med_evaluation_free(&j.e);
    return status;
}
