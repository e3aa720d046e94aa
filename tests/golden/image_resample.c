/* Resampling against ITK (SimpleITK.Resample): transforms read from their files, a displacement field, linear, nearest and
 * cubic B-spline, and exact ties at the border. */
#include "../images.h"

#include "base/thread.h"
#include "image/resample.h"

static const struct {
    const char *name;
    med_interp how;
} kinds[] = {{"linear", MED_INTERP_LINEAR}, {"nearest", MED_INTERP_NEAREST}, {"bspline", MED_INTERP_BSPLINE}};

static void compare(const med_volume *out, const json_t *output, double tolerance) {
    med_volume *expected = images_load(images_text(output, "file"));
    double largest = 0, sum = 0;
    for (size_t i = 0; i < med_grid_count(out->grid); i++) {
        largest = fmax(largest, fabs((double)out->voxel[i] - expected->voxel[i]));
        sum += expected->voxel[i];
    }
    print_message("%-42s %.3g\n", images_text(output, "file"), largest);
    assert_true(fabs(sum - images_number(output, "sum")) < 1e-9 * fabs(sum));
    assert_true(largest <= tolerance);
    assert_true(med_grid_equal(out->grid, expected->grid, 1e-4)); /* float32 affine in the file */
    med_volume_free(expected);
}

static void check(const med_volume *moving, const med_grid *grid, const json_t *entry, const med_transform *t,
                  const json_t *tolerances) {
    for (int k = 0; k < 3; k++) {
        med_volume *out[2];
        for (int threads = 1; threads <= 2; threads++) {
            med_threads_set(threads);
            assert_ok(med_volume_warp(moving, *grid, t, kinds[k].how, 0, &out[threads - 1]));
        }
        double tolerance = tolerances ? images_number(tolerances, kinds[k].name) : k == 2 ? 1e-4 : 0;
        compare(out[0], json_object_get(json_object_get(entry, "outputs"), kinds[k].name), tolerance);
        assert_memory_equal(out[0]->voxel, out[1]->voxel, med_grid_count(*grid) * sizeof(float));
        med_volume_free(out[0]);
        med_volume_free(out[1]);
    }
}

static void check_points(const json_t *points, const med_transform *t) {
    size_t i, a;
    json_t *point, *x;
    json_array_foreach (points, i, point) {
        double in[3], out[3];
        json_array_foreach (json_object_get(point, "fixed_ras"), a, x) in[a] = json_number_value(x);
        med_transform_apply(t, in, out);
        json_array_foreach (json_object_get(point, "moving_ras"), a, x)
            if (!(fabs(out[a] - json_number_value(x)) < 1e-9))
                fail_msg("point %zu: %.12g, expected %.12g", i, out[a], json_number_value(x));
    }
}

static med_transform *load_transform(const json_t *entry, const char *key) {
    med_transform *t;
    const char *class_name;
    char *path = images_path(images_text(entry, key));
    assert_ok(med_transform_load(path, -1, &t, &class_name));
    assert_string_equal(class_name, images_text(entry, "class"));
    free(path);
    return t;
}

static void as_itk_resamples(void **state) {
    (void)state;
    json_t *list = images_json("resample.json"), *entry;
    med_volume *moving = images_load(images_text(json_object_get(list, "moving"), "file"));
    med_volume *reference = images_load(images_text(json_object_get(list, "reference"), "file"));
    size_t i;
    int n = 0;
    json_array_foreach (json_object_get(list, "cases"), i, entry) {
        bool is_field = json_object_get(entry, "field") != NULL;
        for (int other = 0; other <= is_field; other++, n++) { /* a field is there as MetaImage and as NIfTI */
            med_transform *t = load_transform(entry, !is_field ? "transform" : other ? "field_nifti" : "field");
            med_affine found;
            assert_int_equal(med_transform_to_affine(t, &found), !is_field);
            if (!is_field)
                images_assert_affine(found, images_grid(NULL, json_object_get(entry, "matrix_ras")).affine, 1e-9);
            if (!other) check_points(json_object_get(entry, "points"), t); /* NIfTI: a float32 grid */
            check(moving, &reference->grid, entry, t, json_object_get(list, "tolerances"));
            med_transform_free(t);
        }
    }
    assert_int_equal(n, 13);
    med_volume_free(moving);
    med_volume_free(reference);
    json_decref(list);
}

/* c = -0.5 is inside, c = n-0.5 outside, nearest rounds halves up: all numbers exact, but for the spline. */
static void ties_at_the_border(void **state) {
    (void)state;
    json_t *list = images_json("resample.json"), *edge = json_object_get(list, "edge");
    med_volume *moving = images_load(images_text(json_object_get(edge, "moving"), "file"));
    med_volume *reference = images_load(images_text(json_object_get(edge, "reference"), "file"));
    med_transform *identity = med_transform_create();
    check(moving, &reference->grid, edge, identity, NULL);
    med_transform_free(identity);
    med_volume_free(moving);
    med_volume_free(reference);
    json_decref(list);
}

int main(void) {
    if (!images_find()) return 77;
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_itk_resamples), cmocka_unit_test(ties_at_the_border)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
