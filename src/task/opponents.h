/* opponents.h: two honest opponents that any synthesis must beat: the mean training image of the target modality,
 * and a per-voxel linear map from the given modalities. Both are masked like the model's output: to the field of view
 * of the first given modality. */
#ifndef MED_TASK_OPPONENTS_H
#define MED_TASK_OPPONENTS_H

#include "task/report_case.h"

typedef struct med_pair { /* one question: this target from these */
    med_modset given;
    int target;
} med_pair;

typedef struct med_opponents med_opponents; /* owned */

/* Learn from the training cases `cases[n_cases]` of a data set. Memory: 10 bytes per voxel and target modality. */
MED_CHECK med_status med_opponents_fit(const med_dataset *d, const int *cases, int n_cases, const med_mod_list *mods,
                                       const med_pair *pairs, int n_pairs, med_opponents **out);
void med_opponents_free(med_opponents *o);

/* Mean over the training cases of the target's truth, voxel by voxel on the slice grid (grids of other sizes are
 * centred on it); where no training case has a value, the modality's mean. *out is NULL when no training case has the
 * modality. */
MED_CHECK med_status med_opponents_mean(const med_opponents *o, int target, const med_volume *first_given,
                                        med_volume **out);

/* target = a . given + b, least squares over the training voxels that lie in the target's and the first given's fields
 * of view. *out is NULL when no training case has all of them, or the pair was not asked for when fitting. */
MED_CHECK med_status med_opponents_linear(const med_opponents *o, med_pair pair,
                                          const med_volume *const inputs[MED_MAX_MODS], med_volume **out);

#endif
