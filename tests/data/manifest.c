/* A manifest is written, read back, and every lie in it is found. */
#include "data/manifest.h"
#include <jansson.h>
#include "base/random.h"
#include "data/dataset.h"
#include "data/folders.h"
#include "data/splits.h"

static void image(const char *folder, const char *name) { folder_image(folder, name, folder_size, folder_ramp); }

static void write_two_cases(const char *f) {
    static const char *const mods[] = {"t2", "us", "flair"};
    image(f, "b/b-us.nii.gz");
    image(f, "b/b-t2.nii.gz");
    image(f, "b/b-t2.target.nii.gz");
    folder_text(f, "b/b-landmarks.csv", "label\n");
    image(f, "a/a-us.nii.gz");
    image(f, "a/a-flair.nii.gz");
    med_manifest *m = med_manifest_create(&(med_manifest_head){"pair", "us", "a test", "CC0-1.0", 3, mods});
    med_manifest_set(m, "preparation", json_pack("{s:s}", "method", "test"));
    assert_ok(med_manifest_add_case(m, f, &(med_manifest_case){.name = "b", .notes = json_pack("{s:i}", "age", 7)}));
    const char *warning = "odd";
    assert_ok(med_manifest_add_case(m, f, &(med_manifest_case){.name = "a", .n_warnings = 1, .warnings = &warning}));
    assert_fails(med_manifest_add_case(m, f, &(med_manifest_case){.name = "a"}), MED_EFORMAT, "'a' is there twice");
    assert_fails(med_manifest_add_case(m, f, &(med_manifest_case){.name = "c"}), MED_EFORMAT, "no image of case 'c'");
    assert_fails(med_manifest_add_case(m, f, &(med_manifest_case){.name = "../a"}), MED_EUSAGE, "'../a'");
    assert_ok(med_manifest_save(m, f));
    med_manifest_free(m);
    const char *const names[] = {"a", "b"};
    int a = 0, b = 1;
    med_fold fold = {.n = {1, 0, 1}, .index = {&a, NULL, &b}};
    char *path = med_path_join(f, "splits.json");
    assert_ok(med_splits_save(path, &fold, 1, names));
    free(path);
}

static void round_trip(void **state) {
    (void)state;
    const char *f = testing_folder();
    write_two_cases(f);
    med_dataset *d;
    assert_ok(med_dataset_open(f, &d));
    assert_true(d->has_manifest);
    assert_string_equal(d->name, "pair");
    assert_string_equal(d->anchor, "us");
    assert_int_equal(d->n_mods, 3);
    assert_string_equal(d->mods[0], "us"); /* the order does not depend on the manifest's */
    assert_int_equal(d->n_cases, 2);
    assert_int_equal(d->cases[0].observed, 0x5);
    assert_int_equal(d->cases[1].observed, 0x3);
    int *index, n;
    assert_ok(med_dataset_split(d, 0, "test", &index, &n));
    assert_int_equal(n, 1);
    assert_int_equal(index[0], 1);
    free(index);
    med_dataset_free(d);

    char *path = med_path_join(f, "manifest.json"), *landmarks = med_path_join(f, "b/b-landmarks.csv"), hash[65];
    json_t *root = json_load_file(path, 0, NULL), *b = json_array_get(json_object_get(root, "cases"), 1);
    const json_t *file = json_object_get(json_object_get(b, "files"), "landmarks");
    assert_ok(med_file_sha256(landmarks, hash));
    assert_string_equal(json_string_value(json_object_get(file, "sha256")), hash);
    assert_int_equal(json_integer_value(json_object_get(file, "bytes")), 6);
    assert_int_equal(json_integer_value(json_object_get(b, "age")), 7);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(json_object_get(b, "grid"), "size"), 2)), 4);
    json_decref(root);
    free(path);
    free(landmarks);
    testing_remove(f);
}

/* Each row replaces one text of a good manifest. */
static void every_lie_is_found(void **state) {
    (void)state;
    static const struct {
        const char *good, *bad, *says;
    } rows[] = {
        {"\"medley dataset\"", "\"other\"", "'format'"},
        {"\"version\": 1", "\"version\": 2", "version 2"},
        {"\"anchor\": \"us\"", "\"anchor\": \"ct\"", "'anchor' is ct"},
        {"\"modalities\": [", "\"modalties\": [", "'modalities'"},
        {"\"t2\",", "\"fov\",", "modality 'fov'"},
        {"\"cases\": [", "\"case\": [", "'cases'"},
        {"\"name\": \"a\"", "\"name\": \"..\"", "case 0: 'name'"},
        {"\"name\": \"a\"", "\"name\": \"b\"", "path is 'a/a-flair.nii.gz', expected 'b/b-flair...'"},
        {"\"path\": \"a/a-us.nii.gz\"", "\"path\": \"../a-us.nii.gz\"", "path is '../a-us.nii.gz'"},
        {"\"path\": \"a/a-us.nii.gz\"", "\"path\": \"/a-us.nii.gz\"", "path is '/a-us.nii.gz'"},
        {"\"path\": \"a/a-us.nii.gz\"", "\"path\": \"a-us.nii.gz\"", "no such file"},
        {"\"path\": \"a/a-us.nii.gz\"", "\"pat\": \"a/a-us.nii.gz\"", "file 'us': expected path and sha256"},
        {"\"observed\": [", "\"observd\": [", "'observed'"},
        {"\"observed\": [\n    \"us\"", "\"observed\": [\n    \"pet\"", "observed modality 'pet'"},
        {"\"files\": {", "\"file\": {", "'files'"},
    };
    const char *f = testing_folder();
    write_two_cases(f);
    char *path = med_path_join(f, "manifest.json");
    med_mapping file;
    assert_ok(med_file_map(path, &file));
    char *good = med_format("%.*s", (int)file.size, (const char *)file.data);
    med_file_unmap(&file);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *at = strstr(good, rows[i].good);
        if (!at) fail_msg("row %zu: '%s' is not in the manifest:\n%s", i, rows[i].good, good);
        char *bad = med_format("%.*s%s%s", (int)(at - good), good, rows[i].bad, at + strlen(rows[i].good));
        folder_text(f, "manifest.json", bad);
        med_dataset *d;
        med_status status = med_dataset_open(f, &d);
        if (status == MED_OK || !strstr(med_message(), rows[i].says))
            fail_msg("row %zu: '%s', expected '%s'", i, med_message(), rows[i].says);
        assert_int_equal(med_exit_code(status), 2);
        free(bad);
    }
    folder_text(f, "manifest.json", good);
    char *gone = med_path_join(f, "b/b-t2.target.nii.gz");
    assert_int_equal(unlink(gone), 0);
    med_dataset *d;
    assert_fails(med_dataset_open(f, &d), MED_EINPUT, "b/b-t2.target.nii.gz: no such file, but");
    free(gone);
    free(good);
    free(path);
    testing_remove(f);
}

/* Any damage gives an answer, never a crash (run under the sanitizers). */
static void damaged_bytes(void **state) {
    (void)state;
    const char *f = testing_folder();
    write_two_cases(f);
    char *path = med_path_join(f, "manifest.json");
    med_mapping file;
    assert_ok(med_file_map(path, &file));
    size_t n = file.size;
    char *text = malloc(n);
    memcpy(text, file.data, n);
    med_file_unmap(&file);
    med_rng rng = med_rng_start((med_rng_key){1, med_site_of("test/damage"), 0});
    int n_refused = 0;
    for (int turn = 0; turn < 400; turn++) {
        size_t at = med_rng_below(&rng, (uint32_t)n);
        char kept = text[at];
        text[at] = "\0\xff\"[]{}:,x9-./"[med_rng_below(&rng, 15)];
        assert_ok(med_file_write(path, text, turn % 4 ? n : at));
        med_dataset *d;
        if (med_dataset_open(f, &d) == MED_OK)
            med_dataset_free(d);
        else
            n_refused++;
        text[at] = kept;
    }
    assert_true(n_refused > 200);
    free(text);
    free(path);
    testing_remove(f);
}

static void grids_must_agree(void **state) {
    (void)state;
    const char *f = testing_folder();
    image(f, "a-us.nii.gz");
    folder_image(f, "a-label.nii.gz", (int[]){6, 5, 3}, folder_ramp);
    assert_fails(med_manifest_import(f, "", ""), MED_EFORMAT, "6 x 5 x 4");
    testing_remove(f);
}

/* An imported volume of zeros stands for a missing modality. */
static void import_finds_empty_images(void **state) {
    (void)state;
    const char *f = testing_folder();
    image(f, "Case1-us.nii.gz");
    folder_image(f, "Case1-t2.nii.gz", folder_size, folder_zero);
    image(f, "Case1-flair.nii.gz");
    folder_image(f, "Case1-label.nii.gz", folder_size, folder_zero);
    assert_ok(med_manifest_import(f, "release", "CC BY 4.0"));
    med_dataset *d;
    assert_ok(med_dataset_open(f, &d));
    assert_int_equal(d->n_mods, 3);
    assert_int_equal(d->cases[0].observed, 0x5);
    med_dataset_free(d);
    char *path = med_path_join(f, "manifest.json");
    json_t *root = json_load_file(path, 0, NULL),
           *warnings = json_object_get(json_array_get(json_object_get(root, "cases"), 0), "warnings");
    assert_int_equal(json_array_size(warnings), 2);
    assert_string_equal(json_string_value(json_array_get(warnings, 0)), "t2: all voxels are 0: recorded as missing");
    json_decref(root);
    free(path);
    assert_fails(med_manifest_import(f, "", ""), MED_EUSAGE, "has a manifest already");
    testing_remove(f);
    f = testing_folder();
    folder_image(f, "Case1-us.nii.gz", folder_size, folder_zero);
    assert_fails(med_manifest_import(f, "", ""), MED_EFORMAT, "ultrasound image must show something");
    testing_remove(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(every_lie_is_found),
        cmocka_unit_test(damaged_bytes),
        cmocka_unit_test(grids_must_agree),
        cmocka_unit_test(import_finds_empty_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
