/* landmarks.h: named points in RAS mm, in one image or as pairs in two (MR first, then ultrasound). */
#ifndef MED_IMAGE_LANDMARKS_H
#define MED_IMAGE_LANDMARKS_H

#include "base/file.h"
#include "image/span.h"

typedef struct med_landmark {
    double ras[2][3];
    char *label; /* owned; "" when there is none */
} med_landmark;

typedef struct med_landmarks { /* owned; med_landmarks_free */
    int n, n_images;           /* 1: only ras[0] counts */
    med_landmark *item;
} med_landmarks;

/* Slicer .fcsv and .mrk.json, MNI .tag; by content. MED_EFORMAT with the line. */
MED_CHECK med_status med_landmarks_load(const char *path, med_landmarks *out);
/* The format by the name's ending. MED_EUSAGE: no such format, or one that cannot hold so many images. */
MED_CHECK med_status med_landmarks_save(const med_landmarks *l, const char *path);
void med_landmarks_free(med_landmarks *l);
bool med_landmarks_is(const char *path); /* by content */

/* For the formats. */
typedef struct med_landmarks_format {
    const char *name, *ending;
    int n_images;
    bool (*is)(const med_mapping *map);
    med_status (*load)(const char *path, const med_mapping *map, med_landmarks *out);
    char *(*print)(const med_landmarks *l); /* the file's text, owned */
} med_landmarks_format;
med_landmark *med_landmarks_add(med_landmarks *l, med_span label);
/* MED_EFORMAT when a coordinate is not finite. */
MED_CHECK med_status med_landmarks_check(const char *path, int line, const double ras[3]);

#endif
