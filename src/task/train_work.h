/* train_work.h: a training run at work, shared by train.c (what it begins with) and train_loop.c (what it does). */
#ifndef MED_TASK_TRAIN_WORK_H
#define MED_TASK_TRAIN_WORK_H

#include "task/synth.h"
#include "task/train.h"
#include "task/train_data.h"
#include "task/train_run.h"

typedef struct med_train_work {
    const med_train_options *options;
    med_train_record record;
    med_train_data *data;
    med_train_run *run;
    med_mmhvae_trainer *trainer;
    med_synth_model *validator; /* made when first needed */
    med_train_position position;
    long n_steps;         /* of the whole run */
    med_step_result last; /* of the last step */
} med_train_work;

/* From position to the end of the schedule, then weights.safetensors. */
MED_CHECK med_status med_train_loop(med_train_work *w);

/* Mean over the validation cases and their given modalities j of the reconstruction error of all observed modalities
 * from j alone, 0.5*mean|out - target|, over whole volumes with fixed noise. */
MED_CHECK med_status med_train_validate(med_train_work *w, double *out);

#endif
