/* text_image.h: what the writers of images with a text header share. */
#ifndef MED_IMAGE_TEXT_IMAGE_H
#define MED_IMAGE_TEXT_IMAGE_H

#include "image/volume.h"

/* The volume's affine in LPS, checked to be writable. */
MED_CHECK med_status med_text_image_lps(const med_volume *v, const char *path, med_affine *out);
/* The description as one line of a header; NULL when there is none. Owned. */
char *med_text_image_description(const med_volume *v);
/* PATH with its ending replaced, and the part of that behind the last '/'. Owned. */
char *med_text_image_beside(const char *path, const char *ending);

/* Voxels of `type`, gzipped or not, into an owned buffer. */
MED_CHECK med_status med_text_image_pack(const med_volume *v, const char *path, med_voxel_type type, bool is_gzip,
                                         uint8_t **out, size_t *n_out);
/* header and data as one file, or the data in a file of their own (data_path not NULL; written first). */
MED_CHECK med_status med_text_image_write(const char *path, const char *header, const char *data_path,
                                          const uint8_t *data, size_t n_bytes);

#endif
