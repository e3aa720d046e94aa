/* score_summary.c: what the rows of a table say over cases: mean, spread, percentiles and a bootstrap interval of the
 * mean, for all cases and for each group. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/memory.h"
#include "base/thread.h"
#include "task/score_table.h"

static bool is_same(const char *a, const char *b) { return !strcmp(a, b); }

static bool is_in_cell(const med_score *row, const med_score_cell *c) {
    return is_same(row->metric, c->key.metric) && is_same(row->facet, c->key.facet) &&
           is_same(row->given, c->key.given) && is_same(row->method, c->key.method) &&
           is_same(row->preset, c->key.preset) && (!c->is_grouped || is_same(row->group, c->key.group));
}

bool med_score_same_series(const med_score *a, const med_score *b) {
    return is_same(a->facet, b->facet) && is_same(a->given, b->given) && is_same(a->method, b->method);
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

int med_score_n_cases(const med_score_table *t, bool seen_only) {
    const char **names = med_alloc(sizeof *names * (size_t)(t->n + 1));
    int n = 0, n_cases = 0;
    for (int i = 0; i < t->n; i++)
        if (!seen_only || med_seen_is_biased(t->row[i].seen)) names[n++] = t->row[i].case_name;
    qsort(names, (size_t)n, sizeof *names, by_name);
    for (int i = 0; i < n; i++) n_cases += !i || !is_same(names[i - 1], names[i]);
    free(names);
    return n_cases;
}

/* ---- cells --------------------------------------------------------------------------------------------------- */

static bool has_groups(const med_score_table *t) {
    for (int i = 0; i < t->n; i++)
        if (*t->row[i].group) return true;
    return false;
}

/* In the order of first appearance: presets and metrics come as they were computed. */
static int list_cells(const med_score_table *t, bool is_grouped, med_score_cell *cells, int n) {
    int first = n;
    for (int i = 0; i < t->n; i++) {
        bool is_known = false;
        for (int c = first; c < n && !is_known; c++) is_known = is_in_cell(&t->row[i], &cells[c]);
        if (is_known) continue;
        cells[n] = (med_score_cell){.key = t->row[i], .is_grouped = is_grouped};
        if (!is_grouped) cells[n].key.group = "";
        n++;
    }
    return n;
}

/* By facet, given, method, preset; within them the order of appearance stays (rows are compared by address last). */
typedef struct sorted_cell {
    med_score_cell cell;
    int at;
} sorted_cell;

static int by_heading(const void *a, const void *b) {
    const sorted_cell *x = a, *y = b;
    const med_score *p = &x->cell.key, *q = &y->cell.key;
    int order = x->cell.is_grouped - y->cell.is_grouped;
    if (!order) order = strcmp(p->group, q->group);
    if (!order) order = strcmp(p->facet, q->facet);
    if (!order) order = strcmp(p->given, q->given);
    if (!order) order = strcmp(p->method, q->method);
    return order ? order : x->at - y->at;
}

static void sort_cells(med_score_cell *cells, int n) {
    sorted_cell *sorted = med_alloc(sizeof *sorted * (size_t)(n + 1));
    for (int c = 0; c < n; c++) sorted[c] = (sorted_cell){cells[c], c};
    qsort(sorted, (size_t)n, sizeof *sorted, by_heading);
    for (int c = 0; c < n; c++) cells[c] = sorted[c].cell;
    free(sorted);
}

typedef struct filling {
    const med_score_table *t;
    const med_score_rules *rules;
    med_score_cell *cells;
} filling;

static void fill_cell(void *context, int c) {
    const filling *f = context;
    med_score_cell *cell = &f->cells[c];
    double *values = med_alloc(sizeof(double) * (size_t)(f->t->n + 1));
    int n = 0, n_finite = 0;
    for (int i = 0; i < f->t->n; i++) {
        const med_score *row = &f->t->row[i];
        if (!is_in_cell(row, cell)) continue;
        if (med_seen_is_biased(row->seen) && !f->rules->includes_seen)
            cell->n_seen++;
        else
            values[n++] = row->value;
    }
    cell->summary = med_summarise(values, n);
    for (int i = 0; i < n; i++)
        if (isfinite(values[i])) values[n_finite++] = values[i];
    cell->interval = (med_interval){NAN, NAN};
    if (!f->rules->no_interval) cell->interval = med_bootstrap_mean(values, n_finite, f->rules->seed, f->rules->is_bca);
    if (f->rules->is_na_kept && cell->summary.n_na) {
        cell->summary.mean = cell->summary.sd = cell->summary.median = NAN;
        cell->interval = (med_interval){NAN, NAN};
    }
    free(values);
}

med_score_cell *med_score_summarise(const med_score_table *t, const med_score_rules *rules, int *n_cells) {
    med_score_cell *cells = med_alloc(sizeof *cells * (size_t)(2 * t->n + 1));
    int n = list_cells(t, false, cells, 0);
    if (has_groups(t)) n = list_cells(t, true, cells, n);
    sort_cells(cells, n);
    filling f = {t, rules, cells};
    med_parallel(n, fill_cell, &f);
    *n_cells = n;
    return cells;
}

/* ---- JSON ---------------------------------------------------------------------------------------------------- */

static void set_number(json_t *object, const char *key, double value) {
    json_object_set_new(object, key, med_json_number(value));
}

static void set_text(json_t *object, const char *key, const char *text) {
    if (*text) json_object_set_new(object, key, json_string(text));
}

bool med_score_is_reconstruction(const med_score *s) {
    size_t n = strlen(s->facet);
    for (const char *p = s->given; *p; p += strcspn(p, "+"), p += *p == '+')
        if (strcspn(p, "+") == n && !strncmp(p, s->facet, n)) return true;
    return false;
}

json_t *med_score_cells_to_json(const med_score_table *t, const med_score_cell *cells, int n_cells) {
    json_t *list = json_array();
    for (int c = 0; c < n_cells; c++) {
        const med_score_cell *cell = &cells[c];
        json_t *o = json_object();
        if (cell->is_grouped) json_object_set_new(o, "group", json_string(cell->key.group));
        set_text(o, med_score_facets[t->kind], cell->key.facet);
        set_text(o, "given", cell->key.given);
        if (med_score_is_reconstruction(&cell->key)) json_object_set_new(o, "is_reconstruction", json_true());
        set_text(o, "method", cell->key.method);
        set_text(o, "preset", cell->key.preset);
        set_text(o, "metric", cell->key.metric);
        json_object_set_new(o, "n", json_integer(cell->summary.n));
        json_object_set_new(o, "n_na", json_integer(cell->summary.n_na));
        json_object_set_new(o, "n_inf", json_integer(cell->summary.n_inf));
        json_object_set_new(o, "n_seen_in_training", json_integer(cell->n_seen));
        const med_summary *s = &cell->summary;
        const struct {
            const char *key;
            double value;
        } numbers[] = {{"mean", s->mean},
                       {"sd", s->sd},
                       {"median", s->median},
                       {"q25", s->q25},
                       {"q75", s->q75},
                       {"min", s->min},
                       {"max", s->max},
                       {"low95", cell->interval.low},
                       {"high95", cell->interval.high}};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) set_number(o, numbers[i].key, numbers[i].value);
        json_array_append_new(list, o);
    }
    return list;
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

bool med_score_is_share(const char *metric) {
    static const char *const shares[] = {"dice", "iou", "precision", "recall", "coverage90"};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        if (!strcmp(metric, shares[i])) return true;
    return !strncmp(metric, "nsd_", 4);
}

bool med_score_is_count(const char *metric) {
    return is_same(metric, "n") || !strncmp(metric, "n_", 2) || !strncmp(metric, "surface_", 8);
}

void med_score_format(char out[32], const char *metric, double value) {
    if (isnan(value))
        strcpy(out, "n/a");
    else if (isinf(value))
        strcpy(out, value > 0 ? "inf" : "-inf");
    else if (med_score_is_share(metric))
        snprintf(out, 32, "%.1f%%", 100 * value);
    else if (fabs(value) >= 1e5 || (value != 0 && fabs(value) < 1e-3))
        snprintf(out, 32, "%.3g", value);
    else
        snprintf(out, 32, "%.*f", fabs(value) >= 100 ? 2 : fabs(value) >= 10 ? 3 : 4, value);
}

void med_score_print_number(FILE *to, int width, const char *metric, double value) {
    char text[32];
    med_score_format(text, metric, value);
    fprintf(to, " %*s", width, text);
}

bool med_score_same_heading(const med_score_cell *a, const med_score_cell *b) {
    return a->is_grouped == b->is_grouped && is_same(a->key.group, b->key.group) &&
           med_score_same_series(&a->key, &b->key);
}

static void print_heading(FILE *to, const med_score_table *t, const med_score_cell *c) {
    fprintf(to, "%s %s", med_score_facets[t->kind], c->key.facet);
    if (*c->key.given) fprintf(to, " from %s", c->key.given);
    if (med_score_is_reconstruction(&c->key)) fputs(" (reconstruction: the target was among the inputs)", to);
    if (*c->key.method) fprintf(to, ", %s", c->key.method);
    if (c->is_grouped) fprintf(to, ", group %s", *c->key.group ? c->key.group : "(none)");
    fputc('\n', to);
}

static void print_cell(FILE *to, const med_score_cell *c, int width) {
    const med_summary *s = &c->summary;
    char *name = *c->key.preset ? med_format("%s %s", c->key.preset, c->key.metric) : med_strdup(c->key.metric);
    const double values[] = {s->mean, s->sd, s->median, s->q25, s->q75, c->interval.low, c->interval.high};
    fprintf(to, "  %-*s", width, name);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) med_score_print_number(to, 9, c->key.metric, values[i]);
    fprintf(to, " %5d %4d %4d %5d\n", s->n, s->n_na, s->n_inf, c->n_seen);
    free(name);
}

char *med_score_cells_to_text(const med_score_table *t, const med_score_cell *cells, int n_cells) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    med_assert(to != NULL);
    int width = 6;
    for (int c = 0; c < n_cells; c++) {
        int n = (int)(strlen(cells[c].key.preset) + strlen(cells[c].key.metric)) + 1;
        if (n > width) width = n;
    }
    const med_score_cell *last = NULL;
    for (int c = 0; c < n_cells; c++) {
        if (med_score_is_count(cells[c].key.metric)) continue;
        if (!last || !med_score_same_heading(last, &cells[c])) {
            print_heading(to, t, &cells[c]);
            fprintf(to, "  %-*s %9s %9s %9s %9s %9s %9s %9s %5s %4s %4s %5s\n", width, "", "mean", "sd", "median",
                    "q25", "q75", "95% low", "95% high", "n", "n/a", "inf", "seen");
        }
        print_cell(to, &cells[c], width);
        last = &cells[c];
    }
    fclose(to);
    return text;
}
