/* report_samples.h: the pictures that a training left in RUN/samples. */
#ifndef MED_TASK_REPORT_SAMPLES_H
#define MED_TASK_REPORT_SAMPLES_H

#include "task/report_html.h"

/* Adds the first, the last and evenly spaced ones between, four at most. `mods`: what the columns show, in words. No folder:
 * nothing is added. MED_EFORMAT: a file there is no picture. */
MED_CHECK med_status med_report_samples(med_text *html, const char *run, const char *mods);

#endif
