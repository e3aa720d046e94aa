/* prepare_harmonise.h: harmonised targets for a data set, learned from the training cases of one fold. */
#ifndef MED_TASK_PREPARE_HARMONISE_H
#define MED_TASK_PREPARE_HARMONISE_H

#include <jansson.h>
#include "base/status.h"

typedef struct med_prepare_harmonise_config {
    const char *data;   /* a data set with a manifest */
    const char *split;  /* a split file of the release; NULL: splits.json of the data set, or all cases */
    int fold;           /* of splits.json */
    const char *method; /* "nyul", "minmax", "none" (removes the targets) */
    const char *landmarks; /* of nyul: "fov", where the image is above 0; "head", the whole head as it was before cutting */
} med_prepare_harmonise_config;

/* Writes CASE-MOD.target.nii.gz for every MR and "harmonisation" into the manifest: method, fold, training cases, and per
 * modality the percentiles and the standard scale. "us" has no target: it is its own. */
MED_CHECK med_status med_prepare_harmonise(const med_prepare_harmonise_config *c, json_t *report);

#endif
