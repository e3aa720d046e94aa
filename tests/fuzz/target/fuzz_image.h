/* fuzz_image.h: an image as volume, header and displacement field. */
#ifndef MED_TESTS_FUZZ_IMAGE_H
#define MED_TESTS_FUZZ_IMAGE_H

#include "fuzz.h"
#include "image/field.h"
#include "image/volume.h"

static inline void fuzz_image(const uint8_t *data, size_t n) {
    const char *path = fuzz_file(data, n);
    med_volume *v;
    med_field *f;
    med_status status = med_volume_load(path, &v);
    fuzz_check(status);
    if (status == MED_OK) med_volume_free(v);
    if (med_volume_load_header(path, &v) == MED_OK) med_volume_free(v);
    if (med_field_load(path, &f) == MED_OK) med_field_free(f);
}

#endif
