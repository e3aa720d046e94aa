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
    json_t *init;
    med_train_run *run;
    med_trainer *trainer;
    med_synth_model *validator; /* made when first needed, which is between steps */
    med_train_position position;
    struct { /* bytes: parameters with gradients, moments and average; one piece of a batch; batches; what volumes may take */
        size_t parameters, piece, batches, volumes;
    } memory;
    long n_steps;         /* of the whole run */
    med_step_result last; /* of the last step */
} med_train_work;

/* From position to the end of the schedule, then weights.safetensors. */
MED_CHECK med_status med_train_loop(med_train_work *w);

/* Mean over the validation cases and their given modalities j of the reconstruction error of all observed modalities
 * from j alone, 0.5*mean|out - target|, over whole volumes with fixed noise. */
MED_CHECK med_status med_train_validate(med_train_work *w, double *out);

/* The current weights (or their average) as a model for synthesis, borrowed. It and the training's activations are not in memory
 * at the same time. */
med_synth_model *med_train_validator(med_train_work *w);
void med_train_validator_free(med_train_work *w);

/* ---- before the first step ---- */

/* Plans the largest step and keeps to --max-memory. MED_ENOMEM tells the least that would do. */
MED_CHECK med_status med_train_plan_memory(med_train_work *w);
size_t med_train_memory_total(const med_train_work *w);
void med_train_tell_memory(const med_train_work *w);
/* {"path":, "sha256":} of a weights file, and taking its parameters. */
MED_CHECK med_status med_train_init_record(const char *path, json_t **out);
MED_CHECK med_status med_train_init(const json_t *init, const med_weights *weights);
/* From a checkpoint: its discriminators too with their optimiser, if they are like those that are trained. */
MED_CHECK med_status med_train_init_discriminators(const json_t *init, med_trainer *trainer);

/* ---- for people who watch ---- */

/* Active latent channels of every level from the top, and how many there are. */
MED_CHECK med_status med_train_units(med_train_work *w, json_t *active, json_t *units);
/* RUN/samples/epoch-NNNNN.png */
MED_CHECK med_status med_train_samples(med_train_work *w);

#endif
