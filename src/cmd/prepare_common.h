/* prepare_common.h: option rows and the summary that the kinds of medley prepare share. */
#ifndef MED_CMD_PREPARE_COMMON_H
#define MED_CMD_PREPARE_COMMON_H

#include "cmd/command.h"
#include "task/prepare_common.h"

#define MED_OPT_PREPARE_OUT(T) MED_OPT_TEXT(T, "output", common.out, "DATA", "(-o) the data set to write or to add to")
#define MED_OPT_PREPARE_BATCH(T)                                                                                       \
    MED_OPT_FLAG(T, "strict", common.strict, "stop at the first case that fails"),                                     \
        MED_OPT_FLAG(T, "force", common.force, "make cases again that are there"),                                     \
        MED_OPT_FLOAT(T, "max-memory", common.max_memory_mb, 100, 1e6, "cases run side by side within so many MB")
#define MED_OPT_PREPARE_IMAGES(T)                                                                                      \
    MED_OPT_FLOAT(T, "spacing", common.spacing_mm, 0.05, 10, "of the ultrasound's grid in mm"),                        \
        MED_OPT_INT(T, "size", common.size, 0, 4096, "of its axes 0 and 1, by crop or padding; 0: as it comes"),       \
        MED_OPT_CHOICE(T, "fov", common.fov, "us|us-strict|none",                                                      \
                       "set MRs to 0 outside the ultrasound's field of view (holes filled or not)"),                   \
        MED_OPT_CHOICE(T, "parity", common.parity, "medley|release",                                                   \
                       "release: as the published script, oddities and all"),                                          \
        MED_OPT_FLAG(T, "no-int16", common.no_int16, "but for its cast of MRs to int16"),                              \
        MED_OPT_TEXT(T, "assume-space", common.space, "LPS|RAS|LAS", "of NRRD files that do not say"),                 \
        MED_OPT_TEXT(T, "replace-nonfinite", common.replacement, "X", "NaN and infinity in images become X")

/* A line per case and the counts, for people. */
void med_prepare_print_summary(const med_cli *cli);

#endif
