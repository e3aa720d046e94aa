/* compare_methods.c: pairs up the cases of methods and tests their differences. Rows are sorted once, so that what is compared
 * lies together: by facet, inputs, preset and metric (a question), then by method, then by case. */
#include "task/compare_methods.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "task/compare_methods_work.h"

typedef med_comparison comparison;
typedef med_comparing work;

typedef struct span { /* of sorted rows */
    int first, end;
} span;

typedef struct question { /* rows with one key */
    span rows;
    int appeared; /* its first row in the table */
} question;

static bool is_same(const char *a, const char *b) { return !strcmp(a, b); }

/* ---- reading ------------------------------------------------------------------------------------------------- */

static med_status load_file(work *w, const char *path) {
    char *csv = med_score_table_path(path), *method = med_score_table_method(path);
    med_status status = med_score_table_load(w->t, csv, method);
    free(method);
    free(csv);
    return status;
}

static med_status list_methods(work *w) {
    for (int i = 0; i < w->t->n; i++) {
        bool is_known = false;
        for (int m = 0; m < w->n_methods; m++) is_known |= is_same(w->method[m], w->t->row[i].method);
        if (is_known) continue;
        if (w->n_methods == MED_MAX_METHODS) return med_fail(MED_EUSAGE, "more than %d methods", MED_MAX_METHODS);
        w->method[w->n_methods++] = w->t->row[i].method;
    }
    if (w->n_methods > 1) return MED_OK;
    return med_fail(MED_EUSAGE,
                    "only one method (%s) in these files: comparing needs two (medley evaluate --method NAME)",
                    w->n_methods ? w->method[0] : "none");
}

/* Index of the reference; -1: every pair. */
static med_status find_reference(const work *w, int *out) {
    const char *name = w->options->reference;
    *out = -1;
    if (!name) return MED_OK;
    char *of_file = med_score_table_method(name);
    for (int m = 0; m < w->n_methods; m++)
        if (is_same(w->method[m], name) || (*out < 0 && is_same(w->method[m], of_file))) *out = m;
    free(of_file);
    if (*out >= 0) return MED_OK;
    const char *names[MED_MAX_METHODS + 1] = {NULL};
    memcpy(names, w->method, sizeof(char *) * (size_t)w->n_methods);
    const char *nearest = med_nearest(name, names);
    return med_fail(MED_EUSAGE, "--reference: no method '%s' in these files (%s%s?)", name,
                    nearest ? "did you mean " : "is it ", nearest ? nearest : w->method[0]);
}

/* ---- sorting ------------------------------------------------------------------------------------------------- */

static int compare_keys(const med_score *a, const med_score *b) {
    int order = strcmp(a->metric, b->metric);
    if (!order) order = strcmp(a->preset, b->preset);
    if (!order) order = strcmp(a->facet, b->facet);
    return order ? order : strcmp(a->given, b->given);
}

static int by_key(const void *a, const void *b) {
    const med_score *x = *(const med_score *const *)a, *y = *(const med_score *const *)b;
    int order = compare_keys(x, y);
    if (!order) order = strcmp(x->method, y->method);
    return order ? order : strcmp(x->case_name, y->case_name);
}

static int by_appearance(const void *a, const void *b) {
    return ((const question *)a)->appeared - ((const question *)b)->appeared;
}

static bool is_wanted(const work *w, const char *metric) {
    const med_strings *list = &w->options->metrics;
    for (int i = 0; i < list->n; i++)
        if (is_same(list->item[i], metric)) return true;
    return !list->n && !med_score_is_count(metric);
}

/* Questions in the order in which the files ask them; owned. */
static question *list_questions(work *w, int *n) {
    const med_score_table *t = w->t;
    question *list = med_alloc(sizeof *list * (size_t)(t->n + 1));
    w->sorted = med_alloc(sizeof *w->sorted * (size_t)(t->n + 1));
    for (int i = 0; i < t->n; i++) w->sorted[i] = &t->row[i];
    qsort(w->sorted, (size_t)t->n, sizeof *w->sorted, by_key);
    *n = 0;
    for (int i = 0, end; i < t->n; i = end) {
        int first = t->n;
        for (end = i; end < t->n && !compare_keys(w->sorted[i], w->sorted[end]); end++) {
            int at = (int)(w->sorted[end] - t->row);
            if (at < first) first = at;
        }
        if (is_wanted(w, w->sorted[i]->metric)) list[(*n)++] = (question){{i, end}, first};
    }
    qsort(list, (size_t)*n, sizeof *list, by_appearance);
    return list;
}

/* The rows of one method among those of a question, by case. */
static span rows_of(const work *w, span rows, const char *method) {
    span out = {rows.first, rows.end};
    while (out.first < rows.end && !is_same(w->sorted[out.first]->method, method)) out.first++;
    for (out.end = out.first; out.end < rows.end && is_same(w->sorted[out.end]->method, method);) out.end++;
    return out;
}

/* ---- one comparison ------------------------------------------------------------------------------------------ */

static void list_unpaired(work *w, comparison *c, const med_score *row, const char *without) {
    c->n_unpaired++;
    json_array_append_new(w->unpaired, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "case", row->case_name,
                                                 med_score_facets[w->t->kind], row->facet, "preset", row->preset,
                                                 "metric", row->metric, "in", row->method, "not_in", without));
}

static bool counts(const work *w, const med_score *row) {
    return isfinite(row->value) && (w->options->includes_seen || !med_seen_is_biased(row->seen));
}

/* Differences of the pairs, in the order of the cases' names; counts and lists what has no partner. */
static double *pair_up(work *w, span first, span second, comparison *c) {
    double *d = med_alloc(sizeof(double) * (size_t)(first.end - first.first + 1));
    for (int i = first.first, k = second.first; i < first.end || k < second.end;) {
        const med_score *a = i < first.end ? w->sorted[i] : NULL, *b = k < second.end ? w->sorted[k] : NULL;
        int order = !a ? 1 : !b ? -1 : strcmp(a->case_name, b->case_name);
        if (order)
            list_unpaired(w, c, order < 0 ? a : b, order < 0 ? c->second : c->first);
        else if (!counts(w, a) || !counts(w, b))
            c->n_dropped++;
        else {
            c->mean_first += a->value;
            c->mean_second += b->value;
            d[c->n++] = a->value - b->value;
        }
        i += order <= 0;
        k += order >= 0;
    }
    c->mean_first /= c->n;
    c->mean_second /= c->n;
    return d;
}

static void compare(work *w, const question *q, int first, int second, int family) {
    const med_compare_methods_options *o = w->options;
    comparison *c = &w->list[w->n];
    *c = (comparison){
        .key = w->sorted[q->rows.first], .first = w->method[first], .second = w->method[second], .family = family};
    double *d = pair_up(w, rows_of(w, q->rows, c->first), rows_of(w, q->rows, c->second), c);
    c->mean = med_summarise(d, c->n).mean;
    c->interval = med_bootstrap_mean(d, c->n, o->seed, o->is_bca);
    c->wilcoxon = med_wilcoxon_test(d, c->n, &(med_wilcoxon_options){o->is_pratt, o->is_corrected});
    c->rank_correlation = med_rank_biserial(d, c->n);
    c->hodges_lehmann = med_hodges_lehmann(d, c->n);
    free(d);
    if (c->n || c->n_dropped || c->n_unpaired) w->n++;
}

/* ---- all comparisons ----------------------------------------------------------------------------------------- */

static int family_of(const work *w, const med_score *key) {
    for (int i = 0; i < w->n; i++)
        if (is_same(w->list[i].key->metric, key->metric) && is_same(w->list[i].key->preset, key->preset))
            return w->list[i].family;
    return w->n_families;
}

/* Values of the cases that all methods have: [case][method]; returns how many cases. */
static int whole_cases(const work *w, const question *q, double *values) {
    span rows[MED_MAX_METHODS];
    int n = 0;
    for (int m = 0; m < w->n_methods; m++) rows[m] = rows_of(w, q->rows, w->method[m]);
    for (int i = rows[0].first; i < rows[0].end; i++) {
        bool is_whole = true;
        for (int m = 0; m < w->n_methods && is_whole; m++) {
            span *r = &rows[m];
            while (r->first < r->end && strcmp(w->sorted[r->first]->case_name, w->sorted[i]->case_name) < 0) r->first++;
            is_whole = r->first < r->end && is_same(w->sorted[r->first]->case_name, w->sorted[i]->case_name) &&
                       counts(w, w->sorted[r->first]);
            if (is_whole) values[n * w->n_methods + m] = w->sorted[r->first]->value;
        }
        n += is_whole;
    }
    return n;
}

static void test_all_methods(work *w, const question *q) {
    const med_score *key = w->sorted[q->rows.first];
    double *values =
        med_alloc(sizeof(double) * (size_t)(q->rows.end - q->rows.first + w->n_methods) * (size_t)w->n_methods);
    int n = whole_cases(w, q, values);
    med_friedman f = med_friedman_test(values, n, w->n_methods, NULL);
    free(values);
    if (isnan(f.chi2)) return;
    json_array_append_new(w->friedman,
                          json_pack("{s:s, s:s, s:s, s:s, s:i, s:f, s:i, s:f}", med_score_facets[w->t->kind],
                                    key->facet, "given", key->given, "preset", key->preset, "metric", key->metric, "n",
                                    n, "chi2", f.chi2, "df", f.df, "p", f.p));
}

static void compare_all(work *w, int reference) {
    int n_pairs = w->n_methods * (w->n_methods - 1) / 2, n;
    question *questions = list_questions(w, &n);
    w->list = med_alloc(sizeof(comparison) * (size_t)(n * n_pairs + 1));
    for (int i = 0; i < n; i++) {
        int family = family_of(w, w->sorted[questions[i].rows.first]);
        if (family == w->n_families) w->n_families++;
        for (int a = 0; a < w->n_methods; a++)
            for (int b = a + 1; b < w->n_methods; b++) {
                if (reference >= 0 && a != reference && b != reference) continue;
                bool is_turned = a == reference; /* others minus the reference */
                compare(w, &questions[i], is_turned ? b : a, is_turned ? a : b, family);
            }
        if (w->n_methods > 2) test_all_methods(w, &questions[i]);
    }
    free(questions);
}

static void correct_families(work *w) {
    double *p = med_alloc(sizeof(double) * 2 * (size_t)(w->n + 1)), *adjusted = p + w->n;
    for (int family = 0; family < w->n_families; family++) {
        int n = 0;
        for (int i = 0; i < w->n; i++)
            if (w->list[i].family == family) p[n++] = w->list[i].wilcoxon.p;
        med_holm(p, n, adjusted);
        n = 0;
        for (int i = 0; i < w->n; i++)
            if (w->list[i].family == family) w->list[i].p_holm = adjusted[n++];
    }
    free(p);
}

med_status med_compare_methods(const med_compare_methods_options *o, json_t *report, char **table) {
    work w = {.options = o,
              .t = med_score_table_create(MED_SCORE_IMAGES),
              .unpaired = json_array(),
              .friedman = json_array()};
    int reference;
    med_status status = MED_OK;
    *table = NULL;
    for (int f = 0; f < o->n_files && status == MED_OK; f++) status = load_file(&w, o->files[f]);
    if (status == MED_OK) status = list_methods(&w);
    if (status == MED_OK) status = find_reference(&w, &reference);
    if (status == MED_OK) {
        compare_all(&w, reference);
        correct_families(&w);
        if (!w.n) status = med_fail(MED_EUSAGE, "no metric to compare: the files hold other names, or counts only");
    }
    if (status == MED_OK) status = med_comparing_finish(&w, report, table);
    free(w.list);
    free(w.sorted);
    med_score_table_free(w.t);
    json_decref(w.unpaired);
    json_decref(w.friedman);
    return status;
}
