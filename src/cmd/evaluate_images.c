/* evaluate_images.c: medley evaluate images: synthetic images beside true ones. */
#include "cmd/evaluate.h"

#define T MED_EVALUATE_T
static const med_option options[] = {
    MED_EVALUATE_COMMON,
    MED_EVALUATE_STRICT,
    MED_OPT_LIST(T, "preset", presets, "NAME,...", "strict (default), mmhvae (as published), texture; several at once"),
    MED_OPT_TEXT(T, "range", range, "LO,HI",
                 "grey values of the files (default: the sidecar's, else 0,1); -1,1: network scale"),
    MED_OPT_TEXT(T, "reference-range", reference_range, "LO,HI",
                 "the same of REF alone (default: a data set's own scale, else as --range)"),
    MED_OPT_LIST(T, "given", given, "MOD,...", "what the model was given, where no sidecar says so"),
    MED_OPT_CHOICE(T, "aggregate", aggregate, "cases|slices", "mean over cases, or over the slices of all cases"),
    MED_OPT_REPEAT(T, "draws", draws, "DIR", "a further draw of the same images, for diversity and calibration"),
    MED_OPT_TEXT(T, "lpips", lpips, "FILE", "weights of LPIPS (medley weights import lpips); without: n/a"),
    MED_OPT_CHOICE(T, "ssim", ssim, "2d|3d", "3d: SSIM of the whole volume as well, 7 x 7 x 7 windows, preset 3d"),
    MED_OPT_FLAG(T, "ignore-affine", ignores_affine, "compare voxel by voxel where the places differ"),
    MED_EVALUATE_BIAS,
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_evaluate_options *)config = (med_evaluate_options){.aggregate = "cases", .ssim = "2d"};
}

static med_status run(med_cli *cli) { return med_evaluate_command(cli, med_evaluate_images); }

const med_command med_cmd_evaluate_images = {
    .name = "evaluate images",
    .summary = "score synthetic images against true ones",
    .usage = "PRED REF",
    .example = "medley evaluate images filled/ data/ --preset strict,mmhvae -o scores/",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .config_size = sizeof(med_evaluate_options),
    .set_defaults = set_defaults,
    .run = run,
};
