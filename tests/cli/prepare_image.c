/* medley prepare resample and normalise, medley info on transforms: against ITK and the release's formula, through files. */
#include "../images.h"

#include "../program.h"
#include "base/file.h"

static char *folder;

/* Largest difference between a written file and a fixture. */
static double difference(const char *path, const char *fixture) {
    med_volume *a, *b = images_load(fixture);
    assert_ok(med_volume_load(path, &a));
    assert_true(med_grid_equal(a->grid, b->grid, 1e-3));
    double largest = 0;
    for (size_t i = 0; i < med_grid_count(a->grid); i++)
        largest = fmax(largest, fabs((double)a->voxel[i] - b->voxel[i]));
    med_volume_free(a);
    med_volume_free(b);
    return largest;
}

static void assert_resampled(const char *options, const char *out_name, const char *fixture, double tolerance) {
    char *out = med_path_join(folder, out_name);
    program_result r =
        program_run("prepare resample %s/resample/moving.nrrd --like %s/resample/reference.nrrd %s -o %s --json",
                    images_folder, images_folder, options, out);
    if (r.exit_code != 0) fail_msg("%s", r.err);
    assert_string_equal(json_string_value(json_object_get(r.json, "out")), out);
    assert_true(difference(out, fixture) <= tolerance);
    program_free(&r);
    free(out);
}

/* ITK's results; 1e-3 of values up to 500, as the fixtures ask. */
static void resample(void **state) {
    (void)state;
    char *by = med_format("--transform %s/resample/", images_folder), *options;
    options = med_format("%saffine.tfm", by);
    assert_resampled(options, "a.nii.gz", "resample/affine_linear.nii.gz", 1e-3);
    free(options);
    options = med_format("%scomposite.tfm --interp bspline", by);
    assert_resampled(options, "b.nrrd", "resample/composite_bspline.nii.gz", 1e-3);
    free(options);
    options = med_format("%sfield.nii.gz --interp nearest", by);
    assert_resampled(options, "c.mha", "resample/field_nearest.nii.gz", 0);
    free(options);
    options = med_format("%stranslation.tfm --inverse --interp nearest", by); /* not what the forward one gives */
    char *out = med_path_join(folder, "d.nii");
    assert_program(0, "", "prepare resample %s/resample/moving.nrrd --like %s/resample/reference.nrrd %s -o %s",
                   images_folder, images_folder, options, out);
    assert_true(difference(out, "resample/translation_nearest.nii.gz") > 1);
    free(options);
    free(out);
    free(by);
}

/* The parts of a composite, given one by one in the order of the file; and the inverse of an inverse. */
static void composites(void **state) {
    (void)state;
    char *all = med_format("%s/resample/composite.tfm", images_folder), *first = med_path_join(folder, "1.tfm"),
         *second = med_path_join(folder, "2.tfm");
    med_mapping file;
    assert_ok(med_file_map(all, &file));
    const char *text = (const char *)file.data, *two = strstr(text, "#Transform 2"),
               *one = strstr(text, "#Transform 1");
    char *head = med_format("#Insight Transform File V1.0\n%.*s", (int)(two - one), one);
    assert_ok(med_file_write(first, head, strlen(head)));
    free(head);
    head = med_format("#Insight Transform File V1.0\n%.*s", (int)((const char *)file.data + file.size - two), two);
    assert_ok(med_file_write(second, head, strlen(head)));
    free(head);
    med_file_unmap(&file);
    char *options = med_format("--transform %s --transform %s", first, second);
    assert_resampled(options, "e.nii.gz", "resample/composite_linear.nii.gz", 1e-3);
    free(options);
    program_result there = program_run("info --json %s", all);
    const json_t *matrix = json_object_get(there.json, "matrix_ras");
    assert_string_equal(json_string_value(json_object_get(there.json, "class")), "CompositeTransform");
    assert_int_equal(json_array_size(matrix), 4);
    assert_true(fabs(json_number_value(json_array_get(json_array_get(matrix, 0), 3)) - 6.410171431169853) < 1e-9);
    assert_true(fabs(json_number_value(json_object_get(there.json, "determinant")) - 1.1541157) < 1e-6);
    program_free(&there);
    free(all);
    free(first);
    free(second);
}

static void normalise(void **state) {
    (void)state;
    char *out = med_path_join(folder, "n.nii.gz");
    static const char *const names[] = {"zeros_background", "negatives", "constant", "all_zero"};
    for (int i = 0; i < 4; i++) {
        char *fixture = med_format("intensity/%s_expected.nii.gz", names[i]);
        assert_program(0, "", "prepare normalise %s/intensity/%s.nii.gz -o %s --quiet", images_folder, names[i], out);
        assert_true(difference(out, fixture) <= 1e-5);
        free(fixture);
    }
    /* the other rule by its formula */
    assert_program(0, "", "prepare normalise %s/intensity/negatives.nii.gz -o %s --rule standardization", images_folder,
                   out);
    med_volume *x = images_load("intensity/negatives.nii.gz"), *y;
    assert_ok(med_volume_load(out, &y));
    size_t n = med_grid_count(x->grid);
    double sum = 0, square = 0, most = -INFINITY;
    for (size_t i = 0; i < n; i++) { /* no value lies above the percentile by much: clip by the found maximum of y */
        sum += x->voxel[i];
        most = fmax(most, y->voxel[i]);
        assert_true(x->voxel[i] > 0 || y->voxel[i] == -1);
    }
    for (size_t i = 0; i < n; i++) square += (x->voxel[i] - sum / (double)n) * (x->voxel[i] - sum / (double)n);
    double sd = sqrt(square / (double)n);
    for (size_t i = 0; i < n; i++) /* clipping four of 7820 values moves mean and sd by less than 1e-3 */
        if (x->voxel[i] > 0 && y->voxel[i] < most)
            assert_true(fabs(y->voxel[i] - (x->voxel[i] - sum / (double)n) / (3 * sd)) < 2e-3);
    assert_true(most <= 1);
    med_volume_free(x);
    med_volume_free(y);
    free(out);
}

static void wrong_usage(void **state) {
    (void)state;
    assert_program(2, "-o FILE is missing", "prepare resample a.nii");
    assert_program(2, "--like FILE is missing", "prepare resample a.nii -o b.nii");
    assert_program(2, "no such file", "prepare resample a.nii -o %s/x.nii --like b.nii", folder);
    assert_program(2, "--interp is 'cubic'", "prepare resample a.nii -o b.nii --like b.nii --interp cubic");
    assert_program(2, "cannot be inverted",
                   "prepare resample %s/resample/moving.nrrd -o %s/x.nii --like %s/resample/moving.nrrd --transform "
                   "%s/resample/field.mha --inverse",
                   images_folder, folder, images_folder, images_folder);
    char *path = med_path_join(folder, "x.nii");
    assert_false(med_path_exists(path));
    free(path);
}

int main(void) {
    if (!images_find()) return 77;
    folder = testing_folder();
    const struct CMUnitTest tests[] = {cmocka_unit_test(resample), cmocka_unit_test(composites),
                                       cmocka_unit_test(normalise), cmocka_unit_test(wrong_usage)};
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    return n_failed;
}
