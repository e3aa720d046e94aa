/* report_proxy.h: do image scores rank models as the task does that the images are for? `medley report proxy`. */
#ifndef MED_TASK_REPORT_PROXY_H
#define MED_TASK_REPORT_PROXY_H

#include <jansson.h>
#include "base/status.h"

/* `paths`: folders of medley evaluate (or their per_case.csv), of images and of masks or registrations, whose methods are
 * the models. Spearman's rank correlation, over the models that have both, of the mean of every image score with the mean
 * of every downstream score. `json`: {"models": [...], "correlations": [{"image", "downstream", "n", "spearman"}, ...],
 * "unpaired": [...]}; *table for people, owned. MED_EUSAGE: one kind only, or fewer than 3 models have both. */
MED_CHECK med_status med_report_proxy(int n_paths, char **paths, json_t *json, char **table);

#endif
