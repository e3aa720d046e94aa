/* metaimage.h: what the parts of the MetaImage format share: the checked content of a header. */
#ifndef MED_IMAGE_METAIMAGE_H
#define MED_IMAGE_METAIMAGE_H

#include "image/pairs.h"
#include "image/payload.h"

enum { MED_META_MAX_DIM = 10 };

typedef struct med_meta_header { /* owned; med_meta_free. Views point into the file. */
    med_pairs pairs;
    int n_dim;
    int64_t size[MED_META_MAX_DIM];
    int64_t n_channels;  /* values per voxel, side by side */
    med_payload payload; /* of all voxels and channels; their product does not overflow */
} med_meta_header;

bool med_meta_is(const uint8_t *head, size_t n);
/* Fields, sizes, type, where the data are; no geometry yet. */
MED_CHECK med_status med_meta_parse(const char *path, const med_mapping *map, med_meta_header *out);
void med_meta_free(med_meta_header *h);
/* The first three axes in space. */
MED_CHECK med_status med_meta_parse_grid(const char *path, const med_meta_header *h, med_grid *out);
bool med_meta_is_sequence(const med_meta_header *h); /* a pose or a time per frame */

/* Not compressed; .mhd writes the voxels into NAME.raw beside it. */
MED_CHECK med_status med_meta_save(const med_volume *v, const char *path, med_voxel_type type);

#endif
