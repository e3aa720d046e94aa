/* Files: reading what is there, and writing that never leaves half a file. */
#include "testing.h"

#include <sys/stat.h>
#include "base/file.h"
#include "base/memory.h"

static char *folder;

static int setup(void **state) {
    (void)state;
    folder = testing_folder();
    return 0;
}
static int teardown(void **state) {
    (void)state;
    unsetenv("MEDLEY_FAIL_WRITE");
    testing_remove(folder);
    return 0;
}

static void assert_content(const char *path, const void *data, size_t n_bytes) {
    med_mapping file;
    assert_ok(med_file_map(path, &file));
    assert_int_equal(file.size, n_bytes);
    if (n_bytes) assert_memory_equal(file.data, data, n_bytes);
    med_file_unmap(&file);
}

static void assert_names(int n_expected) {
    char **names;
    int n;
    assert_ok(med_dir_list(folder, &names, &n));
    assert_int_equal(n, n_expected);
    med_names_free(names, n);
}

static void written_is_read(void **state) {
    (void)state;
    char *path = med_path_join(folder, "a.bin");
    assert_ok(med_file_write(path, "hello", 5));
    assert_content(path, "hello", 5);
    assert_ok(med_file_write(path, "", 0));
    assert_content(path, "", 0);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0600, 0600);
    assert_names(1);
    free(path);
}

/* Pieces below, at and above the buffer's size arrive in order. */
static void pieces_arrive_in_order(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 65535, 65536, 65537, 3, 200000, 0, 70000, 5};
    uint8_t *all = malloc(600000);
    size_t total = 0;
    char *path = med_path_join(folder, "pieces");
    med_writer *w;
    assert_ok(med_writer_open(path, &w));
    for (int i = 0; i < 9; i++) {
        for (size_t k = 0; k < sizes[i]; k++) all[total + k] = (uint8_t)((total + k) * 2654435761u >> 13);
        assert_ok(med_writer_write(w, all + total, sizes[i]));
        total += sizes[i];
    }
    assert_false(med_path_exists(path));
    assert_ok(med_writer_commit(w));
    assert_content(path, all, total);
    free(all);
    free(path);
}

static void discard_leaves_nothing(void **state) {
    (void)state;
    char *path = med_path_join(folder, "b");
    med_writer *w;
    assert_ok(med_writer_open(path, &w));
    assert_ok(med_writer_write(w, "x", 1));
    assert_names(1);
    med_writer_discard(w);
    assert_names(0);
    med_writer_discard(NULL);
    free(path);
}

static void full_disk_keeps_the_old_file(void **state) {
    (void)state;
    char *path = med_path_join(folder, "c");
    assert_ok(med_file_write(path, "old", 3));
    setenv("MEDLEY_FAIL_WRITE", "1", 1); /* counted from the first write that sees the variable */
    assert_fails(med_file_write(path, "new content", 11), MED_EIO, "disk full");
    assert_non_null(strstr(med_message(), path));
    unsetenv("MEDLEY_FAIL_WRITE");
    assert_content(path, "old", 3);
    assert_names(1);
    free(path);
}

static void unusable_names(void **state) {
    (void)state;
    med_mapping file;
    med_writer *w;
    char *absent = med_path_join(folder, "none"), *below = med_path_join(absent, "x");
    assert_fails(med_file_map(absent, &file), MED_EINPUT, "no such file");
    assert_fails(med_file_map(folder, &file), MED_EINPUT, "is a folder");
    assert_fails(med_file_map("/dev/null", &file), MED_EINPUT, "not a regular file");
    assert_fails(med_writer_open(below, &w), MED_EUSAGE, "folder does not exist");
    assert_fails(med_writer_open(folder, &w), MED_EUSAGE, "a folder is there");
    assert_fails(med_writer_open("/dev/full", &w), MED_EUSAGE, "special file");
    char **names;
    int n;
    assert_fails(med_dir_list(absent, &names, &n), MED_EINPUT, "no such folder");
    free(below);
    free(absent);
}

static void folders(void **state) {
    (void)state;
    char *deep = med_path_join(folder, "x/y/z"), *file = med_path_join(folder, "x/f"),
         *below = med_path_join(folder, "x/f/g");
    assert_ok(med_dir_create(deep));
    assert_ok(med_dir_create(deep));
    assert_true(med_path_is_dir(deep));
    assert_ok(med_file_write(file, "1", 1));
    assert_fails(med_dir_create(file), MED_EUSAGE, "a file with this name");
    assert_fails(med_dir_create(below), MED_EUSAGE, "x/f");
    char *x = med_path_join(folder, "x"), **names, *hidden = med_path_join(x, ".hidden");
    int n;
    assert_ok(med_file_write(hidden, "", 0));
    assert_ok(med_dir_list(x, &names, &n));
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "f");
    assert_string_equal(names[1], "y");
    med_names_free(names, n);
    assert_string_equal(med_path_base("a/b/c.nii"), "c.nii");
    assert_string_equal(med_path_base("c.nii"), "c.nii");
    free(hidden);
    free(x);
    free(below);
    free(file);
    free(deep);
}

static void sha256_known_answers(void **state) {
    (void)state;
    char hex[65], *path = med_path_join(folder, "abc");
    med_sha256_hex("abc", 3, hex); /* FIPS 180-2, appendix B.1 */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_ok(med_file_write(path, "", 0));
    assert_ok(med_file_sha256(path, hex));
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    free(path);
}

static void refused_memory_is_named(void **state) {
    (void)state;
    void *p;
    assert_fails(med_buffer_alloc(SIZE_MAX - 10, "a volume", &p), MED_ENOMEM, "a volume");
    setenv("MEDLEY_FAIL_ALLOC", "2", 1);
    assert_ok(med_buffer_alloc(100, "a slice", &p));
    assert_int_equal((uintptr_t)p % 64, 0);
    free(p);
    assert_fails(med_buffer_alloc(2000000, "a slice", &p), MED_ENOMEM, "a slice: 2.0 MB");
    unsetenv("MEDLEY_FAIL_ALLOC");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(pieces_arrive_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(discard_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk_keeps_the_old_file, setup, teardown),
        cmocka_unit_test_setup_teardown(unusable_names, setup, teardown),
        cmocka_unit_test_setup_teardown(folders, setup, teardown),
        cmocka_unit_test_setup_teardown(sha256_known_answers, setup, teardown),
        cmocka_unit_test(refused_memory_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
