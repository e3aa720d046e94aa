/* lpips_weights.h: weights of the perceptual distance LPIPS: from the files of their publishers into one of ours, and back
 * into memory. medley ships none: the trunks are ImageNet classifiers of torchvision, the heads come with the lpips package. */
#ifndef MED_TASK_LPIPS_WEIGHTS_H
#define MED_TASK_LPIPS_WEIGHTS_H

#include <jansson.h>
#include "base/status.h"
#include "metric/lpips.h"

typedef struct med_lpips_import {
    const char *trunk, *heads; /* .pth or safetensors */
    const char *out;
    const char *verify; /* NULL, or JSON {"size": [rows, cols], "x": [...], "y": [...], "lpips": d}: must come out so */
} med_lpips_import;

/* Check names, shapes and values, convert, record the SHA-256 of both sources. MED_EFORMAT: what is missing or has
 * another shape; MED_EFAIL: `verify` gives another distance (nothing is written). */
MED_CHECK med_status med_lpips_import_weights(const med_lpips_import *o, json_t *report);

typedef struct med_lpips_file med_lpips_file; /* owned */
MED_CHECK med_status med_lpips_file_open(const char *path, med_lpips_file **out);
void med_lpips_file_free(med_lpips_file *f);
const med_lpips *med_lpips_file_weights(const med_lpips_file *f);
/* {"trunk", "path", "sha256", "trunk_sha256", "heads_sha256"}; new reference. */
json_t *med_lpips_file_describe(const med_lpips_file *f);

#endif
