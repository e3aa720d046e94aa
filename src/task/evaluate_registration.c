/* evaluate_registration.c: medley evaluate registration: landmarks before and after the transforms of CASE-FIXED-to-MOVING,
 * which map points of the fixed image (us) to the moving one (MR). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "image/csv.h"
#include "image/landmarks.h"
#include "metric/landmark_error.h"
#include "task/evaluate_work.h"

typedef struct named_pair {
    char *label;
    med_landmark_pair point;
} named_pair;

typedef struct pair_list { /* owned */
    int n;
    named_pair *item;
} pair_list;

typedef struct judge {
    med_evaluation e;
    med_found_list pred, ref;
    FILE *rows; /* of per_landmark.csv */
} judge;

/* ---- files --------------------------------------------------------------------------------------------------- */

/* CASE-us-to-t2.tfm: case, "us-to-t2". */
static bool parse_transform(const char *name, med_found *out) {
    static const char *const endings[] = {".json", ".tfm", ".txt", NULL};
    char *to = NULL;
    if (!med_found_stem(name, endings, out->case_name)) return false;
    for (char *p = out->case_name; (p = strstr(p, "-to-")); p++) to = p;
    if (!to || !to[4]) return false;
    char *dash = to;
    while (dash > out->case_name && dash[-1] != '-') dash--;
    if (dash - 1 <= out->case_name) return false;
    snprintf(out->key, sizeof out->key, "%s", dash);
    dash[-1] = '\0';
    return true;
}

/* CASE-MOD.fcsv, CASE-MOD.mrk.json, CASE-landmarks.csv. */
static bool parse_landmarks(const char *name, med_found *out) {
    static const char *const points[] = {".fcsv", ".mrk.json", NULL}, *const tables[] = {".csv", NULL};
    bool is_table = med_found_stem(name, tables, out->case_name);
    if (!is_table && !med_found_stem(name, points, out->case_name)) return false;
    char *dash = strrchr(out->case_name, '-');
    if (!dash || dash == out->case_name || (is_table && strcmp(dash, "-landmarks"))) return false;
    snprintf(out->key, sizeof out->key, "%s", dash + 1);
    *dash = '\0';
    return true;
}

static bool has_landmarks(const judge *j, const char *case_name) {
    for (int i = 0; i < j->ref.n; i++)
        if (!strcmp(j->ref.item[i].case_name, case_name)) return true;
    return false;
}

static med_status find_files(judge *j) {
    const med_evaluate_options *o = j->e.options;
    MED_TRY(med_found_scan(o->pred, parse_transform, true, &j->pred));
    MED_TRY(med_found_scan(o->ref, parse_landmarks, false, &j->ref));
    if (!j->pred.n)
        return med_fail(MED_EINPUT, "%s: no transforms: expected CASE-FIXED-to-MOVING.tfm or .json", o->pred);
    if (!j->ref.n)
        return med_fail(MED_EINPUT, "%s: no landmarks: expected CASE-MOD.fcsv, CASE-MOD.mrk.json or CASE-landmarks.csv",
                        o->ref);
    for (int i = 0; i < j->pred.n; i++) {
        bool is_paired = has_landmarks(j, j->pred.item[i].case_name);
        j->e.n_pairs += is_paired;
        if (!is_paired) med_evaluation_only_in(j->e.only_in_pred, j->pred.item[i].case_name, j->pred.item[i].key);
    }
    med_found_missing(&j->ref, &j->pred, j->e.only_in_ref);
    if (j->e.n_pairs) return MED_OK;
    return med_fail(MED_EINPUT, "%s and %s have no case in common: files are paired by name", o->pred, o->ref);
}

/* ---- transforms ---------------------------------------------------------------------------------------------- */

static med_status read_matrix(const char *path, const json_t *root, med_affine *out) {
    const struct {
        const char *key, *expected;
    } facts[] = {{"maps", "fixed to moving"}, {"world", "RAS"}, {"unit", "mm"}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        const char *text = json_string_value(json_object_get(root, facts[i].key));
        if (!text || strcmp(text, facts[i].expected))
            return med_fail(MED_EFORMAT, "%s: '%s' is %s, expected \"%s\"", path, facts[i].key, text ? text : "missing",
                            facts[i].expected);
    }
    const json_t *matrix = json_object_get(root, "matrix");
    for (size_t r = 0; r < 4; r++)
        for (size_t c = 0; c < 4; c++) {
            const json_t *x = json_array_get(json_array_get(matrix, r), c);
            if (!json_is_number(x)) return med_fail(MED_EFORMAT, "%s: 'matrix' is not 4 x 4 numbers, row-major", path);
            out->m[r][c] = json_number_value(x);
        }
    const double *last = out->m[3];
    if (last[0] || last[1] || last[2] || last[3] != 1)
        return med_fail(MED_EFORMAT, "%s: the matrix's last row is not 0 0 0 1", path);
    if (!(med_affine_determinant(*out) > 0))
        return med_fail(MED_EFORMAT, "%s: the matrix's determinant is not above 0", path);
    return MED_OK;
}

static med_status load_transform(const char *path, med_transform **out) {
    size_t n = strlen(path);
    if (n < 5 || strcmp(path + n - 5, ".json")) return med_transform_load(path, -1, out, NULL);
    json_t *root;
    med_affine matrix;
    MED_TRY(med_json_load(path, &root));
    med_status status = read_matrix(path, root, &matrix);
    json_decref(root);
    MED_TRY(status);
    *out = med_transform_create();
    med_transform_add(*out, matrix);
    return MED_OK;
}

/* ---- landmarks ----------------------------------------------------------------------------------------------- */

static void pairs_free(pair_list *list) {
    for (int i = 0; i < list->n; i++) free(list->item[i].label);
    free(list->item);
}

static med_landmark_pair *add_pair(pair_list *list, const char *label) {
    list->item = realloc(list->item, sizeof *list->item * (size_t)(list->n + 1));
    med_assert(list->item != NULL);
    list->item[list->n] = (named_pair){.label = med_strdup(label)};
    return &list->item[list->n++].point;
}

static med_status read_pairs(const char *path, const med_mapping *map, pair_list *out) {
    static const char *const names[] = {"label", "x_fixed", "y_fixed", "z_fixed", "x_moving", "y_moving", "z_moving"};
    med_lines lines = med_csv_open(map->data, map->size);
    med_csv_row head, row;
    int at[7], n_columns;
    MED_TRY(med_csv_next(path, &lines, &head));
    n_columns = head.n;
    for (int c = 0; c < 7; c++) at[c] = med_csv_column(&head, names[c]);
    med_csv_free(&head);
    for (int c = 0; c < 7; c++)
        if (at[c] < 0) return med_fail(MED_EFORMAT, "%s: no column '%s'", path, names[c]);
    for (;;) {
        MED_TRY(med_csv_next(path, &lines, &row));
        if (!row.text) return MED_OK;
        double x[6];
        bool is_whole = row.n == n_columns;
        for (int c = 0; c < 6 && is_whole; c++)
            is_whole = med_span_to_double(med_span_of(row.field[at[c + 1]]), &x[c]) && isfinite(x[c]);
        if (is_whole) {
            med_landmark_pair *p = add_pair(out, row.field[at[0]]);
            memcpy(p->fixed, x, sizeof p->fixed);
            memcpy(p->moving, x + 3, sizeof p->moving);
        }
        med_csv_free(&row);
        if (!is_whole) return med_fail(MED_EFORMAT, "%s:%d: expected a label and six coordinates", path, lines.number);
    }
}

static med_status load_table(const char *path, pair_list *out) {
    med_mapping map;
    MED_TRY(med_file_map(path, &map));
    med_status status = read_pairs(path, &map, out);
    med_file_unmap(&map);
    return status;
}

static const med_landmark *find_label(const med_landmarks *l, const char *label) {
    for (int i = 0; i < l->n; i++)
        if (!strcmp(l->item[i].label, label)) return &l->item[i];
    return NULL;
}

static med_status check_labels(const char *path, const med_landmarks *l) {
    for (int i = 0; i < l->n; i++)
        for (int k = 0; k < i; k++)
            if (!strcmp(l->item[i].label, l->item[k].label))
                return med_fail(MED_EFORMAT, "%s: two points are labelled '%s': points are paired by label", path,
                                l->item[i].label);
    return MED_OK;
}

static void warn_of_unpaired(judge *j, const med_landmarks *l, const med_landmarks *others, const char *path) {
    for (int i = 0; i < l->n; i++)
        if (!find_label(others, l->item[i].label))
            med_evaluation_warn(&j->e, "%s: '%s' has no point of this label on the other side: left out", path,
                                l->item[i].label);
}

static med_status load_two(judge *j, const char *fixed_path, const char *moving_path, pair_list *out) {
    med_landmarks fixed = {0}, moving = {0};
    med_status status = med_landmarks_load(fixed_path, &fixed);
    if (status == MED_OK) status = med_landmarks_load(moving_path, &moving);
    if (status == MED_OK) status = check_labels(fixed_path, &fixed);
    if (status == MED_OK) status = check_labels(moving_path, &moving);
    for (int i = 0; i < fixed.n && status == MED_OK; i++) {
        const med_landmark *m = find_label(&moving, fixed.item[i].label);
        if (!m) continue;
        med_landmark_pair *p = add_pair(out, fixed.item[i].label);
        memcpy(p->fixed, fixed.item[i].ras[0], sizeof p->fixed);
        memcpy(p->moving, m->ras[0], sizeof p->moving);
    }
    if (status == MED_OK) {
        warn_of_unpaired(j, &fixed, &moving, fixed_path);
        warn_of_unpaired(j, &moving, &fixed, moving_path);
    }
    med_landmarks_free(&fixed);
    med_landmarks_free(&moving);
    return status;
}

static med_status load_pairs(judge *j, const med_found *pred, pair_list *out) {
    char fixed[MED_FOUND_NAME];
    const char *to = strstr(pred->key, "-to-"), *moving = to + 4;
    snprintf(fixed, sizeof fixed, "%.*s", (int)(to - pred->key), pred->key);
    const med_found *table = med_found_get(&j->ref, pred->case_name, "landmarks");
    const med_found *a = med_found_get(&j->ref, pred->case_name, fixed),
                    *b = med_found_get(&j->ref, pred->case_name, moving);
    if (a && b)
        MED_TRY(load_two(j, a->path, b->path, out));
    else if (table)
        MED_TRY(load_table(table->path, out));
    else
        return med_fail(MED_EINPUT,
                        "%s: no landmarks of %s in %s and %s: expected %s-%s.fcsv and %s-%s.fcsv, or %s-landmarks.csv",
                        pred->path, pred->case_name, fixed, moving, pred->case_name, fixed, pred->case_name, moving,
                        pred->case_name);
    if (!out->n) return med_fail(MED_EFORMAT, "%s: no two landmarks share a label", (a ? a : table)->path);
    return MED_OK;
}

/* ---- judging ------------------------------------------------------------------------------------------------- */

static void add_rows(judge *j, const med_found *pred, const med_landmark_errors *errors) {
    const med_evaluate_options *o = j->e.options;
    const med_summary *b = &errors->before, *a = &errors->after;
    const struct {
        const char *name;
        double value;
    } rows[] = {{"n", a->n},
                {"before_mean", b->mean},
                {"before_median", b->median},
                {"before_sd", b->sd},
                {"before_min", b->min},
                {"before_max", b->max},
                {"after_mean", a->mean},
                {"after_median", a->median},
                {"after_sd", a->sd},
                {"after_min", a->min},
                {"after_max", a->max},
                {"rigid_fit_mean", errors->rigid_fit_mean},
                {"rigid_fit_rms", errors->rigid_fit_rms}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        med_score_table_add(j->e.cases, &(med_score){.case_name = pred->case_name,
                                                     .facet = pred->key,
                                                     .given = "",
                                                     .preset = "",
                                                     .method = o->method ? o->method : "",
                                                     .metric = rows[i].name,
                                                     .group = med_evaluation_group(&j->e, pred->case_name),
                                                     .value = rows[i].value,
                                                     .slice = -1});
}

static med_status judge_case(judge *j, const med_found *pred) {
    pair_list list = {0};
    med_transform *t = NULL;
    med_status status = load_transform(pred->path, &t);
    if (status == MED_OK) status = load_pairs(j, pred, &list);
    if (status == MED_OK) {
        med_landmark_pair *points = med_alloc(sizeof *points * (size_t)list.n);
        for (int i = 0; i < list.n; i++) points[i] = list.item[i].point;
        med_landmark_errors errors = med_landmark_errors_of(points, list.n, t);
        add_rows(j, pred, &errors);
        for (int i = 0; i < list.n; i++) {
            char *name = med_csv_field(pred->case_name), *label = med_csv_field(list.item[i].label);
            fprintf(j->rows, "%s,%s,%.17g,%.17g\n", name, label, points[i].before, points[i].after);
            free(name);
            free(label);
        }
        free(points);
    }
    med_transform_free(t);
    pairs_free(&list);
    return status;
}

static med_status judge_all(judge *j) {
    med_status status = MED_OK;
    fputs("case,label,before,after\n", j->rows);
    for (int i = 0; i < j->pred.n && status == MED_OK; i++) {
        const med_found *pred = &j->pred.item[i];
        if (has_landmarks(j, pred->case_name)) status = judge_case(j, pred);
        if (status != MED_OK) status = med_evaluation_failed(&j->e, pred->case_name, pred->key, status);
    }
    return status;
}

/* ---- over cases ---------------------------------------------------------------------------------------------- */

/* Means over all transforms: errors, how many cases end below 4 mm, and whether registration helped (Wilcoxon). */
static json_t *over_cases(const med_score_table *t, char **line) {
    double *d = med_alloc(sizeof(double) * (size_t)(t->n + 1)), before = NAN;
    int n = 0, n_below = 0;
    for (int i = 0; i < t->n; i++) {
        if (!strcmp(t->row[i].metric, "before_mean")) before = t->row[i].value;
        if (strcmp(t->row[i].metric, "after_mean")) continue;
        d[n++] = before - t->row[i].value;
        n_below += t->row[i].value < 4;
    }
    med_wilcoxon w = med_wilcoxon_test(d, n, &(med_wilcoxon_options){0});
    free(d);
    *line = med_format("%d of %d below 4 mm; before minus after: W %g, p %.4g (%s)%s\n", n_below, n, w.w, w.p,
                       w.is_exact ? "Wilcoxon, exact" : "Wilcoxon, normal", w.is_too_few ? ", too few" : "");
    json_t *json = json_pack("{s:i, s:f, s:{s:i, s:f}}", "n", n, "share_below_4mm", n ? (double)n_below / n : 0,
                             "wilcoxon_before_minus_after", "n", w.n, "W", w.w);
    json_object_set_new(json_object_get(json, "wilcoxon_before_minus_after"), "p",
                        isnan(w.p) ? json_null() : json_real(w.p));
    return json;
}

static med_status finish(judge *j, const char *rows, size_t n_bytes, json_t *report, char **table) {
    char *line;
    json_object_set_new(j->e.notes, "over_cases", over_cases(j->e.cases, &line));
    med_status status = med_evaluation_finish(&j->e, "registration", report, table);
    if (*table) {
        char *longer = med_format("%s%s", *table, line);
        free(*table);
        *table = longer;
    }
    free(line);
    if (!j->e.options->out || !j->e.cases->n) return status;
    char *path = med_path_join(j->e.options->out, "per_landmark.csv");
    med_status saved = med_file_write(path, rows, n_bytes);
    free(path);
    return saved == MED_OK ? status : saved;
}

med_status med_evaluate_registration(const med_evaluate_options *o, json_t *report, char **table) {
    judge j = {.rows = NULL};
    char *rows = NULL;
    size_t n_bytes;
    *table = NULL;
    j.rows = open_memstream(&rows, &n_bytes);
    med_assert(j.rows != NULL);
    med_status status = med_evaluation_start(o, MED_SCORE_REGISTRATION, &j.e);
    if (status == MED_OK) status = find_files(&j);
    if (status == MED_OK) status = judge_all(&j);
    fclose(j.rows);
    if (status == MED_OK) status = finish(&j, rows, n_bytes, report, table);
    free(rows);
    med_found_free(&j.pred);
    med_found_free(&j.ref);
    med_evaluation_free(&j.e);
    return status;
}
