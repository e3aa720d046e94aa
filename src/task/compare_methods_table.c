/* compare_methods_table.c: comparisons of methods as JSON, as a table for people and as CSV. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "image/csv.h"
#include "task/compare_methods_work.h"

typedef med_comparison comparison;
typedef med_comparing work;

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
            json_object_set_new(o, numbers[k].key, med_json_number(numbers[k].value));
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
        if (!strcmp(name, last_case) && !strcmp(in, last_in)) continue;
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

med_status med_comparing_finish(const med_comparing *w, json_t *report, char **table) {
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
