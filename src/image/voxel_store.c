/* voxel_store.c: the float32 of a volume turned into the numbers that files store. */
#include "image/voxel.h"

#include <math.h>
#include <string.h>

/* Round to the nearest integer of the stored type. */
static med_status round_voxels(const char *path, const med_volume *v, med_voxel_type type, uint8_t *out) {
    float lo = type == MED_VOXEL_U8 ? 0 : INT16_MIN, hi = type == MED_VOXEL_U8 ? UINT8_MAX : INT16_MAX;
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n; i++) {
        float value = rintf(v->voxel[i]);
        if (!(value >= lo && value <= hi))
            return med_fail(MED_EFAIL, "%s: a voxel of %g does not fit into %s (%g to %g)", path, v->voxel[i],
                            med_voxel_type_name(type), lo, hi);
        if (type == MED_VOXEL_U8)
            out[i] = (uint8_t)value;
        else
            ((int16_t *)(void *)out)[i] = (int16_t)value;
    }
    return MED_OK;
}

med_status med_voxel_store(const char *path, const med_volume *v, med_voxel_type type, uint8_t *out) {
    switch (type) {
    case MED_VOXEL_F32: memcpy(out, v->voxel, med_grid_count(v->grid) * sizeof(float)); return MED_OK;
    case MED_VOXEL_U8:
    case MED_VOXEL_I16: return round_voxels(path, v, type, out);
    default:
        return med_fail(MED_EUSAGE, "%s: volumes are written as float32, uint8 or int16, not as %s", path,
                        med_voxel_type_name(type));
    }
}
