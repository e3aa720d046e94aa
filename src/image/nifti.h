/* nifti.h: what the parts of the NIfTI format share: the checked content of a header. */
#ifndef MED_IMAGE_NIFTI_H
#define MED_IMAGE_NIFTI_H

#include "image/volume.h"

enum { MED_NIFTI1_BYTES = 348, MED_NIFTI2_BYTES = 540, MED_NIFTI_EXTENDER = 4 };

typedef struct med_nifti_header {
    med_grid grid;
    med_voxel_type type;
    bool is_big_endian;
    size_t offset_bytes, data_bytes; /* of the voxels in the (expanded) file; their sum does not overflow */
    bool is_scaled;                  /* value = raw * slope + inter */
    double slope, inter;
    bool is_unplaced; /* neither sform nor qform */
    char description[80];
} med_nifti_header;

/* Does this look like a NIfTI (or ANALYZE) header, perhaps a damaged one? */
bool med_nifti_is(const uint8_t *head, size_t n);

/* Check and read a header from the first bytes of a file. Warns about an orientation that is missing or ambiguous. */
MED_CHECK med_status med_nifti_parse(const char *path, const uint8_t *head, size_t n, med_nifti_header *out);
/* The same for a vector image of 3 components (dim 5, intent 1006 or 1007), one volume after the other. */
MED_CHECK med_status med_nifti_parse_field(const char *path, const uint8_t *head, size_t n, med_nifti_header *out);

int med_nifti_datatype(med_voxel_type type); /* the standard's code */

/* NIfTI-1: float32, uint8 or int16, rounded to nearest (out of range is an error); .gz by the name. */
MED_CHECK med_status med_nifti_save(const med_volume *v, const char *path, med_voxel_type type);

#endif
