/* volume.h: a 3-D image in patient space.
 *
 * World coordinates are RAS millimetres. Voxel (i,j,k) has its centre at affine * (i,j,k,1); i is fastest in memory.
 * Geometry in double; voxels float32 (labels too: exact small integers). */
#ifndef MED_IMAGE_VOLUME_H
#define MED_IMAGE_VOLUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct med_affine {
    double m[4][4];
} med_affine; /* index or world -> world, last row 0 0 0 1 */

typedef struct med_grid {
    int n[3];
    med_affine affine; /* index -> RAS mm */
} med_grid;

typedef enum med_voxel_type {
    MED_VOXEL_U8,
    MED_VOXEL_I8,
    MED_VOXEL_U16,
    MED_VOXEL_I16,
    MED_VOXEL_U32,
    MED_VOXEL_I32,
    MED_VOXEL_U64,
    MED_VOXEL_I64,
    MED_VOXEL_F32,
    MED_VOXEL_F64
} med_voxel_type;
const char *med_voxel_type_name(med_voxel_type type); /* "uint8", "int16", "float32", ... */

typedef struct med_volume { /* owned; med_volume_free */
    med_grid grid;
    float *voxel;               /* n[0]*n[1]*n[2] */
    med_voxel_type stored_type; /* as in the file it came from */
    bool is_unplaced;           /* the file does not say where it lies: its grid is a guess */
    char description[80];       /* NIfTI descrip */
} med_volume;

MED_CHECK med_status med_volume_create(med_grid grid, med_volume **out); /* zeroed */
MED_CHECK med_status med_volume_alloc(med_grid grid, med_volume **out);  /* voxels not set: the caller fills them all */
void med_volume_free(med_volume *v);
size_t med_grid_count(med_grid grid);
void med_volume_range(const med_volume *v, float *lo, float *hi); /* smallest and largest voxel */
void med_grid_spacing(med_grid grid, double spacing_mm[3]); /* norms of the affine's columns */
double med_grid_corner_distance(med_grid a, med_grid b);    /* largest over the eight corner voxels' centres, mm */
bool med_grid_equal(med_grid a, med_grid b, double corner_tolerance_mm); /* sizes and all corners */
static inline float *med_volume_at(const med_volume *v, int i, int j, int k) {
    return v->voxel + ((size_t)k * (size_t)v->grid.n[1] + (size_t)j) * (size_t)v->grid.n[0] + (size_t)i;
}

med_affine med_affine_identity(void);
med_affine med_affine_multiply(med_affine a, med_affine b);
bool med_affine_invert(med_affine a, med_affine *out); /* false when singular or not finite */
double med_affine_determinant(med_affine a);
void med_affine_apply(med_affine a, const double in[3], double out[3]);
med_affine med_affine_shift(med_affine affine, const double index[3]); /* index 0 moves to where `index` was */

/* Read any supported format, decided by content. Values scaled (slope, inter) to float32. Non-finite voxels are an
 * error with count and first index. MED_EFORMAT says what was found and expected; MED_EINPUT, MED_ENOMEM. */
MED_CHECK med_status med_volume_load(const char *path, med_volume **out);
typedef struct med_load_options {
    bool keeps_nonfinite;     /* they are no error */
    const float *replacement; /* of non-finite voxels; NULL: none */
    const char *space;        /* "LPS", "RAS" or "LAS": for NRRD files that do not name theirs; NULL: that is an error */
} med_load_options;
MED_CHECK med_status med_volume_load_with(const char *path, const med_load_options *options, med_volume **out);
/* Is this a readable file that is an image, by its content or at least by its name? */
bool med_volume_is(const char *path);
/* Geometry, type and description only; voxel is NULL. */
MED_CHECK med_status med_volume_load_header(const char *path, med_volume **out);
/* Whether the file holds nothing but 0: an image that is recorded as missing. Reading it also checks it. */
MED_CHECK med_status med_volume_load_is_zero(const char *path, bool *is_zero);
/* NIfTI-1, gzip when the name ends in .gz; written atomically. `type` MED_VOXEL_F32, MED_VOXEL_U8 or MED_VOXEL_I16
 * (values rounded to nearest; out of range is an error). */
MED_CHECK med_status med_volume_save(const med_volume *v, const char *path, med_voxel_type type);

/* Flip and permute axes (no interpolation) so that axis a points along world axis order[a] e.g. "RAS", "LPS". */
MED_CHECK med_status med_volume_reorient(const med_volume *v, const char *code, med_volume **out);
void med_grid_orientation(med_grid grid, char code[4]); /* nearest, e.g. "LPS" */
int med_orientation_axis(char letter);                  /* R, L: 0; A, P: 1; S, I: 2; else -1 */
/* Crop or pad (value `outside`) axes to n[], each 1 or more: ceil(difference/2) at the low end, the rest at the high
 * end; the affine follows. */
MED_CHECK med_status med_volume_fit(const med_volume *v, const int n[3], float outside, med_volume **out);

#endif
