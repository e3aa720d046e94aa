/* manifest.h: writing DATA/manifest.json: what a data set holds, where it came from, and the hash of every file.
 *
 * Used by all that makes data sets. Reading it is part of med_dataset_open; the keys are explained in docs/formats.md. */
#ifndef MED_DATA_MANIFEST_H
#define MED_DATA_MANIFEST_H

#include <jansson.h>
#include "base/status.h"

typedef struct med_manifest med_manifest; /* owned; med_manifest_free */

typedef struct med_manifest_head {
    const char *name, *anchor; /* anchor: the modality that every case has; "" for none */
    const char *source, *licence;
    int n_mods;
    const char *const *mods;
} med_manifest_head;

med_manifest *med_manifest_create(const med_manifest_head *head);
void med_manifest_free(med_manifest *m);
/* Any further key of the data set, e.g. "preparation"; takes the reference. */
void med_manifest_set(med_manifest *m, const char *key, json_t *value);

typedef struct med_manifest_case {
    const char *name;
    int n_warnings, n_empty;
    const char *const *warnings;
    const char *const *empty; /* modalities whose image has only zeros: recorded as missing */
    json_t *notes;            /* further keys of the case, e.g. "transforms"; NULL none; the reference is taken */
} med_manifest_case;

/* Record a case whose files lie in DATA/CASE or flat in DATA: hashes them and reads their grid, which must be the same for
 * all images (sizes, corners within 0.1 mm). May be called in any order. MED_EINPUT, MED_EFORMAT. */
MED_CHECK med_status med_manifest_add_case(med_manifest *m, const char *data, const med_manifest_case *c);
/* DATA/manifest.json, cases by name. */
MED_CHECK med_status med_manifest_save(const med_manifest *m, const char *data);

/* Write the manifest of a folder that has none: every image is read; an MR of zeros is recorded as missing, with a
 * warning, an empty label gets a warning, a "us" of zeros is MED_EFORMAT. */
MED_CHECK med_status med_manifest_import(const char *data, const char *source, const char *licence);

#endif
