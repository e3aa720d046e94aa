/* info.h: explain a file or folder: weights, an image, a transform, landmarks, a tracked sequence, or a data set; decided by content. */
#ifndef MED_TASK_INFO_H
#define MED_TASK_INFO_H

#include <jansson.h>
#include <stdbool.h>
#include "base/option.h"

typedef struct med_info_options {
    bool stats;   /* read an image's voxels: min, max, sum, nonfinite */
    bool tensors; /* list every tensor of a weights file, not only groups */
    const char *model, *preset; /* of med_info_model */
    med_strings set;
} med_info_options;

/* Fills `report`; "kind" is one of
 *   "weights": format, bytes, sha256, n_tensors, n_parameters, model, config, metadata, tensors,
 *              groups [{name, n_tensors, n_parameters}]
 *   "image":   bytes, dims, dtype, spacing_mm, size_mm, affine_ras, orientation, description,
 *              with stats: min, max, sum (in double, over the finite voxels), nonfinite (how many are not)
 *   "transform": class, n_parts; when the whole is affine: matrix_ras, determinant
 *   "landmarks": n_images, points [{label, ras, ras_2 (of pairs)}]
 *   "sequence":  n_frames, width, height, orientation, poses [{name, n_valid}]
 *   "dataset": name, n_cases, modalities, anchor, has_manifest, hash, missing {MOD: n},
 *              cases [{name, observed}], splits [{train, val, test}] or null */
MED_CHECK med_status med_info_describe(const char *path, const med_info_options *options, json_t *report);
/* A model by name: kind "model", title, summary, config, n_parameters, and cost: multiply-adds per slice of all outputs,
 * {"one": from the first modality, "all": from all}. */
MED_CHECK med_status med_info_model(const med_info_options *options, json_t *report);

#endif
