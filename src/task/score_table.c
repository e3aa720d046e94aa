/* score_table.c: the rows, and their way to CSV and back. */
#include "task/score_table.h"

#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "image/csv.h"

const char *const med_score_facets[3] = {"modality", "class", "pair"};
const char *const med_seen_names[MED_N_SEEN] = {"unknown", "no", "yes", "harmonisation"};

/* ---- rows ---------------------------------------------------------------------------------------------------- */

med_score_table *med_score_table_create(med_score_kind kind) {
    med_score_table *t = med_alloc(sizeof *t);
    t->kind = kind;
    t->texts = med_arena_create();
    return t;
}

void med_score_table_free(med_score_table *t) {
    if (!t) return;
    med_arena_free(t->texts);
    free(t->row);
    free(t);
}

static const char *keep(med_score_table *t, const char *text) {
    return med_arena_format(t->texts, "%s", text ? text : "");
}

void med_score_table_add(med_score_table *t, const med_score *score) {
    if (t->n == t->capacity) {
        t->capacity = 2 * t->capacity + 64;
        t->row = realloc(t->row, sizeof *t->row * (size_t)t->capacity);
        med_assert(t->row != NULL);
    }
    med_score *row = &t->row[t->n++];
    *row = *score;
    row->case_name = keep(t, score->case_name);
    row->facet = keep(t, score->facet);
    row->given = keep(t, score->given);
    row->method = keep(t, score->method);
    row->group = keep(t, score->group);
    row->preset = keep(t, score->preset);
    row->metric = keep(t, score->metric);
}

/* ---- CSV out ------------------------------------------------------------------------------------------------- */

static void print_field(FILE *to, const char *text) {
    char *field = med_csv_field(text);
    fprintf(to, "%s,", field);
    free(field);
}

static void print_value(FILE *to, double value) {
    if (isinf(value))
        fputs(value > 0 ? "inf" : "-inf", to);
    else if (!isnan(value))
        fprintf(to, "%.17g", value);
}

static bool knows_seen(const med_score_table *t) {
    for (int i = 0; i < t->n; i++)
        if (t->row[i].seen != MED_SEEN_UNKNOWN) return true;
    return false;
}

static void print_row(FILE *to, const med_score_table *t, const med_score *row, bool is_by_slice, bool has_seen) {
    bool is_images = t->kind == MED_SCORE_IMAGES;
    print_field(to, row->case_name);
    print_field(to, row->facet);
    if (is_images) print_field(to, row->given);
    print_field(to, row->method);
    print_field(to, row->group);
    if (is_images) print_field(to, row->preset);
    if (is_by_slice) fprintf(to, "%d,", row->slice);
    print_field(to, row->metric);
    print_value(to, row->value);
    if (is_images && !is_by_slice) fprintf(to, ",%d,%d,%d", row->n_slices, row->n_inf, row->n_na);
    if (has_seen) fprintf(to, ",%s", med_seen_names[row->seen]);
    fputc('\n', to);
}

med_status med_score_table_save(const med_score_table *t, const char *path, bool is_by_slice) {
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    med_assert(to != NULL);
    bool is_images = t->kind == MED_SCORE_IMAGES, has_seen = !is_by_slice && (is_images || knows_seen(t));
    fprintf(to, "case,%s,%smethod,group,%s%smetric,value%s%s\n", med_score_facets[t->kind], is_images ? "given," : "",
            is_images ? "preset," : "", is_by_slice ? "slice," : "",
            is_images && !is_by_slice ? ",n_slices,n_inf,n_na" : "", has_seen ? ",seen_in_training" : "");
    for (int i = 0; i < t->n; i++) print_row(to, t, &t->row[i], is_by_slice, has_seen);
    fclose(to);
    med_status status = med_file_write(path, text, n);
    free(text);
    return status;
}

/* ---- CSV in -------------------------------------------------------------------------------------------------- */

typedef struct columns { /* of one file; -1: not there */
    int case_name, facet, given, method, group, preset, metric, value, n_slices, n_inf, n_na, seen;
} columns;

static med_status find_columns(const char *path, const med_csv_row *head, med_score_table *t, columns *c) {
    int kind = -1;
    for (int k = 0; k < 3; k++)
        if (med_csv_column(head, med_score_facets[k]) >= 0) kind = k;
    if (kind < 0)
        return med_fail(MED_EFORMAT,
                        "%s: no column modality, class or pair: expected a per_case.csv of medley evaluate", path);
    if (t->n && kind != (int)t->kind)
        return med_fail(MED_EFORMAT, "%s: judges by %s, the files before it by %s", path, med_score_facets[kind],
                        med_score_facets[t->kind]);
    t->kind = (med_score_kind)kind;
    const struct {
        const char *name;
        int *at;
        bool is_needed;
    } wanted[] = {{"case", &c->case_name, true},     {med_score_facets[kind], &c->facet, true},
                  {"given", &c->given, false},       {"method", &c->method, false},
                  {"group", &c->group, false},       {"preset", &c->preset, false},
                  {"metric", &c->metric, true},      {"value", &c->value, true},
                  {"n_slices", &c->n_slices, false}, {"n_inf", &c->n_inf, false},
                  {"n_na", &c->n_na, false},         {"seen_in_training", &c->seen, false}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].at = med_csv_column(head, wanted[i].name);
        if (*wanted[i].at < 0 && wanted[i].is_needed)
            return med_fail(MED_EFORMAT, "%s: no column '%s'", path, wanted[i].name);
    }
    return MED_OK;
}

static const char *field(const med_csv_row *row, int column) { return column < 0 ? "" : row->field[column]; }

static med_status read_row(const char *path, const med_csv_row *row, const columns *c, const char *method,
                           med_score *out) {
    const char *value = field(row, c->value), *seen = field(row, c->seen), *own = field(row, c->method);
    *out = (med_score){.case_name = field(row, c->case_name),
                       .facet = field(row, c->facet),
                       .value = NAN,
                       .slice = -1,
                       .given = field(row, c->given),
                       .method = *own ? own : method,
                       .group = field(row, c->group),
                       .preset = field(row, c->preset),
                       .metric = field(row, c->metric),
                       .n_slices = atoi(field(row, c->n_slices)),
                       .n_inf = atoi(field(row, c->n_inf)),
                       .n_na = atoi(field(row, c->n_na))};
    for (int s = 0; s < MED_N_SEEN; s++)
        if (!strcmp(seen, med_seen_names[s])) out->seen = (med_seen)s;
    if (!*value || !strcmp(value, "n/a")) return MED_OK;
    if (!med_span_to_double(med_span_of(value), &out->value))
        return med_fail(MED_EFORMAT, "%s:%d: value is '%s', expected a number, inf or nothing", path, row->line, value);
    return MED_OK;
}

/* Rows are the same when all but the value agree; the group is a property of the case. */
static int compare_keys(const med_score *a, const med_score *b) {
    const char *const x[] = {a->case_name, a->facet, a->given, a->method, a->preset, a->metric};
    const char *const y[] = {b->case_name, b->facet, b->given, b->method, b->preset, b->metric};
    for (int i = 0; i < 6; i++) {
        int order = strcmp(x[i], y[i]);
        if (order) return order;
    }
    return 0;
}

static int by_key(const void *a, const void *b) {
    return compare_keys(*(const med_score *const *)a, *(const med_score *const *)b);
}

static med_status check_unique(const med_score_table *t, const char *path) {
    const med_score **order = med_alloc(sizeof *order * (size_t)(t->n + 1));
    for (int i = 0; i < t->n; i++) order[i] = &t->row[i];
    qsort(order, (size_t)t->n, sizeof *order, by_key);
    med_status status = MED_OK;
    for (int i = 1; i < t->n && status == MED_OK; i++) {
        const med_score *s = order[i];
        if (compare_keys(order[i - 1], s)) continue;
        status =
            med_fail(MED_EFORMAT, "%s: twice: case %s, %s %s, given '%s', method '%s', preset '%s', metric %s", path,
                     s->case_name, med_score_facets[t->kind], s->facet, s->given, s->method, s->preset, s->metric);
    }
    free(order);
    return status;
}

static med_status read_table(med_score_table *t, const char *path, const char *method, const med_mapping *map) {
    med_lines lines = med_csv_open(map->data, map->size);
    med_csv_row head, row;
    columns c;
    MED_TRY(med_csv_next(path, &lines, &head));
    if (!head.text) return med_fail(MED_EFORMAT, "%s: an empty table", path);
    int n_columns = head.n;
    med_status status = find_columns(path, &head, t, &c);
    med_csv_free(&head);
    while (status == MED_OK) {
        med_score score;
        status = med_csv_next(path, &lines, &row);
        if (status != MED_OK || !row.text) break;
        if (row.n != n_columns)
            status = med_fail(MED_EFORMAT, "%s:%d: %d columns, the heading has %d", path, row.line, row.n, n_columns);
        if (status == MED_OK) status = read_row(path, &row, &c, method, &score);
        if (status == MED_OK) med_score_table_add(t, &score);
        med_csv_free(&row);
    }
    return status == MED_OK ? check_unique(t, path) : status;
}

char *med_score_table_path(const char *path) {
    return med_path_is_dir(path) ? med_path_join(path, "per_case.csv") : med_strdup(path);
}

char *med_score_table_method(const char *path) {
    char *copy = med_strdup(path), *name;
    if (med_path_is_dir(path))
        name = med_strdup(basename(copy));
    else if (!strcmp(med_path_base(path), "per_case.csv") && strchr(path, '/'))
        name = med_strdup(basename(dirname(copy)));
    else {
        name = med_strdup(med_path_base(path));
        char *dot = strrchr(name, '.');
        if (dot && dot != name) *dot = '\0';
    }
    free(copy);
    return name;
}

med_status med_score_table_load(med_score_table *t, const char *path, const char *method) {
    med_mapping map;
    MED_TRY(med_file_map(path, &map));
    char *own = med_score_table_method(path);
    med_status status = read_table(t, path, method ? method : own, &map);
    free(own);
    med_file_unmap(&map);
    return status;
}
