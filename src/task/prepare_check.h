/* prepare_check.h: read a data set again, as a user should before training on it. Changes nothing in it. */
#ifndef MED_TASK_PREPARE_CHECK_H
#define MED_TASK_PREPARE_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include "base/status.h"

typedef struct med_prepare_check_config {
    const char *data;
    const char *out; /* folder of contact sheets; NULL: DATA-check beside it */
    bool no_sheets;
    double max_memory_mb;
} med_prepare_check_config;

/* Every file against its hash, grid and value range, and the checks of spec/data.md 5.3 again. report: cases [{name, status
 * "ok"|"suspicious"|"bad", message, warnings, modalities, size, spacing_mm, label_cm3, sheet}], n_ok, n_suspicious, n_bad.
 * MED_EFAIL: cases are bad; of a data set of one case, what is wrong with it. */
MED_CHECK med_status med_prepare_check(const med_prepare_check_config *c, json_t *report);

#endif
