/* nrrd.h: what the parts of the NRRD format share: the checked content of a header (teem.sourceforge.net/nrrd). */
#ifndef MED_IMAGE_NRRD_H
#define MED_IMAGE_NRRD_H

#include "image/pairs.h"
#include "image/payload.h"

enum { MED_NRRD_MAX_DIM = 16 };

typedef struct med_nrrd_header { /* owned; med_nrrd_free. Views point into the file. */
    med_pairs pairs;
    int n_dim;
    int64_t size[MED_NRRD_MAX_DIM];
    med_payload payload; /* of all axes; their product does not overflow */
} med_nrrd_header;

/* Fields, sizes, type, encoding; no geometry yet. */
MED_CHECK med_status med_nrrd_parse(const char *path, const med_mapping *map, med_nrrd_header *out);
void med_nrrd_free(med_nrrd_header *h);

/* Space (or the `assumed` one where the file names none; NULL: an error), directions and origin. Axes without a direction are lists; all but one of them have size 1. */
typedef struct med_nrrd_space {
    med_grid grid;   /* of the three axes that lie in space */
    int list_axis;   /* the axis without direction that is longer than 1; -1: none */
    int64_t n_inner; /* values between two entries of the list, in the file */
    int64_t n_list;  /* 1 without a list axis */
} med_nrrd_space;
MED_CHECK med_status med_nrrd_parse_space(const char *path, const med_nrrd_header *h, const char *assumed,
                                          med_nrrd_space *out);

bool med_nrrd_is_sequence(const med_nrrd_header *h);     /* a pose or a time per frame */
bool med_nrrd_is_segmentation(const med_nrrd_header *h); /* of 3D Slicer */

/* Layers of a 3D Slicer segmentation as one volume: where segment s lies (in the order of its number), the voxel is
 * s + 1. */
MED_CHECK med_status med_nrrd_load_layers(const char *path, const med_mapping *map, const med_nrrd_header *h,
                                          const med_nrrd_space *space, bool with_voxels, med_volume **out);

/* gzip; detached (NAME.raw.gz) when the name ends in .nhdr. */
MED_CHECK med_status med_nrrd_save(const med_volume *v, const char *path, med_voxel_type type);

#endif
