/* prepare_remind.h: the ReMIND collection as the authors of MMHVAE prepare it (spec/data.md 4). */
#ifndef MED_TASK_PREPARE_REMIND_H
#define MED_TASK_PREPARE_REMIND_H

#include "task/prepare_common.h"

typedef struct med_prepare_remind_config {
    med_prepare_common common;
    const char *nrrd;          /* folder of CaseNNN/{Preop-MR,Intraop-US,Annotations} with .nrrd files; or */
    const char *dicom;         /* folder of ReMIND-NNN with a folder per DICOM series */
    const char *transforms;    /* folder of affine/CaseNNN/ and rigid/CaseNNN/ */
    const char *refs, *target; /* tables "index,us,mr" and "index,target"; target may be NULL: no labels */
    const char *space;         /* "us" or "mr" */
} med_prepare_remind_config;

MED_CHECK med_status med_prepare_remind(const med_prepare_remind_config *c, json_t *report);

#endif
