/* prepare_case.h: one patient of one's own into a data set: images, transforms, label. */
#ifndef MED_TASK_PREPARE_CASE_H
#define MED_TASK_PREPARE_CASE_H

#include "task/prepare_common.h"

typedef struct med_prepare_one_config {
    med_prepare_common common;
    const char *name;                                      /* of the case */
    const char *us, *t2, *cet1, *flair;                    /* images: files, or folders of DICOM; NULL: not there */
    const char *tfm_t2, *tfm_cet1, *tfm_flair, *tfm_label; /* ITK: points of the ultrasound to points of that image */
    const char *label;
    const char *source, *licence;
} med_prepare_one_config;

MED_CHECK med_status med_prepare_one(const med_prepare_one_config *c, json_t *report);

#endif
