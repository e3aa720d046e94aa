/* train_data.h: the cases of a training run: which can be used and how, and batches of slices from them. */
#ifndef MED_TASK_TRAIN_DATA_H
#define MED_TASK_TRAIN_DATA_H

#include <jansson.h>
#include "data/dataset.h"
#include "task/train_schedule.h"

typedef struct med_train_case {
    int index; /* in the data set */
    const char *name;
    int n_slices;
    med_train_subject subject;
} med_train_case;

typedef struct med_train_data { /* owned; med_train_data_free */
    char *path;             /* absolute */
    med_dataset *dataset;
    int anchor;             /* index of the modality; -1: none */
    int n_train, n_val;
    med_train_case *train, *val;
    int nx, ny;             /* largest in-plane size of the training cases */
    json_t *cases;          /* {"train": [...], "val": [...], "skipped": [{"case":, "why":}]} */
    struct med_train_cache *cache;
} med_train_data;

/* Opens the data set and looks at every case's headers. MED_EUSAGE: no such anchor, nothing to train on. */
MED_CHECK med_status med_train_data_open(const char *path, const med_train_config *c, med_train_data **out);
void med_train_data_free(med_train_data *d); /* NULL is fine */

/* Slices of one case at network scale, [n,1,H,W]: borrowed until the next call. NULL where a modality is missing. */
typedef struct med_train_batch {
    int n;
    const float *x[MED_MAX_MODS], *target[MED_MAX_MODS];
} med_train_batch;
MED_CHECK med_status med_train_data_batch(med_train_data *d, const med_train_case *c, const med_train_draw *draw,
                                          const med_mmhvae_config *model, med_train_batch *out);

/* Largest number of modalities that a training case has together: what the memory plan is made for. */
med_train_subject med_train_data_fullest(const med_train_data *d);

#endif
