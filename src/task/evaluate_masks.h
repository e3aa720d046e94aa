/* evaluate_masks.h: masks to judge: found by name, loaded in pairs on one grid. */
#ifndef MED_TASK_EVALUATE_MASKS_H
#define MED_TASK_EVALUATE_MASKS_H

#include "image/volume.h"
#include "task/evaluate_work.h"

enum { MED_MAX_LABEL = 65535 };

typedef struct med_mask_files {
    const med_evaluate_options *options; /* pred, ref, fov, resample_to, ignores_affine */
    med_found_list pred, ref, fov;
    int n_resampled; /* so far */
} med_mask_files;

/* CASE-label.nii.gz or CASE.nii.gz of both sides; two single files belong together. Free also on failure. */
MED_CHECK med_status med_mask_files_find(const med_evaluate_options *o, med_mask_files *f);
void med_mask_files_free(med_mask_files *f);

/* Whole numbers from 0 to MED_MAX_LABEL, on the reference's grid, 0 outside the field of view where there is one. Both are the
 * caller's to free, also on failure. */
MED_CHECK med_status med_mask_pair_load(med_mask_files *f, const med_found *pred, const med_found *ref, med_volume **p,
                                        med_volume **r);

#endif
