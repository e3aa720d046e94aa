/* Every bit of a small image file flipped, every byte set to some values, the file cut at every length: it is read, or
 * refused with one line that names it. Says most under the sanitizers. */
#include "../images.h"

#include <sys/mman.h>
#include "base/file.h"

static float ramp(int i, int j, int k) { return (float)(i + 2 * j + 3 * k); }

static char path[64]; /* of a file in memory */
static int fd, n_read, n_refused;

static void try_bytes(const uint8_t *data, size_t n) {
    if (ftruncate(fd, 0) || pwrite(fd, data, n, 0) != (ssize_t)n) abort();
    med_volume *v;
    med_status status = med_volume_load(path, &v);
    if (status == MED_OK) {
        n_read++;
        med_volume_free(v);
    } else {
        n_refused++;
        assert_true(status == MED_EFORMAT || status == MED_EINPUT); /* a letter changed: the data are in another file */
        if (!strstr(med_message(), path) || strchr(med_message(), '\n')) fail_msg("message '%s'", med_message());
    }
}

static void spoil_all(const char *name) {
    char *folder = testing_folder(), *good_path = med_path_join(folder, name);
    med_volume *v = images_make(images_oblique_grid(5, 4, 3, true), ramp);
    med_mapping file;
    uint8_t bytes[2048];
    assert_ok(med_volume_save(v, good_path, MED_VOXEL_I16));
    assert_ok(med_file_map(good_path, &file));
    size_t n = file.size;
    assert_true(n <= sizeof bytes);
    memcpy(bytes, file.data, n);
    med_file_unmap(&file);
    fd = memfd_create(name, 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    n_read = n_refused = 0;
    for (size_t at = 0; at < n; at++) {
        uint8_t good = bytes[at];
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] = good ^ (uint8_t)(1 << bit);
            try_bytes(bytes, n);
        }
        for (int extreme = 0; extreme < 256; extreme += 51) {
            bytes[at] = (uint8_t)extreme;
            try_bytes(bytes, n);
        }
        bytes[at] = good;
        try_bytes(bytes, at);
    }
    try_bytes(bytes, n);
    print_message("%s: %d read, %d refused\n", name, n_read, n_refused);
    assert_true(n_read > 0 && n_refused > (int)n);
    med_volume_free(v);
    close(fd);
    testing_remove(folder);
    free(good_path);
}

static void spoiled_bytes(void **state) {
    (void)state;
    spoil_all("plain.nii");
    spoil_all("packed.nii.gz");
    spoil_all("text.nrrd");
    spoil_all("text.mha");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(spoiled_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
