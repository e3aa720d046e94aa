/* prepare_us.h: from a 3-D ultrasound volume as it was exported to the grid of a data set (spec/data.md 4.2). */
#ifndef MED_DATA_PREPARE_US_H
#define MED_DATA_PREPARE_US_H

#include "image/volume.h"

typedef struct med_us_grid {
    double spacing_mm; /* of axes whose spacings agree: 0.5 */
    int size;          /* of axes 0 and 1: 192; 0: as it comes */
    bool is_release;   /* as the published script: an odd spacing goes to axis 2, values are cut to whole numbers */
} med_us_grid;

/* New spacings: equal ones (within 20 % of the first) become spacing_mm, an odd one stays. False: no two agree. */
bool med_us_spacing(const double from[3], const med_us_grid *grid, double out[3]);

/* Remove planes of zeros at the border, in place. False: everything is 0. */
bool med_us_crop(med_volume *v);

/* Crop, resample, crop, then centred crop or padding of axes 0 and 1. Changes and frees `us` as it goes, so that only one
 * large volume is in memory. MED_EFORMAT: all voxels 0, negative voxels, no two spacings that agree. */
MED_CHECK med_status med_us_prepare(const char *path, med_volume *us, const med_us_grid *grid, med_volume **out);

/* Field of view, 0 or 1: us > 0, with holes in each plane of axis 2 filled unless `is_strict`. */
MED_CHECK med_status med_us_field_of_view(const med_volume *us, bool is_strict, med_volume **out);

#endif
