/* nifti_orient.h: the two ways in which NIfTI places voxels in the patient, and how they relate. */
#ifndef MED_IMAGE_NIFTI_ORIENT_H
#define MED_IMAGE_NIFTI_ORIENT_H

#include "image/volume.h"

typedef struct med_qform {
    double quatern[3]; /* b, c, d; a = sqrt(1 - b2 - c2 - d2) */
    double offset_mm[3];
    double spacing_mm[3];
    double qfac; /* -1: the third axis is flipped */
} med_qform;

med_affine med_qform_to_affine(med_qform q);
/* False when the axes are not orthogonal to 1e-5: a qform cannot say this. */
bool med_qform_from_affine(med_affine affine, med_qform *out);

/* What a header says. The affine follows by the standard's order: sform, else qform, else neither. */
typedef struct med_nifti_orient {
    int sform_code, qform_code;
    med_affine sform;
    med_qform qform;
} med_nifti_orient;
/* Warns when sform and qform disagree by more than 0.1 mm, and when neither is there: then the axes run to L, A, S and
 * the world's origin lies in the centre, as nibabel has it. */
MED_CHECK med_status med_nifti_choose_affine(const char *path, const med_nifti_orient *orient, const int n[3],
                                             med_affine *out);

#endif
