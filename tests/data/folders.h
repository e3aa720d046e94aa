/* folders.h: small data sets written for a test. */
#ifndef MED_TESTS_DATA_FOLDERS_H
#define MED_TESTS_DATA_FOLDERS_H

#include "base/file.h"
#include "base/memory.h"
#include "image/volume.h"
#include "testing.h"

/* Write `value(i, j, k)` on a grid of 1 mm to FOLDER/NAME, making folders on the way. */
typedef float folder_value(int i, int j, int k);
static inline void folder_image(const char *folder, const char *name, const int n[3], folder_value *value) {
    char *path = med_path_join(folder, name), *slash = strrchr(path, '/');
    *slash = '\0';
    assert_ok(med_dir_create(path));
    *slash = '/';
    med_volume *v;
    assert_ok(med_volume_create((med_grid){{n[0], n[1], n[2]}, med_affine_identity()}, &v));
    for (int k = 0; k < n[2]; k++)
        for (int j = 0; j < n[1]; j++)
            for (int i = 0; i < n[0]; i++) *med_volume_at(v, i, j, k) = value(i, j, k);
    assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
    med_volume_free(v);
    free(path);
}

static inline void folder_text(const char *folder, const char *name, const char *text) {
    char *path = med_path_join(folder, name);
    assert_ok(med_file_write(path, text, strlen(text)));
    free(path);
}

static const int folder_size[3] = {6, 5, 4};
static inline float folder_ramp(int i, int j, int k) { return (float)(1 + i + 7 * j + 40 * k); }
static inline float folder_zero(int i, int j, int k) { return 0 * (float)(i + j + k); }

#endif
