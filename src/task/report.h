/* report.h: one page that shows how good synthetic images are: `medley report`. */
#ifndef MED_TASK_REPORT_H
#define MED_TASK_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"

typedef struct med_report_options {
    int n_paths;  /* several: folders of `medley evaluate -o`, beside each other */
    char **paths; /* NULL: `path` alone */
    const char
        *path;       /* a training run (run.json), a folder of `medley synth` (CASE-MOD.json) or of `medley evaluate` */
    const char *out; /* the page */
    const char *latex, *csv; /* the summary as tables of their own; NULL: not wanted */
    const char *command_line;
    const char *data;    /* where the data set is now; NULL: where run.json or the sidecars say */
    const char *part;    /* of the splits: "test", "val", "train" */
    int fold;            /* -1: the run's own, else 0 */
    const char *subsets; /* "single": each modality alone and all but the target; "all": every subset */
    int n_pictured;      /* cases shown in pictures */
    double temperature;
    int n_samples; /* mean of that many draws */
    bool mirror;   /* and of as many of the mirrored images */
    uint64_t seed;
} med_report_options;

/* A folder of evaluations: read, drawn and written; json gets {"path", "n_cases", "cells"}. Otherwise:
 * Synthesise (or read) the cases, score them in the field of view beside two opponents, and write the page atomically.
 * `json` gets {"path", "rows": [...], "n_cases", "n_pairs", "wins": {"psnr","ssim","l1"}}; *summary is the table as
 * plain text, owned. MED_EINPUT, MED_EFORMAT: which file is missing or wrong, and what to do. */
MED_CHECK med_status med_report_write(const med_report_options *options, json_t *json, char **summary);

#endif
