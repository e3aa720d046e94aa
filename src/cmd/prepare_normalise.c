/* prepare_normalise.c: medley prepare normalise: an image at the scale that the network sees. */
#include "cmd/command.h"
#include "task/prepare_normalise.h"

#define T med_prepare_normalise_config
static const med_option options[] = {
    MED_OPT_TEXT(T, "output", out, "FILE", "(-o) where to write"),
    MED_OPT_CHOICE(T, "rule", rule, "min-max|standardization", "min-max: the network's input rule, to [-1,1]"),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) { ((med_prepare_normalise_config *)config)->rule = "min-max"; }

static med_status run(med_cli *cli) {
    med_prepare_normalise_config *c = cli->config;
    c->in = cli->args[0];
    if (!c->out) return med_fail(MED_EUSAGE, "-o FILE is missing: where to write");
    return med_prepare_normalise(c, cli->report);
}

const med_command med_cmd_prepare_normalise = {
    .name = "prepare normalise",
    .summary = "bring an image to the network's scale",
    .usage = "IN",
    .example = "medley prepare normalise t2.nii.gz -o t2-normalised.nii.gz",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .config_size = sizeof(med_prepare_normalise_config),
    .set_defaults = set_defaults,
    .run = run,
};
