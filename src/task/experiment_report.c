/* experiment_report.c: scores of all arms as tables, comparisons and a page.
 *
 * A case counts once per target: its scores are averaged over the inputs, reconstructions of what was given left out. Arms are compared on
 * the same questions: "every input" holds the questions that all arms whose network knows every modality have answered; arms that know
 * fewer are compared beside the others where the anchor alone is given. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "task/compare_methods.h"
#include "task/experiment_work.h"
#include "task/report_pictures.h"
#include "task/score_table.h"

static const char every_input[] = "every input";
static const char *const shown[][3] = {{"psnr", "PSNR", "higher"}, {"ssim", "SSIM", "higher"}, {"l1", "L1", "lower"}};
enum { N_SHOWN = 3 };

typedef struct results {
    const med_experiment_work *w;
    med_score_table *all, *averaged;
    med_score_cell *cells;
    int n_cells;
    json_t *comparisons; /* of compare_methods */
    bool is_complete[MED_MAX_ARMS]; /* the arm answers for every modality */
    const char *anchor;
} results;

/* ---- reading ---- */

static med_status read_scores(results *r) {
    const med_experiment_work *w = r->w;
    for (int fold = 0; fold < w->n_folds; fold++)
        for (int arm = 0; arm < w->n_arms; arm++) {
            char *path = med_experiment_path(w, fold, arm, "per_case.csv");
            med_status status = med_path_exists(path) ? med_score_table_load(r->all, path, NULL) : MED_OK;
            free(path);
            MED_TRY(status);
        }
    return r->all->n ? MED_OK : med_fail(MED_EFAIL, "%s: no arm has scores", w->options->out);
}

static int arm_of(const results *r, const med_score *s) {
    for (int i = 0; i < r->w->n_arms; i++)
        if (strcmp(r->w->arms[i].title, s->method) == 0) return i;
    return -1;
}

static void find_complete(results *r) {
    const med_dataset *d = r->w->data;
    med_modset facets[MED_MAX_ARMS] = {0};
    for (int i = 0; i < r->all->n; i++) {
        int arm = arm_of(r, &r->all->row[i]), j = med_dataset_mod(d, r->all->row[i].facet);
        if (arm >= 0 && j >= 0) facets[arm] |= med_modset_of(j);
    }
    for (int arm = 0; arm < r->w->n_arms; arm++) r->is_complete[arm] = med_modset_count(facets[arm]) == d->n_mods;
}

/* ---- averages ---- */

static char *question_of(const med_score *s) {
    return med_format("%s|%s|%s|%s|%s", s->case_name, s->facet, s->given, s->preset, s->metric);
}

/* For every question, how many complete arms have answered. */
static json_t *count_answers(const results *r) {
    json_t *count = json_object();
    for (int i = 0; i < r->all->n; i++) {
        const med_score *s = &r->all->row[i];
        int arm = arm_of(r, s);
        if (arm < 0 || !r->is_complete[arm] || !isfinite(s->value) || med_score_is_reconstruction(s)) continue;
        char *key = question_of(s);
        json_object_set_new(count, key, json_integer(json_integer_value(json_object_get(count, key)) + 1));
        free(key);
    }
    return count;
}

typedef struct mean {
    double sum;
    int n;
} mean;

/* One row per arm, case, target, preset and metric: the mean over the questions that all complete arms have answered. */
static void average(results *r) {
    int n_complete = 0;
    for (int i = 0; i < r->w->n_arms; i++) n_complete += r->is_complete[i];
    json_t *count = count_answers(r), *place = json_object();
    mean *means = med_alloc((size_t)(r->all->n + 1) * sizeof *means);
    int *first = med_alloc((size_t)(r->all->n + 1) * sizeof *first), n = 0;
    for (int i = 0; i < r->all->n; i++) {
        const med_score *s = &r->all->row[i];
        int arm = arm_of(r, s);
        char *question = question_of(s);
        bool counts = arm >= 0 && r->is_complete[arm] && json_integer_value(json_object_get(count, question)) == n_complete;
        free(question);
        if (!counts || !isfinite(s->value)) continue;
        char *key = med_format("%s|%s|%s|%s|%s", s->method, s->case_name, s->facet, s->preset, s->metric);
        if (!json_object_get(place, key)) {
            json_object_set_new(place, key, json_integer(n));
            first[n++] = i;
        }
        mean *m = &means[json_integer_value(json_object_get(place, key))];
        m->sum += s->value;
        m->n++;
        free(key);
    }
    for (int k = 0; k < n; k++) {
        med_score s = r->all->row[first[k]];
        s.given = every_input;
        s.value = means[k].sum / means[k].n;
        med_score_table_add(r->averaged, &s);
    }
    json_decref(count);
    json_decref(place);
    free(means);
    free(first);
}

static void add_anchor_alone(results *r) {
    for (int i = 0; i < r->all->n; i++)
        if (strcmp(r->all->row[i].given, r->anchor) == 0 && !med_score_is_reconstruction(&r->all->row[i]))
            med_score_table_add(r->averaged, &r->all->row[i]);
}

static med_status compare(results *r, const char *csv) {
    char *file = (char *)(uintptr_t)csv, *table = NULL, *out = med_path_join(r->w->options->out, "comparisons.csv");
    med_compare_methods_options o = {.n_files = 1, .files = &file, .reference = r->w->arms[0].title, .out = out, .seed = r->w->options->seed};
    json_t *all = json_object();
    med_status status = r->w->n_arms > 1 ? med_compare_methods(&o, all, &table) : MED_OK;
    r->comparisons = json_incref(json_object_get(all, "comparisons"));
    json_decref(all);
    free(table);
    free(out);
    return status;
}

static med_status save_tables(results *r) {
    char *csv = med_path_join(r->w->options->out, "per_case.csv"), *averaged = med_path_join(r->w->options->out, "averaged.csv");
    med_status status = med_score_table_save(r->all, csv, false);
    if (status == MED_OK) status = med_score_table_save(r->averaged, averaged, false);
    if (status == MED_OK) status = compare(r, averaged);
    free(csv);
    free(averaged);
    return status;
}

/* ---- looking up ---- */

static const med_score_cell *cell_of(const results *r, const char *given, const char *facet, const char *method, const char *metric) {
    for (int i = 0; i < r->n_cells; i++) {
        const med_score *k = &r->cells[i].key;
        if (!strcmp(k->given, given) && !strcmp(k->facet, facet) && !strcmp(k->method, method) && !strcmp(k->metric, metric) &&
            !strcmp(k->preset, "strict") && !r->cells[i].is_grouped)
            return &r->cells[i];
    }
    return NULL;
}

static const char *text_of(const json_t *o, const char *key) {
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

/* An arm against the first one; NULL: no such pair. *sign: -1 when the first one comes first in it. */
static const json_t *comparison_of(const results *r, const char *given, const char *facet, const char *method, const char *metric, int *sign) {
    size_t i;
    json_t *c;
    json_array_foreach (r->comparisons, i, c) {
        if (strcmp(text_of(c, "given"), given) || strcmp(text_of(c, "modality"), facet) || strcmp(text_of(c, "metric"), metric) ||
            strcmp(text_of(c, "preset"), "strict"))
            continue;
        if (strcmp(text_of(c, "first"), method) == 0) return *sign = 1, c;
        if (strcmp(text_of(c, "second"), method) == 0) return *sign = -1, c;
    }
    return NULL;
}

static const med_published *published_of(const results *r, const char *arm, const char *facet, const char *metric) {
    for (const med_published *p = r->w->kind->published; p && p->arm; p++)
        if (!strcmp(p->arm, arm) && !strcmp(p->facet, facet) && !strcmp(p->metric, metric)) return p;
    return NULL;
}

/* ---- tables ---- */

static void print_cell(med_text *html, const med_score_cell *c) {
    char value[32], low[32], high[32];
    if (!c) {
        med_text_put(html, "<td>n/a</td>");
        return;
    }
    med_score_format(value, c->key.metric, c->summary.mean);
    med_score_format(low, c->key.metric, c->interval.low);
    med_score_format(high, c->key.metric, c->interval.high);
    med_text_add(html, "<td>%s", value);
    if (isfinite(c->interval.low)) med_text_add(html, " <small>[%s, %s]</small>", low, high);
    med_text_put(html, "</td>");
}

static void print_difference(const results *r, med_text *html, const char *given, const char *facet, int arm) {
    int sign = 1;
    const json_t *c = arm ? comparison_of(r, given, facet, r->w->arms[arm].title, "psnr", &sign) : NULL, *d = json_object_get(c, "difference"),
                 *low = json_object_get(c, "low95"), *high = json_object_get(c, "high95"), *p = json_object_get(c, "p_holm");
    if (!json_is_number(d)) {
        med_text_put(html, arm ? "<td>n/a</td><td>n/a</td>" : "<td>&ndash;</td><td></td>");
        return;
    }
    med_text_add(html, "<td>%+.2f", sign * json_number_value(d));
    if (json_is_number(low) && json_is_number(high))
        med_text_add(html, " <small>[%+.2f, %+.2f]</small>", sign * json_number_value(sign > 0 ? low : high), sign * json_number_value(sign > 0 ? high : low));
    med_text_put(html, "</td>");
    if (json_is_number(p)) med_text_add(html, "<td>%.3g</td>", json_number_value(p));
    else med_text_put(html, "<td>n/a</td>");
}

static void print_table(const results *r, med_text *html, const char *given, const char *facet) {
    bool has_any = false;
    for (int arm = 0; arm < r->w->n_arms; arm++) has_any |= cell_of(r, given, facet, r->w->arms[arm].title, "psnr") != NULL;
    if (!has_any) return;
    med_text_put(html, "<h3>");
    med_text_escape(html, facet);
    med_text_put(html, " from ");
    med_text_escape(html, given);
    med_text_put(html, "</h3>\n<table><tr><th>arm</th><th>cases</th><th>PSNR</th><th>SSIM</th><th>L1</th><th>PSNR against the first</th>"
                       "<th>p (Holm)</th><th>PSNR, as published</th></tr>\n");
    for (int arm = 0; arm < r->w->n_arms; arm++) {
        const char *title = r->w->arms[arm].title;
        const med_score_cell *c = cell_of(r, given, facet, title, "psnr");
        med_text_put(html, "<tr><td>");
        med_text_escape(html, title);
        med_text_add(html, "</td><td>%d</td>", c ? c->summary.n : 0);
        for (int m = 0; m < N_SHOWN; m++) print_cell(html, cell_of(r, given, facet, title, shown[m][0]));
        print_difference(r, html, given, facet, arm);
        const med_published *p = strcmp(given, every_input) == 0 ? published_of(r, title, facet, "psnr") : NULL;
        if (p) med_text_add(html, "<td>%.1f <small>(%s)</small></td></tr>\n", p->value, p->data);
        else med_text_put(html, "<td></td></tr>\n");
    }
    med_text_put(html, "</table>\n");
}

/* ---- the order ---- */

/* Mean over targets; NaN where the arm has none or lacks one that others have. */
static double mean_of(const results *r, int arm, const char *metric) {
    double sum = 0;
    int n = 0;
    for (int j = 0; j < r->w->data->n_mods; j++) {
        const med_score_cell *c = cell_of(r, every_input, r->w->data->mods[j], r->w->arms[arm].title, metric);
        if (!c) continue;
        sum += c->summary.mean;
        n++;
    }
    return n ? sum / n : NAN;
}

static void find_order(const results *r, int metric, int *order, double *value, int *n) {
    bool is_higher = strcmp(shown[metric][2], "higher") == 0;
    *n = 0;
    for (int arm = 0; arm < r->w->n_arms; arm++) {
        double v = mean_of(r, arm, shown[metric][0]);
        if (isnan(v)) continue;
        int at = (*n)++;
        for (; at > 0 && (is_higher ? v > value[at - 1] : v < value[at - 1]); at--) {
            value[at] = value[at - 1];
            order[at] = order[at - 1];
        }
        value[at] = v;
        order[at] = arm;
    }
}

static json_t *order_to_json(const results *r, med_text *text) {
    json_t *all = json_object();
    for (int m = 0; m < N_SHOWN; m++) {
        int order[MED_MAX_ARMS], n;
        double value[MED_MAX_ARMS];
        json_t *list = json_array();
        find_order(r, m, order, value, &n);
        med_text_add(text, "%s of %s, best first:", shown[m][1], every_input);
        for (int i = 0; i < n; i++) {
            char number[32];
            med_score_format(number, shown[m][0], value[i]);
            json_array_append_new(list, json_pack("{s:s, s:f}", "arm", r->w->arms[order[i]].title, "mean", value[i]));
            med_text_add(text, "%s %s (%s)", i ? "," : "", r->w->arms[order[i]].title, number);
        }
        med_text_add(text, "\n");
        json_object_set_new(all, shown[m][0], list);
    }
    med_text_add(text, "as published: %s\n", r->w->kind->order);
    return all;
}

/* ---- pictures ---- */

/* One case, one target from the anchor alone: the truth and every arm. */
static med_status draw_target(const results *r, med_text *html, const med_case *c, int j) {
    const med_experiment_work *w = r->w;
    med_film films[MED_MAX_ARMS + 1];
    med_volume *volumes[MED_MAX_ARMS + 1] = {NULL};
    int n = 0;
    MED_TRY(med_case_load_target(c, w->data->mods[j], &volumes[0]));
    films[n++] = (med_film){"truth", MED_FILM_GREY, volumes[0], NULL};
    med_status status = MED_OK;
    for (int arm = 0; arm < w->n_arms && status == MED_OK; arm++) {
        char *leaf = med_format("filled/%s/%s-%s.nii.gz", r->anchor, c->name, w->data->mods[j]), *path = med_experiment_path(w, 0, arm, leaf);
        if (med_path_exists(path)) {
            status = med_volume_load(path, &volumes[n]);
            if (status == MED_OK) {
                med_volume *v = volumes[n];
                for (size_t i = 0, all = med_grid_count(v->grid); i < all; i++) v->voxel[i] = 2 * v->voxel[i] - 1; /* stored in [0,1] */
                films[n++] = (med_film){w->arms[arm].title, MED_FILM_MADE, v, NULL};
            }
        }
        free(leaf);
        free(path);
    }
    med_view view;
    if (status == MED_OK && n > 1) status = med_view_choose(NULL, (const med_volume *const *)volumes, 1, &view);
    if (status == MED_OK && n > 1) {
        char *caption = med_format("%s of %s, from %s alone", w->data->mods[j], c->name, r->anchor);
        status = med_report_figure(html, films, n, &view, caption);
        free(caption);
    }
    for (int i = 0; i <= MED_MAX_ARMS; i++) med_volume_free(volumes[i]);
    return status;
}

static med_status draw(const results *r, med_text *html) {
    int *cases, n;
    const med_dataset *d = r->w->data;
    MED_TRY(med_dataset_split(d, 0, "test", &cases, &n));
    med_status status = MED_OK;
    const med_case *c = n ? &d->cases[cases[0]] : NULL;
    med_text_put(html, "<h2>Pictures</h2>\n");
    for (int j = 0; c && j < d->n_mods && status == MED_OK; j++)
        if (strcmp(d->mods[j], r->anchor) != 0 && med_modset_has(c->observed, j)) status = draw_target(r, html, c, j);
    free(cases);
    return status;
}

/* ---- all together ---- */

static void print_arms(const results *r, med_text *html) {
    med_text_put(html, "<table><tr><th>arm</th><th>model</th><th>settings</th><th>parameters</th><th>training cases</th><th>steps</th></tr>\n");
    for (int i = 0; i < r->w->n_arms; i++) {
        const med_arm *a = &r->w->arms[i];
        med_text_put(html, "<tr><td>");
        med_text_escape(html, a->title);
        med_text_add(html, "</td><td>%s</td><td>", a->model->name);
        for (int k = 0; k < a->n_set; k++) med_text_add(html, "%s ", a->set[k]);
        med_text_add(html, "</td><td>%d</td><td>%d</td><td>%ld</td></tr>\n", a->n_parameters, a->n_train, a->n_steps);
    }
    med_text_put(html, "</table>\n");
}

static void print_failed(const results *r, med_text *html) {
    size_t i;
    json_t *line;
    json_array_foreach (r->w->failed, i, line) {
        med_text_put(html, "<p>Not in the tables: ");
        med_text_escape(html, json_string_value(line));
        med_text_put(html, "</p>\n");
    }
}

static med_status write_page(const results *r, const char *order) {
    const med_experiment_work *w = r->w;
    med_text html = {0};
    med_html_open(&html, w->kind->title);
    med_text_put(&html, "<h1>");
    med_text_escape(&html, w->kind->title);
    med_text_put(&html, "</h1>\n<p>");
    med_text_escape(&html, w->kind->question);
    med_text_add(&html, " Preset %s, %s schedule, %d fold%s, seed %llu. Scores of test cases in the field of view, preset strict; intervals of the mean by "
                        "bootstrap over cases, differences paired by case, p by Wilcoxon's test. Figures as published are of other data and only show the order.</p>\n",
                 w->options->preset, w->options->schedule, w->n_folds, w->n_folds == 1 ? "" : "s", (unsigned long long)w->options->seed);
    print_arms(r, &html);
    print_failed(r, &html);
    med_text_put(&html, "<pre>");
    med_text_escape(&html, order);
    med_text_put(&html, "</pre>\n<h2>Scores</h2>\n");
    const char *givens[] = {every_input, r->anchor};
    for (int g = 0; g < 2; g++)
        for (int j = 0; j < w->data->n_mods; j++) print_table(r, &html, givens[g], w->data->mods[j]);
    med_status status = draw(r, &html);
    med_html_close(&html);
    char *path = med_path_join(w->options->out, "report.html");
    if (status == MED_OK) status = html.status;
    if (status == MED_OK) status = med_file_write(path, html.data, html.n);
    free(path);
    med_text_free(&html);
    return status;
}

static med_status finish(results *r, json_t *report, med_text *text) {
    med_text order = {0};
    json_t *found = order_to_json(r, &order);
    json_object_set_new(report, "order", found);
    json_object_set_new(report, "cells", med_score_cells_to_json(r->averaged, r->cells, r->n_cells));
    json_object_set(report, "comparisons", r->comparisons ? r->comparisons : json_null());
    med_text_append(text, &order);
    char *page = med_path_join(r->w->options->out, "report.html"), *summary = med_path_join(r->w->options->out, "summary.json"),
         *json = json_dumps(report, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    med_status status = write_page(r, order.data ? order.data : "");
    if (status == MED_OK) status = med_file_write(summary, json, strlen(json));
    json_object_set_new(report, "page", json_string(page));
    med_text_add(text, "%s\n", page);
    free(page);
    free(summary);
    free(json);
    med_text_free(&order);
    return status;
}

med_status med_experiment_report(const med_experiment_work *w, json_t *report, med_text *text) {
    results r = {.w = w, .all = med_score_table_create(MED_SCORE_IMAGES), .averaged = med_score_table_create(MED_SCORE_IMAGES),
                 .anchor = med_dataset_anchor(w->data)};
    med_status status = read_scores(&r);
    if (status == MED_OK) {
        find_complete(&r);
        average(&r);
        add_anchor_alone(&r);
        r.cells = med_score_summarise(r.averaged, &(med_score_rules){.seed = w->options->seed}, &r.n_cells);
        status = save_tables(&r);
    }
    if (status == MED_OK) status = finish(&r, report, text);
    json_decref(r.comparisons);
    free(r.cells);
    med_score_table_free(r.all);
    med_score_table_free(r.averaged);
    return status;
}
