/* compare_methods.c: medley compare-methods: are the differences between methods more than chance? */
#include <stdio.h>
#include <stdlib.h>
#include "cmd/command.h"
#include "task/compare_methods.h"

#define T med_compare_methods_options
static const med_option options[] = {
    MED_OPT_TEXT(T, "output", out, "FILE", "(-o) write the comparisons as CSV"),
    MED_OPT_TEXT(T, "reference", reference, "METHOD", "compare the others with this one (default: every pair)"),
    MED_OPT_LIST(T, "metric", metrics, "NAME,...", "these metrics only (default: all but counts)"),
    MED_OPT_FLAG(T, "pratt", is_pratt, "rank zero differences too (Pratt)"),
    MED_OPT_FLAG(T, "correct", is_corrected, "continuity correction of normal p values"),
    MED_OPT_FLAG(T, "bca", is_bca, "bias-corrected and accelerated intervals"),
    MED_OPT_FLAG(T, "include-seen", includes_seen, "keep cases that a model has seen in training"),
    MED_OPT_END,
};
#undef T

static med_status run(med_cli *cli) {
    med_compare_methods_options *o = cli->config;
    char *table;
    o->n_files = cli->n_args;
    o->files = cli->args;
    o->seed = cli->seed;
    med_status status = med_compare_methods(o, cli->report, &table);
    if (table && !cli->is_json) fputs(table, stdout);
    free(table);
    return status;
}

const med_command med_cmd_compare_methods = {
    .name = "compare-methods",
    .summary = "test paired differences between methods",
    .usage = "EVAL|FILE.csv ...",
    .example = "medley compare-methods ours/ theirs/ --reference theirs",
    .min_args = 1,
    .max_args = 256,
    .options = options,
    .config_size = sizeof(med_compare_methods_options),
    .run = run,
};
