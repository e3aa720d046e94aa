/* voxel.h: numbers as files store them, turned into the float32 of a volume. For the format readers. */
#ifndef MED_IMAGE_VOXEL_H
#define MED_IMAGE_VOXEL_H

#include "image/volume.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the image readers and writers assume a little-endian host");

typedef struct med_raw_voxels { /* borrowed */
    const uint8_t *data;        /* need not be aligned */
    med_voxel_type type;
    bool is_big_endian;
    bool is_scaled; /* value = raw * slope + inter, else the raw value itself */
    double slope, inter;
    bool keeps_nonfinite;
} med_raw_voxels;

size_t med_voxel_bytes(med_voxel_type type);

/* Fill v->voxel (whose grid says how many); arithmetic in double, rounded once. MED_EFORMAT with count and first
 * index when a value is not finite, unless such values are kept. Does not depend on the number of threads. */
MED_CHECK med_status med_voxel_convert(const char *path, med_raw_voxels raw, med_volume *v);

/* One value, in double. */
double med_voxel_value(const med_raw_voxels *raw, size_t i);

/* The voxels as a file stores them (little endian): float32, uint8 or int16, rounded to nearest. MED_EFAIL: a voxel is
 * out of the type's range; MED_EUSAGE: another type. `out` has room for all. */
MED_CHECK med_status med_voxel_store(const char *path, const med_volume *v, med_voxel_type type, uint8_t *out);

#endif
