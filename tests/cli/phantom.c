/* medley phantom writes a data set that opens, whose hashes hold, and that is the same whenever it is made again. */
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "program.h"

#define SMALL "--size 24,24,12 --spacing 4 --missing 0.6 --seed 5"

static void assert_same_file(const char *a, const char *b) {
    char x[65], y[65];
    assert_ok(med_file_sha256(a, x));
    assert_ok(med_file_sha256(b, y));
    if (strcmp(x, y) != 0) fail_msg("%s and %s differ", a, b);
}

static void check_hashes(const char *data) {
    char *path = med_path_join(data, "manifest.json"), hash[65];
    json_t *root = json_load_file(path, 0, NULL), *c, *file;
    size_t i;
    const char *key;
    json_array_foreach (json_object_get(root, "cases"), i, c)
        json_object_foreach (json_object_get(c, "files"), key, file) {
            char *image = med_path_join(data, json_string_value(json_object_get(file, "path")));
            assert_ok(med_file_sha256(image, hash));
            assert_string_equal(hash, json_string_value(json_object_get(file, "sha256")));
            free(image);
        }
    json_decref(root);
    free(path);
}

static void makes_a_dataset(void **state) {
    (void)state;
    const char *f = testing_folder();
    char *data = med_path_join(f, "data");
    program_result r = program_run("phantom '%s' --cases 7 --json " SMALL, data);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(json_array_size(json_object_get(r.json, "cases")), 7);
    program_free(&r);

    med_dataset *d;
    assert_ok(med_dataset_open(data, &d));
    assert_int_equal(d->n_cases, 7);
    assert_string_equal(d->anchor, "us");
    static const int expected[] = {4, 1, 2};
    bool is_some_missing = false;
    for (int p = 0; p < MED_N_PARTS; p++) {
        int *index, n;
        assert_ok(med_dataset_split(d, 0, med_part_names[p], &index, &n));
        assert_int_equal(n, expected[p]);
        for (int i = 0; i < n; i++) {
            const med_case *c = &d->cases[index[i]];
            if (p == MED_PART_TEST) assert_int_equal(c->observed, 15);
            is_some_missing |= c->observed != 15;
            assert_true(c->observed & 1);
            for (int j = 1; j < 4; j++)
                assert_int_equal(med_case_has_target(c, d->mods[j]), med_modset_has(c->observed, j));
            med_volume *v;
            MED_MODSET_EACH (j, c->observed) {
                assert_ok(med_case_load_target(c, d->mods[j], &v));
                med_volume_free(v);
            }
        }
        free(index);
    }
    assert_true(is_some_missing);
    check_hashes(data);
    med_dataset_free(d);
    free(data);
    testing_remove(f);
}

/* Number of threads, and of cases, change no byte of a case; a fresh run of the same command changes none at all. */
static void is_repeatable(void **state) {
    (void)state;
    const char *f = testing_folder();
    for (int run = 0; run < 3; run++) {
        program_result r = program_run("phantom %s/%d --cases %d --threads %d --quiet " SMALL, f, run, run == 2 ? 3 : 4,
                                       run == 0 ? 1 : 2);
        assert_int_equal(r.exit_code, 0);
        assert_string_equal(r.out, "");
        assert_string_equal(r.err, "");
        program_free(&r);
    }
    static const char *const names[] = {"manifest.json",
                                        "splits.json",
                                        "case0001/case0001-us.nii.gz",
                                        "case0002/case0002-t2.nii.gz",
                                        "case0002/case0002-flair.target.nii.gz",
                                        "case0002/case0002-label.nii.gz",
                                        "case0000/case0000-landmarks.csv"};
    for (int i = 0; i < 7; i++) {
        char *path[3];
        for (int run = 0; run < 3; run++) path[run] = med_format("%s/%d/%s", f, run, names[i]);
        assert_same_file(path[0], path[1]);
        if (i >= 2) assert_same_file(path[0], path[2]);
        for (int run = 0; run < 3; run++) free(path[run]);
    }
    testing_remove(f);
}

static void refuses(void **state) {
    (void)state;
    const char *f = testing_folder();
    char *file = med_path_join(f, "file");
    assert_ok(med_file_write(file, "x", 1));
    assert_program(2, "is not empty; give a new folder", "phantom %s", f);
    assert_program(2, "is a file, expected a new or empty folder", "phantom %s", file);
    assert_program(2, "modality 'pet'", "phantom %s/new --modalities us,pet", f);
    assert_program(2, "--size", "phantom %s/new --size 4,64,64", f);
    assert_program(2, "--missing", "phantom %s/new --missing 1.1", f);
    assert_program(2, "--cases", "phantom %s/new --cases 0", f);
    assert_program(2, "did you mean '--spacing'", "phantom %s/new --spacin 1", f);
    assert_program(2, "OUT", "phantom %s", "");
    char *made = med_path_join(f, "new");
    assert_false(med_path_exists(made)); /* wrong usage leaves nothing behind */
    free(made);
    free(file);
    testing_remove(f);
}

/* When the disk fills up, the case being written disappears and no manifest claims a data set. */
static void disk_full(void **state) {
    (void)state;
    const char *f = testing_folder();
    setenv("MEDLEY_FAIL_WRITE", "9", 1);
    program_result r = program_run("phantom %s --cases 3 " SMALL, f);
    unsetenv("MEDLEY_FAIL_WRITE");
    assert_int_equal(r.exit_code, 1);
    char *partial = med_path_join(f, ".case0001.partial"), *manifest = med_path_join(f, "manifest.json"),
         *first = med_path_join(f, "case0000");
    assert_false(med_path_exists(partial));
    assert_false(med_path_exists(manifest));
    free(partial);
    free(manifest);
    free(first);
    program_free(&r);
    testing_remove(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_dataset),
        cmocka_unit_test(is_repeatable),
        cmocka_unit_test(refuses),
        cmocka_unit_test(disk_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
