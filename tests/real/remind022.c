/* Case ReMIND-022 out of its DICOM files by dcm2niix: sizes, spacings and label of spec/data.md 3.4 and 6, and T2 on ceT1 by
 * the published transform. */
#include "../images.h"
#include "remind022.h"

#include "base/file.h"
#include "image/dicom.h"
#include "image/mask.h"
#include "image/resample.h"

static char *folder;

static med_volume *load_series(const char *name) {
    med_volume *v;
    char *path = med_path_join(folder, name);
    assert_ok(med_dicom_load(path, &v));
    free(path);
    return v;
}

static void assert_grid(const med_volume *v, int n0, int n1, int n2, double s0, double s2, float max) {
    double s[3];
    float most = 0;
    med_grid_spacing(v->grid, s);
    assert_true(v->grid.n[0] == n0 && v->grid.n[1] == n1 && v->grid.n[2] == n2);
    assert_true(fabs(s[0] - s0) < 1e-4 && fabs(s[1] - s0) < 1e-4 && fabs(s[2] - s2) < 1e-4);
    for (size_t i = 0; i < med_grid_count(v->grid); i++) most = fmaxf(most, v->voxel[i]);
    assert_true(v->stored_type == MED_VOXEL_I16 && most == max);
}

/* Normalised mutual information of two volumes on one grid where `inside`, 32 bins. */
static double normalised_information(const med_volume *a, const med_volume *b, const uint8_t *inside) {
    enum { BINS = 32 };
    static double joint[BINS][BINS];
    double of_a[BINS] = {0}, of_b[BINS] = {0}, n = 0, h[3] = {0};
    memset(joint, 0, sizeof joint);
    for (size_t i = 0; i < med_grid_count(a->grid); i++) {
        if (!inside[i]) continue;
        int x = (int)(fminf(a->voxel[i] / 672, 0.999f) * BINS), y = (int)(fminf(b->voxel[i] / 776, 0.999f) * BINS);
        joint[x][y]++, of_a[x]++, of_b[y]++, n++;
    }
    for (int x = 0; x < BINS; x++) {
        if (of_a[x] > 0) h[0] -= of_a[x] / n * log(of_a[x] / n);
        if (of_b[x] > 0) h[1] -= of_b[x] / n * log(of_b[x] / n);
        for (int y = 0; y < BINS; y++)
            if (joint[x][y] > 0) h[2] -= joint[x][y] / n * log(joint[x][y] / n);
    }
    return (h[0] + h[1]) / h[2];
}

/* How far the points inside move, in the mean. */
static double mean_shift_mm(med_grid grid, const uint8_t *inside, med_affine t) {
    double sum = 0, n = 0;
    for (int k = 0; k < grid.n[2]; k++)
        for (int j = 0; j < grid.n[1]; j++)
            for (int i = 0; i < grid.n[0]; i++) {
                double x[3], y[3];
                if (!inside[((size_t)k * (size_t)grid.n[1] + (size_t)j) * (size_t)grid.n[0] + (size_t)i]) continue;
                med_affine_apply(grid.affine, (const double[3]){i, j, k}, x);
                med_affine_apply(t, x, y);
                sum +=
                    sqrt((x[0] - y[0]) * (x[0] - y[0]) + (x[1] - y[1]) * (x[1] - y[1]) + (x[2] - y[2]) * (x[2] - y[2]));
                n++;
            }
    return sum / n;
}

/* The convention test of spec/data.md 4.1: the published matrix is in LPS; taken for RAS it moves the head by a centimetre. */
static void series_and_their_registration(void **state) {
    (void)state;
    med_volume *cet1 = load_series("3DAXT1postcontrast_MRI"), *t2 = load_series("3DAXT2SPACE_MRI"), *with, *misread;
    assert_grid(cet1, 248, 256, 176, 0.9766, 0.99977, 672);
    assert_grid(t2, 256, 256, 192, 0.9766, 1.00014, 776);
    size_t n = med_grid_count(cet1->grid);
    uint8_t *head = malloc(n);
    double threshold = med_otsu_threshold(cet1->voxel, n) / 2; /* half: grey matter too, not the skin alone */
    for (size_t i = 0; i < n; i++) head[i] = cet1->voxel[i] > threshold;
    assert_ok(med_mask_keep_largest(head, cet1->grid.n, 26));
    assert_ok(med_mask_fill_holes(head, cet1->grid.n));
    med_transform *t = remind022_transform(T2_TO_CET1); /* points of ceT1 to points of T2 */
    med_affine right, wrong;
    assert_true(med_transform_to_affine(t, &right));
    wrong = right;
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++)
            if ((r < 2) != (c < 2)) wrong.m[r][c] = -wrong.m[r][c];
    double shift = mean_shift_mm(cet1->grid, head, right), wrong_shift = mean_shift_mm(cet1->grid, head, wrong);
    assert_ok(med_volume_resample(t2, cet1->grid, right, MED_INTERP_LINEAR, 0, &with));
    assert_ok(med_volume_resample(t2, cet1->grid, wrong, MED_INTERP_LINEAR, 0, &misread));
    double nmi = normalised_information(cet1, with, head), wrong_nmi = normalised_information(cet1, misread, head);
    print_message("the head moves by %.3f mm (NMI %.4f), misread by %.3f mm (NMI %.4f)\n", shift, nmi, wrong_shift,
                  wrong_nmi);
    assert_true(shift < 0.435 && fabs(wrong_shift - 9.83) < 0.1); /* a little, by what counts as head */
    assert_true(nmi - 1 > 1.5 * (wrong_nmi - 1));
    med_transform_free(t);
    med_volume_free(with);
    med_volume_free(misread);
    med_volume_free(cet1);
    med_volume_free(t2);
    free(head);
}

static void the_label(void **state) {
    (void)state;
    char *labels = med_path_join(folder, "labels");
    med_volume *label;
    assert_ok(med_dicom_load(labels, &label));
    double sum[3] = {0}, n = 0;
    for (int k = 0; k < label->grid.n[2]; k++)
        for (int j = 0; j < label->grid.n[1]; j++)
            for (int i = 0; i < label->grid.n[0]; i++) {
                double x[3];
                if (!(*med_volume_at(label, i, j, k) > 0)) continue;
                med_affine_apply(label->grid.affine, (const double[3]){i, j, k}, x);
                for (int a = 0; a < 3; a++) sum[a] += x[a];
                n++;
            }
    print_message("label: %g voxels, centroid %.2f %.2f %.2f\n", n, sum[0] / n, sum[1] / n, sum[2] / n);
    assert_true(label->grid.n[0] == 13 && label->grid.n[1] == 16 && label->grid.n[2] == 12 && n == 799);
    assert_true(fabs(sum[0] / n - 941.26) < 0.5 && fabs(sum[1] / n - 811.05) < 0.5 && fabs(sum[2] / n - 464.36) < 0.5);
    med_volume_free(label);
    free(labels);
}

static void folders_that_are_no_series(void **state) {
    (void)state;
    med_volume *v;
    char *empty = med_path_join(folder, "nothing in it; 'really'");
    assert_ok(med_dir_create(empty));
    med_status status = med_dicom_load(empty, &v);
    assert_true(status == MED_EFAIL || status == MED_EFORMAT); /* by the version of dcm2niix */
    assert_non_null(strstr(med_message(), empty));
    assert_fails(med_dicom_load("/nowhere", &v), MED_EINPUT, "/nowhere: no folder");
    free(empty);
}

int main(void) {
    char *archive = remind022_find();
    if (!archive) return 77;
    folder = testing_folder();
    char *command = med_format("tar xJf '%s' -C '%s' && mkdir '%s/labels' && mv '%s'/*.dcm '%s/labels'", archive,
                               folder, folder, folder, folder);
    if (system(command) != 0) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(series_and_their_registration), cmocka_unit_test(the_label),
                                       cmocka_unit_test(folders_that_are_no_series)};
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    free(command);
    free(archive);
    free(real);
    return n_failed;
}
