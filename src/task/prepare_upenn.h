/* prepare_upenn.h: the UPenn-GBM collection as a source of virtual sweeps (spec/data.md 2.2): no resampling. */
#ifndef MED_TASK_PREPARE_UPENN_H
#define MED_TASK_PREPARE_UPENN_H

#include "task/prepare_common.h"

typedef struct med_prepare_upenn_config {
    med_prepare_common common;
    const char *in;    /* folder of images_structural/ID/, automated_segm/, images_segm/ */
    const char *label; /* "auto", "expert", "expert-else-auto" */
} med_prepare_upenn_config;

/* T1GD -> cet1, T2 -> t2, FLAIR -> flair; a case without the wanted label is excluded. */
MED_CHECK med_status med_prepare_upenn(const med_prepare_upenn_config *c, json_t *report);

#endif
