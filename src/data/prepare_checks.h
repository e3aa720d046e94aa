/* prepare_checks.h: what makes a prepared case suspicious (spec/data.md 5.3). Each finding is a warning of the case. */
#ifndef MED_DATA_PREPARE_CHECKS_H
#define MED_DATA_PREPARE_CHECKS_H

#include "data/prepare_case.h"

/* Spacing outside 0.05 to 6 mm; more than a fifth of what is above 0 at the maximum. */
void med_check_image(med_prepare_case *c, const char *mod, const med_volume *v);
/* Determinant outside 0.8 to 1.25. */
void med_check_transform(med_prepare_case *c, const char *name, med_affine a);
/* Less than half of the field of view lies in the head (mr > 0). */
void med_check_overlap(med_prepare_case *c, const char *mod, const med_volume *mr, const med_volume *fov);
/* More than half of the label outside the field of view, or nothing inside; the counts go into the notes. */
void med_check_label(med_prepare_case *c, const med_volume *label, const med_volume *fov);

#endif
