/* weights.c: medley weights: files of weights that other programs wrote. A kind is one file and one line in weights.def. */
#include <stddef.h>
#include "cmd/command.h"

#define KIND(name) extern const med_command med_cmd_weights_##name;
#include "cmd/weights.def"
#undef KIND
static const med_command *const kinds[] = {
#define KIND(name) &med_cmd_weights_##name,
#include "cmd/weights.def"
#undef KIND
    NULL};

const med_command med_cmd_weights = {
    .name = "weights",
    .summary = "bring in weights that medley uses and does not ship",
    .children = kinds,
};
