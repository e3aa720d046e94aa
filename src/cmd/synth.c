/* synth.c: medley synth: fill in missing modalities. */
#include "cmd/command.h"
#include "task/synth_files.h"

#define T med_synth_config
static const med_option options[] = {
    MED_OPT_REPEAT(T, "image", images, "MOD=FILE", "an input image, instead of IN (repeat for each modality)"),
    MED_OPT_LIST(T, "given", given, "MOD,...", "use only these modalities (default: all that are there)"),
    MED_OPT_LIST(T, "target", target, "MOD,...",
                 "make these modalities (default: all of the model that are not given)"),
    MED_OPT_FLOAT(T, "temperature", temperature, 0, 2, "scale of the posterior's standard deviation"),
    MED_OPT_INT(T, "samples", n_samples, 1, 1000, "average this many draws"),
    MED_OPT_FLAG(T, "mirror", mirror, "average over the images mirrored left to right as well; takes twice as long"),
    MED_OPT_FLAG(T, "uncertainty", uncertainty, "also write the standard deviation over the draws, CASE-MOD-sd.nii.gz"),
    MED_OPT_FLAG(T, "with-given", with_given, "also write the given MRs, harmonised as what the network learnt to make"),
    MED_OPT_CHOICE(T, "scale", scale, "unit|network|release", "of the output: [0,1], [-1,1], or 0..255 as uint8"),
    MED_OPT_REPEAT(T, "set", set, "KEY=VALUE", "change the model's configuration (size=H,W, se=off, ...)"),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_synth_config *)config = (med_synth_config){.temperature = 0.5, .n_samples = 1, .scale = "unit"};
}

static med_status run(med_cli *cli) {
    med_synth_config *c = cli->config;
    bool has_images = c->images.n > 0;
    if (has_images && cli->n_args == 3)
        return med_fail(MED_EUSAGE, "IN and --image exclude each other: WEIGHTS OUT --image MOD=FILE ...");
    if (!has_images && cli->n_args == 2)
        return med_fail(MED_EUSAGE, "OUT is missing: WEIGHTS IN OUT, or WEIGHTS OUT with --image MOD=FILE ...");
    c->weights = cli->args[0];
    c->in = has_images ? NULL : cli->args[1];
    c->out = cli->args[cli->n_args - 1];
    c->seed = cli->seed;
    c->command_line = cli->command_line;
    return med_synth_files(c, cli->report);
}

const med_command med_cmd_synth = {
    .name = "synth",
    .summary = "fill in missing modalities",
    .usage = "WEIGHTS IN OUT",
    .example = "medley synth run/weights.safetensors scans/ filled/ --given us",
    .min_args = 2,
    .max_args = 3,
    .options = options,
    .config_size = sizeof(med_synth_config),
    .set_defaults = set_defaults,
    .run = run,
};
