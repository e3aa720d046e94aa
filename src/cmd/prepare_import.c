/* prepare_import.c: medley prepare import: what the release's own scripts prepared. */
#include "task/prepare_import.h"
#include "cmd/prepare_common.h"

#define T med_prepare_import_config
static const med_option options[] = {
    MED_OPT_PREPARE_OUT(T),
    MED_OPT_TEXT(T, "in", in, "DIR", "CASE/CASE-{us,t2,cet1,flair,target}.nii.gz as acquired"),
    MED_OPT_TEXT(T, "normalised", normalised, "DIR", "the same names, MRs harmonised to [0,1]: they become targets"),
    MED_OPT_REPEAT(T, "split", splits, "CSV", "a split file of the release; one for each fold, in order"),
    MED_OPT_FLAG(T, "in-place", in_place,
                 "write a manifest (and splits) into --in, which has medley's names; copy nothing"),
    MED_OPT_TEXT(T, "source", source, "TEXT", "where the data come from, for the manifest"),
    MED_OPT_TEXT(T, "licence", licence, "TEXT", "their licence, for the manifest"),
    MED_OPT_PREPARE_BATCH(T),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_prepare_import_config *)config = (med_prepare_import_config){
        .common = MED_PREPARE_COMMON_DEFAULTS, .source = "imported", .licence = "not stated"};
}

static med_status run(med_cli *cli) {
    med_status status = med_prepare_import(cli->config, cli->report);
    if (json_object_get(cli->report, "cases")) med_prepare_print_summary(cli);
    return status;
}

const med_command med_cmd_prepare_import = {
    .name = "prepare import",
    .summary = "make a data set of folders that the release's scripts prepared",
    .usage = "",
    .example = "medley prepare import --in us-space --normalised us-space-norm --split split_empty_0.csv -o data",
    .options = options,
    .config_size = sizeof(med_prepare_import_config),
    .set_defaults = set_defaults,
    .run = run,
};
