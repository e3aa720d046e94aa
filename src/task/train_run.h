/* train_run.h: the run folder of a training: what is written, when, and what is read back to go on. */
#ifndef MED_TASK_TRAIN_RUN_H
#define MED_TASK_TRAIN_RUN_H

#include <stdint.h>
#include "model/trainer.h"
#include "task/train_config.h"

/* How far a run has come: what a checkpoint holds beside weights and moments. */
typedef struct med_train_position {
    long step;            /* steps done */
    int epoch, visit;     /* the next step's: epoch from 1, visit of the epoch's cases from 0 */
    long subset;          /* and its place within the visit */
    bool is_validated;    /* average and best hold a value */
    double average, best; /* moving average of the validation error, and its least */
    int best_epoch;
    long n_log_bytes; /* length of log.jsonl */
    long n_nonfinite; /* steps passed over */
    double seconds;   /* spent so far */
} med_train_position;

/* What run.json says; the same for the whole life of a run. */
typedef struct med_train_record {
    const char *preset, *data_path, *data_hash, *command_line, *device;
    uint64_t seed;
    med_train_config config;
    med_net model;
    json_t *source; /* where the data come from: {"source":, "licence":} */
    json_t *init;   /* {"path":, "sha256":} of --init; NULL: none */
    json_t *cases;  /* {"train": [...], "val": [...], "skipped": [{"case":, "why":}]} */
} med_train_record;

typedef struct med_train_run med_train_run; /* owned: an open run folder */

/* MED_EUSAGE: there is a run in this folder already, or something else. */
MED_CHECK med_status med_train_run_check_free(const char *path);
/* A new folder, or an empty one. */
MED_CHECK med_status med_train_run_create(const char *path, const med_train_record *record, med_train_run **out);
/* Open an existing one and read run.json. Texts of `record` live as long as the run, json objects too. */
MED_CHECK med_status med_train_run_open(const char *path, med_train_run **out, med_train_record *record);
/* Write run.json again (a longer schedule). */
MED_CHECK med_status med_train_run_save(med_train_run *run, const med_train_record *record);
void med_train_run_free(med_train_run *run); /* NULL is fine */

bool med_train_run_has_checkpoint(const med_train_run *run);

/* One line of log.jsonl; position->n_log_bytes follows. Lines that cannot be written (disk full) are kept for the next. */
MED_CHECK med_status med_train_run_log(med_train_run *run, med_train_position *position, const json_t *line);
/* Draw progress.svg from it. */
MED_CHECK med_status med_train_run_plot(med_train_run *run);

typedef enum med_train_file { MED_TRAIN_LAST, MED_TRAIN_BEST } med_train_file;
MED_CHECK med_status med_train_run_checkpoint(med_train_run *run, med_train_file which, const med_train_record *record,
                                              const med_train_position *position, med_trainer *trainer);
/* weights.safetensors: what `medley synth` needs, with where it comes from. */
MED_CHECK med_status med_train_run_weights(med_train_run *run, const med_train_record *record,
                                           const med_train_position *position, med_trainer *trainer);
/* Put the last checkpoint into trainer and position, and cut the log to what it had then. Without a checkpoint (killed
 * before the first) position is the beginning and the trainer stays as it is. */
MED_CHECK med_status med_train_run_restore(med_train_run *run, med_train_position *position,
                                           med_trainer *trainer);

#endif
