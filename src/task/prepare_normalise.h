/* prepare_normalise.h: one image to the network's scale, as the loader does it (spec/data.md 4.5). */
#ifndef MED_TASK_PREPARE_NORMALISE_H
#define MED_TASK_PREPARE_NORMALISE_H

#include <jansson.h>
#include "base/status.h"

typedef struct med_prepare_normalise_config {
    const char *in, *out;
    const char *rule; /* "min-max" or "standardization" */
} med_prepare_normalise_config;

/* Written as float32. report: out, n_mask. */
MED_CHECK med_status med_prepare_normalise(const med_prepare_normalise_config *c, json_t *report);

#endif
