/* prepare.c: medley prepare: from images as they are found to images that a data set can hold. */
#include <stdio.h>
#include <string.h>
#include "cmd/command.h"
#include "task/prepare_slices.h"

#define T med_slices_options
static const med_option options[] = {
    MED_OPT_TEXT(T, "orientation", orientation, "CODE",
                 "where the axes of OUT point, for example RAS (default: as in IN)"),
    MED_OPT_INTS3(T, "fit", fit, 0, 4096, "size in voxels by centred crop or zero padding; 0: as it is"),
    MED_OPT_INTS3(T, "shrink", shrink, 0, 64, "then means over so many voxels along each axis; 0: none"),
    MED_OPT_INT(T, "from", from, 0, 4095, "then the first slice (axis 2)"),
    MED_OPT_INT(T, "to", to, -1, 4095, "and the last slice, -1: the last there is"),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) { ((med_slices_options *)config)->to = -1; }

static med_status run(med_cli *cli) {
    const char *kind = cli->args[0], *from = cli->args[1], *to = cli->args[2];
    if (strcmp(kind, "slices") != 0)
        return med_fail(MED_EUSAGE, "unknown kind of preparation '%s', expected slices", kind);
    MED_TRY(med_prepare_slices_file(from, to, cli->config));
    json_object_set_new(cli->report, "out", json_string(to));
    return MED_OK;
}

const med_command med_cmd_prepare = {
    .name = "prepare",
    .summary = "bring an image to an orientation, a size and a range of slices",
    .usage = "slices IN OUT",
    .example = "medley prepare slices t2.nii.gz case-t2.nii.gz --orientation RAS --fit 192,192,0 --shrink 2,2,1 --from "
               "40 --to 90",
    .min_args = 3,
    .max_args = 3,
    .options = options,
    .config_size = sizeof(med_slices_options),
    .set_defaults = set_defaults,
    .run = run,
};
