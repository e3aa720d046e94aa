/* prepare_case.h: one patient's files into one folder of a data set: everything on one grid (spec/data.md 4.2, 4.3). */
#ifndef MED_DATA_PREPARE_CASE_H
#define MED_DATA_PREPARE_CASE_H

#include <jansson.h>
#include "base/modset.h"
#include "data/prepare_us.h"
#include "image/transform.h"

typedef struct med_prepare_options {
    med_us_grid grid;
    const char *fov;   /* MRs outside the ultrasound's field of view become 0: "us", "us-strict" (holes too); "none" */
    bool int16;        /* the release's cast of MRs */
    const char *space; /* of NRRD files without one; NULL: an error */
    const float *replacement; /* of non-finite voxels; NULL: an error */
} med_prepare_options;

typedef struct med_prepare_source {
    char mod[MED_MOD_NAME];
    char *path;              /* owned; NULL: there is none */
    med_transform *to_image; /* points of the case's space to points of this image; owned; NULL: the identity */
} med_prepare_source;

enum { MED_PREPARE_WARNINGS = 64, MED_PREPARE_LABELS = 4 };
typedef struct med_prepare_case { /* owned; med_prepare_case_free */
    char *name;
    med_prepare_source us, label, mr[MED_MAX_MODS];
    int n_mr;
    bool label_is_on_us;                                /* voxel by voxel on the ultrasound as it is in its file */
    int n_more;
    med_prepare_source more_labels[MED_PREPARE_LABELS]; /* written as NAME-label.MOD */
    char *landmarks; /* a file of pairs, for writers that know it; owned; NULL: none */
    char *reference; /* an image whose grid is taken as it is; NULL: the grid is made of the ultrasound */
    json_t *notes;   /* what its source tells: series, alternatives, transforms; becomes part of the manifest */
    int n_warnings;
    char *warnings[MED_PREPARE_WARNINGS];
    char *excluded; /* owned: why this case cannot be made; NULL: it can */
} med_prepare_case;

void med_prepare_case_init(med_prepare_case *c, const char *name);
void med_prepare_case_free(med_prepare_case *c);
void med_prepare_warn(med_prepare_case *c, const char *format, ...) MED_PRINTF(2, 3); /* also logged, with the case */

/* The grid of an image: of a file, or of a folder of DICOM. */
MED_CHECK med_status med_prepare_load_grid(const char *path, med_grid *out);

/* Write NAME-us, NAME-MOD, NAME-label, NAME-fov (.nii.gz) and prepare.json (notes, warnings) into `dir`. Images that are
 * all zero are left out, with a warning; a case without any MR is an error. */
MED_CHECK med_status med_prepare_case_write(med_prepare_case *c, const med_prepare_options *o, const char *dir);

/* prepare.json: notes and warnings; a folder that holds it is a complete case. */
MED_CHECK med_status med_prepare_save_notes(const med_prepare_case *c, const char *dir);

#endif
