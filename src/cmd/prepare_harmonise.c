/* prepare_harmonise.c: medley prepare harmonise: targets on one scale for all subjects. */
#include "task/prepare_harmonise.h"
#include <stdio.h>
#include "cmd/command.h"

#define T med_prepare_harmonise_config
static const med_option options[] = {
    MED_OPT_TEXT(T, "data", data, "DATA", "the data set"),
    MED_OPT_TEXT(T, "split", split, "CSV", "a split file of the release (default: splits.json of the data set)"),
    MED_OPT_INT(T, "fold", fold, 0, 1000, "of splits.json: only its training cases are learned from"),
    MED_OPT_CHOICE(T, "method", method, "nyul|minmax|none", "nyul: piecewise linear by percentiles; none: no targets"),
    MED_OPT_CHOICE(T, "landmarks", landmarks, "fov|head",
                   "of nyul: inside the field of view, or of the whole MR before it was cut (steadier when the fan is small)"),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_prepare_harmonise_config *)config = (med_prepare_harmonise_config){.method = "nyul", .landmarks = "fov"};
}

static med_status run(med_cli *cli) {
    med_prepare_harmonise_config *c = cli->config;
    if (!c->data) return med_fail(MED_EUSAGE, "--data DATA is missing");
    MED_TRY(med_prepare_harmonise(c, cli->report));
    if (!cli->is_json && !cli->is_quiet)
        printf("%lld targets by %s\n", json_integer_value(json_object_get(cli->report, "n_targets")), c->method);
    return MED_OK;
}

const med_command med_cmd_prepare_harmonise = {
    .name = "prepare harmonise",
    .summary = "bring the MRs of a data set to one scale, as targets to learn",
    .usage = "",
    .example = "medley prepare harmonise --data data --fold 0 --method nyul",
    .options = options,
    .config_size = sizeof(med_prepare_harmonise_config),
    .set_defaults = set_defaults,
    .run = run,
};
