/* Percentiles against sorting, and the loader's rules on the numbers of spec/data.md 4.5. */
#include "../images.h"

#include "image/intensity.h"

static int compare_floats(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double percentile_by_sorting(const float *values, size_t n, double q) {
    float *sorted = med_alloc(n * sizeof *sorted);
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_floats);
    double position = q * (double)(n - 1) / 100, low = floor(position), high = ceil(position);
    double a = sorted[(size_t)low], b = sorted[(size_t)high];
    free(sorted);
    return a + (position - low) * (b - a);
}

static void percentile_is_that_of_sorting(void **state) {
    (void)state;
    static const double quantiles[] = {0, 0.05, 1, 25, 50, 99.95, 100};
    uint32_t random = 12345;
    for (int round = 0; round < 60; round++) {
        float values[257];
        size_t n = 1 + (size_t)round * 4;
        for (size_t i = 0; i < n; i++) {
            random = random * 1664525u + 1013904223u;
            float x = (float)(int32_t)random;
            values[i] = round % 3 == 0   ? x
                        : round % 3 == 1 ? (float)(random >> 29) - 3
                                         : x * 1e-42f; /* ties, denormals */
        }
        for (size_t q = 0; q < sizeof quantiles / sizeof *quantiles; q++)
            assert_true(med_percentile(values, n, quantiles[q]) == percentile_by_sorting(values, n, quantiles[q]));
    }
}

static float spec_example(int i, int j, int k) {
    (void)k;
    return (float)((i * i + 3 * j) % 97);
}

static double mean(const med_volume *v) {
    double sum = 0;
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n; i++) sum += v->voxel[i];
    return sum / (double)n;
}

/* Tolerances: float32 voxels of magnitude 1, and their mean. */
static void golden_numbers(void **state) {
    (void)state;
    med_grid grid = {{32, 40, 1}, med_affine_identity()};
    med_volume *v = images_make(grid, spec_example);
    med_intensity_to_network(v);
    assert_true(fabs(mean(v) + 0.035729755602) < 1e-8);
    assert_true(fabs(*med_volume_at(v, 3, 7, 0) + 0.386759868421) < 1e-7);
    assert_true(fabs(*med_volume_at(v, 31, 39, 0) + 0.785978618421) < 1e-7);
    med_volume_free(v);

    v = images_make(grid, spec_example);
    for (int j = 0; j < 40; j++)
        for (int i = 0; i < 2; i++) *med_volume_at(v, i, j, 0) = 3 * *med_volume_at(v, i, j, 0) + 0.25f;
    med_intensity_to_network(v);
    assert_true(fabs(mean(v) + 0.633965081240) < 1e-8);
    med_volume_free(v);
}

static void masked_values_span_the_scale(void **state) {
    (void)state;
    med_volume *v = images_make((med_grid){{4, 1, 1}, med_affine_identity()}, spec_example);
    const float values[] = {-5, 0, 2, 10};
    memcpy(v->voxel, values, sizeof values);
    med_intensity_to_network(v);
    assert_true(v->voxel[0] == -1 && v->voxel[1] == -1);
    assert_true(v->voxel[2] == -255.f / 256);
    assert_true(v->voxel[3] == 1);

    images_watch_warnings();
    const float constant[] = {0, 3, 3, 0};
    memcpy(v->voxel, constant, sizeof constant);
    med_intensity_to_network(v);
    assert_true(v->voxel[0] == -1 && v->voxel[1] == 1 && v->voxel[2] == 1 && v->voxel[3] == -1);
    assert_int_equal(images_n_warnings, 1);
    med_volume_free(v);
}

static void negative_values(void **state) {
    (void)state;
    med_volume *v = images_make((med_grid){{5, 2, 1}, med_affine_identity()}, spec_example);
    const float extracted[] = {0, 0, -3, 4, 0.5f, 7, -1, 2, 8, 9}, /* 2 of 10 are zero */
        raw[] = {0, -3, 4, 0.5f, 7, -1, 2, 8, 9, 1}, positive[] = {0, 3, 4, 0.5f, 7, 1, 2, 8, 9, 1};
    memcpy(v->voxel, extracted, sizeof extracted);
    assert_true(med_intensity_lift_negative(v));
    const float lifted[] = {0, 0, 0.5f, 4, 0.5f, 7, 0.5f, 2, 8, 9};
    assert_memory_equal(v->voxel, lifted, sizeof lifted);
    memcpy(v->voxel, raw, sizeof raw);
    assert_true(med_intensity_lift_negative(v));
    const float shifted[] = {3, 0, 7, 3.5f, 10, 2, 5, 11, 12, 4};
    assert_memory_equal(v->voxel, shifted, sizeof shifted);
    memcpy(v->voxel, positive, sizeof positive);
    assert_false(med_intensity_lift_negative(v));
    assert_memory_equal(v->voxel, positive, sizeof positive);
    med_volume_free(v);
}

static void targets(void **state) {
    (void)state;
    med_volume *v = images_make((med_grid){{4, 1, 1}, med_affine_identity()}, spec_example);
    const float values[] = {0, 0.25f, 1, 1.00005f}, expected[] = {-1, -0.5f, 1, 1}, wrong[] = {0, 0.25f, 1, 1.5f};
    memcpy(v->voxel, values, sizeof values);
    assert_ok(med_intensity_target_to_network(v, "a.nii.gz"));
    assert_memory_equal(v->voxel, expected, sizeof expected);
    memcpy(v->voxel, wrong, sizeof wrong);
    assert_fails(med_intensity_target_to_network(v, "a.nii.gz"), MED_EFORMAT, "a.nii.gz: values from 0 to 1.5");
    med_volume_free(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentile_is_that_of_sorting),
        cmocka_unit_test(golden_numbers),
        cmocka_unit_test(masked_values_span_the_scale),
        cmocka_unit_test(negative_values),
        cmocka_unit_test(targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
