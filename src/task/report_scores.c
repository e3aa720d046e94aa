/* report_scores.c: tables of a report: headline, heat table, LaTeX, CSV. */
#include "task/report_scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "image/csv.h"

static const med_report_metric metrics[][MED_MAX_REPORT_METRICS] = {
    [MED_SCORE_IMAGES] = {{"strict", "psnr", "PSNR, dB", +1},
                          {"strict", "ssim", "SSIM", +1},
                          {"strict", "l1", "L1", -1},
                          {"strict", "lpips", "LPIPS", -1},
                          {"mmhvae", "psnr", "PSNR, dB (mmhvae)", +1},
                          {"mmhvae", "ssim_rows", "SSIM of rows (mmhvae)", +1},
                          {"mmhvae", "l1", "L1 of 255 (mmhvae)", -1},
                          {"mmhvae", "lpips", "LPIPS (mmhvae)", -1},
                          {"3d", "ssim", "SSIM 3-D", +1},
                          {"draws", "diversity", "diversity", 0},
                          {"draws", "coverage90", "coverage of 90 %", 0},
                          {"consistency", "psnr", "PSNR there and back, dB", +1},
                          {"consistency", "ssim", "SSIM there and back", +1},
                          {"consistency", "l1", "L1 there and back", -1}},
    [MED_SCORE_SEGMENTATION] = {{"", "dice", "Dice", +1},
                                {"", "hd95", "HD95, mm", -1},
                                {"", "assd", "ASSD, mm", -1},
                                {"", "volume_error_percent", "volume error, %", 0}},
    [MED_SCORE_REGISTRATION] = {{"", "after_mean", "TRE after, mm", -1}, {"", "before_mean", "TRE before, mm", -1}},
};

static bool is_same(const char *a, const char *b) { return !strcmp(a, b); }

static bool is_of(const med_score *row, const med_report_metric *m) {
    return is_same(row->preset, m->preset) && is_same(row->metric, m->metric);
}

bool med_report_counts(const med_score *row, const med_report_metric *m, bool includes_seen) {
    return is_of(row, m) && isfinite(row->value) && (includes_seen || !med_seen_is_biased(row->seen));
}

int med_report_metrics(const med_score_table *t, const med_report_metric *out[MED_MAX_REPORT_METRICS]) {
    int n = 0;
    for (int m = 0; m < MED_MAX_REPORT_METRICS && metrics[t->kind][m].metric; m++)
        for (int i = 0; i < t->n; i++)
            if (med_report_counts(&t->row[i], &metrics[t->kind][m], true)) {
                out[n++] = &metrics[t->kind][m];
                break;
            }
    return n;
}

char *med_report_label(const med_score *row, bool with_facet) {
    const char *facet = with_facet ? row->facet : "", *space = with_facet && *row->given ? " " : "";
    const char *comma = *row->method && (with_facet || *row->given) ? ", " : "";
    const char *rebuilt = med_score_is_reconstruction(row) ? " (reconstruction)" : "";
    return med_format("%s%s%s%s%s%s%s", facet, space, *row->given ? "from " : "", row->given, comma, row->method,
                      rebuilt);
}

/* ---- headline ------------------------------------------------------------------------------------------------ */

typedef struct cells { /* borrowed */
    int n;
    const med_score_cell *item;
} cells;

static bool is_first_of_row(const cells *c, int i) {
    for (int k = 0; k < i; k++)
        if (med_score_same_heading(&c->item[k], &c->item[i])) return false;
    return true;
}

static const med_score_cell *find(const cells *c, const med_score_cell *row, const med_report_metric *m) {
    for (int i = 0; i < c->n; i++)
        if (med_score_same_heading(&c->item[i], row) && is_of(&c->item[i].key, m)) return &c->item[i];
    return NULL;
}

void med_report_number(med_text *html, const char *metric, double value) {
    char text[32];
    med_score_format(text, metric, value);
    med_text_put(html, text);
}

static void value_to_html(const med_score_cell *c, med_text *html) {
    if (!c) {
        med_text_put(html, "<td class=\"first\">n/a</td>");
        return;
    }
    const char *metric = c->key.metric;
    med_text_put(html, "<td class=\"first\">");
    med_report_number(html, metric, c->summary.mean);
    if (isfinite(c->summary.sd)) {
        med_text_put(html, " &plusmn; ");
        med_report_number(html, metric, c->summary.sd);
    }
    if (isfinite(c->interval.low)) {
        med_text_put(html, "<small>95 %: ");
        med_report_number(html, metric, c->interval.low);
        med_text_put(html, " to ");
        med_report_number(html, metric, c->interval.high);
        med_text_put(html, "</small>");
    }
    if (c->summary.n_na || c->summary.n_inf)
        med_text_add(html, "<small>%d n/a, %d inf</small>", c->summary.n_na, c->summary.n_inf);
    med_text_put(html, "</td>");
}

static void label_to_html(const med_score_cell *c, med_text *html) {
    char *label = med_report_label(&c->key, true);
    med_text_put(html, "<tr><th scope=\"row\">");
    med_text_escape(html, label);
    if (c->is_grouped) {
        med_text_put(html, "; group ");
        med_text_escape(html, *c->key.group ? c->key.group : "(none)");
    }
    med_text_put(html, "</th>");
    free(label);
}

static void every_metric(const cells *c, med_text *html) {
    med_text_put(html,
                 "<details><summary>Every metric</summary><div class=\"wide\"><table>\n<thead><tr><th></th>"
                 "<th>metric</th><th>mean</th><th>sd</th><th>median</th><th>25 %</th><th>75 %</th><th>95 % low</th>"
                 "<th>95 % high</th><th>n</th><th>n/a</th><th>inf</th><th>seen</th></tr></thead><tbody>\n");
    for (int i = 0; i < c->n; i++) {
        const med_score_cell *x = &c->item[i];
        const med_summary *s = &x->summary;
        if (med_score_is_count(x->key.metric)) continue;
        const double values[] = {s->mean, s->sd, s->median, s->q25, s->q75, x->interval.low, x->interval.high};
        label_to_html(x, html);
        med_text_add(html, "<td>%s %s</td>", x->key.preset, x->key.metric);
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            med_text_put(html, "<td>");
            med_report_number(html, x->key.metric, values[v]);
            med_text_put(html, "</td>");
        }
        med_text_add(html, "<td>%d</td><td>%d</td><td>%d</td><td>%d</td></tr>\n", s->n, s->n_na, s->n_inf, x->n_seen);
    }
    med_text_put(html, "</tbody></table></div></details>\n");
}

void med_report_headline(const med_score_table *t, const med_score_cell *items, int n_items, med_text *html) {
    const med_report_metric *shown[MED_MAX_REPORT_METRICS];
    int n_shown = med_report_metrics(t, shown);
    cells c = {n_items, items};
    med_text_put(html, "<div class=\"wide\"><table>\n<thead><tr><th></th><th>cases</th><th>seen</th>");
    for (int m = 0; m < n_shown; m++)
        med_text_add(html, "<th scope=\"col\" class=\"first\">%s%s</th>", shown[m]->title,
                     shown[m]->better > 0   ? " &uarr;"
                     : shown[m]->better < 0 ? " &darr;"
                                            : "");
    med_text_put(html, "</tr></thead><tbody>\n");
    for (int i = 0; i < c.n && n_shown; i++) {
        if (!is_first_of_row(&c, i)) continue;
        const med_score_cell *first = find(&c, &c.item[i], shown[0]);
        label_to_html(&c.item[i], html);
        med_text_add(html, "<td>%d</td><td>%d</td>", first ? first->summary.n + first->summary.n_inf : 0,
                     first ? first->n_seen : 0);
        for (int m = 0; m < n_shown; m++) value_to_html(find(&c, &c.item[i], shown[m]), html);
        med_text_put(html, "</tr>\n");
    }
    med_text_put(html, "</tbody></table></div>\n");
    every_metric(&c, html);
}

/* ---- heat ---------------------------------------------------------------------------------------------------- */

static bool has_same_inputs(const med_score *a, const med_score *b) {
    return is_same(a->given, b->given) && is_same(a->method, b->method);
}

/* Rows: inputs and methods; columns: facets; of the cells over all cases with this metric. */
typedef struct heat {
    const cells *cells;
    const med_report_metric *metric;
    const med_score_cell **rows, **cols; /* the first cell of each */
    int n_rows, n_cols;
    double lo, hi;
} heat;

static bool is_in_heat(const heat *h, const med_score_cell *x) { return !x->is_grouped && is_of(&x->key, h->metric); }

static void lay_out(heat *h) {
    for (int i = 0; i < h->cells->n; i++) {
        const med_score_cell *x = &h->cells->item[i];
        if (!is_in_heat(h, x)) continue;
        bool is_new_row = true, is_new_col = true;
        for (int r = 0; r < h->n_rows; r++) is_new_row &= !has_same_inputs(&h->rows[r]->key, &x->key);
        for (int k = 0; k < h->n_cols; k++) is_new_col &= !is_same(h->cols[k]->key.facet, x->key.facet);
        if (is_new_row) h->rows[h->n_rows++] = x;
        if (is_new_col) h->cols[h->n_cols++] = x;
        if (isfinite(x->summary.mean)) h->lo = fmin(h->lo, x->summary.mean), h->hi = fmax(h->hi, x->summary.mean);
    }
}

static void heat_cell(const heat *h, const med_score_cell *row, const med_score_cell *col, med_text *html) {
    const med_score_cell *at = NULL;
    for (int i = 0; i < h->cells->n && !at; i++) {
        const med_score_cell *x = &h->cells->item[i];
        if (is_in_heat(h, x) && has_same_inputs(&x->key, &row->key) && is_same(x->key.facet, col->key.facet)) at = x;
    }
    if (!at || !isfinite(at->summary.mean)) {
        med_text_put(html, "<td></td>");
        return;
    }
    double good = h->hi > h->lo ? (at->summary.mean - h->lo) / (h->hi - h->lo) : 0.5;
    if (h->metric->better < 0) good = 1 - good;
    med_text_add(html, "<td style=\"background:rgba(60,140,220,%.2f)\">", 0.05 + 0.5 * good);
    med_report_number(html, h->metric->metric, at->summary.mean);
    if (med_score_is_reconstruction(&at->key)) med_text_put(html, "<small>reconstruction</small>");
    med_text_put(html, "</td>");
}

static void heat_row(const heat *h, const med_score_cell *row, med_text *html) {
    char *label =
        med_report_label(&(med_score){.facet = "", .given = row->key.given, .method = row->key.method}, false);
    med_text_put(html, "<tr><th scope=\"row\">");
    med_text_escape(html, *label ? label : "all");
    med_text_put(html, "</th>");
    free(label);
    for (int k = 0; k < h->n_cols; k++) heat_cell(h, row, h->cols[k], html);
    med_text_put(html, "</tr>\n");
}

static void heat_of(const cells *c, const med_report_metric *m, med_text *html) {
    heat h = {.cells = c, .metric = m, .lo = INFINITY, .hi = -INFINITY};
    h.rows = med_alloc(sizeof *h.rows * (size_t)(c->n + 1));
    h.cols = med_alloc(sizeof *h.cols * (size_t)(c->n + 1));
    lay_out(&h);
    if (h.n_rows * h.n_cols > 1) {
        med_text_add(
            html,
            "<div class=\"wide\"><table class=\"heat\"><caption>%s, mean over cases</caption><thead><tr><th></th>",
            m->title);
        for (int k = 0; k < h.n_cols; k++) {
            med_text_put(html, "<th scope=\"col\">");
            med_text_escape(html, h.cols[k]->key.facet);
            med_text_put(html, "</th>");
        }
        med_text_put(html, "</tr></thead><tbody>\n");
        for (int r = 0; r < h.n_rows; r++) heat_row(&h, h.rows[r], html);
        med_text_put(html, "</tbody></table></div>\n");
    }
    free(h.cols);
    free(h.rows);
}

void med_report_heat(const med_score_table *t, const med_score_cell *items, int n_items, med_text *html) {
    const med_report_metric *shown[MED_MAX_REPORT_METRICS];
    int n_shown = med_report_metrics(t, shown);
    cells c = {n_items, items};
    med_text_put(html, "<div class=\"curves\">\n");
    for (int m = 0; m < n_shown && m < 2; m++) heat_of(&c, shown[m], html);
    med_text_put(html, "</div>\n");
}

/* ---- files --------------------------------------------------------------------------------------------------- */

/* Text for LaTeX: what it would take as a command. */
static void put_latex(med_text *out, const char *text) {
    char one[2] = {0};
    for (const char *p = text; *p; p++) {
        one[0] = *p;
        if (strchr("&%$#_{}", *p)) med_text_put(out, "\\");
        med_text_put(out, one);
    }
}

static void put_latex_number(med_text *out, const char *metric, double value) {
    char text[32];
    med_score_format(text, metric, value);
    put_latex(out, text);
}

static void latex_of(const med_score_table *t, const cells *c, med_text *out) {
    const med_report_metric *shown[MED_MAX_REPORT_METRICS];
    int n_shown = med_report_metrics(t, shown);
    med_text_put(out, "% mean +- sd over cases; needs booktabs\n\\begin{tabular}{lr");
    for (int m = 0; m < n_shown; m++) med_text_put(out, "r");
    med_text_put(out, "}\n\\toprule\n & $n$");
    for (int m = 0; m < n_shown; m++) {
        med_text_put(out, " & ");
        put_latex(out, shown[m]->title);
    }
    med_text_put(out, " \\\\\n\\midrule\n");
    for (int i = 0; i < c->n && n_shown; i++) {
        if (!is_first_of_row(c, i)) continue;
        const med_score_cell *first = find(c, &c->item[i], shown[0]);
        char *label = med_report_label(&c->item[i].key, true);
        put_latex(out, label);
        if (c->item[i].is_grouped) {
            med_text_put(out, ", ");
            put_latex(out, c->item[i].key.group);
        }
        free(label);
        med_text_add(out, " & %d", first ? first->summary.n : 0);
        for (int m = 0; m < n_shown; m++) {
            const med_score_cell *x = find(c, &c->item[i], shown[m]);
            med_text_put(out, " & ");
            put_latex_number(out, shown[m]->metric, x ? x->summary.mean : NAN);
            if (x && isfinite(x->summary.sd)) {
                med_text_put(out, " $\\pm$ ");
                put_latex_number(out, shown[m]->metric, x->summary.sd);
            }
        }
        med_text_put(out, " \\\\\n");
    }
    med_text_put(out, "\\bottomrule\n\\end{tabular}\n");
}

static void csv_text(med_text *out, const char *text) {
    char *field = med_csv_field(text);
    med_text_put(out, field);
    med_text_put(out, ",");
    free(field);
}

static void csv_of(const med_score_table *t, const cells *c, med_text *out) {
    med_text_add(
        out, "%s,given,method,group,preset,metric,n,n_na,n_inf,n_seen,mean,sd,median,q25,q75,min,max,low95,high95\n",
        med_score_facets[t->kind]);
    for (int i = 0; i < c->n; i++) {
        const med_score_cell *x = &c->item[i];
        const med_summary *s = &x->summary;
        const char *texts[] = {x->key.facet,  x->key.given, x->key.method, x->is_grouped ? x->key.group : "",
                               x->key.preset, x->key.metric};
        const double values[] = {s->mean, s->sd,  s->median,       s->q25,          s->q75,
                                 s->min,  s->max, x->interval.low, x->interval.high};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) csv_text(out, texts[k]);
        med_text_add(out, "%d,%d,%d,%d", s->n, s->n_na, s->n_inf, x->n_seen);
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            med_text_put(out, ",");
            if (isfinite(values[k])) med_text_add(out, "%.17g", values[k]);
        }
        med_text_put(out, "\n");
    }
}

static med_status save(const char *path, const med_score_table *t, const cells *c,
                       void (*fill)(const med_score_table *, const cells *, med_text *)) {
    med_text text = {0};
    if (!path) return MED_OK;
    fill(t, c, &text);
    med_status status = text.status;
    if (status == MED_OK) status = med_file_write(path, text.data, text.n);
    med_text_free(&text);
    return status;
}

med_status med_report_save_tables(const med_score_table *t, const med_score_cell *items, int n_items, const char *latex,
                                  const char *csv) {
    cells c = {n_items, items};
    MED_TRY(save(latex, t, &c, latex_of));
    return save(csv, t, &c, csv_of);
}
