/* png.h: 8-bit grey and RGB pictures as PNG, in memory and in files. Write only: medley reads no pictures. */
#ifndef MED_IMAGE_PNG_H
#define MED_IMAGE_PNG_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct med_picture {       /* borrowed pixels, rows from the top, channels interleaved */
    int width, height, n_channels; /* 1 grey, 3 RGB */
    const uint8_t *pixels;
} med_picture;

/* The same picture always gives the same bytes. *data is owned. MED_EFAIL with libpng's words. */
MED_CHECK med_status med_png_encode(const med_picture *picture, uint8_t **data, size_t *n_bytes);
MED_CHECK med_status med_png_save(const med_picture *picture, const char *path); /* atomically; + MED_EIO */

#endif
