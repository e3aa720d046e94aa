/* train_data.h: the cases of a training run: which can be used and how, and batches of slices from them. */
#ifndef MED_TASK_TRAIN_DATA_H
#define MED_TASK_TRAIN_DATA_H

#include <jansson.h>
#include <pthread.h>

#include "data/loader.h"
#include "task/train_schedule.h"

typedef struct med_train_case {
    int index; /* in the data set */
    const char *name;
    med_train_subject subject;
} med_train_case;

typedef struct med_train_data { /* owned; med_train_data_free */
    char *path;                 /* absolute */
    const med_model *model;
    med_dataset *dataset;
    json_t *source; /* {"source":, "licence":}: the manifest's words, empty without one */
    int anchor;     /* index of the modality; -1: none */
    int n_train, n_val;
    med_train_case *train, *val;
    int nx, ny;         /* largest in-plane size of the training cases */
    json_t *cases;      /* {"train": [...], "val": [...], "skipped": [{"case":, "why":}]} */
    med_loader *loader; /* the training cases in memory; NULL before med_train_data_load */
    struct med_train_slices { /* this visit's and the next's, which a thread of its own reads ahead */
        int index; /* case; -1: nothing is read */
        struct med_train_draw draw;
        float *input[MED_MAX_MODS], *target[MED_MAX_MODS];
    } slices[2];
    int current;
    bool is_reading; /* the thread fills slices[!current] */
    pthread_t reader;
} med_train_data;

/* Opens the data set and sorts its cases. MED_EUSAGE: no such anchor, nothing to train on. */
MED_CHECK med_status med_train_data_open(const char *path, const med_train_config *c, const med_model *model, med_train_data **out);
void med_train_data_free(med_train_data *d); /* NULL is fine */
/* Bytes of the training volumes in 16 bits. */
MED_CHECK med_status med_train_data_measure(const med_train_data *d, const med_net *model, size_t *n_bytes);
/* Reads all training cases for this network: a file that cannot be used is named here. */
MED_CHECK med_status med_train_data_load(med_train_data *d, const med_train_config *c, const med_net *model,
                                         size_t memory_bytes);

/* Slices of training case i at network scale, [n,1,H,W]: borrowed until the next call. NULL where a modality is missing. */
typedef struct med_train_batch {
    int n;
    const float *x[MED_MAX_MODS], *target[MED_MAX_MODS];
} med_train_batch;
void med_train_data_batch(med_train_data *d, int i, const med_train_draw *draw, med_train_batch *out);
/* The visit that comes after: read in the background, so that the next call above finds it there. */
void med_train_data_prefetch(med_train_data *d, int i, const med_train_draw *draw);

/* The first training case with most modalities. */
int med_train_data_fullest(const med_train_data *d);

#endif
