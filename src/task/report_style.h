/* report_style.h: the look of the report's page. */
#ifndef MED_TASK_REPORT_STYLE_H
#define MED_TASK_REPORT_STYLE_H

extern const char med_report_style[]; /* a style sheet */

#endif
