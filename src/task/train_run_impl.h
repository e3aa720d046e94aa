/* train_run_impl.h: the inside of an open run folder, shared by train_run.c and train_checkpoint.c. */
#ifndef MED_TASK_TRAIN_RUN_IMPL_H
#define MED_TASK_TRAIN_RUN_IMPL_H

#include <stdio.h>
#include "task/train_run.h"

struct med_train_run {
    char *path;
    FILE *log;
    char *pending; /* lines that could not be written yet */
    size_t n_pending;
    json_t *record; /* run.json as read; NULL for a new run */
};

/* Cut log.jsonl to what the checkpoint knew of it. */
MED_CHECK med_status med_train_run_cut_log(med_train_run *run, med_train_position *position);

#endif
