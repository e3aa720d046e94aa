/* RESECT with RESECT-SEG's layout: grids, masks without geometry, landmarks, and what is refused. */
#include "../images.h"

#include "../program.h"
#include "base/file.h"

static char *folder;
enum { N_US = 40 };

static double ball(const double x[3], double radius) {
    return hypot(hypot(x[0] - 10, x[1] + 20), x[2] - 30) < radius;
}

static med_grid us_grid(void) {
    med_grid g = images_oblique_grid(N_US, N_US, N_US, false);
    double centre[3];
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) g.affine.m[r][c] /= c == 0 ? 1.8 : c == 1 ? 1 : 5; /* 0.5 mm each */
    med_affine_apply(g.affine, (const double[3]){N_US / 2, N_US / 2, N_US / 2}, centre);
    const double wanted[3] = {10, -20, 30};
    for (int r = 0; r < 3; r++) g.affine.m[r][3] += wanted[r] - centre[r];
    return g;
}

static med_grid mr_grid(void) {
    med_grid g = {{60, 60, 60}, med_affine_identity()};
    const double start[3] = {-20, -50, 0};
    for (int r = 0; r < 3; r++) g.affine.m[r][3] = start[r];
    return g;
}

/* The ball in `inside`, else `outside`, with a gradient that makes the values differ. */
static med_volume *paint(med_grid g, double radius, float inside, float outside) {
    med_volume *v;
    assert_ok(med_volume_create(g, &v));
    for (int k = 0; k < g.n[2]; k++)
        for (int j = 0; j < g.n[1]; j++)
            for (int i = 0; i < g.n[0]; i++) {
                double x[3];
                med_affine_apply(g.affine, (const double[3]){i, j, k}, x);
                *med_volume_at(v, i, j, k) = ball(x, radius) ? inside : outside + (outside > 0 ? (float)(i % 7) : 0);
            }
    return v;
}

static void save(med_volume *v, const char *path, med_voxel_type type) {
    char *full = med_path_join(folder, path);
    assert_ok(med_volume_save(v, full, type));
    med_volume_free(v);
    free(full);
}

static void clear_geometry(const char *path) { /* sform_code and qform_code of a NIfTI-1 header that is not packed */
    char *full = med_path_join(folder, path);
    FILE *file = fopen(full, "r+b");
    const uint8_t zeros[4] = {0};
    assert_non_null(file);
    assert_true(fseek(file, 252, SEEK_SET) == 0 && fwrite(zeros, 1, 4, file) == 4 && fclose(file) == 0);
    free(full);
}

static void write_text(const char *path, const char *text) {
    char *full = med_path_join(folder, path);
    assert_ok(med_file_write(full, text, strlen(text)));
    free(full);
}

static const char tags[] = "MNI Tag Point File\nVolumes = 2;\n%% made\n\nPoints =\n 10 -20 30 11 -20.5 30.25 \"a, b\"\n"
                           " 5 -15 25 6 -15 25 \"\";\n";

static void write_case(const char *name) {
    static const char *const dirs[] = {"MRI", "US", "Landmarks"};
    for (int d = 0; d < 3; d++) {
        char *dir = med_format("%s/RESECT/NIFTI/%s/%s", folder, name, dirs[d]);
        assert_ok(med_dir_create(dir));
        free(dir);
    }
    char *at = med_format("RESECT/NIFTI/%s", name), *path;
#define SAVE(volume, type, ...) path = med_format(__VA_ARGS__), save(volume, path, type), free(path)
    SAVE(paint(us_grid(), 6, 200, 60), MED_VOXEL_U8, "%s/US/%s-US-before.nii.gz", at, name);
    SAVE(paint(mr_grid(), 6, 900, 300), MED_VOXEL_I16, "%s/MRI/%s-FLAIR.nii.gz", at, name);
    SAVE(paint(mr_grid(), 6, 500, 400), MED_VOXEL_I16, "%s/MRI/%s-T1.nii.gz", at, name);
    SAVE(paint(us_grid(), 6, 1, 0), MED_VOXEL_U8, "SEG/%s-US-before-tumor.nii", name);
    SAVE(paint(mr_grid(), 6, 1, 0), MED_VOXEL_U8, "SEG/%s-FLAIR-tumor.nii.gz", name);
    path = med_format("%s/Landmarks/%s-MRI-beforeUS.tag", at, name);
    write_text(path, tags);
    free(path);
    path = med_format("%s/Landmarks/%s-beforeUS-duringUS-full.tag", at, name);
    write_text(path, tags);
    free(path);
    free(at);
}

static program_result prepare(const char *out, const char *options) {
    return program_run("prepare resect --in %s/RESECT --seg %s/SEG -o %s/%s --size 48 --json %s", folder, folder, folder, out,
                       options);
}

static med_volume *load(const char *out, const char *name, const char *key) {
    med_volume *v;
    char *path = med_format("%s/%s/%s/%s-%s.nii.gz", folder, out, name, name, key);
    assert_ok(med_volume_load(path, &v));
    free(path);
    return v;
}

static double volume_mm3(const char *name, const char *key) {
    med_volume *v = load("data", name, key);
    double sum = 0;
    for (size_t i = 0; i < med_grid_count(v->grid); i++) sum += v->voxel[i];
    sum *= fabs(med_affine_determinant(v->grid.affine));
    med_volume_free(v);
    return sum;
}

static void two_cases(void **state) {
    (void)state;
    clear_geometry("SEG/Case2-US-before-tumor.nii");
    program_result r = prepare("data", "");
    if (r.exit_code != 0) fail_msg("%s", r.err);
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_made")), 2);
    assert_non_null(strstr(r.err, "Case1: Case1-beforeUS-duringUS-full.tag is not used"));
    assert_non_null(strstr(r.err, "Case2: label: has no geometry, that of the ultrasound is taken"));
    program_free(&r);
    double expected = 4.0 / 3 * M_PI * 216;
    for (int c = 1; c < 3; c++) {
        const char *name = c == 1 ? "Case1" : "Case2";
        assert_true(fabs(volume_mm3(name, "label") - expected) < 0.05 * expected);
        assert_true(fabs(volume_mm3(name, "label.flair") - expected) < 0.05 * expected); /* drawn on 1 mm */
        med_volume *flair = load("data", name, "flair"), *label = load("data", name, "label");
        double spacing[3], inside = 0, n = 0;
        med_grid_spacing(flair->grid, spacing);
        assert_true(flair->grid.n[0] == 48 && fabs(spacing[2] - 0.5) < 1e-6);
        for (size_t i = 0; i < med_grid_count(flair->grid); i++)
            if (label->voxel[i] > 0) inside += flair->voxel[i], n++;
        assert_true(inside / n > 700 - 300); /* the smallest value, 300, is subtracted; the ball's rim is blurred */
        med_volume_free(flair);
        med_volume_free(label);
    }
    char *path = med_format("%s/data/Case1/Case1-landmarks.csv", folder);
    FILE *file = fopen(path, "r");
    char text[512] = "";
    assert_true(file && fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    free(path);
    assert_non_null(strstr(text, "\"a, b\",11,-20.5,30.25,10,-20,30\n2,6,-15,25,5,-15,25\n"));
    path = med_format("%s/data/manifest.json", folder);
    json_t *manifest = json_load_file(path, 0, NULL);
    assert_ptr_equal(strstr(images_text(manifest, "licence"), "CC BY-NC-SA 4.0"), images_text(manifest, "licence"));
    json_decref(manifest);
    free(path);
}

/* Masks that do not fit, landmarks in another convention: the case fails, the other is made, exit 1. */
static void what_does_not_fit(void **state) {
    (void)state;
    med_grid moved = us_grid();
    moved.affine.m[0][3] += 1;
    save(paint(moved, 6, 1, 0), "SEG/Case1-US-before-tumor.nii", MED_VOXEL_U8);
    program_result r = prepare("bad", "");
    assert_int_equal(r.exit_code, 1);
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_made")), 1);
    assert_non_null(strstr(r.err, "Case1-US-before-tumor.nii: 40 x 40 x 40 voxels, corners 1 mm off the grid of"));
    program_free(&r);
    save(paint(us_grid(), 6, 1, 0), "SEG/Case1-US-before-tumor.nii", MED_VOXEL_U8);
    write_text("RESECT/NIFTI/Case1/Landmarks/Case1-MRI-beforeUS.tag",
               "MNI Tag Point File\nVolumes = 2;\nPoints =\n -110 20 30 -11 20 30 \"a\"\n -105 15 25 -6 15 25 \"b\";\n");
    r = prepare("bad", "--strict");
    assert_int_equal(r.exit_code, 1);
    assert_non_null(strstr(r.err, "2 of 2 points lie outside the MR: another coordinate convention?"));
    program_free(&r);
    assert_program(2, "--in DIR is missing", "prepare resect -o %s/x", folder);
    assert_program(2, "no such folder", "prepare resect --in %s/RESECT --seg %s/none -o %s/x", folder, folder, folder);
    assert_program(2, "holds no folders Case1", "prepare resect --in %s/SEG -o %s/x", folder, folder);
}

int main(void) {
    folder = testing_folder();
    char *seg = med_path_join(folder, "SEG");
    assert_ok(med_dir_create(seg));
    free(seg);
    write_case("Case1");
    write_case("Case2");
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_cases), cmocka_unit_test(what_does_not_fit)};
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    return n_failed;
}
