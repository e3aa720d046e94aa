/* Folders of the release's layout: renamed, zeros recorded as missing, harmonised images as targets, split files as folds. */
#include "../images.h"

#include "../program.h"
#include "base/file.h"
#include "data/dataset.h"

static char *folder;

static float ramp(int i, int j, int k) { return (float)(1 + i + j + k) / 20; }
static float zero(int i, int j, int k) { return 0 * (float)(i + j + k); }

static void write_image(const char *root, const char *name, const char *mod, float (*value)(int, int, int)) {
    char *dir = med_format("%s/%s/%s", folder, root, name), *path = med_format("%s/%s-%s.nii.gz", dir, name, mod);
    med_volume *v = images_make(images_oblique_grid(5, 6, 3, false), value);
    assert_ok(med_dir_create(dir));
    assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
    med_volume_free(v);
    free(dir);
    free(path);
}

static void write_text(const char *name, const char *text) {
    char *path = med_path_join(folder, name);
    assert_ok(med_file_write(path, text, strlen(text)));
    free(path);
}

static void a_release_folder(void **state) {
    (void)state;
    static const char *const names[] = {"Case001", "Case002", "Case003"};
    for (int i = 0; i < 3; i++) {
        write_image("raw", names[i], "us", ramp);
        write_image("raw", names[i], "t2", i == 1 ? zero : ramp);
        write_image("raw", names[i], "target", ramp);
        write_image("norm", names[i], "us", ramp);
        write_image("norm", names[i], "t2", ramp);
    }
    write_image("raw", "Case002", "cet1", ramp);
    write_text("0.csv", "case,split\nCase001-,training\nCase002-,validation\nCase002-,inference\nCase009-,inference\n");
    write_text("1.csv", "Case002-,training\r\nCase001-,inference\r\n");
    program_result r = program_run(
        "prepare import --in %s/raw --normalised %s/norm --split %s/0.csv --split %s/1.csv -o %s/data --json", folder,
        folder, folder, folder, folder);
    if (r.exit_code != 0) fail_msg("%s", r.err);
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_made")), 3);
    assert_non_null(strstr(r.err, "Case002: t2: all voxels are 0: recorded as missing"));
    assert_non_null(strstr(r.err, "case 'Case009' is not in the data set"));
    assert_non_null(strstr(r.err, "case 'Case003' is in none of the splits"));
    assert_non_null(strstr(r.err, "case 'Case002' is in validation and in inference"));
    program_free(&r);
    med_dataset *d;
    char *path = med_path_join(folder, "data");
    assert_ok(med_dataset_open(path, &d));
    int t2 = med_dataset_mod(d, "t2"), second = med_dataset_case(d, "Case002"), *indices, n;
    assert_true(d->has_manifest && d->n_cases == 3);
    assert_false(med_modset_has(d->cases[second].observed, t2));
    assert_true(med_case_has_target(&d->cases[0], "t2") && !med_case_has_target(&d->cases[second], "t2"));
    assert_ok(med_dataset_split(d, 1, "train", &indices, &n));
    assert_true(n == 1 && indices[0] == second);
    free(indices);
    assert_ok(med_dataset_split(d, 0, "test", &indices, &n));
    assert_int_equal(n, 1);
    free(indices);
    char *label = med_case_path(&d->cases[0], "label", NULL);
    assert_true(med_path_exists(label));
    free(label);
    med_dataset_free(d);
    free(path);
}

static void what_cannot_be_used(void **state) {
    (void)state;
    write_image("bad", "Case001", "us", zero);
    write_image("bad", "Case002", "us", ramp);
    write_image("bad", "Case002", "t2", ramp);
    program_result r = program_run("prepare import --in %s/bad -o %s/part --json", folder, folder);
    assert_int_equal(r.exit_code, 1); /* some cases of a batch */
    assert_non_null(strstr(r.err, "1 of 2 cases failed, the first: "));
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_made")), 1);
    program_free(&r);
    char *there = med_path_join(folder, "part/Case002"), *absent = med_path_join(folder, "part/Case001");
    assert_true(med_path_exists(there) && !med_path_exists(absent));
    free(there);
    free(absent);
    assert_program(2, "is not empty and no data set", "prepare import --in %s/bad -o %s/raw", folder, folder);
    assert_program(2, "no such folder", "prepare import --in %s/nowhere -o %s/x", folder, folder);
    assert_program(2, "-o DATA is missing", "prepare import --in %s/raw", folder);
    assert_program(0, "", "prepare import --in %s/norm --in-place", folder);
    char *manifest = med_path_join(folder, "norm/manifest.json");
    assert_true(med_path_exists(manifest));
    free(manifest);
}

int main(void) {
    folder = testing_folder();
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_release_folder), cmocka_unit_test(what_cannot_be_used)};
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    return n_failed;
}
