/* release_split.h: the split files of the MMHVAE release (spec/data.md 4.6): rows "case,split", ids that end in a hyphen. */
#ifndef MED_DATA_RELEASE_SPLIT_H
#define MED_DATA_RELEASE_SPLIT_H

#include "data/dataset.h"

typedef struct med_release_row {
    char *name; /* owned; without the hyphen */
    med_part part;
} med_release_row;

typedef struct med_release_split { /* owned; med_release_split_free */
    int n;
    med_release_row *row;
} med_release_split;

/* training, validation, inference -> train, val, test. A header line is optional. A case may be in validation and in
 * inference (the release has such; a warning), never in training and in another, nor twice in one: MED_EFORMAT. */
MED_CHECK med_status med_release_split_load(const char *path, med_release_split *out);
void med_release_split_free(med_release_split *s);

#endif
