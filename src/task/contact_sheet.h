/* contact_sheet.h: a case on one picture, to see at a glance what is flipped, misplaced or cut. */
#ifndef MED_TASK_CONTACT_SHEET_H
#define MED_TASK_CONTACT_SHEET_H

#include "image/volume.h"

typedef struct med_sheet_column {
    const char *title;
    const med_volume *volume; /* network scale */
} med_sheet_column;

typedef struct med_sheet {
    const char *title;
    int n_columns; /* 1 or more, all on one grid */
    const med_sheet_column *columns;
    const med_volume *fov, *label; /* > 0: outlined; NULL: none */
} med_sheet;

/* A PNG with a row per plane: axial, coronal, sagittal through the label's centroid, or through the middle of what is
 * there. Radiological convention: the patient's right is on the left, in sagittal planes the front. */
MED_CHECK med_status med_contact_sheet_save(const med_sheet *sheet, const char *path);

#endif
