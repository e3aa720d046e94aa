/* field.h: a displacement field: a point moves by the vector that lies there. */
#ifndef MED_IMAGE_FIELD_H
#define MED_IMAGE_FIELD_H

#include "image/voxel.h"

typedef struct med_field { /* owned; med_field_free */
    med_grid grid;
    med_affine to_index; /* RAS mm -> continuous index */
    double *mm;          /* x, y, z in RAS of each voxel, side by side */
} med_field;

/* Read a vector image of three components in LPS mm (MetaImage or NRRD with 3 values per voxel, NIfTI with intent 1006
 * or 1007), as ITK writes it. Errors as med_volume_load. */
MED_CHECK med_status med_field_load(const char *path, med_field **out);
void med_field_free(med_field *f);

/* x + u(x): u linear between voxels, clamped to the border within half a voxel, zero outside the field. */
void med_field_move(const med_field *f, const double in[3], double out[3]);

/* For the formats: a field out of numbers in LPS; value c of voxel i lies at i * voxel_step + c * component_step. */
MED_CHECK med_status med_field_create(const char *path, med_grid grid, med_raw_voxels raw, size_t voxel_step,
                                      size_t component_step, med_field **out);

#endif
