/* transform.h: maps of points in patient space, RAS mm, in ITK's direction: from the output (fixed, reference) to the
 * input (moving). A transform is a list of parts T1..Tn: y = T1(T2(...Tn(x))), the last is applied first. */
#ifndef MED_IMAGE_TRANSFORM_H
#define MED_IMAGE_TRANSFORM_H

#include "image/field.h"

typedef struct med_transform med_transform; /* owned; med_transform_free */

med_transform *med_transform_create(void); /* no parts: the identity */
void med_transform_free(med_transform *t);
/* Put a part behind those that are there: it is applied before them. */
void med_transform_add(med_transform *t, med_affine part);
void med_transform_take_field(med_transform *t, med_field *part);
void med_transform_take(med_transform *t, med_transform *parts); /* frees `parts` */
int med_transform_count(const med_transform *t);

void med_transform_apply(const med_transform *t, const double in[3], double out[3]);
/* The whole as one matrix; false when a part is a displacement field. */
bool med_transform_to_affine(const med_transform *t, med_affine *out);
/* MED_EUSAGE: a displacement field, which has no inverse in closed form. */
MED_CHECK med_status med_transform_invert(med_transform *t);

/* Read an ITK text transform (spec/data.md 3.1) or a displacement field, by content. `index`: which of several
 * transforms in a text file, from 0; -1: the only one, or all parts of a composite. *class_name (may be NULL): as in the
 * file, "AffineTransform", ..., "DisplacementFieldTransform"; a constant. Text that is no transform, wrong numbers of
 * parameters, numbers that are not finite, determinants <= 0: MED_EFORMAT with the line. */
MED_CHECK med_status med_transform_load(const char *path, int index, med_transform **out, const char **class_name);
bool med_transform_is(const char *path); /* an ITK text transform, by content */
/* As AffineTransform_double_3_3 in LPS with 17 digits. MED_EUSAGE: holds a displacement field. */
MED_CHECK med_status med_transform_save(const med_transform *t, const char *path);

#endif
