/* evaluate_segmentation.c: medley evaluate segmentation: predicted masks beside true ones. */
#include "cmd/evaluate.h"

#define T MED_EVALUATE_T
static const med_option options[] = {
    MED_EVALUATE_COMMON,
    MED_EVALUATE_STRICT,
    MED_OPT_LIST(T, "labels", labels, "N,...", "judge these labels (default: all that occur)"),
    MED_OPT_LIST(T, "nsd", nsd, "MM,...", "share of the surfaces within these tolerances in mm"),
    MED_OPT_CHOICE(T, "empty", empty, "skip|one|nan",
                   "overlap of two empty masks: n/a, 1, or n/a that makes the mean n/a"),
    MED_OPT_TEXT(T, "empty-distance", empty_distance, "MM|diagonal",
                 "distances where one mask is empty (default: n/a)"),
    MED_OPT_TEXT(T, "fov", fov, "PATH", "look only inside this mask: a file, or a folder with CASE-fov.nii.gz"),
    MED_OPT_CHOICE(T, "resample-to", resample_to, "none|reference", "bring masks on another grid to the reference's"),
    MED_OPT_FLAG(T, "slicewise", is_slicewise, "also slice by slice, pixels of 0.5 mm, as published for ultrasound"),
    MED_OPT_CHOICE(T, "aggregate", aggregate, "cases|slices",
                   "with --slicewise: the table over the slices of all cases"),
    MED_OPT_FLAG(T, "ignore-affine", ignores_affine, "compare voxel by voxel where the places differ"),
    MED_EVALUATE_BIAS,
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_evaluate_options *)config =
        (med_evaluate_options){.aggregate = "cases", .empty = "skip", .resample_to = "none"};
}

static med_status run(med_cli *cli) { return med_evaluate_command(cli, med_evaluate_segmentation); }

const med_command med_cmd_evaluate_segmentation = {
    .name = "evaluate segmentation",
    .summary = "score masks: overlap, volume, distance of surfaces",
    .usage = "PRED REF",
    .example = "medley evaluate segmentation masks/ truth/ --nsd 1,2 -o scores/",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .config_size = sizeof(med_evaluate_options),
    .set_defaults = set_defaults,
    .run = run,
};
