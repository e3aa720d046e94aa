/* phantom.h: make a data set of phantom heads. */
#ifndef MED_TASK_PHANTOM_H
#define MED_TASK_PHANTOM_H

#include <jansson.h>
#include "data/phantom.h"

/* Write `n_cases` cases, manifest.json and splits.json into OUT, a new or empty folder. Each case appears whole or not at
 * all. Cases 2 and 4 of every ten are for test and complete, case 3 is for validation, the others for training; so
 * parts and files of a case do not depend on how many there are.
 * Fills `report`: out, cases [{name, part, tumour, tumour_ml, observed}]. */
MED_CHECK med_status med_phantom_make(const med_phantom_config *config, int n_cases, const char *out, json_t *report);

#endif
