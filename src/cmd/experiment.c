/* experiment.c: medley experiment: train, test and compare the arms of a table of the paper. */
#include <stdio.h>
#include <stdlib.h>
#include "cmd/command.h"
#include "task/experiment.h"

#define T med_experiment_options
static const med_option options[] = {
    MED_OPT_TEXT(T, "data", data, "DATA", "the data set"),
    MED_OPT_TEXT(T, "out", out, "DIR", "the folder for trainings, images, scores and the report"),
    MED_OPT_TEXT(T, "preset", preset, "NAME", "tiny, small, paper or demo, for every arm (default: small)"),
    MED_OPT_CHOICE(T, "schedule", schedule, "common|native", "equal numbers of steps for all arms, or as the models' authors trained them"),
    MED_OPT_INT(T, "folds", n_folds, 1, 1000, "how many of the data set's folds, from the first"),
    MED_OPT_INT(T, "steps", steps, 0, 1000000000, "steps of every arm (0: what the preset gives the first)"),
    MED_OPT_LIST(T, "arms", arms, "NAME,...", "these arms only (default: all)"),
    MED_OPT_REPEAT(T, "set", set, "KEY=VALUE", "change one setting of every arm whose model knows it"),
    MED_OPT_FLOAT(T, "temperature", temperature, 0, 2, "scale of the posterior's standard deviation, of models that draw"),
    MED_OPT_INT(T, "samples", n_samples, 1, 1000, "average this many draws"),
    MED_OPT_INT(T, "jobs", n_jobs, 0, 256, "trainings at the same time (0: as many as processors and memory allow)"),
    MED_OPT_FLAG(T, "plan", is_plan, "only print the plan, with an estimate of time"),
    MED_OPT_FLAG(T, "resume", is_resumed, "go on with the experiment in DIR"),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_experiment_options *)config =
        (med_experiment_options){.preset = "small", .schedule = "common", .n_folds = 1, .temperature = 0.5, .n_samples = 1};
}

static med_status run(med_cli *cli) {
    med_experiment_options *o = cli->config;
    o->name = cli->args[0];
    o->seed = cli->seed;
    o->command_line = cli->command_line;
    if (!o->data) return med_fail(MED_EUSAGE, "medley experiment: --data, the data set, is missing");
    if (!o->out && !o->is_plan) return med_fail(MED_EUSAGE, "medley experiment: --out, the folder to write, is missing");
    char *text;
    med_status status = med_experiment(o, cli->report, &text);
    if (text && !cli->is_json && status == MED_OK) fputs(text, stdout);
    free(text);
    return status;
}

const med_command med_cmd_experiment = {
    .name = "experiment",
    .summary = "train and compare the models of the paper, or its ablations",
    .usage = "NAME",
    .example = "medley experiment ablation-depth --data phantom --preset tiny --out depth",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .config_size = sizeof(med_experiment_options),
    .set_defaults = set_defaults,
    .run = run,
};
