/* prepare_upenn.c: medley prepare upenn: the UPenn-GBM collection. */
#include "task/prepare_upenn.h"
#include "cmd/prepare_common.h"

#define T med_prepare_upenn_config
static const med_option options[] = {
    MED_OPT_PREPARE_OUT(T),
    MED_OPT_TEXT(T, "in", in, "DIR", "the collection's folder: images_structural/, automated_segm/, images_segm/"),
    MED_OPT_CHOICE(T, "label", label, "auto|expert|expert-else-auto",
                   "which tumour labels; cases without are excluded"),
    MED_OPT_TEXT(T, "replace-nonfinite", common.replacement, "X", "NaN and infinity in images become X"),
    MED_OPT_PREPARE_BATCH(T),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_prepare_upenn_config *)config =
        (med_prepare_upenn_config){.common = MED_PREPARE_COMMON_DEFAULTS, .label = "auto"};
}

static med_status run(med_cli *cli) {
    med_status status = med_prepare_upenn(cli->config, cli->report);
    med_prepare_print_summary(cli);
    return status;
}

const med_command med_cmd_prepare_upenn = {
    .name = "prepare upenn",
    .summary = "make a data set of the UPenn-GBM collection, for sweeps",
    .usage = "",
    .example = "medley prepare upenn --in UPENN-GBM/NIfTI-files --label auto -o upenn",
    .options = options,
    .config_size = sizeof(med_prepare_upenn_config),
    .set_defaults = set_defaults,
    .run = run,
};
