/* report_table.c: the comparison of the model with its opponents, pair by pair.
 *
 * Rows stand by target, then by the number of given modalities. The best mean of a row is marked per score. */
#include "task/report_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/memory.h"

enum { PSNR, SSIM, L1, N_SCORES };
static const struct {
    const char *column, *title;
    int decimals, better;
} scores_of[N_SCORES] = {
    [PSNR] = {"psnr", "PSNR, dB", 2, +1},
    [SSIM] = {"ssim", "SSIM", 3, +1},
    [L1] = {"l1", "L1", 3, -1},
};
typedef struct cell { /* one method of one pair: a value per case and score */
    int n;
    double *value[N_SCORES];
} cell;

typedef struct pair {
    med_modset given;
    int target;
    cell cell[MED_N_METHODS];
} pair;

typedef struct method_name {
    char *name, *title; /* in files, in headings */
} method_name;

struct med_table {
    med_mod_list mods;
    method_name methods[MED_N_METHODS];
    int n, capacity;
    pair *pairs; /* sorted by order() */
};

med_table *med_table_create(const med_mod_list *mods, const char *model_name, const char *model_title) {
    med_table *table = med_alloc(sizeof *table);
    const char *const names[MED_N_METHODS][2] = {[MED_METHOD_MODEL] = {model_name, model_title},
                                                 [MED_METHOD_MEAN] = {"mean", "mean image"},
                                                 [MED_METHOD_LINEAR] = {"linear", "linear map"}};
    table->mods = *mods;
    for (int m = 0; m < MED_N_METHODS; m++)
        table->methods[m] = (method_name){med_strdup(names[m][0]), med_strdup(names[m][1])};
    return table;
}

const char *med_table_method(const med_table *table, med_method m) { return table->methods[m].title; }

void med_table_free(med_table *table) {
    if (!table) return;
    for (int p = 0; p < table->n; p++)
        for (int m = 0; m < MED_N_METHODS; m++)
            for (int s = 0; s < N_SCORES; s++) free(table->pairs[p].cell[m].value[s]);
    for (int m = 0; m < MED_N_METHODS; m++) {
        free(table->methods[m].name);
        free(table->methods[m].title);
    }
    free(table->pairs);
    free(table);
}

static int order(const pair *a, med_modset given, int target) {
    int counts = med_modset_count(a->given) - med_modset_count(given);
    if (a->target != target) return a->target - target;
    if (counts) return counts;
    return a->given < given ? -1 : a->given > given;
}

static pair *find_or_insert(med_table *table, med_modset given, int target) {
    int at = 0;
    while (at < table->n && order(&table->pairs[at], given, target) < 0) at++;
    if (at < table->n && !order(&table->pairs[at], given, target)) return &table->pairs[at];
    if (table->n == table->capacity) {
        pair *grown = med_alloc(sizeof(pair) * (size_t)(2 * table->capacity + 8));
        if (table->n) memcpy(grown, table->pairs, sizeof(pair) * (size_t)table->n);
        free(table->pairs);
        table->pairs = grown;
        table->capacity = 2 * table->capacity + 8;
    }
    memmove(table->pairs + at + 1, table->pairs + at, sizeof(pair) * (size_t)(table->n - at));
    table->pairs[at] = (pair){.given = given, .target = target};
    table->n++;
    return &table->pairs[at];
}

void med_table_add(med_table *table, med_modset given, int target, med_method method, const med_case_scores *scores) {
    if (!scores->n_slices) return;
    cell *c = &find_or_insert(table, given, target)->cell[method];
    for (int s = 0; s < N_SCORES; s++) {
        double *grown = med_alloc(sizeof(double) * (size_t)(c->n + 1));
        if (c->n) memcpy(grown, c->value[s], sizeof(double) * (size_t)c->n);
        free(c->value[s]);
        c->value[s] = grown;
        grown[c->n] = scores->column[med_preset_column_index(&med_preset_strict, scores_of[s].column)].mean;
    }
    c->n++;
}

static med_summary summary_of(const pair *p, int method, int score) {
    return med_summarise(p->cell[method].value[score], p->cell[method].n);
}

/* The method with the best mean; -1 when only one method has a number. */
static int winner(const pair *p, int score) {
    int best = -1, n = 0;
    double best_mean = 0;
    for (int m = 0; m < MED_N_METHODS; m++) {
        double mean = summary_of(p, m, score).mean;
        if (isnan(mean)) continue;
        if (!n++ || scores_of[score].better * (mean - best_mean) > 0) best = m, best_mean = mean;
    }
    return n > 1 ? best : -1;
}

med_table_verdict med_table_judge(const med_table *table) {
    med_table_verdict v = {0};
    for (int p = 0; p < table->n; p++) {
        const pair *row = &table->pairs[p];
        if (row->cell[MED_METHOD_MODEL].n > v.n_cases) v.n_cases = row->cell[MED_METHOD_MODEL].n;
        if (winner(row, PSNR) < 0) continue;
        v.n_pairs++;
        v.n_won += winner(row, PSNR) == MED_METHOD_MODEL && winner(row, SSIM) == MED_METHOD_MODEL;
        v.n_psnr += winner(row, PSNR) == MED_METHOD_MODEL;
        v.n_ssim += winner(row, SSIM) == MED_METHOD_MODEL;
        v.n_l1 += winner(row, L1) == MED_METHOD_MODEL;
    }
    return v;
}

/* The value to print: nothing that rounds to zero keeps its minus. */
static double shown(double value, int score) {
    double unit = pow(10, -scores_of[score].decimals);
    return fabs(value) < unit / 2 ? 0 : value;
}

/* ---- JSON ---------------------------------------------------------------------------------------------------- */

static json_t *cell_to_json(const med_table *table, const pair *p, int method) {
    json_t *given = json_array(), *row = json_object();
    MED_MODSET_EACH (j, p->given) json_array_append_new(given, json_string(table->mods.name[j]));
    json_object_set_new(row, "given", given);
    json_object_set_new(row, "target", json_string(table->mods.name[p->target]));
    json_object_set_new(row, "method", json_string(table->methods[method].name));
    for (int s = 0; s < N_SCORES; s++) {
        med_summary summary = summary_of(p, method, s);
        char *sd_key = med_format("%s_sd", scores_of[s].column);
        json_object_set_new(row, scores_of[s].column, med_json_number(summary.mean));
        json_object_set_new(row, sd_key, med_json_number(summary.sd));
        free(sd_key);
    }
    json_object_set_new(row, "n_cases", json_integer(p->cell[method].n));
    return row;
}

json_t *med_table_to_json(const med_table *table) {
    json_t *rows = json_array();
    for (int p = 0; p < table->n; p++)
        for (int m = 0; m < MED_N_METHODS; m++)
            if (table->pairs[p].cell[m].n) json_array_append_new(rows, cell_to_json(table, &table->pairs[p], m));
    return rows;
}

/* ---- HTML ---------------------------------------------------------------------------------------------------- */

static void cell_to_html(const pair *p, int score, int method, bool is_best, med_text *html) {
    med_summary s = summary_of(p, method, score);
    int decimals = scores_of[score].decimals;
    med_text_add(html, "<td class=\"%s%s\">", method ? "" : "first", is_best ? " best" : "");
    if (isnan(s.mean))
        med_text_put(html, s.n_inf ? "&infin;" : "n/a");
    else
        med_text_add(html, "%.*f", decimals, shown(s.mean, score));
    if (isfinite(s.sd)) med_text_add(html, "<small>&plusmn; %.*f</small>", decimals, s.sd);
    med_text_put(html, "</td>");
}

static void row_to_html(const med_table *table, const pair *p, med_text *html) {
    char *given = med_modset_join(table->mods.name, p->given, " + ");
    med_text_put(html, "<tr><th scope=\"row\">from ");
    med_text_escape(html, given);
    med_text_add(html, "</th><td>%d</td>", p->cell[MED_METHOD_MODEL].n);
    for (int s = 0; s < N_SCORES; s++)
        for (int m = 0; m < MED_N_METHODS; m++) cell_to_html(p, s, m, winner(p, s) == m, html);
    med_text_put(html, "</tr>\n");
    free(given);
}

static void method_to_html(const method_name *m, bool is_first, med_text *html) {
    med_text_add(html, "<th scope=\"col\"%s>", is_first ? " class=\"first\"" : "");
    med_text_escape(html, m->title);
    med_text_put(html, "</th>");
}

void med_table_to_html(const med_table *table, med_text *html) {
    med_text_put(html, "<div class=\"wide\"><table>\n<thead><tr><td></td><th></th>");
    for (int s = 0; s < N_SCORES; s++)
        med_text_add(html, "<th colspan=\"%d\" class=\"first group\">%s %s</th>", MED_N_METHODS, scores_of[s].title,
                     scores_of[s].better > 0 ? "&uarr;" : "&darr;");
    med_text_put(html, "</tr>\n<tr><td></td><th>cases</th>");
    for (int s = 0; s < N_SCORES; s++)
        for (int m = 0; m < MED_N_METHODS; m++) method_to_html(&table->methods[m], m == 0, html);
    med_text_put(html, "</tr></thead>\n");
    for (int p = 0; p < table->n; p++) {
        const pair *row = &table->pairs[p];
        bool is_first = !p || table->pairs[p - 1].target != row->target;
        bool is_last = p + 1 == table->n || table->pairs[p + 1].target != row->target;
        if (is_first) {
            med_text_add(html, "<tbody><tr class=\"target\"><th scope=\"rowgroup\" colspan=\"%d\">",
                         2 + N_SCORES * MED_N_METHODS);
            med_text_escape(html, table->mods.name[row->target]);
            med_text_put(html, "</th></tr>\n");
        }
        row_to_html(table, row, html);
        if (is_last) med_text_put(html, "</tbody>\n");
    }
    med_text_put(html, "</table></div>\n");
}

/* ---- plain text ---------------------------------------------------------------------------------------------- */

static void row_to_text(const med_table *table, const pair *p, int width, med_text *text) {
    char *given = med_modset_join(table->mods.name, p->given, " + ");
    med_text_add(text, "%-*s -> %-8s %3d ", width, given, table->mods.name[p->target], p->cell[MED_METHOD_MODEL].n);
    for (int s = 0; s < N_SCORES; s++) {
        med_text_put(text, " ");
        for (int m = 0; m < MED_N_METHODS; m++) {
            double mean = summary_of(p, m, s).mean;
            char mark = winner(p, s) == m ? '*' : ' ';
            if (isnan(mean))
                med_text_add(text, " %7s ", "n/a");
            else
                med_text_add(text, " %7.*f%c", scores_of[s].decimals, shown(mean, s), mark);
        }
    }
    med_text_put(text, "\n");
    free(given);
}

void med_table_to_text(const med_table *table, med_text *text) {
    int width = 5;
    for (int p = 0; p < table->n; p++) {
        char *given = med_modset_join(table->mods.name, table->pairs[p].given, " + ");
        if ((int)strlen(given) > width) width = (int)strlen(given);
        free(given);
    }
    med_text_add(text, "%-*s    %-8s %3s ", width, "", "", "");
    for (int s = 0; s < N_SCORES; s++) med_text_add(text, "  %-26s", scores_of[s].title);
    med_text_add(text, "\n%-*s    %-8s %3s ", width, "given", "target", "n");
    for (int s = 0; s < N_SCORES; s++)
        med_text_add(text, "  %7.7s  %7s  %7s ", table->methods[MED_METHOD_MODEL].title, "mean", "linear");
    med_text_put(text, "\n");
    for (int p = 0; p < table->n; p++) row_to_text(table, &table->pairs[p], width, text);
    med_text_put(text, "* best of the row; mean over cases, in the field of view\n");
}
