/* All 335 transforms that the authors of MMHVAE publish for ReMIND: each is read, and the statistics and golden points of
 * spec/data.md 3.1 and 4.1 come out. */
#include "../images.h"

#include "base/file.h"
#include "image/transform.h"

static char *folder; /* of the unpacked archive */

typedef struct statistics {
    int n, n_composites, n_parts;
    double det[256], max_skew, max_shift_mm;
    char widest[16], most_skewed[16];
} statistics;

static double skew_of(med_affine a) { /* largest entry of MMt - I */
    double largest = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            double dot = a.m[i][0] * a.m[j][0] + a.m[i][1] * a.m[j][1] + a.m[i][2] * a.m[j][2];
            largest = fmax(largest, fabs(dot - (i == j)));
        }
    return largest;
}

static void add_part(const char *path, int index, const char *name, statistics *s) {
    med_transform *t;
    med_affine a;
    assert_ok(med_transform_load(path, index, &t, NULL));
    assert_true(med_transform_to_affine(t, &a));
    double det = med_affine_determinant(a), skew = skew_of(a);
    bool is_widest = true;
    for (int i = 0; i < s->n_parts; i++) is_widest = is_widest && fabs(det - 1) > fabs(s->det[i] - 1);
    if (is_widest) snprintf(s->widest, sizeof s->widest, "%.7s", name);
    if (skew > s->max_skew) snprintf(s->most_skewed, sizeof s->most_skewed, "%.7s", name);
    s->det[s->n_parts++] = det;
    s->max_skew = fmax(s->max_skew, skew);
    s->max_shift_mm =
        fmax(s->max_shift_mm, sqrt(a.m[0][3] * a.m[0][3] + a.m[1][3] * a.m[1][3] + a.m[2][3] * a.m[2][3]));
    med_transform_free(t);
}

/* The published statistics count the parts of a composite one by one. */
static void add_file(const char *path, const char *name, statistics *s) {
    med_transform *t;
    assert_ok(med_transform_load(path, -1, &t, NULL));
    int n = med_transform_count(t);
    med_transform_free(t);
    s->n++;
    s->n_composites += n > 1;
    if (n == 1) add_part(path, 0, name, s);
    for (int p = 1; n > 1 && p <= n; p++) add_part(path, p, name, s);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static statistics read_all(const char *kind) {
    statistics s = {0};
    char **cases, **files, *root = med_format("%s/registration/%s", folder, kind);
    int n_cases, n_files;
    assert_ok(med_dir_list(root, &cases, &n_cases));
    for (int c = 0; c < n_cases; c++) {
        char *dir = med_path_join(root, cases[c]);
        assert_ok(med_dir_list(dir, &files, &n_files));
        for (int f = 0; f < n_files; f++) {
            char *path = med_path_join(dir, files[f]);
            add_file(path, files[f], &s);
            free(path);
        }
        med_names_free(files, n_files);
        free(dir);
    }
    med_names_free(cases, n_cases);
    free(root);
    qsort(s.det, (size_t)s.n_parts, sizeof *s.det, ascending);
    print_message("%s: %d files, %d composites, det %.4f..%.4f (%s), skew %.3g (%s), shift %.1f mm\n", kind, s.n,
                  s.n_composites, s.det[0], s.det[s.n_parts - 1], s.widest, s.max_skew, s.most_skewed, s.max_shift_mm);
    return s;
}

static void affines(void **state) {
    (void)state;
    statistics s = read_all("affine");
    assert_int_equal(s.n, 104);
    assert_int_equal(s.n_composites, 4);
    assert_int_equal(s.n_parts, 108);
    assert_true(fabs(s.det[0] - 0.873) < 5e-4 && fabs(s.det[107] - 1.685) < 5e-4);
    assert_true(fabs((s.det[53] + s.det[54]) / 2 - 0.978) < 5e-4);
    assert_string_equal(s.widest, "Case032");
    assert_string_equal(s.most_skewed, "Case090");
    assert_true(fabs(s.max_skew - 0.86) < 5e-3);
    assert_true(fabs(s.max_shift_mm - 142) < 1);
}

static void rigids(void **state) {
    (void)state;
    statistics s = read_all("rigid");
    assert_int_equal(s.n, 231);
    assert_int_equal(s.n_composites, 6);
    assert_int_equal(s.n_parts, 237);
    assert_true(fabs(s.det[0] - 1) < 2.1e-7 && fabs(s.det[236] - 1) < 2.1e-7);
    assert_true(fabs(s.max_shift_mm - 93) < 1);
}

/* ---- golden points, LPS ---- */

static med_transform *load(const char *name) {
    med_transform *t;
    char *path = med_format("%s/registration/%s", folder, name);
    assert_ok(med_transform_load(path, -1, &t, NULL));
    free(path);
    return t;
}

static void assert_point(const med_transform *t, double x, double y, double z) {
    const double in[3] = {-10, -20, 30}, expected[3] = {-x, -y, z};
    double out[3];
    med_transform_apply(t, in, out);
    for (int a = 0; a < 3; a++)
        if (!(fabs(out[a] - expected[a]) < 1e-8)) fail_msg("axis %d: %.9f, expected %.9f", a, out[a], expected[a]);
}

static void golden_points(void **state) {
    (void)state;
    med_transform *rigid =
        load("rigid/Case022/Case022-Case022-preop-MR-3D_AX_T2_SPACE-to-Case022-preop-MR-3D_AX_T1_postcontrast.tfm");
    med_transform *affine =
        load("affine/Case022/Case022-Case022-intraop-US-pre_dura-to-Case022-preop-MR-3D_AX_T2_SPACE.tfm");
    assert_point(rigid, 11.911878608, 16.215642065, 26.336103615);
    assert_point(affine, -5.865859425, 96.020873090, 118.629518749);
    assert_ok(med_transform_invert(rigid));
    assert_ok(med_transform_invert(affine));
    assert_point(rigid, 8.073955400, 23.766476450, 33.674885880);
    assert_point(affine, 27.203120860, -61.905861400, -54.363359050);
    med_transform_take(rigid, affine); /* the affine first, then the rigid */
    assert_point(rigid, 25.589016777, -57.801203059, -50.951521283);
    med_transform_free(rigid);
    med_transform *composite =
        load("rigid/Case055/Case055-Case055-preop-MR-3D_AX_T1_postcontrast-to-Case055-preop-MR-2D_AX_T2_FLAIR.tfm");
    assert_int_equal(med_transform_count(composite), 2);
    assert_point(composite, 9.952886351, 20.028160915, 29.037093355);
    med_transform_free(composite);
}

int main(void) {
    const char *shared = getenv("MEDLEY_SHARED");
    char archive[512];
    snprintf(archive, sizeof archive, "%s/real/remind_transforms/registration.tar.xz", shared ? shared : "");
    if (access(archive, R_OK) != 0) return 77;
    folder = testing_folder();
    char *command = med_format("tar xJf '%s' -C '%s'", archive, folder);
    if (system(command) != 0) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(affines), cmocka_unit_test(rigids),
                                       cmocka_unit_test(golden_points)};
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    free(command);
    return n_failed;
}
