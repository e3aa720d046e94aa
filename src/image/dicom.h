/* dicom.h: DICOM series by the program dcm2niix: DICOM is a large surface, and this is the field's tool for it. */
#ifndef MED_IMAGE_DICOM_H
#define MED_IMAGE_DICOM_H

#include "image/volume.h"

typedef struct med_dicom_series { /* owned; med_dicom_series_free */
    char *description;            /* SeriesDescription; "" when there is none */
    char *path;                   /* of the NIfTI file that was made of it */
} med_dicom_series;

/* Convert every series below a folder into new files in `out_dir`; in order of their names. Time and file sizes are
 * limited. MED_EINPUT: no folder, no dcm2niix; MED_EFORMAT: no image comes out; MED_EFAIL: dcm2niix failed. */
MED_CHECK med_status med_dicom_convert(const char *folder, const char *out_dir, med_dicom_series **series,
                                       int *n_series);
void med_dicom_series_free(med_dicom_series *series, int n_series);

/* A folder that holds one series, as a volume. MED_EFORMAT: more than one image (lists them). */
MED_CHECK med_status med_dicom_load(const char *folder, med_volume **out);

#endif
