/* evaluate_consistency.c: medley evaluate consistency: from a scan to another modality and back. */
#include "cmd/evaluate.h"

#define T MED_EVALUATE_T
static const med_option options[] = {
    MED_EVALUATE_COMMON,
    MED_OPT_TEXT(T, "from", from, "MOD", "where to start and end (default: us, else the network's first)"),
    MED_OPT_LIST(T, "through", through, "MOD,...", "by way of these, one by one (default: all others of the network)"),
    MED_OPT_CHOICE(T, "part", part, "test|val|train", "cases of this part of the splits (without splits: all)"),
    MED_OPT_INT(T, "fold", fold, 0, 1000, "fold of the splits"),
    MED_OPT_FLOAT(T, "temperature", temperature, 0, 2, "scale of the posterior's standard deviation"),
    MED_OPT_INT(T, "samples", n_samples, 1, 1000, "average this many draws each way"),
    MED_OPT_FLAG(T, "include-seen", includes_seen, "keep cases in the means that the model has seen in training"),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_evaluate_options *)config = (med_evaluate_options){.part = "test", .n_samples = 1};
}

static med_status run(med_cli *cli) { return med_evaluate_command(cli, med_evaluate_consistency); }

const med_command med_cmd_evaluate_consistency = {
    .name = "evaluate consistency",
    .summary = "a diagnostic: from a scan to another modality and back",
    .usage = "WEIGHTS DATA",
    .example = "medley evaluate consistency run/weights.safetensors data/ --through t2 -o back/",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .config_size = sizeof(med_evaluate_options),
    .set_defaults = set_defaults,
    .run = run,
};
