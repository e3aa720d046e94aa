/* report_scores.h: a table of scores as tables and drawings of a report. */
#ifndef MED_TASK_REPORT_SCORES_H
#define MED_TASK_REPORT_SCORES_H

#include "task/report_html.h"
#include "task/score_table.h"

typedef struct med_report_metric { /* a score that people look at first */
    const char *preset, *metric, *title;
    int better; /* +1, -1, 0 neither */
} med_report_metric;

/* Those that have values in the table, the main one first; returns how many. */
enum { MED_MAX_REPORT_METRICS = 16 };
int med_report_metrics(const med_score_table *t, const med_report_metric *out[MED_MAX_REPORT_METRICS]);
/* A value that counts: of this metric, finite, and not of a case seen in training (unless those are wanted). */
bool med_report_counts(const med_score *row, const med_report_metric *m, bool includes_seen);
char *med_report_label(const med_score *row, bool with_facet); /* "flair from us, ours"; owned */

void med_report_number(med_text *html, const char *metric, double value); /* as med_score_format */

/* The cells are those of med_score_summarise for the table.
 * Mean and sd, interval, n per facet, inputs and method, groups below; then every metric, folded. */
void med_report_headline(const med_score_table *t, const med_score_cell *cells, int n_cells, med_text *html);
/* Inputs (and methods) by targets, shaded from worst to best. */
void med_report_heat(const med_score_table *t, const med_score_cell *cells, int n_cells, med_text *html);
/* Every case a point, quartiles as a box; one chart per main metric. */
void med_report_boxes(const med_score_table *t, bool includes_seen, med_text *html);
/* The same cases under several inputs or methods, or before and after, joined by lines. */
void med_report_paired(const med_score_table *t, bool includes_seen, med_text *html);
/* Volumes of masks: difference over mean, in ml; one chart per class. */
void med_report_bland_altman(const med_score_table *t, med_text *html);

/* The summary as tables of their own; NULL: not wanted. */
MED_CHECK med_status med_report_save_tables(const med_score_table *t, const med_score_cell *cells, int n_cells,
                                            const char *latex, const char *csv);

#endif
