/* prepare_slices.c: medley prepare slices: an orientation, a size, a range of slices. */
#include "task/prepare_slices.h"
#include "cmd/command.h"

#define T med_slices_options
static const med_option options[] = {
    MED_OPT_TEXT(T, "orientation", orientation, "CODE",
                 "where the axes of OUT point, for example RAS (default: as in IN)"),
    MED_OPT_INTS3(T, "fit", fit, 0, 4096, "size in voxels by centred crop or zero padding; 0: as it is"),
    MED_OPT_INTS3(T, "shrink", shrink, 0, 64, "then means over so many voxels along each axis; 0: none"),
    MED_OPT_INT(T, "from", from, 0, 4095, "then the first slice (axis 2)"),
    MED_OPT_INT(T, "to", to, -1, 4095, "and the last slice, -1: the last there is"),
    MED_OPT_INT(T, "every", every, 1, 4095, "of these the first and every N-th after it"),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    *(med_slices_options *)config = (med_slices_options){.to = -1, .every = 1};
}

static med_status run(med_cli *cli) {
    MED_TRY(med_prepare_slices_file(cli->args[0], cli->args[1], cli->config));
    json_object_set_new(cli->report, "out", json_string(cli->args[1]));
    return MED_OK;
}

const med_command med_cmd_prepare_slices = {
    .name = "prepare slices",
    .summary = "turn, crop, shrink an image and cut slices out of it",
    .usage = "IN OUT",
    .example =
        "medley prepare slices t2.nii.gz case-t2.nii.gz --orientation RAS --fit 192,192,0 --shrink 2,2,1 --from 40 "
        "--to 90",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .config_size = sizeof(med_slices_options),
    .set_defaults = set_defaults,
    .run = run,
};
