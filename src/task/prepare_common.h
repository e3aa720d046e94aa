/* prepare_common.h: the settings that all ways of making a data set share, and what is the same in each of them. */
#ifndef MED_TASK_PREPARE_COMMON_H
#define MED_TASK_PREPARE_COMMON_H

#include "base/option.h"
#include "data/prepare_batch.h"

typedef struct med_prepare_common {
    const char *out;
    double spacing_mm;
    int size;
    const char *fov, *parity; /* parity "release": as the published script, with its oddities */
    bool no_int16;            /* but for its cast of MRs to int16 */
    const char *space;        /* --assume-space; NULL: none */
    const char *replacement;  /* --replace-nonfinite; NULL: none */
    bool strict, force;
    double max_memory_mb;
} med_prepare_common;

#define MED_PREPARE_COMMON_DEFAULTS                                                                                    \
    { .spacing_mm = 0.5, .size = 192, .fov = "us", .parity = "medley", .max_memory_mb = 2000 }

typedef struct med_prepare_settled { /* keep while the options are in use */
    med_prepare_options options;
    float replacement;
} med_prepare_settled;

/* MED_EUSAGE: no -o, a replacement that is no number, an unknown space. */
MED_CHECK med_status med_prepare_settle(const med_prepare_common *c, med_prepare_settled *out);
json_t *med_prepare_describe(const med_prepare_common *c, const char *kind); /* for the manifest; new reference */

/* A batch that takes images as they are; `preparation` is taken. */
med_prepare_batch med_prepare_plain_batch(const med_prepare_common *c, const med_manifest_head *head, json_t *preparation,
                                          med_prepare_write_fn *write, const void *options);
/* The usual batch, everything on one grid: us, t2, cet1, flair with us as anchor. */
med_prepare_batch med_prepare_usual_batch(const med_prepare_common *c, const med_prepare_settled *settled,
                                          const char *kind, const char *name, const char *source, const char *licence);

#endif
