/* report_curves.h: the training log as curves. */
#ifndef MED_TASK_REPORT_CURVES_H
#define MED_TASK_REPORT_CURVES_H

#include "task/report_html.h"

/* Read log.jsonl (one object per line: "step" or "epoch" and any of the known quantities) and draw one small SVG chart
 * per quantity that has two points or more. A last line cut short (the training still runs, or was killed) is ignored;
 * any other line that is no JSON object is MED_EFORMAT with its number. No file: nothing is drawn. */
MED_CHECK med_status med_report_curves(med_text *html, const char *log_path);
/* The same charts as one SVG file that stands alone; nothing where there is nothing to draw. */
MED_CHECK med_status med_report_curves_svg(med_text *svg, const char *log_path);

#endif
