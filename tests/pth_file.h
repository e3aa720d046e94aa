/* pth_file.h: a file of PyTorch weights in a folder of each test's own: the golden ones, or a zip of four tensors that is made here. */
#ifndef MED_TESTS_PTH_FILE_H
#define MED_TESTS_PTH_FILE_H

#include "base/file.h"
#include "base/memory.h"
#include "engine/weights.h"
#include "pth_maker.h"

static char *folder, *path;

static inline int set_up(void **state) {
    (void)state;
    folder = testing_folder();
    path = med_path_join(folder, "w.pth");
    return 0;
}
static inline int tear_down(void **state) {
    (void)state;
    testing_remove(folder);
    free(path);
    return 0;
}

static inline void write_file(const void *data, size_t n) {
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    assert_true(fwrite(data, 1, n, to) == n && fclose(to) == 0);
}

/* Path (owned) of the golden file `name`; skips when there is none. */
static inline char *golden(const char *name) {
    const char *shared = getenv("MEDLEY_SHARED");
    char *file = med_format("%s/golden/synth/%s", shared ? shared : "", name);
    if (!med_path_exists(file)) {
        free(file);
        skip();
    }
    return file;
}

static const float numbers[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

/* A zip whose pickle is `pickle` (taken), with storages "0" (12 floats) and "1" (two halves: 1 and -2). */
static inline void write_zip(bytes pickle, bool is_64) {
    const zip_part parts[] = {
        {"archive/data.pkl", pickle.data, pickle.n},
        {"archive/byteorder", "little", 6},
        {"archive/data/0", numbers, sizeof numbers},
        {"archive/data/1", "\x00\x3c\x00\xc0", 4},
        {"archive/version", "3\n", 2},
    };
    bytes file = make_zip(parts, 5, is_64);
    write_file(file.data, file.n);
    free(file.data);
    free(pickle.data);
}

static const py_tensor straight = {"FloatStorage", "0", 12, 0, 2, {3, 4}, {4, 1}};
static const py_tensor transposed = {"FloatStorage", "0", 12, 1, 2, {4, 2}, {1, 4}};
static const py_tensor halves = {"HalfStorage", "1", 2, 0, 1, {2}, {1}};
static const py_tensor scalar = {"FloatStorage", "0", 12, 7, 0, {0}, {0}};

/* The four tensors as dict items; names with `prefix`. */
static inline void put_items(bytes *b, const char *prefix) {
    static const struct {
        const char *name;
        const py_tensor *tensor;
    } items[] = {{"a.weight", &straight}, {"b.weight", &transposed}, {"h", &halves}, {"s", &scalar}};
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", prefix, items[i].name);
        py_text(b, name);
        py_put_tensor(b, items[i].tensor);
        op(b, "s"); /* SETITEM */
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
