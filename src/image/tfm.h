/* tfm.h: ITK text transforms (.tfm, .txt): the reader behind med_transform_load, on bytes. */
#ifndef MED_IMAGE_TFM_H
#define MED_IMAGE_TFM_H

#include "image/transform.h"

bool med_tfm_is(const void *data, size_t n_bytes); /* by its first line */
bool med_tfm_is_named(const char *path);           /* ends in .tfm or .txt */
/* Adds the parts to *t, in the order of the file. See med_transform_load. */
MED_CHECK med_status med_tfm_read(const char *path, const void *data, size_t n_bytes, int index, med_transform *t,
                                  const char **class_name);

#endif
