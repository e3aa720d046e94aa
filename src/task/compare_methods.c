/* compare_methods.c: pairs up the cases of methods and tests their differences. */
#include "task/compare_methods.h"

#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "image/csv.h"
#include "task/score_table.h"

enum { MAX_METHODS = 32 };

typedef struct comparison { /* one line: first minus second */
    const med_score *key;   /* facet, given, preset, metric */
    const char *first, *second;
    int n, n_dropped, n_unpaired; /* pairs; pairs with n/a or inf; cases of one method only */
    double mean_first, mean_second, mean;
    med_interval interval;
    med_wilcoxon wilcoxon;
    double p_holm, rank_correlation, hodges_lehmann;
    int family; /* comparisons with the same number are corrected together */
} comparison;

typedef struct work {
    const med_compare_methods_options *options;
    med_score_table *t;
    int n_methods, n, n_families;
    const char *method[MAX_METHODS];
    comparison *list;
    json_t *unpaired, *friedman;
} work;

static bool is_same(const char *a, const char *b) { return !strcmp(a, b); }

/* ---- reading ------------------------------------------------------------------------------------------------- */

/* The file's name without its ending; of DIR/per_case.csv the folder's. Owned. */
static char *method_of_file(const char *path) {
    char *copy = med_strdup(path), *name;
    if (is_same(med_path_base(path), "per_case.csv") && strchr(path, '/'))
        name = med_strdup(basename(dirname(copy)));
    else {
        name = med_strdup(med_path_base(path));
        char *dot = strrchr(name, '.');
        if (dot && dot != name) *dot = '\0';
    }
    free(copy);
    return name;
}

static med_status load(work *w) {
    const med_compare_methods_options *o = w->options;
    w->t = med_score_table_create(MED_SCORE_IMAGES);
    for (int f = 0; f < o->n_files; f++) {
        char *method = method_of_file(o->files[f]);
        med_status status = med_score_table_load(w->t, o->files[f], method);
        free(method);
        MED_TRY(status);
    }
    for (int i = 0; i < w->t->n; i++) {
        bool is_known = false;
        for (int m = 0; m < w->n_methods; m++) is_known |= is_same(w->method[m], w->t->row[i].method);
        if (is_known) continue;
        if (w->n_methods == MAX_METHODS) return med_fail(MED_EUSAGE, "more than %d methods", MAX_METHODS);
        w->method[w->n_methods++] = w->t->row[i].method;
    }
    if (w->n_methods < 2)
        return med_fail(MED_EUSAGE,
                        "only one method (%s) in these files: comparing needs two (medley evaluate --method NAME)",
                        w->n_methods ? w->method[0] : "none");
    return MED_OK;
}

/* Index of the reference; -1: every pair. */
static med_status find_reference(const work *w, int *out) {
    const char *name = w->options->reference;
    *out = -1;
    if (!name) return MED_OK;
    char *of_file = method_of_file(name);
    for (int m = 0; m < w->n_methods; m++)
        if (is_same(w->method[m], name) || (*out < 0 && is_same(w->method[m], of_file))) *out = m;
    free(of_file);
    if (*out >= 0) return MED_OK;
    const char *names[MAX_METHODS + 1] = {NULL};
    memcpy(names, w->method, sizeof(char *) * (size_t)w->n_methods);
    const char *nearest = med_nearest(name, names);
    return med_fail(MED_EUSAGE, "--reference: no method '%s' in these files (%s%s?)", name,
                    nearest ? "did you mean " : "is it ", nearest ? nearest : w->method[0]);
}

/* ---- one comparison ------------------------------------------------------------------------------------------ */

static bool is_wanted(const work *w, const char *metric) {
    const med_strings *list = &w->options->metrics;
    for (int i = 0; i < list->n; i++)
        if (is_same(list->item[i], metric)) return true;
    return !list->n && !med_score_is_count(metric);
}

static bool has_key(const med_score *row, const med_score *key) {
    return is_same(row->metric, key->metric) && is_same(row->facet, key->facet) && is_same(row->given, key->given) &&
           is_same(row->preset, key->preset);
}

static const med_score *find_row(const work *w, const med_score *key, const char *case_name, const char *method) {
    for (int i = 0; i < w->t->n; i++) {
        const med_score *row = &w->t->row[i];
        if (is_same(row->case_name, case_name) && is_same(row->method, method) && has_key(row, key)) return row;
    }
    return NULL;
}

static void list_unpaired(work *w, const med_score *row, const char *without) {
    json_array_append_new(w->unpaired, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "case", row->case_name,
                                                 med_score_facets[w->t->kind], row->facet, "preset", row->preset,
                                                 "metric", row->metric, "in", row->method, "not_in", without));
}

/* Differences of the pairs; counts and lists what has no partner. */
static double *pair_up(work *w, comparison *c) {
    double *d = med_alloc(sizeof(double) * (size_t)(w->t->n + 1));
    bool includes_seen = w->options->includes_seen;
    c->mean_first = c->mean_second = 0;
    for (int i = 0; i < w->t->n; i++) {
        const med_score *row = &w->t->row[i];
        bool is_first = is_same(row->method, c->first), is_second = is_same(row->method, c->second);
        if ((!is_first && !is_second) || !has_key(row, c->key)) continue;
        const med_score *other = find_row(w, c->key, row->case_name, is_first ? c->second : c->first);
        if (!other) {
            c->n_unpaired++;
            list_unpaired(w, row, is_first ? c->second : c->first);
        }
        if (!other || !is_first) continue;
        bool is_seen = med_seen_is_biased(row->seen) || med_seen_is_biased(other->seen);
        if (!isfinite(row->value) || !isfinite(other->value) || (is_seen && !includes_seen)) {
            c->n_dropped++;
            continue;
        }
        c->mean_first += row->value;
        c->mean_second += other->value;
        d[c->n++] = row->value - other->value;
    }
    c->mean_first /= c->n;
    c->mean_second /= c->n;
    return d;
}

static void compare(work *w, const med_score *key, int first, int second, int family) {
    const med_compare_methods_options *o = w->options;
    comparison *c = &w->list[w->n];
    *c = (comparison){.key = key, .first = w->method[first], .second = w->method[second], .family = family};
    double *d = pair_up(w, c);
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

static void test_all_methods(work *w, const med_score *key) {
    double *values = med_alloc(sizeof(double) * (size_t)(w->t->n + w->n_methods));
    int n = 0;
    for (int i = 0; i < w->t->n; i++) {
        const med_score *row = &w->t->row[i];
        if (!is_same(row->method, w->method[0]) || !has_key(row, key)) continue;
        bool is_whole = true;
        for (int m = 0; m < w->n_methods && is_whole; m++) {
            const med_score *r = find_row(w, key, row->case_name, w->method[m]);
            is_whole = r && isfinite(r->value) && (w->options->includes_seen || !med_seen_is_biased(r->seen));
            if (is_whole) values[n * w->n_methods + m] = r->value;
        }
        n += is_whole;
    }
    med_friedman f = med_friedman_test(values, n, w->n_methods, NULL);
    free(values);
    if (isnan(f.chi2)) return;
    json_array_append_new(w->friedman,
                          json_pack("{s:s, s:s, s:s, s:s, s:i, s:f, s:i, s:f}", med_score_facets[w->t->kind],
                                    key->facet, "given", key->given, "preset", key->preset, "metric", key->metric, "n",
                                    n, "chi2", f.chi2, "df", f.df, "p", f.p));
}

static bool is_first_of_key(const work *w, int i) {
    for (int k = 0; k < i; k++)
        if (has_key(&w->t->row[k], &w->t->row[i])) return false;
    return true;
}

static void compare_all(work *w, int reference) {
    int n_pairs = w->n_methods * (w->n_methods - 1) / 2, n_keys = 0;
    for (int i = 0; i < w->t->n; i++) n_keys += is_first_of_key(w, i);
    w->list = med_alloc(sizeof(comparison) * (size_t)(n_keys * n_pairs + 1));
    for (int i = 0; i < w->t->n; i++) {
        const med_score *key = &w->t->row[i];
        if (!is_wanted(w, key->metric) || !is_first_of_key(w, i)) continue;
        int family = family_of(w, key);
        if (family == w->n_families) w->n_families++;
        for (int a = 0; a < w->n_methods; a++)
            for (int b = a + 1; b < w->n_methods; b++) {
                if (reference >= 0 && a != reference && b != reference) continue;
                bool is_turned = a == reference; /* others minus the reference */
                compare(w, key, is_turned ? b : a, is_turned ? a : b, family);
            }
        if (w->n_methods > 2) test_all_methods(w, key);
    }
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

/* ---- output -------------------------------------------------------------------------------------------------- */

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *to_json(const work *w) {
    json_t *list = json_array();
    for (int i = 0; i < w->n; i++) {
        const comparison *c = &w->list[i];
        json_t *o =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i}", med_score_facets[w->t->kind], c->key->facet,
                      "given", c->key->given, "preset", c->key->preset, "metric", c->key->metric, "first", c->first,
                      "second", c->second, "n", c->n, "n_dropped", c->n_dropped, "n_unpaired", c->n_unpaired);
        med_assert(o != NULL);
        const struct {
            const char *key;
            double value;
        } numbers[] = {{"mean_first", c->mean_first},
                       {"mean_second", c->mean_second},
                       {"difference", c->mean},
                       {"low95", c->interval.low},
                       {"high95", c->interval.high},
                       {"W", c->wilcoxon.w},
                       {"p", c->wilcoxon.p},
                       {"p_holm", c->p_holm},
                       {"rank_correlation", c->rank_correlation},
                       {"hodges_lehmann", c->hodges_lehmann}};
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            json_object_set_new(o, numbers[k].key, number(numbers[k].value));
        json_object_set_new(o, "p_is_exact", json_boolean(c->wilcoxon.is_exact));
        json_object_set_new(o, "too_few", json_boolean(c->wilcoxon.is_too_few));
        json_object_set_new(o, "family", json_integer(c->family));
        json_array_append_new(list, o);
    }
    return list;
}

static void print_p(FILE *to, double p) {
    if (isnan(p))
        fprintf(to, " %8s", "n/a");
    else
        fprintf(to, p < 1e-4 ? " %8.1e" : " %8.4f", p);
}

static void print_line(FILE *to, const comparison *c, int width) {
    const char *metric = c->key->metric;
    char *name = med_format("%s%s%s  %s - %s", c->key->facet, *c->key->given ? " from " : "", c->key->given, c->first,
                            c->second);
    fprintf(to, "  %-*s %4d", width, name, c->n);
    med_score_print_number(to, 9, metric, c->mean_first);
    med_score_print_number(to, 9, metric, c->mean_second);
    med_score_print_number(to, 9, metric, c->mean);
    med_score_print_number(to, 9, metric, c->interval.low);
    med_score_print_number(to, 9, metric, c->interval.high);
    print_p(to, c->wilcoxon.p);
    print_p(to, c->p_holm);
    med_score_print_number(to, 7, "", c->rank_correlation);
    med_score_print_number(to, 9, metric, c->hodges_lehmann);
    if (c->wilcoxon.is_too_few) fputs("  too few", to);
    if (c->n_dropped) fprintf(to, "  %d n/a", c->n_dropped);
    if (c->n_unpaired) fprintf(to, "  %d unpaired", c->n_unpaired);
    fputc('\n', to);
    free(name);
}

static int width_of(const work *w) {
    size_t width = 10;
    for (int i = 0; i < w->n; i++) {
        const comparison *c = &w->list[i];
        size_t n = strlen(c->key->facet) + strlen(c->key->given) + strlen(c->first) + strlen(c->second) +
                   (*c->key->given ? 11 : 5);
        if (n > width) width = n;
    }
    return (int)width;
}

static void print_unpaired(FILE *to, const work *w) {
    size_t i, n = json_array_size(w->unpaired);
    json_t *item;
    if (!n) return;
    fprintf(to, "without a partner, in no difference (%zu rows):\n", n);
    const char *last_case = "", *last_in = "";
    json_array_foreach (w->unpaired, i, item) {
        const char *name = json_string_value(json_object_get(item, "case"));
        const char *in = json_string_value(json_object_get(item, "in"));
        if (is_same(name, last_case) && is_same(in, last_in)) continue;
        fprintf(to, "  %s: in %s, not in %s\n", name, in, json_string_value(json_object_get(item, "not_in")));
        last_case = name, last_in = in;
    }
}

static char *to_text(const work *w) {
    char *text = NULL;
    size_t size;
    int width = width_of(w);
    FILE *to = open_memstream(&text, &size);
    med_assert(to != NULL);
    for (int family = 0; family < w->n_families; family++) {
        int n = 0;
        for (int i = 0; i < w->n; i++) {
            if (w->list[i].family != family) continue;
            if (!n++)
                fprintf(to, "%s%s%s\n  %-*s %4s %9s %9s %9s %9s %9s %8s %8s %7s %9s\n", w->list[i].key->preset,
                        *w->list[i].key->preset ? " " : "", w->list[i].key->metric, width, "", "n", "first", "second",
                        "diff", "95% low", "95% high", "p", "p Holm", "r", "shift");
            print_line(to, &w->list[i], width);
        }
        if (n > 1) fprintf(to, "  Holm: family of these %d\n", n);
    }
    print_unpaired(to, w);
    fprintf(to,
            "first minus second; Wilcoxon signed-rank%s; r: matched-pairs rank correlation; shift: Hodges-Lehmann; "
            "interval: %s bootstrap of cases, %d draws, seed %llu\n",
            w->options->is_pratt ? " (Pratt)" : "", w->options->is_bca ? "BCa" : "percentile", MED_BOOTSTRAP_DRAWS,
            (unsigned long long)w->options->seed);
    fclose(to);
    return text;
}

/* The report's list as a table: its keys are the columns. */
static med_status save_csv(const char *path, const json_t *list) {
    char *text = NULL;
    size_t size, i;
    json_t *row, *value;
    const char *key;
    FILE *to = open_memstream(&text, &size);
    med_assert(to != NULL);
    json_array_foreach ((json_t *)list, i, row) {
        const char *comma = "";
        if (!i) {
            json_object_foreach (row, key, value) {
                fprintf(to, "%s%s", comma, key);
                comma = ",";
            }
            fputc('\n', to);
            comma = "";
        }
        json_object_foreach (row, key, value) {
            fputs(comma, to);
            if (json_is_string(value)) {
                char *field = med_csv_field(json_string_value(value));
                fputs(field, to);
                free(field);
            } else if (json_is_number(value))
                fprintf(to, "%.17g", json_number_value(value));
            else if (json_is_boolean(value))
                fputs(json_is_true(value) ? "yes" : "no", to);
            comma = ",";
        }
        fputc('\n', to);
    }
    fclose(to);
    med_status status = med_file_write(path, text, size);
    free(text);
    return status;
}

static med_status finish(const work *w, json_t *report, char **table) {
    json_t *methods = json_array();
    for (int m = 0; m < w->n_methods; m++) json_array_append_new(methods, json_string(w->method[m]));
    json_object_set_new(report, "methods", methods);
    json_object_set_new(report, "comparisons", to_json(w));
    json_object_set(report, "unpaired", w->unpaired);
    if (w->n_methods > 2) json_object_set(report, "friedman", w->friedman);
    json_object_set_new(report, "seed", json_integer((json_int_t)w->options->seed));
    *table = to_text(w);
    return w->options->out ? save_csv(w->options->out, json_object_get(report, "comparisons")) : MED_OK;
}

med_status med_compare_methods(const med_compare_methods_options *o, json_t *report, char **table) {
    work w = {.options = o, .unpaired = json_array(), .friedman = json_array()};
    int reference;
    *table = NULL;
    med_status status = load(&w);
    if (status == MED_OK) status = find_reference(&w, &reference);
    if (status == MED_OK) {
        compare_all(&w, reference);
        correct_families(&w);
        if (!w.n) status = med_fail(MED_EUSAGE, "no metric to compare: the files hold other names, or counts only");
    }
    if (status == MED_OK) status = finish(&w, report, table);
    free(w.list);
    med_score_table_free(w.t);
    json_decref(w.unpaired);
    json_decref(w.friedman);
    return status;
}
