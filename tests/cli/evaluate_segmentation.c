/* medley evaluate segmentation on shared/golden/metric, file to file: every number of the case files, the summaries, rules for what is
 * empty, and every row of "bad input". */
#include "scores.h"

static void check_numbers(const med_score_table *t, const char *name, const char *facet, const json_t *numbers,
                          double tolerance) {
    const char *metric;
    json_t *e;
    json_object_foreach ((json_t *)numbers, metric, e)
        assert_number(row_of(t, name, facet, "", metric)->value, e, tolerance, metric);
}

static void segmentation_matches_golden(void **state) {
    (void)state;
    json_t *e = fixture_load("overlap.json"), *one, *numbers;
    const char *name, *label, *metric;
    program_result r = program_run("evaluate segmentation %s/overlap/pred %s/overlap/ref --nsd 1,2 --json -o %s/masks",
                                   golden, golden, folder);
    if (r.exit_code) fail_msg("exit %d: %s", r.exit_code, r.err);
    med_score_table *t = read_cases("masks");
    json_object_foreach (json_object_get(e, "cases"), name, one) {
        double tolerance = strcmp(name, "s03") ? 1e-9 : 1e-6;
        json_object_foreach (json_object_get(one, "classes"), label, numbers)
            check_numbers(t, name, label, numbers, tolerance);
        check_numbers(t, name, "mean", json_object_get(one, "mean_over_labels"), tolerance);
    }
    json_object_foreach (json_object_get(e, "over_cases"), label, one)
        json_object_foreach (one, metric, numbers)
            if (strlen(label) == 1) check_cell(cell_of(r.json, "class", label, "", metric, ""), numbers, 1e-6, metric);
    med_score_table_free(t);
    program_free(&r);
    json_object_foreach (json_object_get(e, "dice_mean_over_cases_by_empty_rule"), label, one) {
        r = program_run("evaluate segmentation %s/overlap/pred %s/overlap/ref --empty one --json", golden, golden);
        assert_number(number(cell_of(r.json, "class", label, "", "dice", ""), "mean"), json_object_get(one, "one"),
                      1e-9, "dice, empty is one");
        program_free(&r);
    }
    json_decref(e);
}

static void rules_for_empty_masks(void **state) {
    (void)state;
    program_result r =
        program_run("evaluate segmentation %s/overlap/pred %s/overlap/ref --empty nan --empty-distance 50 --json -o "
                    "%s/filled",
                    golden, golden, folder);
    assert_int_equal(r.exit_code, 0);
    assert_true(json_is_null(json_object_get(cell_of(r.json, "class", "2", "", "dice", ""), "mean")));
    assert_true(number(cell_of(r.json, "class", "4", "", "dice", ""), "mean") > 0);
    med_score_table *t = read_cases("filled");
    assert_true(row_of(t, "s02", "4", "", "hd95")->value == 50 && row_of(t, "s03", "1", "", "assd")->value == 50);
    assert_true(isnan(row_of(t, "s03", "2", "", "assd")->value)); /* both empty: there is nothing to be far from */
    med_score_table_free(t);
    program_free(&r);
}

static void slicewise_counts_empty_slices(void **state) {
    (void)state;
    char *path = at("slices/per_slice.csv");
    assert_program(0, "", "evaluate segmentation %s/overlap/pred/s04 %s/overlap/ref/s04 --slicewise --labels 1,9 -o %s/slices", golden, golden, folder);
    med_mapping map;
    assert_ok(med_file_map(path, &map));
    int n_lines = 0;
    for (size_t i = 0; i < map.size; i++) n_lines += map.data[i] == '\n';
    assert_int_equal(n_lines, 1 + 2 * 2 * 16); /* heading; 2 labels, 2 metrics, 16 slices: absent label 9 has Dice 1 */
    med_file_unmap(&map);
    free(path);
}

/* ---- bad input ---- */

static void bad_masks_are_refused(void **state) {
    (void)state;
    save("m/x-label.nii.gz", 9, 9, 4, 0, ones);
    save("wide/x-label.nii.gz", 9, 10, 4, 0, ones);
    save("half/x-label.nii.gz", 9, 9, 4, 0, halves);
    save("moved/x-label.nii.gz", 9, 9, 4, 0.4, ones);
    assert_program(2, "9 x 9 x 4 voxels", "evaluate segmentation %s/m %s/wide", folder, folder);
    assert_program(2, "whole numbers", "evaluate segmentation %s/half %s/m", folder, folder);
    assert_program(2, "0.4 mm apart", "evaluate segmentation %s/moved %s/m", folder, folder);
    assert_program(0, "", "evaluate segmentation %s/moved %s/m --ignore-affine", folder, folder);
    assert_program(0, "", "evaluate segmentation %s/wide %s/m --resample-to reference", folder, folder);
    assert_program(2, "--labels", "evaluate segmentation %s/m %s/m --labels none", folder, folder);
    assert_program(2, "--nsd", "evaluate segmentation %s/m %s/m --nsd=-1", folder, folder);
    assert_program(2, "--empty-distance", "evaluate segmentation %s/m %s/m --empty-distance far", folder, folder);
    save("more/x-label.nii.gz", 9, 9, 4, 0, ones);
    save("more/y-label.nii.gz", 9, 9, 4, 0, ones);
    assert_program(0, "only in", "evaluate segmentation %s/more %s/m", folder, folder);
    assert_program(2, "1 in one place only, y", "evaluate segmentation %s/m %s/more --strict", folder, folder);
    assert_program(2, "no masks", "evaluate segmentation %s/landmarks/ref %s/m", golden, folder);
}

static void the_field_of_view_limits_masks(void **state) {
    (void)state;
    save("fov/x-fov.nii.gz", 9, 9, 4, 0, zero);
    program_result r =
        program_run("evaluate segmentation %s/m %s/m --fov %s/fov --labels 1 --json", folder, folder, folder);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(number(cell_of(r.json, "class", "1", "", "n_ref", ""), "mean"), 0);
    program_free(&r);
}

int main(void) {
    if (!scores_begin()) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segmentation_matches_golden),
        cmocka_unit_test(rules_for_empty_masks),
        cmocka_unit_test(slicewise_counts_empty_slices),
        cmocka_unit_test(bad_masks_are_refused),
        cmocka_unit_test(the_field_of_view_limits_masks),
    };
    return scores_end(cmocka_run_group_tests(tests, NULL, NULL));
}
