/* train.h: train a network on cases that each may lack modalities (docs/training.md). */
#ifndef MED_TASK_TRAIN_H
#define MED_TASK_TRAIN_H

#include <jansson.h>
#include <signal.h>
#include "task/train_config.h"

typedef struct med_train_options {
    const char *data, *run; /* data set; folder of the run */
    const char *model;      /* NULL: mmhvae; with resume: as the run says */
    const char *preset;     /* NULL: "small"; with resume: as the run says */
    med_strings set;        /* key=value */
    int epochs, steps;      /* 0: as the preset or the run says */
    bool is_resumed;
    bool is_check;       /* read everything, make the plan, write nothing */
    const char *init;    /* weights to begin with; NULL: random ones */
    size_t max_memory;   /* bytes that the training may take; 0: any */
    int skip_nonfinite;  /* 0: as the settings say */
    uint64_t seed;                     /* with resume 0: as the run says */
    const char *command_line;          /* for run.json */
    const volatile sig_atomic_t *stop; /* set by a signal: finish the step, write a checkpoint, return; NULL: none */
} med_train_options;

/* "2G", "500M", a number of bytes. */
MED_CHECK med_status med_train_parse_memory(const char *text, size_t *out);

/* Writes the run folder of the contract: run.json, log.jsonl, progress.svg, checkpoints, weights.safetensors. Fills
 * `report`: run, weights, steps, epochs, seconds, loss, parameters, parameter_bytes, activation_bytes, skipped, and best
 * {epoch, val_average} when there was a validation. MED_EFAIL: stopped (the message has the command that continues),
 * or a loss that is not finite; the last checkpoint stays. */
MED_CHECK med_status med_train(const med_train_options *o, json_t *report);

#endif
