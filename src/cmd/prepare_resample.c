/* prepare_resample.c: medley prepare resample: an image on the grid of another one. */
#include "cmd/command.h"
#include "task/prepare_resample.h"

#define T med_prepare_resample_config
static const med_option options[] = {
    MED_OPT_TEXT(T, "output", out, "FILE", "(-o) where to write"),
    MED_OPT_TEXT(T, "like", like, "FILE", "an image with the grid of the output"),
    MED_OPT_REPEAT(T, "transform", transforms, "FILE",
                   "ITK transform or displacement field from points of --like to points of MOVING; several are one "
                   "composite, the last applied first (default: the identity)"),
    MED_OPT_INT(T, "index", index, -1, 1000,
                "of a file with several transforms, take this one, from 0; -1: its only one"),
    MED_OPT_FLAG(T, "inverse", inverse, "invert the whole"),
    MED_OPT_CHOICE(T, "interp", interp, "linear|nearest|bspline|label", "how to interpolate"),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_prepare_resample_config *)config = (med_prepare_resample_config){.index = -1, .interp = "linear"};
}

static med_status run(med_cli *cli) {
    med_prepare_resample_config *c = cli->config;
    c->moving = cli->args[0];
    if (!c->out) return med_fail(MED_EUSAGE, "-o FILE is missing: where to write");
    if (!c->like) return med_fail(MED_EUSAGE, "--like FILE is missing: the image whose grid to use");
    return med_prepare_resample(c, cli->report);
}

const med_command med_cmd_prepare_resample = {
    .name = "prepare resample",
    .summary = "put an image on the grid of another by transforms",
    .usage = "MOVING",
    .example = "medley prepare resample t2.nii.gz --like cet1.nii.gz --transform t2-to-cet1.tfm -o t2-on-cet1.nii.gz",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .config_size = sizeof(med_prepare_resample_config),
    .set_defaults = set_defaults,
    .run = run,
};
