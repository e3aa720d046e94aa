/* prepare_checks.h: what makes a prepared case suspicious (spec/data.md 5.3). Each finding is a warning of the case. */
#ifndef MED_DATA_PREPARE_CHECKS_H
#define MED_DATA_PREPARE_CHECKS_H

#include "data/prepare_case.h"
#include "image/landmarks.h"

/* Spacing outside 0.05 to 6 mm; more than a fifth of what is above 0 at the maximum. */
void med_check_image(med_prepare_case *c, const char *mod, const med_volume *v);
/* Determinant outside 0.8 to 1.25. */
void med_check_transform(med_prepare_case *c, const char *name, med_affine a);
/* Less than half of the field of view lies in the head (mr > 0). */
void med_check_overlap(med_prepare_case *c, const char *mod, const med_volume *mr, const med_volume *fov);
/* The ultrasound's edges must tell more about the MR where the transform puts it (`after`) than where it was (`before`):
 * normalised mutual information over every step-th voxel of the field of view. `before` has only those voxels. Nothing is
 * said where it does not cover half of the field of view. The numbers go into the notes. */
typedef struct med_registration_check {
    const char *mod;
    const med_volume *us, *fov, *after; /* on the case's grid */
    const med_volume *before;           /* on med_every_voxel of it */
    int step;
} med_registration_check;
void med_check_registration(med_prepare_case *c, const med_registration_check *r);
med_grid med_every_voxel(med_grid grid, int step); /* the first, then every step-th along each axis */
/* Points of one side more than 5 mm outside the image's box are a warning; more than half of them, MED_EFORMAT. */
MED_CHECK med_status med_check_landmarks(med_prepare_case *c, const char *path, const med_landmarks *l, int side,
                                         med_grid image);
/* More than half of the label outside the field of view, or nothing inside; the counts go into the notes. */
void med_check_label(med_prepare_case *c, const med_volume *label, const med_volume *fov);

#endif
