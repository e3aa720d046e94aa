/* evaluate.c: what every evaluation does around the judging: groups, failures, summary, files. */
#include "task/evaluate.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "image/csv.h"
#include "task/evaluate_work.h"

/* ---- groups -------------------------------------------------------------------------------------------------- */

static med_status read_groups(const char *path, const med_mapping *map, med_score_table *groups) {
    med_lines lines = med_csv_open(map->data, map->size);
    med_csv_row head, row;
    MED_TRY(med_csv_next(path, &lines, &head));
    int at_case = med_csv_column(&head, "case"), at_group = med_csv_column(&head, "group"), n = head.n;
    med_csv_free(&head);
    if (at_case < 0 || at_group < 0) return med_fail(MED_EFORMAT, "%s: expected the columns case and group", path);
    for (;;) {
        MED_TRY(med_csv_next(path, &lines, &row));
        if (!row.text) return MED_OK;
        med_status status = MED_OK;
        if (row.n != n)
            status = med_fail(MED_EFORMAT, "%s:%d: %d columns, the heading has %d", path, row.line, row.n, n);
        for (int i = 0; i < groups->n && status == MED_OK; i++)
            if (!strcmp(groups->row[i].case_name, row.field[at_case]))
                status = med_fail(MED_EFORMAT, "%s:%d: case %s is there twice", path, row.line, row.field[at_case]);
        if (status == MED_OK)
            med_score_table_add(groups, &(med_score){.case_name = row.field[at_case], .group = row.field[at_group]});
        med_csv_free(&row);
        MED_TRY(status);
    }
}

static med_status load_groups(const char *path, med_score_table *groups) {
    med_mapping map;
    MED_TRY(med_file_map(path, &map));
    med_status status = read_groups(path, &map, groups);
    med_file_unmap(&map);
    return status;
}

const char *med_evaluation_group(const med_evaluation *e, const char *case_name) {
    for (int i = 0; i < e->groups->n; i++)
        if (!strcmp(e->groups->row[i].case_name, case_name)) return e->groups->row[i].group;
    return "";
}

/* ---- start, failures ----------------------------------------------------------------------------------------- */

med_status med_evaluation_start(const med_evaluate_options *o, med_score_kind kind, med_evaluation *e) {
    *e = (med_evaluation){.options = o,
                          .cases = med_score_table_create(kind),
                          .failed = json_array(),
                          .only_in_pred = json_array(),
                          .only_in_ref = json_array(),
                          .warnings = json_array(),
                          .notes = json_object(),
                          .groups = med_score_table_create(kind)};
    return o->group ? load_groups(o->group, e->groups) : MED_OK;
}

med_status med_evaluation_failed(med_evaluation *e, const char *case_name, const char *key, med_status status) {
    if (e->n_pairs <= 1 || status == MED_ENOMEM) return status;
    if (!e->first_message) {
        e->first_failure = status;
        e->first_message = med_strdup(med_message());
    }
    med_warn("%s", med_message());
    json_array_append_new(e->failed,
                          json_pack("{s:s, s:s, s:s}", "case", case_name, "key", key, "error", med_message()));
    return MED_OK;
}

void med_evaluation_only_in(json_t *list, const char *case_name, const char *key) {
    char *name = *key ? med_format("%s-%s", case_name, key) : med_strdup(case_name);
    json_array_append_new(list, json_string(name));
    free(name);
}

void med_evaluation_warn(med_evaluation *e, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    med_warn("%s", text);
    json_array_append_new(e->warnings, json_string(text));
}

med_status med_evaluation_range(const char *option, const char *text, double range[2]) {
    const char *comma = strchr(text, ',');
    med_span whole = med_span_of(text), low;
    bool is_pair = comma && med_span_cut(&whole, ",", &low) && med_span_to_double(low, &range[0]) &&
                   med_span_to_double(whole, &range[1]);
    if (is_pair && isfinite(range[0]) && isfinite(range[1]) && range[0] < range[1]) return MED_OK;
    return med_fail(MED_EUSAGE, "%s is '%s', expected two numbers LO,HI with LO < HI, such as -1,1", option, text);
}

/* ---- the end ------------------------------------------------------------------------------------------------- */

static med_status save(const char *folder, const char *name, const json_t *json) {
    char *path = med_path_join(folder, name), *text = json_dumps(json, JSON_INDENT(2)),
         *line = med_format("%s\n", text);
    med_status status = med_file_write(path, line, strlen(line));
    free(line);
    free(text);
    free(path);
    return status;
}

static med_status save_table(const char *folder, const char *name, const med_score_table *t, bool is_by_slice) {
    char *path = med_path_join(folder, name);
    med_status status = med_score_table_save(t, path, is_by_slice);
    free(path);
    return status;
}

static med_status write_files(const med_evaluation *e, const json_t *report) {
    const char *out = e->options->out;
    if (!out) return MED_OK;
    MED_TRY(med_dir_create(out));
    MED_TRY(save_table(out, "per_case.csv", e->cases, false));
    if (e->slices) MED_TRY(save_table(out, "per_slice.csv", e->slices, true));
    return save(out, "summary.json", report);
}

/* From the root, so that a report finds it from anywhere; as given where there is no such file. */
static json_t *full_path(const char *path) {
    char *full = path ? realpath(path, NULL) : NULL;
    json_t *json = path ? json_string(full ? full : path) : json_null();
    free(full);
    return json;
}

/* What a report needs to load the same images again. */
static json_t *options_to_json(const med_evaluate_options *o) {
    json_t *given = json_array();
    for (int i = 0; i < o->given.n; i++) json_array_append_new(given, json_string(o->given.item[i]));
    return json_pack("{s:s?, s:s?, s:b, s:o, s:o, s:s?}", "range", o->range, "reference_range", o->reference_range,
                     "ignore_affine", o->ignores_affine, "given", given, "fov", full_path(o->fov), "resample_to",
                     o->resample_to);
}

static void fill_report(const med_evaluation *e, const char *kind, const med_score_table *shown,
                        const med_score_cell *cells, int n_cells, json_t *report) {
    const med_evaluate_options *o = e->options;
    json_object_set_new(report, "kind", json_string(kind));
    json_object_set_new(report, "medley", json_string(MEDLEY_VERSION));
    if (o->command_line) json_object_set_new(report, "command", json_string(o->command_line));
    json_object_set_new(report, "pred", full_path(o->pred));
    json_object_set_new(report, "ref", full_path(o->ref));
    if (o->out) json_object_set_new(report, "out", json_string(o->out));
    json_object_set_new(report, "options", options_to_json(o));
    json_object_set_new(report, "n_cases", json_integer(med_score_n_cases(e->cases, false)));
    json_object_set_new(report, "n_seen_in_training", json_integer(med_score_n_cases(e->cases, true)));
    json_object_set_new(report, "includes_seen", json_boolean(o->includes_seen));
    json_object_set_new(report, "interval",
                        json_pack("{s:s, s:i, s:I}", "method", o->is_bca ? "bootstrap, BCa" : "bootstrap, percentile",
                                  "draws", MED_BOOTSTRAP_DRAWS, "seed", (json_int_t)o->seed));
    json_object_set_new(report, "cells", med_score_cells_to_json(shown, cells, n_cells));
    json_object_set(report, "only_in_pred", e->only_in_pred);
    json_object_set(report, "only_in_ref", e->only_in_ref);
    json_object_set(report, "failed", e->failed);
    json_object_set(report, "warnings", e->warnings);
    json_object_update(report, e->notes);
}

static med_status conclude(const med_evaluation *e) {
    size_t n_failed = json_array_size(e->failed),
           n_single = json_array_size(e->only_in_pred) + json_array_size(e->only_in_ref);
    if (!e->cases->n && e->first_message) return med_fail(e->first_failure, "%s", e->first_message);
    if (n_failed)
        return med_fail(MED_EFAIL, "%zu of %d could not be judged; the first: %s", n_failed, e->n_pairs,
                        e->first_message);
    if (n_single && e->options->is_strict) {
        const json_t *first = json_array_get(json_array_size(e->only_in_pred) ? e->only_in_pred : e->only_in_ref, 0);
        return med_fail(MED_EINPUT, "%zu in one place only, %s and others (--strict)", n_single,
                        json_string_value(first));
    }
    return MED_OK;
}

static void tell_singles(const json_t *list, const char *path) {
    size_t n = json_array_size(list);
    if (n)
        med_info("only in %s: %s%s (%zu in all)", path, json_string_value(json_array_get(list, 0)),
                 n > 1 ? ", ..." : "", n);
}

med_status med_evaluation_finish(med_evaluation *e, const char *kind, json_t *report, char **table) {
    const med_evaluate_options *o = e->options;
    bool is_pooled = e->slices && o->aggregate && !strcmp(o->aggregate, "slices");
    const med_score_table *shown = is_pooled ? e->slices : e->cases;
    med_score_rules rules = {.includes_seen = o->includes_seen,
                             .is_bca = o->is_bca,
                             .seed = o->seed,
                             .is_na_kept = o->empty && !strcmp(o->empty, "nan"),
                             .no_interval = is_pooled};
    int n_cells;
    med_score_cell *cells = med_score_summarise(shown, &rules, &n_cells);
    char *text = med_score_cells_to_text(shown, cells, n_cells);
    fill_report(e, kind, shown, cells, n_cells, report);
    free(cells);
    tell_singles(e->only_in_pred, o->pred);
    tell_singles(e->only_in_ref, o->ref);
    int n_seen = med_score_n_cases(e->cases, true), n_cases = med_score_n_cases(e->cases, false);
    *table = med_format(
        "%s%d case%s%s; 95 %% interval of the mean: %s of cases, %d draws, seed %llu%s\n", text, n_cases,
        n_cases == 1 ? "" : "s", is_pooled ? ", slices pooled (no interval: slices of a case are not independent)" : "",
        o->is_bca ? "BCa bootstrap" : "percentile bootstrap", MED_BOOTSTRAP_DRAWS, (unsigned long long)o->seed,
        !n_seen            ? ""
        : o->includes_seen ? "; cases that the model has seen in training are in the means"
                           : "; cases that the model has seen in training are left out of the means");
    free(text);
    med_status status = e->cases->n ? write_files(e, report) : MED_OK;
    if (status == MED_OK) status = conclude(e);
    if (status != MED_OK && !e->cases->n) {
        free(*table);
        *table = NULL;
    }
    return status;
}

void med_evaluation_free(med_evaluation *e) {
    med_score_table_free(e->cases);
    med_score_table_free(e->slices);
    med_score_table_free(e->groups);
    json_decref(e->failed);
    json_decref(e->only_in_pred);
    json_decref(e->only_in_ref);
    json_decref(e->warnings);
    json_decref(e->notes);
    free(e->first_message);
}
