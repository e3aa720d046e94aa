/* prepare_case.c: medley prepare case: one patient of one's own. */
#include "task/prepare_case.h"
#include "cmd/prepare_common.h"

#define T med_prepare_one_config
static const med_option options[] = {
    MED_OPT_PREPARE_OUT(T),
    MED_OPT_TEXT(T, "name", name, "CASE", "what the case is called"),
    MED_OPT_TEXT(T, "us", us, "FILE", "3-D ultrasound (a file, or a folder of DICOM; so all images)"),
    MED_OPT_TEXT(T, "t2", t2, "FILE", "T2 MR"),
    MED_OPT_TEXT(T, "cet1", cet1, "FILE", "contrast-enhanced T1 MR"),
    MED_OPT_TEXT(T, "flair", flair, "FILE", "FLAIR MR"),
    MED_OPT_TEXT(T, "label", label, "FILE", "tumour label"),
    MED_OPT_TEXT(T, "tfm-t2", tfm_t2, "FILE",
                 "ITK transform from points of the ultrasound to points of T2 (default: identity)"),
    MED_OPT_TEXT(T, "tfm-cet1", tfm_cet1, "FILE", "... of ceT1"),
    MED_OPT_TEXT(T, "tfm-flair", tfm_flair, "FILE", "... of FLAIR"),
    MED_OPT_TEXT(T, "tfm-label", tfm_label, "FILE", "... of the label"),
    MED_OPT_TEXT(T, "source", source, "TEXT", "where the data come from, for the manifest"),
    MED_OPT_TEXT(T, "licence", licence, "TEXT", "their licence, for the manifest"),
    MED_OPT_PREPARE_IMAGES(T),
    MED_OPT_PREPARE_BATCH(T),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_prepare_one_config *)config = (med_prepare_one_config){
        .common = MED_PREPARE_COMMON_DEFAULTS, .name = "case0000", .source = "own", .licence = "not stated"};
}

static med_status run(med_cli *cli) {
    med_status status = med_prepare_one(cli->config, cli->report);
    med_prepare_print_summary(cli);
    return status;
}

const med_command med_cmd_prepare_case = {
    .name = "prepare case",
    .summary = "put one patient's images onto the grid of the ultrasound",
    .usage = "",
    .example = "medley prepare case --name anna --us us.nrrd --t2 t2.nii.gz --tfm-t2 us-to-t2.tfm -o data",
    .options = options,
    .config_size = sizeof(med_prepare_one_config),
    .set_defaults = set_defaults,
    .run = run,
};
