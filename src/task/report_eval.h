/* report_eval.h: an evaluation in a report, as report_eval.c reads it and others draw it. */
#ifndef MED_TASK_REPORT_EVAL_H
#define MED_TASK_REPORT_EVAL_H

#include "task/evaluate.h"
#include "task/report_scores.h"
#include "task/report_work.h"

typedef struct med_report_source { /* one folder of medley evaluate */
    const char *path;
    char *csv, *method; /* method: of rows without one */
    json_t *summary;    /* NULL: a lone per_case.csv */
    int first, end;     /* its rows in the table of scores */
} med_report_source;

/* The options by which the same files are found and loaded again; false: they are not there any more (said on the page). */
bool med_report_options_of(med_report_work *work, const med_report_source *source, med_evaluate_options *out);

/* An image that something was made from or drawn on, at network scale and turned like `like`; NULL: not to be had on its grid. */
med_volume *med_report_load_input(const char *path, const char *mod, const med_volume *like);

/* Draw one case with this caption. */
typedef med_status med_report_draw_case(void *context, med_report_work *work, const med_score *row,
                                        const char *caption);
/* The worst, the median and the best case (as many as the report's options say) of one series, under its heading. */
MED_CHECK med_status med_report_draw_series(med_report_work *work, const med_report_source *source,
                                            const med_report_metric *m, const med_score *series, const char *heading,
                                            med_report_draw_case *draw, void *context);

/* All pictures of an evaluation of images; of masks. */
MED_CHECK med_status med_report_image_pictures(med_report_work *work, const med_report_source *source);
MED_CHECK med_status med_report_mask_pictures(med_report_work *work, const med_report_source *source);

#endif
