/* A synthetic patient (spec/data.md 6.3): an oblique ultrasound block and MRs of one analytic scene, NRRD and transforms with
 * the release's names. What medley prepare makes of them must be the scene itself, and must not be when a transform is
 * written the wrong way round. */
#include "../images.h"

#include "../program.h"
#include "base/file.h"
#include "data/dataset.h"
#include "data/head_landmarks.h"
#include "data/prepare_us.h"
#include "image/transform.h"

static char *folder;

/* ---- scene, in the reference MR's world ---- */

static double scene(int mod, const double x[3]) {
    return mod == 0 ? 400 + 150 * sin(x[0] / 13) + 120 * cos(x[1] / 11) + 100 * sin(x[2] / 15)
                    : 500 + 200 * cos(x[0] / 12 + x[1] / 17) + 150 * sin(x[2] / 14);
}

static med_affine rotation(double a, double b, const double shift[3]) {
    med_affine z = {{{cos(a), -sin(a), 0, shift[0]}, {sin(a), cos(a), 0, shift[1]}, {0, 0, 1, shift[2]}, {0, 0, 0, 1}}};
    med_affine y = {{{cos(b), 0, sin(b), 0}, {0, 1, 0, 0}, {-sin(b), 0, cos(b), 0}, {0, 0, 0, 1}}};
    return med_affine_multiply(z, y);
}

static med_affine affine, rigid; /* reference MR -> ultrasound; other MR -> reference MR: as the files say it */

static med_grid grid_of(med_affine turn, int n, double spacing) {
    med_grid g = {{n, n, n}, turn};
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) g.affine.m[r][c] *= spacing;
    return g;
}

static void save(const med_volume *v, const char *dir, const char *name, med_voxel_type type) {
    char *path = med_format("%s/%s/%s", folder, dir, name);
    assert_ok(med_volume_save(v, path, type));
    free(path);
}

/* An MR whose voxels show the scene at to_reference * their place. */
static void write_mr(const char *name, int mod, med_grid grid, med_affine to_reference) {
    med_volume *v;
    assert_ok(med_volume_create(grid, &v));
    for (int k = 0; k < grid.n[2]; k++)
        for (int j = 0; j < grid.n[1]; j++)
            for (int i = 0; i < grid.n[0]; i++) {
                double x[3], y[3];
                med_affine_apply(grid.affine, (const double[3]){i, j, k}, x);
                med_affine_apply(to_reference, x, y);
                *med_volume_at(v, i, j, k) = (float)scene(mod, y);
            }
    *med_volume_at(v, 0, 0, 0) = 0; /* the smallest value, in a corner far from the ultrasound */
    save(v, "nrrd/Case001/Preop-MR", name, MED_VOXEL_F32);
    med_volume_free(v);
}

/* A block of 0.25 x 0.25 x 0.6 mm voxels: a fan with a hole in it, zeros around. */
static void write_us(void) {
    med_grid grid = {{150, 120, 50}, rotation(0.4, -0.3, (const double[3]){905, 800, 440})};
    for (int r = 0; r < 3; r++) {
        grid.affine.m[r][0] *= 0.25;
        grid.affine.m[r][1] *= 0.25;
        grid.affine.m[r][2] *= 0.6;
    }
    med_volume *v;
    assert_ok(med_volume_create(grid, &v));
    for (int k = 3; k < 46; k++)
        for (int j = 5; j < 110; j++)
            for (int i = 75 - 10 - j / 2; i < 75 + 10 + j / 2; i++)
                if (hypot(i - 75, j - 70) > 12) *med_volume_at(v, i, j, k) = (float)(40 + (i + 2 * j + 3 * k) % 160);
    save(v, "nrrd/Case001/Intraop-US", "Case001-intraop-US-pre_dura.nrrd", MED_VOXEL_U8);
    med_volume_free(v);
}

/* A ball in the reference MR. */
static void write_label(med_grid grid) {
    med_volume *v;
    double centre[3] = {0, 0, 0}, inverse_centre[3];
    med_affine back;
    assert_true(med_affine_invert(affine, &back));
    med_affine_apply(rotation(0.4, -0.3, (const double[3]){905, 800, 440}), (const double[3]){18, 15, 15}, centre);
    med_affine_apply(back, centre, inverse_centre);
    assert_ok(med_volume_create(grid, &v));
    for (int k = 0; k < grid.n[2]; k++)
        for (int j = 0; j < grid.n[1]; j++)
            for (int i = 0; i < grid.n[0]; i++) {
                double x[3];
                med_affine_apply(grid.affine, (const double[3]){i, j, k}, x);
                *med_volume_at(v, i, j, k) =
                    hypot(hypot(x[0] - inverse_centre[0], x[1] - inverse_centre[1]), x[2] - inverse_centre[2]) < 6;
            }
    save(v, "nrrd/Case001/Annotations", "Case001-preop-SEG-tumor-MR-3D_AX_T2_SPACE.nrrd", MED_VOXEL_U8);
    med_volume_free(v);
}

static void write_transform(const char *dir, const char *name, med_affine a, bool is_inverted) {
    med_transform *t = med_transform_create();
    char *path = med_format("%s/%s/%s", folder, dir, name);
    if (is_inverted) assert_true(med_affine_invert(a, &a));
    med_transform_add(t, a);
    assert_ok(med_transform_save(t, path));
    med_transform_free(t);
    free(path);
}

#define RIGID  "Case001-Case001-preop-MR-3D_AX_T2_SPACE-to-Case001-preop-MR-3D_AX_T1_postcontrast.tfm"
#define AFFINE "Case001-Case001-intraop-US-pre_dura-to-Case001-preop-MR-3D_AX_T2_SPACE.tfm"

static void write_text(const char *name, const char *text) {
    char *path = med_path_join(folder, name);
    assert_ok(med_file_write(path, text, strlen(text)));
    free(path);
}

static void write_patient(void) {
    static const char *const dirs[] = {"nrrd/Case001/Preop-MR", "nrrd/Case001/Intraop-US", "nrrd/Case001/Annotations",
                                       "reg/affine/Case001", "reg/rigid/Case001"};
    for (size_t d = 0; d < sizeof dirs / sizeof *dirs; d++) {
        char *path = med_path_join(folder, dirs[d]);
        assert_ok(med_dir_create(path));
        free(path);
    }
    affine = rotation(-0.2, 0.15, (const double[3]){30, -25, 12});
    for (int r = 0; r < 3; r++) affine.m[r][1] += 0.08 * affine.m[r][0]; /* it shears, as the published ones do */
    rigid = rotation(0.1, -0.07, (const double[3]){-9, 6, 4});
    /* the reference MR lies around the place of the ultrasound */
    med_affine back;
    double centre[3], start[3];
    assert_true(med_affine_invert(affine, &back));
    med_affine_apply(rotation(0.4, -0.3, (const double[3]){905, 800, 440}), (const double[3]){18, 15, 15}, centre);
    med_affine_apply(back, centre, start);
    med_affine turn = rotation(0.05, 0.1, (const double[3]){0, 0, 0}), other, unrigid;
    double half[3];
    med_affine_apply(turn, (const double[3]){45, 45, 45}, half);
    for (int r = 0; r < 3; r++) turn.m[r][3] = start[r] - half[r];
    write_mr("Case001-preop-MR-3D_AX_T2_SPACE.nrrd", 0, grid_of(turn, 91, 1), med_affine_identity());
    assert_true(med_affine_invert(rigid, &unrigid));
    other = med_affine_multiply(unrigid, turn);
    write_mr("Case001-preop-MR-3D_AX_T1_postcontrast.nrrd", 1, grid_of(other, 91, 1), rigid);
    write_label(grid_of(turn, 91, 1));
    write_us();
    write_transform("reg/rigid/Case001", RIGID, rigid, false);
    write_transform("reg/affine/Case001", AFFINE, affine, false);
    write_text("refs.csv", "\xef\xbb\xbfindex,us,mr\r\nCase001,Case001-intraop-US-pre_dura.nrrd,\"Case001-preop-MR-3D_"
                           "AX_T2_SPACE.nrrd\"\r\n");
    write_text("target.csv", ",target\nCase001,Case001-preop-SEG-tumor-MR-3D_AX_T2_SPACE\n");
}

static program_result prepare(const char *out, const char *options) {
    return program_run("prepare remind --nrrd %s/nrrd --transforms %s/reg --refs %s/refs.csv --target %s/target.csv -o "
                       "%s/%s --json %s",
                       folder, folder, folder, folder, folder, out, options);
}

static med_volume *load(const char *out, const char *key) {
    med_volume *v;
    char *path = med_format("%s/%s/Case001/Case001-%s.nii.gz", folder, out, key);
    assert_ok(med_volume_load(path, &v));
    free(path);
    return v;
}

/* Root mean square of the difference to the scene inside the field of view, as a share of the scene's range. */
static double error_of(const char *out, const char *key, int mod) {
    med_volume *v = load(out, key), *fov = load(out, "fov");
    med_affine back;
    double square = 0, n = 0, lo = INFINITY, hi = -INFINITY;
    assert_true(med_affine_invert(affine, &back));
    for (int k = 0; k < v->grid.n[2]; k++)
        for (int j = 0; j < v->grid.n[1]; j++)
            for (int i = 0; i < v->grid.n[0]; i++) {
                double x[3], y[3];
                if (*med_volume_at(fov, i, j, k) == 0) {
                    assert_true(*med_volume_at(v, i, j, k) == 0);
                    continue;
                }
                med_affine_apply(v->grid.affine, (const double[3]){i, j, k}, x);
                med_affine_apply(back, x, y);
                double expected = scene(mod, y), d = *med_volume_at(v, i, j, k) - expected;
                square += d * d, n++;
                lo = fmin(lo, expected), hi = fmax(hi, expected);
            }
    med_volume_free(v);
    med_volume_free(fov);
    assert_true(n > 10000);
    return sqrt(square / n) / (hi - lo);
}

static void the_scene_comes_out(void **state) {
    (void)state;
    program_result r = prepare("data", "");
    if (r.exit_code != 0) fail_msg("%s", r.err);
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_made")), 1);
    program_free(&r);
    print_message("t2 %.5f, cet1 %.5f of the range\n", error_of("data", "t2", 0), error_of("data", "cet1", 1));
    assert_true(error_of("data", "t2", 0) < 0.01);
    assert_true(error_of("data", "cet1", 1) < 0.01);
    med_volume *us = load("data", "us"), *label = load("data", "label"), *fov = load("data", "fov");
    double s[3], volume = 0, n_filled = 0;
    med_grid_spacing(us->grid, s);
    assert_true(us->grid.n[0] == 192 && us->grid.n[1] == 192 && us->stored_type == MED_VOXEL_U8);
    assert_true(fabs(s[0] - 0.5) < 1e-6 && fabs(s[2] - 0.6) < 1e-6); /* the odd spacing stays */
    for (size_t i = 0; i < med_grid_count(us->grid); i++) {
        volume += label->voxel[i] * s[0] * s[1] * s[2];
        n_filled += fov->voxel[i] > 0 && us->voxel[i] == 0;
    }
    assert_true(n_filled > 100); /* the hole belongs to the field of view */
    double expected = 4.0 / 3 * M_PI * 216 * med_affine_determinant(affine);
    print_message("label %.0f mm3, the ball has %.0f\n", volume, expected);
    assert_true(fabs(volume - expected) < 0.03 * expected);
    med_volume_free(us);
    med_volume_free(label);
    med_volume_free(fov);
    med_dataset *d;
    char *path = med_path_join(folder, "data");
    assert_ok(med_dataset_open(path, &d));
    assert_true(d->has_manifest && d->n_cases == 1 && strcmp(d->anchor, "us") == 0);
    assert_int_equal(med_modset_count(d->cases[0].observed), 3); /* no flair */
    med_dataset_free(d);
    free(path);
}

/* The scale comes from the whole MR as it was before the cut to the field of view. */
static void harmonised_by_the_whole_head(void **state) {
    (void)state;
    assert_program(0, "", "prepare harmonise --data %s/data --landmarks head", folder);
    char *path = med_format("%s/nrrd/Case001/Preop-MR/Case001-preop-MR-3D_AX_T2_SPACE.nrrd", folder);
    med_volume *whole, *t2 = load("data", "t2"), *target = load("data", "t2.target");
    double own[MED_NYUL_LANDMARKS], standard[MED_NYUL_LANDMARKS] = {0};
    bool is_there;
    assert_ok(med_volume_load(path, &whole));
    assert_ok(med_head_landmarks_measure(whole, own, &is_there));
    med_nyul_learn(own, standard); /* the one case teaches its own scale */
    med_harmonise_apply(t2, own, standard, MED_NYUL_LANDMARKS);
    for (size_t i = 0; i < med_grid_count(t2->grid); i++) assert_true(fabsf(t2->voxel[i] - target->voxel[i]) < 1e-5f);
    med_volume_free(whole);
    med_volume_free(t2);
    med_volume_free(target);
    free(path);
}

static void a_second_run_keeps_the_case(void **state) {
    (void)state;
    program_result r = prepare("data", "");
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_kept")), 1);
    program_free(&r);
    r = prepare("data", "--force --threads 2 --max-memory 10000");
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_made")), 1);
    program_free(&r);
    assert_true(error_of("data", "t2", 0) < 0.01);
    write_text("foreign-file", "x");
    r = prepare(".", "");
    assert_int_equal(r.exit_code, 2);
    assert_non_null(strstr(r.err, "is not empty and no data set"));
    program_free(&r);
}

static void a_wrong_transform_shows(void **state) {
    (void)state;
    write_transform("reg/rigid/Case001", RIGID, rigid, true);
    program_result r = prepare("wrong", "");
    assert_int_equal(r.exit_code, 0);
    program_free(&r);
    assert_true(error_of("wrong", "t2", 0) < 0.01);
    assert_true(error_of("wrong", "cet1", 1) > 0.05);
    write_transform("reg/rigid/Case001", RIGID, rigid, false);
}

/* MR space: the ultrasound is resampled by the affine file as it is, onto the untouched grid of the reference. */
static void in_the_space_of_the_mr(void **state) {
    (void)state;
    program_result r = prepare("mr", "--space mr --fov none");
    if (r.exit_code != 0) fail_msg("%s", r.err);
    program_free(&r);
    med_volume *t2 = load("mr", "t2"), *us = load("mr", "us"), *original;
    char *path = med_format("%s/nrrd/Case001/Preop-MR/Case001-preop-MR-3D_AX_T2_SPACE.nrrd", folder);
    assert_ok(med_volume_load(path, &original));
    assert_true(med_grid_equal(t2->grid, original->grid, 1e-3));
    for (size_t i = 0; i < med_grid_count(t2->grid); i++) assert_true(fabs(t2->voxel[i] - original->voxel[i]) < 0.05);
    size_t n_us = 0;
    for (size_t i = 0; i < med_grid_count(us->grid); i++) n_us += us->voxel[i] > 0;
    double fan = 43.0 * 0.25 * 0.25 * 0.6 * (105 * 20 + 105.0 * 57.5 - M_PI * 144); /* mm3; the affine keeps volumes */
    assert_true(fabs((double)n_us - fan) < 0.15 * fan);
    med_volume_free(t2);
    med_volume_free(us);
    med_volume_free(original);
    free(path);
}

static void what_is_missing_is_said(void **state) {
    (void)state;
    char *path = med_format("%s/reg/rigid/Case001/" RIGID, folder);
    unlink(path);
    write_text("reg/rigid/Case001/other.tfm", "");
    program_result r = prepare("missing", "");
    assert_int_equal(r.exit_code, 2);
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_failed")), 1);
    assert_non_null(strstr(r.err, RIGID ": no such file; beside it: other.tfm"));
    program_free(&r);
    write_text("refs.csv", "index,us,mr\nCase001,Case001-other.nrrd,Case001-preop-MR-3D_AX_T2_SPACE.nrrd\nCase002,a.nrrd,b.nrrd\n");
    r = prepare("missing", ""); /* nothing to make a case of: said, and no failure */
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_excluded")), 2);
    assert_non_null(strstr(r.err, "Case001: no file Case001-other.nrrd"));
    assert_non_null(strstr(r.err, "no folder of Case002"));
    program_free(&r);
    write_text("refs.csv", "index,us\nCase001,a.nrrd\n");
    r = prepare("missing", "");
    assert_int_equal(r.exit_code, 2);
    assert_non_null(strstr(r.err, "refs.csv:1: no column \"mr\""));
    program_free(&r);
    write_text("refs.csv", "index,us,mr\nCase001,a.nrrd,b.nrrd\nCase001,a.nrrd,b.nrrd\n");
    r = prepare("missing", "");
    assert_non_null(strstr(r.err, "refs.csv:3: case 'Case001' is there twice"));
    program_free(&r);
    write_text("refs.csv", "index,us,mr\nCase001,../a.nrrd,b.nrrd\n");
    r = prepare("missing", "");
    assert_non_null(strstr(r.err, "refs.csv:2: expected a case and two names"));
    program_free(&r);
    free(path);
}

/* Two series of a modality with equal spacing, and a folder that the table does not know. */
static void what_is_not_clear_is_said(void **state) {
    (void)state;
    char *command = med_format("cd %s/nrrd && cp Case001/Preop-MR/Case001-preop-MR-3D_AX_T2_SPACE.nrrd "
                               "Case001/Preop-MR/Case001-preop-MR-3D_AX_T2_SPACE-r.nrrd && mkdir Case077", folder);
    assert_int_equal(system(command), 0);
    write_transform("reg/rigid/Case001", "Case001-Case001-preop-MR-3D_AX_T2_SPACE-to-Case001-preop-MR-3D_AX_T2_SPACE-r.tfm",
                    med_affine_identity(), false);
    program_result r = prepare("ties", "");
    if (r.exit_code != 0) fail_msg("%s", r.err);
    assert_non_null(strstr(r.err, "t2: Case001-preop-MR-3D_AX_T2_SPACE-r.nrrd and Case001-preop-MR-3D_AX_T2_SPACE.nrrd have the same "
                                  "spacing: the first is taken"));
    assert_non_null(strstr(r.err, "Case077: is in "));
    program_free(&r);
    free(command);
    command = med_format("cd %s && rm -r nrrd/Case077 nrrd/Case001/Preop-MR/*-r.nrrd reg/rigid/Case001/*-r.tfm", folder);
    assert_int_equal(system(command), 0);
    free(command);
}

/* ---- rules of the ultrasound's grid ---- */

static void five_outcomes_of_the_spacing_rule(void **state) {
    (void)state;
    static const struct {
        double from[3], expected[3], release[3];
        bool is_usable;
    } rows[] = {
        {{0.2, 0.21, 0.19}, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}, true},
        {{0.2, 0.2, 0.6}, {0.5, 0.5, 0.6}, {0.5, 0.5, 0.6}, true},
        {{0.6, 0.2, 0.2}, {0.6, 0.5, 0.5}, {0.5, 0.5, 0.6}, true},
        {{0.2, 0.6, 0.2}, {0.5, 0.6, 0.5}, {0.5, 0.5, 0.6}, true},
        {{0.2, 0.4, 0.6}, {0, 0, 0}, {0, 0, 0}, false},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (int release = 0; release < 2; release++) {
            med_us_grid grid = {0.5, 192, release};
            double out[3];
            assert_int_equal(med_us_spacing(rows[r].from, &grid, out), rows[r].is_usable);
            for (int a = 0; rows[r].is_usable && a < 3; a++)
                assert_true(out[a] == (release ? rows[r].release : rows[r].expected)[a]);
        }
}

static void crop_keeps_places(void **state) {
    (void)state;
    med_volume *v;
    med_grid grid = images_oblique_grid(7, 6, 5, true);
    assert_ok(med_volume_create(grid, &v));
    assert_false(med_us_crop(v));
    *med_volume_at(v, 2, 1, 3) = 5;
    *med_volume_at(v, 4, 4, 3) = 7;
    double x[3], y[3];
    med_affine_apply(grid.affine, (const double[3]){4, 4, 3}, x);
    assert_true(med_us_crop(v));
    assert_true(v->grid.n[0] == 3 && v->grid.n[1] == 4 && v->grid.n[2] == 1);
    assert_true(*med_volume_at(v, 0, 0, 0) == 5 && *med_volume_at(v, 2, 3, 0) == 7 && *med_volume_at(v, 1, 1, 0) == 0);
    med_affine_apply(v->grid.affine, (const double[3]){2, 3, 0}, y);
    for (int a = 0; a < 3; a++) assert_true(fabs(x[a] - y[a]) < 1e-9);
    med_volume_free(v);
}

int main(void) {
    folder = testing_folder();
    write_patient();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scene_comes_out),
        cmocka_unit_test(harmonised_by_the_whole_head),
        cmocka_unit_test(a_second_run_keeps_the_case),
        cmocka_unit_test(a_wrong_transform_shows),
        cmocka_unit_test(in_the_space_of_the_mr),
        cmocka_unit_test(what_is_not_clear_is_said),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(five_outcomes_of_the_spacing_rule),
        cmocka_unit_test(crop_keeps_places),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    return n_failed;
}
