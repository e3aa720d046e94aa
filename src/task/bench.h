/* bench.h: how long a slice takes here, and how much memory: on random images, with weights from the seed. */
#ifndef MED_TASK_BENCH_H
#define MED_TASK_BENCH_H

#include <jansson.h>
#include <stdint.h>
#include "base/option.h"

typedef struct med_bench_options {
    const char *model;   /* NULL: mmhvae */
    const char *preset;  /* of the network, at its own slice size unless `set` says size=H,W */
    med_strings set;     /* key=value of the network and the training */
    med_strings given;   /* synth: modalities; empty: the first */
    int batch;           /* slices per run or step; 0: 1 for synth, the preset's for train */
    int n_repeats;       /* timed runs, after one that is not */
    bool is_adversarial; /* train: with discriminators */
    uint64_t seed;
} med_bench_options;

/* From the given modalities to all of them. Fills median_ms_per_slice, quartiles_ms, first_ms (plan and first run),
 * activation_bytes, peak_bytes, and ops: [{op, calls, ms, gflop, gflops}] of one run, longest first. */
MED_CHECK med_status med_bench_synth(const med_bench_options *o, json_t *report);
/* Steps of three passes over all modalities, updates included. Fills seconds_per_slice_step, quartiles, activation_bytes,
 * parameter_bytes and peak_bytes. */
MED_CHECK med_status med_bench_train(const med_bench_options *o, json_t *report);

#endif
