/* prepare.c: medley prepare: from images as they are found to images that a data set can hold. A kind of preparation is
 * one file and one line in prepare.def. */
#include <stddef.h>
#include "cmd/command.h"

#define KIND(name) extern const med_command med_cmd_prepare_##name;
#include "cmd/prepare.def"
#undef KIND
static const med_command *const kinds[] = {
#define KIND(name) &med_cmd_prepare_##name,
#include "cmd/prepare.def"
#undef KIND
    NULL};

const med_command med_cmd_prepare = {
    .name = "prepare",
    .summary = "bring images into a data set, or onto a grid, an orientation, a scale",
    .children = kinds,
};
