/* prepare_resect.c: medley prepare resect: RESECT and RESECT-SEG. */
#include "task/prepare_resect.h"
#include "cmd/prepare_common.h"

#define T med_prepare_resect_config
static const med_option options[] = {
    MED_OPT_PREPARE_OUT(T),
    MED_OPT_TEXT(T, "in", in, "DIR", "RESECT: the folder of CaseN/{MRI,US,Landmarks}, or of NIFTI/"),
    MED_OPT_TEXT(T, "seg", seg, "DIR", "RESECT-SEG: its masks become labels (default: no labels)"),
    MED_OPT_PREPARE_IMAGES(T),
    MED_OPT_PREPARE_BATCH(T),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_prepare_resect_config *)config = (med_prepare_resect_config){.common = MED_PREPARE_COMMON_DEFAULTS};
}

static med_status run(med_cli *cli) {
    med_status status = med_prepare_resect(cli->config, cli->report);
    med_prepare_print_summary(cli);
    return status;
}

const med_command med_cmd_prepare_resect = {
    .name = "prepare resect",
    .summary = "make a data set of RESECT with the masks of RESECT-SEG",
    .usage = "",
    .example = "medley prepare resect --in RESECT --seg RESECT-SEG -o resect",
    .options = options,
    .config_size = sizeof(med_prepare_resect_config),
    .set_defaults = set_defaults,
    .run = run,
};
