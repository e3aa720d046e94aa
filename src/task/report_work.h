/* report_work.h: what the two kinds of report (run folder, synth folder) gather for the same page. */
#ifndef MED_TASK_REPORT_WORK_H
#define MED_TASK_REPORT_WORK_H

#include "task/opponents.h"
#include "task/report.h"
#include "task/report_pictures.h"
#include "task/score_table.h"

typedef struct med_report_work {
    const med_report_options *options;
    med_mod_list mods;
    med_dataset *data;        /* NULL: none known */
    med_opponents *opponents; /* NULL: no training cases known */
    med_table *table;         /* NULL for evaluations */
    med_score_table *scores;  /* the same scores in long form; for evaluations all there is */
    med_score_cell *cells;    /* their summary over cases */
    int n_cells;
    med_score_table *back; /* there and back (task/consistency.h), never among the scores; NULL: not asked */
    med_score_cell *back_cells;
    int n_back_cells;
    med_text facts, warnings, curves, legend, pictures, sections; /* legend: of masks */
    bool has_uncertainty;                                         /* among the pictures */
} med_report_work;

/* A folder with per_case.csv, or a table itself. */
bool med_report_is_eval(const char *path);
MED_CHECK med_status med_report_from_eval(med_report_work *work);
/* Index, from worst (0) to best (n-1), of picture `turn` of `n_turns`: worst, evenly spaced, best. */
int med_report_rank(int turn, int n_turns, int n);
const char *med_report_rank_name(int turn, int n_turns); /* "Worst", "Median", ... */

/* Fill work: run folder; folder of synthetic images. */
MED_CHECK med_status med_report_from_run(med_report_work *work);
MED_CHECK med_status med_report_from_synth(med_report_work *work);

/* Fit the opponents on the training part of the fold; warns on the page when `scored` cases are among the training
 * cases. */
MED_CHECK med_status med_report_fit_opponents(med_report_work *work, int fold, const med_pair *pairs, int n_pairs,
                                              const int *scored, int n_scored);

/* A case that is judged: its scans, how its pictures are cut (NULL: no pictures of it), whether they have a heading. */
typedef struct med_report_case {
    const char *name;
    const med_scans *scans;
    const med_view *view;
    const char *heading; /* NULL: the name */
    bool is_headed;
    bool is_scored_already; /* only pictures are wanted */
    const med_volume *sd;   /* of the prediction at work over its draws; NULL: none */
} med_report_case;

/* The view of a case: through the tumour of CASE-label.nii.gz where there is one on the same grid. */
MED_CHECK med_status med_report_choose_view(const med_case *c, const med_scans *scans, med_view *out);
/* Score one prediction (network scale) and its opponents where the truth is there; draw it when the case has a view. */
MED_CHECK med_status med_report_judge(med_report_work *work, med_report_case *c, med_pair pair,
                                      const med_volume *prediction, bool is_pictured);

void med_report_fact(med_report_work *work, const char *name, const char *format, ...) MED_PRINTF(3, 4);
void med_report_warn(med_report_work *work, const char *format, ...) MED_PRINTF(2, 3);

#endif
