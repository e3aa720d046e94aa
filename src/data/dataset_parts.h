/* dataset_parts.h: what the files of the data set reader share. */
#ifndef MED_DATA_DATASET_PARTS_H
#define MED_DATA_DATASET_PARTS_H

#include "base/json.h"
#include "data/dataset.h"

/* Fill mods from names in any order, with repeats; MED_EFORMAT: a name that no modality can have, or too many. */
MED_CHECK med_status med_dataset_set_mods(med_dataset *d, const char *const *names, int n);
/* Add a case (kept by name); NULL when there is one of this name. */
med_case *med_dataset_add_case(med_dataset *d, const char *name, const char *dir);

/* Cases from file names (folder.c), from DATA/manifest.json (manifest_read.c); folds from DATA/splits.json (splits.c). */
MED_CHECK med_status med_dataset_scan_folder(med_dataset *d);
MED_CHECK med_status med_dataset_read_manifest(med_dataset *d, const char *path);
MED_CHECK med_status med_dataset_read_splits(med_dataset *d, const char *path);

/* "CASE-MOD.nii.gz" -> CASE, MOD; false for other names and for label, fov, targets and standard deviations. */
bool med_case_parse_name(const char *file_name, char case_name[256], char mod[MED_MOD_NAME]);
bool med_mod_name_is_valid(const char *mod);
/* A case's name becomes a folder: no '/', no control characters, no leading '.' or '-', UTF-8, at most 200 bytes. */
bool med_case_name_is_valid(const char *name);

#endif
