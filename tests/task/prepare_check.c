/* medley prepare check: a good data set, a changed file, bad values, a contact sheet that shows where things are; and whether
 * a wrong transform is suspected. */
#include "../images.h"

#include <png.h>
#include "../program.h"
#include "base/file.h"
#include "data/prepare_checks.h"
#include "task/contact_sheet.h"

static char *folder;

static void make_phantom(const char *name) {
    assert_program(0, "", "phantom %s/%s --cases 2 --size 48,48,20 --spacing 2 --seed 3 --quiet", folder, name);
}

static program_result check(const char *name) { return program_run("prepare check %s/%s --json", folder, name); }

static const char *status_of(const program_result *r, int i) {
    return images_text(json_array_get(json_object_get(r->json, "cases"), (size_t)i), "status");
}

static void a_good_data_set(void **state) {
    (void)state;
    make_phantom("good");
    program_result r = check("good");
    if (r.exit_code != 0) fail_msg("%s", r.err);
    assert_int_equal(json_array_size(json_object_get(r.json, "cases")), 2);
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_bad")), 0);
    char *sheet = med_format("%s/good-check/case0001.png", folder);
    assert_true(med_path_exists(sheet));
    free(sheet);
    program_free(&r);
    r = program_run("prepare check %s/good -o %s/elsewhere", folder, folder);
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(r.out, "48x48x20 @ 2x2x2"));
    assert_non_null(strstr(r.out, "0 bad"));
    program_free(&r);
}

static void what_was_changed_is_named(void **state) {
    (void)state;
    make_phantom("changed");
    med_volume *v;
    char *path = med_format("%s/changed/case0000/case0000-label.nii.gz", folder);
    assert_ok(med_volume_load(path, &v));
    v->voxel[5] = 1;
    assert_ok(med_volume_save(v, path, MED_VOXEL_U8));
    med_volume_free(v);
    free(path);
    program_result r = check("changed");
    assert_int_equal(r.exit_code, 1);
    assert_string_equal(status_of(&r, 0), "bad");
    assert_string_equal(status_of(&r, 1), "ok");
    assert_non_null(strstr(r.err, "case0000-label.nii.gz: is not the file that the manifest describes"));
    program_free(&r);
}

/* Without a manifest: a flat folder whose images say enough. */
static void values_and_grids(void **state) {
    (void)state;
    char *dir = med_path_join(folder, "flat"), *us = med_format("%s/a-us.nii.gz", dir), *t2 = med_format("%s/a-t2.nii.gz", dir);
    assert_ok(med_dir_create(dir));
    med_volume *v;
    med_grid grid = images_oblique_grid(8, 9, 10, false);
    assert_ok(med_volume_create(grid, &v));
    for (size_t i = 0; i < med_grid_count(grid); i++) v->voxel[i] = (float)(i % 50);
    assert_ok(med_volume_save(v, us, MED_VOXEL_U8));
    for (size_t i = 0; i < med_grid_count(grid); i++) v->voxel[i] = i % 2 ? 100 : 7;
    assert_ok(med_volume_save(v, t2, MED_VOXEL_F32));
    program_result r = check("flat");
    assert_int_equal(r.exit_code, 0);
    assert_string_equal(status_of(&r, 0), "suspicious");
    assert_non_null(strstr(r.err, "a: t2: 50 % of its signal is at the maximum 100: saturated?"));
    program_free(&r);
    v->grid.affine.m[1][3] += 3;
    assert_ok(med_volume_save(v, t2, MED_VOXEL_F32));
    r = check("flat");
    assert_int_equal(r.exit_code, 2); /* one case: its own answer */
    assert_non_null(strstr(r.err, "does not lie on the grid of"));
    program_free(&r);
    v->grid.affine.m[1][3] -= 3;
    v->voxel[0] = -1;
    assert_ok(med_volume_save(v, us, MED_VOXEL_F32));
    r = check("flat");
    assert_non_null(strstr(r.err, "ultrasound is 0 or more"));
    program_free(&r);
    med_volume_free(v);
    free(dir);
    free(us);
    free(t2);
}

/* ---- the picture ---- */

/* A bright voxel block near the patient's right, front, top must be at the left (axial, coronal) and top. */
static void right_is_on_the_left(void **state) {
    (void)state;
    med_volume *v;
    med_grid grid = {{20, 30, 40}, med_affine_identity()};
    for (int a = 0; a < 3; a++) grid.affine.m[a][a] = a == 0 ? -1 : 1; /* LAS: the first axis runs to the left */
    assert_ok(med_volume_create(grid, &v));
    for (size_t i = 0; i < med_grid_count(grid); i++) v->voxel[i] = -0.99f;
    for (int k = 0; k < 40; k++)
        for (int j = 0; j < 30; j++)
            for (int i = 0; i < 20; i++)
                if (i < 5) *med_volume_at(v, i, j, k) = 1; /* the patient's right */
    char *path = med_path_join(folder, "sheet.png");
    const med_sheet_column column = {"x", v};
    assert_ok(med_contact_sheet_save(&(med_sheet){.title = "t", .n_columns = 1, .columns = &column}, path));
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&image, path));
    image.format = PNG_FORMAT_GRAY;
    uint8_t *pixels = malloc(PNG_IMAGE_SIZE(image));
    assert_true(png_image_finish_read(&image, NULL, pixels, 0, NULL));
    /* the axial panel is the first: its rows start below the head; 20 mm are 128 pixels at 256 pixels per 40 mm */
    const uint8_t *row = pixels + (size_t)(100) * image.width;
    int n_left = 0, n_right = 0;
    for (int x = 21; x < 21 + 32; x++) n_left += row[x] > 200;
    for (int x = 21 + 96; x < 21 + 128; x++) n_right += row[x] > 200;
    assert_true(n_left >= 31 && n_right == 0);
    free(pixels);
    med_volume_free(v);
    free(path);
}

/* ---- registration ---- */

static med_volume *shells(double shift, bool is_us, med_grid grid) {
    med_volume *v;
    assert_ok(med_volume_create(grid, &v));
    for (int k = 0; k < grid.n[2]; k++)
        for (int j = 0; j < grid.n[1]; j++)
            for (int i = 0; i < grid.n[0]; i++) {
                double x[3];
                med_affine_apply(grid.affine, (const double[3]){i, j, k}, x);
                double r = hypot(hypot(x[0] - 24 - shift, x[1] - 24), x[2] - 24);
                *med_volume_at(v, i, j, k) = is_us ? (fabs(r - 12) < 1 ? 200 : 50) : r < 12 ? 300 : r < 14 ? 800 : 500;
            }
    return v;
}

static void a_worse_place_is_suspicious(void **state) {
    (void)state;
    med_grid grid = {{48, 48, 48}, med_affine_identity()}, coarse = med_every_voxel(grid, 2);
    med_volume *us = shells(0, true, grid), *fov, *good = shells(0, false, grid), *bad = shells(7, false, grid),
               *good_coarse = shells(0, false, coarse), *bad_coarse = shells(7, false, coarse);
    assert_ok(med_volume_create(grid, &fov));
    for (size_t i = 0; i < med_grid_count(grid); i++) fov->voxel[i] = 1;
    med_prepare_case c;
    med_prepare_case_init(&c, "a");
    med_check_registration(&c, &(med_registration_check){"t2", us, fov, good, bad_coarse, 2});
    assert_int_equal(c.n_warnings, 0);
    const json_t *nmi = json_object_get(json_object_get(c.notes, "nmi_with_us_edges"), "t2");
    assert_true(images_number(nmi, "after") > images_number(nmi, "before") && images_number(nmi, "before") >= 1);
    med_check_registration(&c, &(med_registration_check){"t2", us, fov, bad, good_coarse, 2});
    assert_int_equal(c.n_warnings, 1);
    assert_non_null(strstr(c.warnings[0], "less like the ultrasound after its transform"));
    med_prepare_case_free(&c);
    med_volume *all[] = {us, fov, good, bad, good_coarse, bad_coarse};
    for (int i = 0; i < 6; i++) med_volume_free(all[i]);
}

int main(void) {
    folder = testing_folder();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_data_set),      cmocka_unit_test(what_was_changed_is_named),
        cmocka_unit_test(values_and_grids),     cmocka_unit_test(right_is_on_the_left),
        cmocka_unit_test(a_worse_place_is_suspicious),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    return n_failed;
}
