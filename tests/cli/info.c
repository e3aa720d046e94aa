/* medley info: what it says about an image, a weights file and a folder of cases that the test wrote itself. */
#include "program.h"
#include "folder.h"

#include "base/file.h"
#include "image/volume.h"
#include "model/mmhvae.h"

/* 4 x 3 x 2 voxels, i pointing left, j posterior, k up: LPS, spacing 0.5, 2, 3 mm; values 0..23 minus 5. */
static void write_image(const char *path) {
    med_grid grid = {{4, 3, 2}, {{{-0.5, 0, 0, 10}, {0, -2, 0, 20}, {0, 0, 3, -30}, {0, 0, 0, 1}}}};
    med_volume *v;
    assert_ok(med_volume_create(grid, &v));
    for (int i = 0; i < 24; i++) v->voxel[i] = (float)(i - 5);
    char *dir = strndup(path, (size_t)(med_path_base(path) - path));
    assert_ok(med_dir_create(dir));
    assert_ok(med_volume_save(v, path, MED_VOXEL_I16));
    med_volume_free(v);
    free(dir);
}

static double number_at(const json_t *report, const char *key, size_t i) {
    return json_number_value(json_array_get(json_object_get(report, key), i));
}
static const char *text_at(const json_t *report, const char *key) {
    return json_string_value(json_object_get(report, key));
}

static void an_image(void **state) {
    (void)state;
    char *path = med_path_join(folder, "a.nii.gz");
    write_image(path);
    program_result r = program_run("info --json %s", path);
    assert_int_equal(r.exit_code, 0);
    assert_string_equal(text_at(r.json, "kind"), "image");
    assert_string_equal(text_at(r.json, "dtype"), "int16");
    assert_string_equal(text_at(r.json, "orientation"), "LPS");
    assert_true(number_at(r.json, "dims", 0) == 4 && number_at(r.json, "dims", 2) == 2);
    assert_true(number_at(r.json, "spacing_mm", 0) == 0.5 && number_at(r.json, "spacing_mm", 2) == 3);
    const json_t *row = json_array_get(json_object_get(r.json, "affine_ras"), 1);
    assert_true(json_number_value(json_array_get(row, 1)) == -2 && json_number_value(json_array_get(row, 3)) == 20);
    assert_null(json_object_get(r.json, "min"));
    program_free(&r);
    r = program_run("info --json --stats -- %s", path);
    const json_t *stats = r.json;
    assert_true(json_number_value(json_object_get(stats, "min")) == -5);
    assert_true(json_number_value(json_object_get(stats, "max")) == 18);
    assert_true(json_number_value(json_object_get(stats, "sum")) == 23 * 12 - 5 * 24);
    assert_int_equal(json_integer_value(json_object_get(stats, "nonfinite")), 0);
    program_free(&r);
    r = program_run("info %s", path);
    assert_non_null(strstr(r.out, "4 x 3 x 2 voxels"));
    assert_non_null(strstr(r.out, "-5 to 18"));
    program_free(&r);
    free(path);
}

static void a_weights_file(void **state) {
    (void)state;
    med_mmhvae_config config;
    med_weights *w;
    char *path = med_path_join(folder, "w.safetensors");
    assert_ok(med_mmhvae_preset("tiny", &config));
    config.n_mods = 2;
    strcpy(config.mods[0], "us");
    strcpy(config.mods[1], "t2");
    config.height = config.width = 64;
    assert_ok(med_mmhvae_init(&config, 1, &w));
    assert_ok(med_weights_save(w, path));
    json_int_t n_parameters = 0;
    for (int i = 0; i < med_weights_count(w); i++) n_parameters += med_shape_count(med_weights_at(w, i)->shape);
    program_result r = program_run("info --json --tensors %s", path);
    assert_int_equal(r.exit_code, 0);
    assert_string_equal(text_at(r.json, "kind"), "weights");
    assert_string_equal(text_at(r.json, "format"), "safetensors");
    assert_string_equal(text_at(r.json, "model"), "mmhvae");
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_parameters")), n_parameters);
    assert_int_equal(json_array_size(json_object_get(r.json, "tensors")), med_weights_count(w));
    json_t *expected = med_mmhvae_to_json(&config);
    assert_true(json_equal(expected, json_object_get(r.json, "config")));
    json_int_t n_in_groups = 0;
    size_t i;
    json_t *group;
    json_array_foreach (json_object_get(r.json, "groups"), i, group)
        n_in_groups += json_integer_value(json_object_get(group, "n_parameters"));
    assert_int_equal(n_in_groups, n_parameters);
    json_decref(expected);
    program_free(&r);
    med_weights_free(w);
    free(path);
}

static void a_folder_of_cases(void **state) {
    (void)state;
    static const char *const files[] = {"a/a-us.nii.gz", "a/a-t2.nii.gz", "b/b-us.nii.gz"};
    for (int i = 0; i < 3; i++) {
        char *path = med_path_join(folder, files[i]);
        write_image(path);
        free(path);
    }
    program_result r = program_run("info --json %s", folder);
    assert_int_equal(r.exit_code, 0);
    assert_string_equal(text_at(r.json, "kind"), "dataset");
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_cases")), 2);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(r.json, "missing"), "t2")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(r.json, "missing"), "us")), 0);
    assert_true(json_is_null(json_object_get(r.json, "splits")));
    program_free(&r);
    r = program_run("info %s", folder);
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(r.out, "missing"));
    program_free(&r);
}

static void what_cannot_be_explained(void **state) {
    (void)state;
    char *text = med_path_join(folder, "notes.txt"), *none = med_path_join(folder, "none.nii");
    assert_ok(med_file_write(text, "just a few words, long enough to be read as something\n", 54));
    assert_program(2, "no such file", "info %s", none);
    assert_program(2, text, "info %s", text);
    assert_program(2, "missing arguments", "info");
    program_result r = program_run("info --json %s", none);
    assert_int_equal(r.exit_code, 2);
    assert_int_equal(json_integer_value(json_object_get(r.json, "exit")), 2);
    program_free(&r);
    free(text);
    free(none);
}

/* The release's files in all three kinds explain themselves as the same network. */
static void released_weights(void **state) {
    (void)state;
    static const char *const names[] = {"weights.safetensors", "weights.pth", "weights-legacy.pth"};
    const char *shared = getenv("MEDLEY_SHARED");
    json_t *first = NULL;
    for (int i = 0; i < 3; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/golden/synth/%s", shared ? shared : "", names[i]);
        if (!med_path_exists(path)) skip();
        program_result r = program_run("info --json %s", path);
        assert_int_equal(r.exit_code, 0);
        assert_string_equal(text_at(r.json, "format"), i == 0 ? "safetensors" : "pth");
        json_t *config = json_object_get(r.json, "config");
        assert_non_null(config);
        if (!first) first = json_incref(config);
        assert_true(json_equal(first, config));
        program_free(&r);
    }
    json_decref(first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_image, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_weights_file, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_folder_of_cases, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(what_cannot_be_explained, folder_make, folder_remove),
        cmocka_unit_test(released_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
