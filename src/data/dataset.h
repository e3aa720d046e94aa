/* dataset.h: cases with missing modalities, on disk by the contract of docs/formats.md:
 *
 *   DATA/manifest.json, DATA/splits.json, DATA/CASE/CASE-MOD.nii.gz (as acquired),
 *   DATA/CASE/CASE-MOD.target.nii.gz (harmonised to [0,1], where it differs), CASE-label.nii.gz, CASE-fov.nii.gz.
 * A folder without a manifest is read too: DATA/CASE/CASE-MOD.nii.gz or flat DATA/CASE-MOD.nii.gz, or one case folder.
 * A modality is missing when its file is. */
#ifndef MED_DATA_DATASET_H
#define MED_DATA_DATASET_H

#include "base/modset.h"
#include "image/volume.h"

typedef struct med_case {
    char *name, *dir;    /* dir: where its files are */
    med_modset observed; /* bits by the dataset's modality order */
} med_case;

typedef enum med_part { MED_PART_TRAIN, MED_PART_VAL, MED_PART_TEST, MED_N_PARTS } med_part;
extern const char *const med_part_names[MED_N_PARTS]; /* "train", "val", "test" */

typedef struct med_fold { /* case indices, ascending */
    int n[MED_N_PARTS];
    int *index[MED_N_PARTS];
} med_fold;

typedef struct med_dataset { /* owned; med_dataset_free */
    char *path, *name;
    int n_mods;
    char mods[MED_MAX_MODS][MED_MOD_NAME]; /* us, t2, cet1, flair first, then others by name */
    char anchor[MED_MOD_NAME];             /* "" unknown */
    int n_cases;
    med_case *cases; /* by name */
    bool has_manifest;
    int n_folds; /* 0: no splits.json */
    med_fold *folds;
    char hash[65]; /* SHA-256 over the manifest's file hashes; without a manifest over names and sizes */
} med_dataset;

/* Every file that the manifest lists must be there; a splits.json must name known cases, none in train and in another
 * part. MED_EINPUT, MED_EFORMAT: says which file and what is wrong. */
MED_CHECK med_status med_dataset_open(const char *path, med_dataset **out);
void med_dataset_free(med_dataset *d);
/* Forget all modalities but these, which become its order, and what cases have of the others. MED_EUSAGE: it lacks one. */
MED_CHECK med_status med_dataset_keep(med_dataset *d, int n, const char *const *mods);
const char *med_dataset_anchor(const med_dataset *d);         /* its name; "us" where none is said */
int med_dataset_mod(const med_dataset *d, const char *mod);   /* index, -1 */
int med_dataset_case(const med_dataset *d, const char *name); /* index, -1 */

/* Case indices of one part ("train", "val", "test") of fold 0..; a dataset without splits has all cases in every part.
 * *indices is owned. MED_EUSAGE: no such fold or part. */
MED_CHECK med_status med_dataset_split(const med_dataset *d, int fold, const char *part, int **indices, int *n);

/* Paths (owned), whether or not the file exists: kind NULL -> CASE-MOD.nii.gz (or .nii when that is there),
 * "target" -> CASE-MOD.target.nii.gz. `mod` may be "label" or "fov" as well. */
char *med_case_path(const med_case *c, const char *mod, const char *kind);

/* Load one modality at network scale: as input (min-max rule) or as target (CASE-MOD.target.nii.gz by the target
 * rule where it exists, else the input rule). Negative voxels of an MR are lifted with a warning, of "us" they are
 * MED_EFORMAT, and so is a "us" without any positive voxel; an empty MR becomes background with a warning. */
MED_CHECK med_status med_case_load_input(const med_case *c, const char *mod, med_volume **out);
MED_CHECK med_status med_input_load(const char *path, const char *mod, med_volume **out); /* as input, any file */
MED_CHECK med_status med_case_load_target(const med_case *c, const char *mod, med_volume **out);
bool med_case_has_target(const med_case *c, const char *mod);

#endif
