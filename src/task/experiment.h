/* experiment.h: a table of the paper on one's own data: every arm trained, tested on the same inputs and compared. */
#ifndef MED_TASK_EXPERIMENT_H
#define MED_TASK_EXPERIMENT_H

#include <jansson.h>
#include <stdint.h>
#include "base/option.h"

typedef struct med_experiment_options {
    const char *name; /* "baselines", "ablation-depth", "ablation-fusion", "ablation-gan" */
    const char *data, *out, *preset, *schedule;
    int n_folds, steps, n_jobs; /* steps 0: what the preset gives the first arm; n_jobs 0: as many as memory and processors allow */
    med_strings set;            /* "key=value" for every arm that knows the key */
    med_strings arms;           /* these only; empty: all */
    double temperature;
    int n_samples;
    uint64_t seed;
    bool is_plan, is_resumed;
    const char *command_line;
} med_experiment_options;

/* Prints nothing: *text is the plan, then the result (owned). Writes OUT/experiment.json, FOLD/ARM/{run,filled,scores}, per_case.csv,
 * averaged.csv, summary.json and report.html; `report` gets plan, cells, comparisons and the order found.
 * MED_EUSAGE: no such experiment or arm, OUT is there already or of other settings; MED_EFAIL: an arm failed. */
MED_CHECK med_status med_experiment(const med_experiment_options *o, json_t *report, char **text);

#endif
