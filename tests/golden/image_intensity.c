/* The loader's intensity rule against volumes computed by the release's formula. */
#include "../images.h"

#include "image/intensity.h"

static void input_rule(void **state) {
    (void)state;
    json_t *list = images_json("intensity.json"), *row;
    size_t r;
    json_array_foreach (json_object_get(list, "cases"), r, row) {
        med_volume *v = images_load(images_text(row, "input")), *expected = images_load(images_text(row, "expected"));
        images_watch_warnings();
        med_intensity_to_network(v);
        double tolerance = images_number(row, "tolerance"), sum = 0;
        size_t n = med_grid_count(v->grid);
        for (size_t i = 0; i < n; i++) {
            sum += v->voxel[i];
            if (!(fabs((double)v->voxel[i] - expected->voxel[i]) <= tolerance))
                fail_msg("%s: voxel %zu is %.9g, expected %.9g", images_text(row, "name"), i, v->voxel[i],
                         expected->voxel[i]);
        }
        assert_true(fabs(sum / (double)n - images_number(row, "expected_mean")) < tolerance);
        assert_int_equal(images_n_warnings, strcmp(images_text(row, "name"), "constant") == 0);
        med_volume_free(v);
        med_volume_free(expected);
    }
    assert_true(r >= 4);
    json_decref(list);
}

int main(void) {
    if (!images_find()) return 77;
    const struct CMUnitTest tests[] = {cmocka_unit_test(input_rule)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
