/* text_image.h: what the writers of images with a text header share. */
#ifndef MED_IMAGE_TEXT_IMAGE_H
#define MED_IMAGE_TEXT_IMAGE_H

#include "image/volume.h"

/* How one format writes: its header's text, and when the voxels lie in a file beside. */
typedef struct med_text_image {
    /* The header (owned). affine: the volume's in LPS; data_name: file of the voxels, NULL when they follow the header. */
    char *(*header)(const med_volume *v, med_affine affine, med_voxel_type type, const char *data_name);
    const char *detached_ending; /* files named so are headers alone ... */
    const char *data_ending;     /* ... with their voxels in one named so */
    bool is_gzip;
} med_text_image;

/* The description as one line of a header; NULL when there is none. Owned. */
char *med_text_image_description(const med_volume *v);

/* PATH (and its file of voxels, which is written first). Refuses empty axes and affines that cannot be written. */
MED_CHECK med_status med_text_image_save(const med_text_image *format, const med_volume *v, const char *path, med_voxel_type type);

#endif
