/* format.h: what an image format is to the library: one descriptor, in one file, listed in formats.def.
 * Below it, the rules that all formats share. */
#ifndef MED_IMAGE_FORMAT_H
#define MED_IMAGE_FORMAT_H

#include "base/file.h"
#include "image/field.h"
#include "image/volume.h"

enum { MED_IMAGE_HEAD = 576 }; /* bytes that every format can be told by */

typedef struct med_image_file { /* borrowed by the descriptor's functions */
    const char *path;
    med_mapping map;
    bool is_gzip;                 /* the file as a whole is a gzip stream */
    uint8_t head[MED_IMAGE_HEAD]; /* first bytes, expanded */
    size_t n_head;                /* fewer where the file is shorter */
    const med_load_options *options;
} med_image_file;

typedef struct med_image_format {
    const char *name;                       /* "NIfTI" */
    const char *const *endings;             /* of names, NULL-terminated: ".nii" */
    const char *const *gzip_endings;        /* of files that are a gzip stream as a whole: ".nii.gz"; NULL: none */
    bool (*is)(const med_image_file *file); /* by content */
    /* with_voxels: else voxel stays NULL and only sizes are checked against the file */
    med_status (*load)(const med_image_file *file, bool with_voxels, med_volume **out);
    med_status (*load_field)(const med_image_file *file, med_field **out); /* NULL: holds no displacement fields */
    med_status (*save)(const med_volume *v, const char *path, med_voxel_type type); /* NULL: read only */
} med_image_format;

/* Sizes from a header: three or more, each 1 or more, those after the third all 1; at most 2^31 voxels. */
MED_CHECK med_status med_image_check_sizes(const char *path, const int64_t *dim, int n_dim, int n[3]);
/* Finite, not singular, spacings greater than 0. `what` names the matrix in the message. */
MED_CHECK med_status med_image_check_affine(const char *path, const char *what, med_affine affine);
/* `n_extra` bytes behind the data are worth a warning. */
void med_image_warn_extra(const char *path, size_t n_extra);

#endif
