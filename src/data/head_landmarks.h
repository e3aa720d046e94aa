/* head_landmarks.h: landmarks of an MR's intensities over the whole head, before it is cut to what the ultrasound saw. They
 * are measured when a case is prepared and kept in its prepare.json. */
#ifndef MED_DATA_HEAD_LANDMARKS_H
#define MED_DATA_HEAD_LANDMARKS_H

#include <jansson.h>
#include "data/harmonise.h"

/* The percentiles inside the head: the largest part above Otsu's threshold with its holes, so that dark fluid belongs to it;
 * on every second voxel of large volumes. *is_there false: fewer than two different values. */
MED_CHECK med_status med_head_landmarks_measure(const med_volume *v, double landmarks[MED_NYUL_LANDMARKS], bool *is_there);

/* Measured and added to the notes of a case under "head_landmarks". */
MED_CHECK med_status med_head_landmarks_note(const med_volume *v, const char *mod, json_t *notes);

/* Of the image `v` of the file `path`: as noted in prepare.json beside it, else measured. MED_EINPUT: nothing is noted, and
 * the image is cut to a field of view. */
MED_CHECK med_status med_head_landmarks_of(const char *path, const char *mod, const med_volume *v,
                                           double landmarks[MED_NYUL_LANDMARKS], bool *is_there);

#endif
