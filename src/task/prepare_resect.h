/* prepare_resect.h: RESECT with the masks of RESECT-SEG (spec/data.md 2.3): a test set for masks and registration. */
#ifndef MED_TASK_PREPARE_RESECT_H
#define MED_TASK_PREPARE_RESECT_H

#include "task/prepare_common.h"

typedef struct med_prepare_resect_config {
    med_prepare_common common;
    const char *in;  /* folder of CaseN/{MRI,US,Landmarks}, or of NIFTI/CaseN/... */
    const char *seg; /* folder of RESECT-SEG; NULL: no masks */
} med_prepare_resect_config;

/* The ultrasound before resection makes the grid; T1 -> cet1, FLAIR -> flair by their geometry; CaseN-US-before-tumor ->
 * label, CaseN-FLAIR-tumor -> label.flair; tags MRI-beforeUS -> landmarks.csv, fixed: ultrasound, moving: FLAIR. */
MED_CHECK med_status med_prepare_resect(const med_prepare_resect_config *c, json_t *report);

#endif
