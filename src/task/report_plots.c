/* report_plots.c: every case as a point: boxes, paired lines, Bland-Altman. Plain SVG in the page's colours. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "metric/summary.h"
#include "task/report_axis.h"
#include "task/report_scores.h"

enum { WIDTH = 640, LABEL = 210, ROW = 28, SIDE = 420, HIGH = 300, MAX_SERIES = 40, MAX_COLUMNS = 8 };

static bool is_same(const char *a, const char *b) { return !strcmp(a, b); }

/* First rows of the series (facet, given, method) that have a value of this metric. */
static int list_series(const med_score_table *t, const med_report_metric *m, bool includes_seen,
                       const med_score *out[MAX_SERIES]) {
    int n = 0;
    for (int i = 0; i < t->n && n < MAX_SERIES; i++) {
        bool is_new = med_report_counts(&t->row[i], m, includes_seen);
        for (int k = 0; k < n && is_new; k++) is_new = !med_score_same_series(out[k], &t->row[i]);
        if (is_new) out[n++] = &t->row[i];
    }
    return n;
}

static void limits(const med_score_table *t, const med_report_metric *m, bool includes_seen, double *lo, double *hi) {
    *lo = INFINITY, *hi = -INFINITY;
    for (int i = 0; i < t->n; i++)
        if (med_report_counts(&t->row[i], m, includes_seen))
            *lo = fmin(*lo, t->row[i].value), *hi = fmax(*hi, t->row[i].value);
    med_axis_widen(lo, hi, 0.04);
}

static void text_at(med_text *html, double x, double y, const char *anchor, const char *text) {
    med_text_add(html, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    med_text_escape(html, text);
    med_text_put(html, "</text>");
}

static void point(med_text *html, double x, double y, const med_score *row) {
    med_text_add(html, "<circle class=\"point\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>", x, y);
    med_text_escape(html, row->case_name);
    med_text_put(html, ": ");
    med_report_number(html, row->metric, row->value);
    med_text_put(html, "</title></circle>");
}

/* As the table gives it, without the digits that a tick does not need. */
static void tick_text(med_text *html, const med_report_metric *m, double v) {
    if (med_score_is_share(m->metric))
        med_text_add(html, "%.4g%%", 100 * v);
    else
        med_text_add(html, "%.6g", v);
}

/* ---- boxes --------------------------------------------------------------------------------------------------- */

typedef struct scale {
    double lo, hi, from, to;
} scale;

static double place(const scale *s, double v) { return s->from + (v - s->lo) / (s->hi - s->lo) * (s->to - s->from); }

static void box_row(const med_score_table *t, const med_report_metric *m, bool includes_seen, const med_score *series,
                    const scale *s, double y, med_text *html) {
    double *values = med_alloc(sizeof(double) * (size_t)(t->n + 1));
    int n = 0;
    char *label = med_report_label(series, true);
    text_at(html, LABEL - 8, y + 4, "end", label);
    free(label);
    for (int i = 0; i < t->n; i++)
        if (med_report_counts(&t->row[i], m, includes_seen) && med_score_same_series(&t->row[i], series))
            values[n++] = t->row[i].value;
    med_summary sum = med_summarise(values, n);
    double q25 = place(s, sum.q25), q75 = place(s, sum.q75), middle = place(s, sum.median);
    med_text_add(html,
                 "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/><rect class=\"box\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                 "height=\"16\"/><path class=\"median\" d=\"M%.1f %.1fv16\"/>",
                 place(s, sum.min), y, place(s, sum.max), q25, y - 8, fmax(q75 - q25, 0.5), middle, y - 8);
    for (int i = 0, at = 0; i < t->n; i++)
        if (med_report_counts(&t->row[i], m, includes_seen) && med_score_same_series(&t->row[i], series)) {
            point(html, place(s, t->row[i].value), y + (at * 5 % 11 - 5) * 0.9,
                  &t->row[i]); /* apart, but the same every time */
            at++;
        }
    free(values);
}

static void boxes_of(const med_score_table *t, const med_report_metric *m, bool includes_seen, med_text *html) {
    const med_score *series[MAX_SERIES];
    int n = list_series(t, m, includes_seen, series);
    if (!n) return;
    scale s = {.from = LABEL, .to = WIDTH - 16};
    limits(t, m, includes_seen, &s.lo, &s.hi);
    int height = n * ROW + 34;
    med_text_add(html, "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s of every case\">", WIDTH,
                 height, m->title);
    double tick[MED_MAX_TICKS];
    int n_ticks = med_axis_ticks(s.lo, s.hi, 4, tick);
    for (int i = 0; i < n_ticks; i++) {
        double x = place(&s, tick[i]);
        med_text_add(html, "<path class=\"axis\" d=\"M%.1f 4V%d\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">",
                     x, height - 24, x, height - 10);
        tick_text(html, m, tick[i]);
        med_text_put(html, "</text>");
    }
    for (int k = 0; k < n; k++) box_row(t, m, includes_seen, series[k], &s, 18 + k * ROW, html);
    med_text_add(html,
                 "</svg><figcaption>%s: each point a case; box: quartiles and median; line: smallest to largest"
                 "</figcaption></figure>\n",
                 m->title);
}

void med_report_boxes(const med_score_table *t, bool includes_seen, med_text *html) {
    const med_report_metric *shown[MED_MAX_REPORT_METRICS];
    int n = med_report_metrics(t, shown);
    med_text_put(html, "<div class=\"curves plots\">\n");
    for (int m = 0; m < n && m < 3; m++) boxes_of(t, shown[m], includes_seen, html);
    med_text_put(html, "</div>\n");
}

/* ---- paired -------------------------------------------------------------------------------------------------- */

typedef struct column { /* one place on the horizontal axis */
    const med_score *series;
    const char *metric; /* registration: before_mean, after_mean */
} column;

static const med_score *row_of(const med_score_table *t, const char *preset, const column *c, const char *case_name) {
    for (int i = 0; i < t->n; i++)
        if (is_same(t->row[i].case_name, case_name) && is_same(t->row[i].metric, c->metric) &&
            is_same(t->row[i].preset, preset) && med_score_same_series(&t->row[i], c->series))
            return &t->row[i];
    return NULL;
}

typedef struct paired { /* one chart */
    const med_score_table *t;
    const med_report_metric *metric;
    bool includes_seen;
    int n;
    const column *columns;
    scale y;
} paired;

static bool is_in_column(const paired *p, const med_score *row, int c) {
    return med_score_same_series(row, p->columns[c].series) && is_same(row->metric, p->columns[c].metric) &&
           is_same(row->preset, p->metric->preset);
}

static double column_at(const paired *p, int c) { return 60 + (c + 0.5) * (SIDE - 70) / p->n; }

static void paired_axes(const paired *p, med_text *html) {
    double tick[MED_MAX_TICKS];
    int n_ticks = med_axis_ticks(p->y.lo, p->y.hi, 4, tick);
    for (int i = 0; i < n_ticks; i++) {
        double y = place(&p->y, tick[i]);
        med_text_add(html, "<path class=\"axis\" d=\"M56 %.1fH%d\"/><text x=\"50\" y=\"%.1f\" text-anchor=\"end\">", y,
                     SIDE - 8, y + 4);
        tick_text(html, p->metric, tick[i]);
        med_text_put(html, "</text>");
    }
    for (int c = 0; c < p->n; c++) {
        const column *k = &p->columns[c];
        bool is_series = is_same(k->metric, p->metric->metric) && p->t->kind != MED_SCORE_REGISTRATION;
        char *label = is_series ? med_report_label(k->series, false)
                                : med_format("%.*s", (int)strcspn(k->metric, "_"), k->metric);
        text_at(html, column_at(p, c), HIGH - 22 + c % 2 * 14, "middle", *label ? label : "all");
        free(label);
    }
}

/* The line of one case through all columns. */
static void paired_line(const paired *p, const char *case_name, med_text *html) {
    const med_score *last = NULL;
    for (int c = 0; c < p->n; c++) {
        const med_score *r = row_of(p->t, p->metric->preset, &p->columns[c], case_name);
        bool is_there = r && isfinite(r->value) && (p->includes_seen || !med_seen_is_biased(r->seen));
        if (is_there && last)
            med_text_add(html, "<path class=\"pair\" d=\"M%.1f %.1fL%.1f %.1f\"/>", column_at(p, c - 1),
                         place(&p->y, last->value), column_at(p, c), place(&p->y, r->value));
        if (is_there) point(html, column_at(p, c), place(&p->y, r->value), r);
        last = is_there ? r : NULL;
    }
}

static void paired_chart(paired p, const char *title, med_text *html) {
    p.y = (scale){.lo = INFINITY, .hi = -INFINITY, .from = HIGH - 40, .to = 12};
    for (int i = 0; i < p.t->n; i++)
        for (int c = 0; c < p.n; c++) {
            double v = p.t->row[i].value;
            if (is_in_column(&p, &p.t->row[i], c) && isfinite(v)) p.y.lo = fmin(p.y.lo, v), p.y.hi = fmax(p.y.hi, v);
        }
    if (!(p.y.hi > p.y.lo)) return;
    med_text_add(html, "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"paired values\">", SIDE, HIGH);
    paired_axes(&p, html);
    for (int i = 0; i < p.t->n; i++)
        if (is_in_column(&p, &p.t->row[i], 0)) paired_line(&p, p.t->row[i].case_name, html);
    med_text_add(html, "</svg><figcaption>%s: ", p.metric->title);
    med_text_escape(html, title);
    med_text_put(html, "; a line is a case</figcaption></figure>\n");
}

void med_report_paired(const med_score_table *t, bool includes_seen, med_text *html) {
    const med_report_metric *shown[MED_MAX_REPORT_METRICS];
    const med_score *series[MAX_SERIES];
    int n_shown = med_report_metrics(t, shown),
        n_series = n_shown ? list_series(t, shown[0], includes_seen, series) : 0;
    med_text_put(html, "<div class=\"curves\">\n");
    for (int k = 0; k < n_series; k++) {
        column columns[MAX_COLUMNS] = {{series[k], "before_mean"}, {series[k], "after_mean"}};
        int n = 0;
        bool is_first = true;
        if (t->kind == MED_SCORE_REGISTRATION) {
            char *title = med_report_label(series[k], true);
            paired_chart(
                (paired){.t = t, .metric = shown[0], .includes_seen = includes_seen, .n = 2, .columns = columns}, title,
                html);
            free(title);
            continue;
        }
        for (int i = 0; i < k; i++) is_first &= !is_same(series[i]->facet, series[k]->facet);
        for (int i = k; i < n_series && n < MAX_COLUMNS && is_first; i++)
            if (is_same(series[i]->facet, series[k]->facet)) columns[n++] = (column){series[i], shown[0]->metric};
        if (n > 1)
            paired_chart(
                (paired){.t = t, .metric = shown[0], .includes_seen = includes_seen, .n = n, .columns = columns},
                series[k]->facet, html);
    }
    med_text_put(html, "</div>\n");
}

/* ---- Bland-Altman -------------------------------------------------------------------------------------------- */

static const med_report_metric volume = {"", "volume_error_ml", "volume", 0};

static double value_of(const med_score_table *t, const med_score *like, const char *metric) {
    for (int i = 0; i < t->n; i++)
        if (is_same(t->row[i].case_name, like->case_name) && med_score_same_series(&t->row[i], like) &&
            is_same(t->row[i].metric, metric))
            return t->row[i].value;
    return NAN;
}

/* Mean of the two volumes in ml; the volume of a voxel follows from error and counts. NaN: not to be had. */
static double mean_volume(const med_score_table *t, const med_score *row) {
    double pred = value_of(t, row, "n_pred"), ref = value_of(t, row, "n_ref");
    double voxel = row->value / (pred - ref);
    return pred == ref ? NAN : voxel * (pred + ref) / 2;
}

static void bland_altman_of(const med_score_table *t, const med_score *series, med_text *html) {
    double *mean = med_alloc(sizeof(double) * 2 * (size_t)(t->n + 1)), *difference = mean + t->n;
    const med_score **row = med_alloc(sizeof *row * (size_t)(t->n + 1));
    int n = 0;
    for (int i = 0; i < t->n; i++) {
        if (!med_report_counts(&t->row[i], &volume, false) || !med_score_same_series(&t->row[i], series)) continue;
        mean[n] = mean_volume(t, &t->row[i]);
        difference[n] = t->row[i].value;
        row[n] = &t->row[i];
        n += isfinite(mean[n]);
    }
    med_summary x = med_summarise(mean, n), d = med_summarise(difference, n);
    double spread = isfinite(d.sd) ? 1.96 * d.sd : 0;
    if (n > 1) {
        double reach = 1.1 * fmax(fmax(fabs(d.min), fabs(d.max)), fabs(d.mean) + spread);
        scale across = {0, 1.08 * x.max, 60, SIDE - 10}, up = {-reach, reach, HIGH - 40, 12};
        const double lines[] = {d.mean, d.mean - spread, d.mean + spread};
        char *label = med_report_label(series, true);
        med_text_add(html, "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Bland-Altman of volumes\">",
                     SIDE, HIGH);
        for (int l = 0; l < 3; l++)
            med_text_add(
                html, "<path class=\"%s\" d=\"M60 %.1fH%d\"/><text x=\"54\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>",
                l ? "axis" : "median", place(&up, lines[l]), SIDE - 8, place(&up, lines[l]) + 4, lines[l]);
        for (int i = 0; i < n; i++) point(html, place(&across, mean[i]), place(&up, difference[i]), row[i]);
        med_text_add(
            html,
            "<text x=\"60\" y=\"%d\">0</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.3g ml, mean of both</text>",
            HIGH - 24, SIDE - 8, HIGH - 24, 1.08 * x.max);
        med_text_put(html, "</svg><figcaption>Volume, prediction minus reference in ml, class ");
        med_text_escape(html, label);
        med_text_put(html, "; lines: mean and 1.96 standard deviations</figcaption></figure>\n");
        free(label);
    }
    free(row);
    free(mean);
}

void med_report_bland_altman(const med_score_table *t, med_text *html) {
    const med_score *series[MAX_SERIES];
    int n = t->kind == MED_SCORE_SEGMENTATION ? list_series(t, &volume, false, series) : 0;
    med_text_put(html, "<div class=\"curves\">\n");
    for (int k = 0; k < n; k++)
        if (!is_same(series[k]->facet, "mean")) bland_altman_of(t, series[k], html);
    med_text_put(html, "</div>\n");
}
