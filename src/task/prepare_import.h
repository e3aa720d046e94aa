/* prepare_import.h: a folder prepared by the MMHVAE release's scripts, as a data set of medley (spec/data.md 4.2-4.6). */
#ifndef MED_TASK_PREPARE_IMPORT_H
#define MED_TASK_PREPARE_IMPORT_H

#include "task/prepare_common.h"

typedef struct med_prepare_import_config {
    med_prepare_common common;
    const char *in;         /* CASE/CASE-{us,t2,cet1,flair,target}.nii.gz, as acquired */
    const char *normalised; /* the same names, harmonised to [0,1]; NULL: none */
    med_strings splits;     /* split files, one per fold, in order */
    const char *source, *licence;
    bool in_place;          /* only write the manifest of `in`, which has medley's own names */
} med_prepare_import_config;

/* Files are copied byte for byte; "target" becomes the label, a normalised MR its modality's target. Volumes of zeros are
 * recorded as missing; split files become splits.json, cases that are not there are left out with a warning. */
MED_CHECK med_status med_prepare_import(const med_prepare_import_config *c, json_t *report);

#endif
