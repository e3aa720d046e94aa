/* medley compare: what is equal, what is near, what is missing, and what cannot be compared. */
#include "../images.h"
#include "../program.h"
#include "../folder.h"

#include "base/file.h"
#include "engine/weights.h"

static float ramp(int i, int j, int k) { return (float)(i + 2 * j + 3 * k); }

/* FOLDER/NAME: the ramp on an oblique grid, one voxel raised by `more`, moved by `shift_mm`. */
static void save_ramp(const char *name, int n2, float more, double shift_mm) {
    med_grid grid = images_oblique_grid(5, 4, n2, false);
    grid.affine.m[1][3] += shift_mm;
    med_volume *v = images_make(grid, ramp);
    v->voxel[7] += more;
    char *path = med_path_join(folder, name);
    assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
    free(path);
    med_volume_free(v);
}

static void make_dir(const char *name) {
    char *path = med_path_join(folder, name);
    assert_ok(med_dir_create(path));
    free(path);
}

static const json_t *item_named(const json_t *report, const char *name) {
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(report, "items"), i, item)
        if (strcmp(images_text(item, "name"), name) == 0) return item;
    fail_msg("no item '%s'", name);
    return NULL;
}

static void images(void **state) {
    (void)state;
    save_ramp("a.nii.gz", 3, 0, 0);
    save_ramp("same.nii", 3, 0, 0);
    save_ramp("near.nii.gz", 3, 0.5f, 0);
    save_ramp("moved.nii.gz", 3, 0, 0.25);
    save_ramp("longer.nii.gz", 4, 0, 0);
    assert_program(0, "", "compare %s/a.nii.gz %s/same.nii", folder, folder);
    assert_program(1, "1 of 1 differ by more than 0", "compare %s/a.nii.gz %s/near.nii.gz", folder, folder);
    assert_program(1, "differ by more than 0.49", "compare %s/a.nii.gz %s/near.nii.gz --tolerance 0.49", folder,
                   folder);
    assert_program(0, "", "compare %s/a.nii.gz %s/near.nii.gz --tolerance 0.5", folder, folder);
    assert_program(1, "in shape or place", "compare %s/a.nii.gz %s/moved.nii.gz --tolerance 9", folder, folder);
    assert_program(1, "in shape or place", "compare %s/a.nii.gz %s/longer.nii.gz --tolerance 9", folder, folder);

    program_result r = program_run("compare %s/a.nii.gz %s/near.nii.gz --json", folder, folder);
    const json_t *item = item_named(r.json, "a.nii.gz");
    assert_true(images_number(item, "max_abs") == 0.5);
    assert_true(fabs(images_number(item, "rms") - 0.5 / sqrt(60)) < 1e-12);
    assert_true(images_number(item, "affine_mm") == 0);
    assert_true(json_is_true(json_object_get(item, "same_shape")));
    assert_true(json_is_false(json_object_get(item, "ok")) && json_is_false(json_object_get(r.json, "ok")));
    program_free(&r);
    r = program_run("compare %s/a.nii.gz %s/moved.nii.gz --json", folder, folder);
    assert_true(fabs(images_number(item_named(r.json, "a.nii.gz"), "affine_mm") - 0.25) < 1e-4); /* float32 at 400 mm */
    program_free(&r);
    r = program_run("compare %s/a.nii.gz %s/longer.nii.gz --json", folder, folder);
    item = item_named(r.json, "a.nii.gz");
    assert_true(json_is_null(json_object_get(item, "max_abs")));
    assert_string_equal(images_text(item, "shape_b"), "5x4x4");
    program_free(&r);
}

static void folders(void **state) {
    (void)state;
    make_dir("a/deep/er");
    make_dir("b/deep/er");
    save_ramp("a/one.nii.gz", 3, 0, 0);
    save_ramp("b/one.nii.gz", 3, 0, 0);
    save_ramp("a/deep/er/two.nii.gz", 3, 0, 0);
    save_ramp("b/deep/er/two.nii.gz", 3, 0.25f, 0);
    char *note = med_path_join(folder, "a/notes.json");
    assert_ok(med_file_write(note, "{}", 2)); /* neither image nor weights: ignored */
    assert_program(0, "", "compare %s/a %s/b --tolerance 0.25", folder, folder);
    assert_program(1, "1 of 2 differ by more than 0.1 or in shape or place, the first is deep/er/two.nii.gz",
                   "compare %s/a %s/b --tolerance 0.1", folder, folder);
    save_ramp("a/left.nii", 3, 0, 0);
    save_ramp("b/right.nii", 3, 0, 0);
    program_result r = program_run("compare %s/a %s/b --tolerance 1 --json", folder, folder);
    assert_int_equal(r.exit_code, 1);
    assert_string_equal(images_text(item_named(r.json, "left.nii"), "only_in"), "a");
    assert_string_equal(images_text(item_named(r.json, "right.nii"), "only_in"), "b");
    assert_int_equal(json_integer_value(json_object_get(r.json, "ignored")), 1);
    program_free(&r);
    r = program_run("compare %s/a %s/b", folder, folder);
    assert_non_null(strstr(r.out, "only in A"));
    program_free(&r);
    free(note);
}

static void save_weights(const char *name, const char *tensor, float value) {
    med_weights *w = med_weights_create();
    med_tensor *t;
    assert_ok(med_weights_add(w, "shared", MED_F32, med_shape_2(2, 3), &t));
    assert_ok(med_weights_add(w, tensor, MED_F32, med_shape_1(2), &t));
    ((float *)t->data)[1] = value;
    char *path = med_path_join(folder, name);
    assert_ok(med_weights_save(w, path));
    free(path);
    med_weights_free(w);
}

static void weights(void **state) {
    (void)state;
    save_weights("a.safetensors", "bias", 1);
    save_weights("b.safetensors", "bias", 1.5f);
    save_weights("c.safetensors", "other", 1);
    save_weights("nan.safetensors", "bias", NAN);
    assert_program(0, "", "compare %s/a.safetensors %s/a.safetensors", folder, folder);
    assert_program(0, "", "compare %s/nan.safetensors %s/nan.safetensors", folder, folder);
    assert_program(1, "the first is bias", "compare %s/a.safetensors %s/nan.safetensors --tolerance 9", folder, folder);
    assert_program(1, "the first is bias", "compare %s/a.safetensors %s/b.safetensors --tolerance 0.4", folder, folder);
    assert_program(0, "", "compare %s/a.safetensors %s/b.safetensors --tolerance 0.5", folder, folder);
    program_result r = program_run("compare %s/a.safetensors %s/c.safetensors --json", folder, folder);
    assert_int_equal(r.exit_code, 1);
    assert_true(json_is_true(json_object_get(item_named(r.json, "shared"), "ok")));
    assert_true(json_is_null(json_object_get(item_named(r.json, "shared"), "affine_mm")));
    assert_string_equal(images_text(item_named(r.json, "bias"), "only_in"), "a");
    assert_string_equal(images_text(item_named(r.json, "other"), "only_in"), "b");
    program_free(&r);
}

static void what_cannot_be_compared(void **state) {
    (void)state;
    save_ramp("a.nii.gz", 3, 0, 0);
    save_weights("a.safetensors", "bias", 1);
    make_dir("empty");
    assert_program(2, "one is an image, the other is not", "compare %s/a.nii.gz %s/a.safetensors", folder, folder);
    assert_program(2, "one is a folder, the other a file", "compare %s/empty %s/a.nii.gz", folder, folder);
    assert_program(2, "no images and no weights there", "compare %s/empty %s/empty", folder, folder);
    assert_program(2, "missing: no such file", "compare %s/a.nii.gz %s/missing", folder, folder);
    assert_program(2, "missing: no such folder", "compare %s/empty %s/missing", folder, folder);
    assert_program(2, "--tolerance", "compare %s/a.nii.gz %s/a.nii.gz --tolerance -1", folder, folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)
        TEST(images),
        TEST(folders),
        TEST(weights),
        TEST(what_cannot_be_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
