/* report.c: medley report: one page with curves, scores and pictures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd/command.h"
#include "task/report.h"
#include "task/report_proxy.h"

static const med_option options[] = {
    MED_OPT_TEXT(med_report_options, "output", out, "FILE", "the page to write (HTML, nothing beside it is needed)"),
    MED_OPT_TEXT(med_report_options, "latex", latex, "FILE", "the summary as a LaTeX table as well"),
    MED_OPT_TEXT(med_report_options, "csv", csv, "FILE", "the summary as CSV as well"),
    MED_OPT_TEXT(med_report_options, "data", data, "PATH",
                 "the data set, when it is no longer where the run or the sidecars say"),
    MED_OPT_CHOICE(med_report_options, "part", part, "test|val|train", "which part of the splits to score"),
    MED_OPT_INT(med_report_options, "fold", fold, -1, 1000, "fold of the splits; -1: the run's own"),
    MED_OPT_CHOICE(med_report_options, "subsets", subsets, "single|all",
                   "inputs: each modality alone and all but the target, or every subset"),
    MED_OPT_INT(med_report_options, "cases", n_pictured, 0, 1000,
                "how many cases to show in pictures, from the worst to the best"),
    MED_OPT_FLOAT(med_report_options, "temperature", temperature, 0, 2, "scale of the posterior's standard deviation"),
    MED_OPT_INT(med_report_options, "samples", n_samples, 1, 1000, "average this many draws"),
    MED_OPT_FLAG(med_report_options, "mirror", mirror, "and as many of the images mirrored left to right"),
    MED_OPT_END,
};

static void set_defaults(void *config) {
    *(med_report_options *)config = (med_report_options){.out = "report.html",
                                                         .part = "test",
                                                         .fold = -1,
                                                         .subsets = "single",
                                                         .n_pictured = 3,
                                                         .temperature = 0.5,
                                                         .n_samples = 1};
}

static med_status run_proxy(med_cli *cli) {
    char *table;
    MED_TRY(med_report_proxy(cli->n_args - 1, cli->args + 1, cli->report, &table));
    if (!cli->is_json) fputs(table, stdout);
    free(table);
    return MED_OK;
}

static med_status run(med_cli *cli) {
    if (!strcmp(cli->args[0], "proxy")) return run_proxy(cli);
    med_report_options *o = cli->config;
    char *summary;
    o->path = cli->args[0];
    o->paths = cli->args;
    o->n_paths = cli->n_args;
    o->command_line = cli->command_line;
    o->seed = cli->seed;
    MED_TRY(med_report_write(o, cli->report, &summary));
    if (!cli->is_json) printf("%s\n%s\n", summary, o->out);
    free(summary);
    return MED_OK;
}

const med_command med_cmd_report = {
    .name = "report",
    .summary = "show how good synthetic images are: curves, scores and pictures in one page",
    .usage = "RUN|DIR|EVAL...|proxy EVAL...",
    .example = "medley report scores/ -o report.html --latex table.tex",
    .min_args = 1,
    .max_args = 64,
    .options = options,
    .config_size = sizeof(med_report_options),
    .set_defaults = set_defaults,
    .run = run,
};
