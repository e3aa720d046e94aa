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
    med_strings target;  /* synth: modalities; empty: all */
    bool has_subsets;    /* synth: the first modality alone and every subset of the others, of the same slices, in one run */
    const char *filter;  /* op: only rows whose name contains it; NULL: all */
    int batch;           /* slices per run or step; 0: 1 for synth, the preset's for train */
    int n_repeats;       /* timed runs, after one that is not */
    bool is_adversarial; /* train: with discriminators */
    uint64_t seed;
} med_bench_options;

/* From the given modalities to the wanted. Fills median_ms_per_slice, quartiles_ms, first_ms (plan and first run),
 * activation_bytes, peak_bytes, peak_gflops (of multiply-adds on this machine), and
 * ops: [{op, calls, ms, gflop, gflops, peak_share, bytes}] of one run, longest first. */
MED_CHECK med_status med_bench_synth(const med_bench_options *o, json_t *report);
/* Steps of three passes over all modalities, updates included. Fills seconds_per_slice_step, quartiles, activation_bytes,
 * parameter_bytes, peak_bytes, peak_gflops and parts: for each part of a step the ops of one piece of the batch (a slice, or
 * a few small ones), as above. */
MED_CHECK med_status med_bench_train(const med_bench_options *o, json_t *report);

/* Kernels one by one at the shapes of the paper's network. Fills peak_gflops, ops: [{op, ms, gflop, gflops, peak_share,
 * bytes, count}], and us_to_4: what all convolutions of that case take in each direction. */
MED_CHECK med_status med_bench_op(const med_bench_options *o, json_t *report);
/* GFLOP/s of multiply-adds on registers, all threads together. */
double med_bench_peak(void);

#endif
