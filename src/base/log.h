/* log.h: what a person sees while the program works: lines on stderr, a progress bar on a terminal. */
#ifndef MED_BASE_LOG_H
#define MED_BASE_LOG_H

#include <stdbool.h>
#include "base/status.h"

typedef void med_log_sink(void *context, const char *line); /* one line, without newline */

/* The library writes nothing by itself: the program installs the sink (stderr); NULL = silent. */
void med_log_set(med_log_sink *sink, void *context);
void med_log_pause(bool is_on); /* lines between on and off are lost: of work that is told about as a whole */
void med_info(const char *format, ...) MED_PRINTF(1, 2);
void med_warn(const char *format, ...) MED_PRINTF(1, 2); /* prefixed "warning: " */

/* Progress of one job: on a terminal one line redrawn at most 10 times a second with time left and `note`
 * (the losses, say); elsewhere a plain line every 10 % or 30 s. Enabled by the program, silent by default; a job started while
 * another one runs is silent. */
void med_progress_enable(bool is_on);
typedef struct med_progress med_progress;
med_progress *med_progress_start(const char *what, long n_total);
void med_progress_update(med_progress *progress, long n_done, const char *note_format, ...) MED_PRINTF(3, 4); /* NULL: no note */
void med_progress_end(med_progress *progress); /* frees */

#endif
