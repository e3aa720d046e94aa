/* prepare_resample.h: one image on the grid of another. */
#ifndef MED_TASK_PREPARE_RESAMPLE_H
#define MED_TASK_PREPARE_RESAMPLE_H

#include "base/option.h"

typedef struct med_prepare_resample_config {
    const char *moving, *like, *out;
    med_strings transforms; /* of points of `like` to points of `moving`; one composite, the last applied first */
    int index;              /* within files of several transforms; -1: they have one */
    bool inverse;           /* of the whole */
    const char *interp;     /* "linear", "nearest", "bspline", "label" */
} med_prepare_resample_config;

/* Written as float32; nearest and label keep uint8 and int16. report: out, dims
 * and, when the whole is affine, matrix_ras and determinant. */
MED_CHECK med_status med_prepare_resample(const med_prepare_resample_config *c, json_t *report);

#endif
