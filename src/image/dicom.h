/* dicom.h: DICOM series by the program dcm2niix: DICOM is a large surface, and this is the field's tool for it. */
#ifndef MED_IMAGE_DICOM_H
#define MED_IMAGE_DICOM_H

#include "image/volume.h"

typedef struct med_dicom_series { /* owned; med_dicom_series_free */
    char *description;            /* SeriesDescription; "" when there is none */
    char *study;                  /* StudyInstanceUID, "" when there is none */
    bool is_us;                   /* its modality is ultrasound */
    char *path;                   /* of the NIfTI file that was made of it, NAME.nii with NAME.json beside it */
} med_dicom_series;

/* Convert every series of a folder into new files in `out_dir`, in order of their names: of the files in the folder, and
 * where it has none, of those in its folders. Time and file sizes are limited. MED_EINPUT: no folder, no dcm2niix;
 * MED_EFORMAT: no image comes out; MED_EFAIL: dcm2niix failed. */
MED_CHECK med_status med_dicom_convert(const char *folder, const char *out_dir, med_dicom_series **series,
                                       int *n_series);
void med_dicom_series_free(med_dicom_series *series, int n_series);

/* What is in a folder's own files, without converting it; path is NULL. A folder without DICOM files has 0 series. */
MED_CHECK med_status med_dicom_list(const char *folder, med_dicom_series **series, int *n_series);

/* A folder that holds one series, as a volume whose axes 0 and 1 run along the rows and columns of the DICOM images.
 * MED_EFORMAT: more than one image (lists them); an ultrasound volume that does not lie as its header says. */
MED_CHECK med_status med_dicom_load(const char *folder, med_volume **out);

#endif
