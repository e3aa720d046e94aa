/* prepare_remind.c: medley prepare remind: the ReMIND collection. */
#include "task/prepare_remind.h"
#include "cmd/prepare_common.h"

#define T med_prepare_remind_config
static const med_option options[] = {
    MED_OPT_PREPARE_OUT(T),
    MED_OPT_TEXT(T, "nrrd", nrrd, "DIR", "CaseNNN/{Preop-MR,Intraop-US,Annotations} with .nrrd files"),
    MED_OPT_TEXT(T, "dicom", dicom, "DIR", "or as TCIA delivers it: ReMIND-NNN with a folder per DICOM series (needs dcm2niix)"),
    MED_OPT_TEXT(T, "transforms", transforms, "DIR", "the release's folder of affine/ and rigid/"),
    MED_OPT_TEXT(T, "refs", refs, "CSV", "table of each case's ultrasound and reference MR"),
    MED_OPT_TEXT(T, "target", target, "CSV", "table of each case's label (default: no labels)"),
    MED_OPT_CHOICE(T, "space", space, "us|mr", "whose grid: the ultrasound's, or that of the reference MR"),
    MED_OPT_PREPARE_IMAGES(T),
    MED_OPT_PREPARE_BATCH(T),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_prepare_remind_config *)config =
        (med_prepare_remind_config){.common = MED_PREPARE_COMMON_DEFAULTS, .space = "us"};
}

static med_status run(med_cli *cli) {
    med_status status = med_prepare_remind(cli->config, cli->report);
    med_prepare_print_summary(cli);
    return status;
}

const med_command med_cmd_prepare_remind = {
    .name = "prepare remind",
    .summary = "make a data set of the ReMIND collection",
    .usage = "",
    .example = "medley prepare remind --nrrd nrrd --transforms registration --refs refs_files.csv --target "
               "choice_target.csv -o data",
    .options = options,
    .config_size = sizeof(med_prepare_remind_config),
    .set_defaults = set_defaults,
    .run = run,
};
