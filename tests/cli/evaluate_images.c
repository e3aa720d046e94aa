/* medley evaluate images on shared/golden/metric, file to file: every number of the case files, the summaries, groups and methods, and
 * every row of "bad input". */
#include "scores.h"

static int count_of(const json_t *object, const char *metric, const char *suffix) {
    char *key = med_format("%s_%s", metric, suffix);
    int n = (int)json_integer_value(json_object_get(object, key));
    free(key);
    return n;
}

static void check_image_case(const med_score_table *t, const char *name, const char *mod, const json_t *mean) {
    const char *preset, *metric;
    json_t *numbers, *e;
    json_object_foreach ((json_t *)mean, preset, numbers)
        json_object_foreach (numbers, metric, e) {
            size_t n = strlen(metric);
            bool is_count = !strcmp(metric, "slices") || (n > 4 && !strcmp(metric + n - 4, "_inf")) ||
                            (n > 3 && !strcmp(metric + n - 3, "_na"));
            if (is_count) continue;
            const med_score *row = row_of(t, name, mod, preset, metric);
            assert_number(row->value, e, 1e-9, metric);
            assert_int_equal(row->n_slices, json_integer_value(json_object_get(numbers, "slices")));
            assert_int_equal(row->n_inf, count_of(numbers, metric, "inf"));
            assert_int_equal(row->n_na, count_of(numbers, metric, "na"));
        }
}

static void check_cells(const json_t *report, const json_t *expected) {
    const char *mod, *preset, *metric;
    json_t *presets, *metrics, *e;
    json_object_foreach ((json_t *)expected, mod, presets)
        json_object_foreach (presets, preset, metrics)
            json_object_foreach (metrics, metric, e)
                check_cell(cell_of(report, "modality", mod, preset, metric, ""), e, 1e-9, metric);
}

static void images_match_golden(void **state) {
    (void)state;
    json_t *e = fixture_load("images.json"), *mods, *mean;
    const char *name, *mod;
    program_result r = program_run("evaluate images %s/images/pred %s/images/ref --range=-1,1 --preset strict,mmhvae "
                                   "--json -o %s/images",
                                   golden, golden, folder);
    if (r.exit_code) fail_msg("exit %d: %s", r.exit_code, r.err);
    med_score_table *t = read_cases("images");
    json_object_foreach (json_object_get(e, "cases"), name, mods)
        json_object_foreach (mods, mod, mean) check_image_case(t, name, mod, json_object_get(mean, "mean"));
    check_cells(r.json, json_object_get(e, "over_cases"));
    med_score_table_free(t);
    program_free(&r);
    r = program_run(
        "evaluate images %s/images/pred %s/images/ref --range=-1,1 --preset strict,mmhvae --aggregate slices "
        "--json",
        golden, golden);
    check_cells(r.json, json_object_get(e, "pooled_slices"));
    program_free(&r);
    json_decref(e);
}

static void put(const char *name, const char *text) {
    char *path = at(name);
    assert_ok(med_file_write(path, text, strlen(text)));
    free(path);
}

static void groups_and_methods_reach_the_rows(void **state) {
    (void)state;
    put("groups.csv", "group,case\nglioma,p01\nglioma,p02\n");
    program_result r = program_run("evaluate images %s/images/pred %s/images/ref --range=-1,1 --group %s/groups.csv "
                                   "--method ours --given us,t2 --json -o %s/grouped",
                                   golden, golden, folder, folder);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(number(cell_of(r.json, "modality", "flair", "strict", "l1", ""), "n"), 3);
    assert_int_equal(number(cell_of(r.json, "modality", "flair", "strict", "l1", "glioma"), "n"), 2);
    const json_t *us = cell_of(r.json, "modality", "us", "strict", "l1", "");
    assert_true(json_is_true(json_object_get(us, "is_reconstruction"))); /* us from us+t2 */
    med_score_table *t = read_cases("grouped");
    const med_score *row = row_of(t, "p02", "flair", "strict", "l1");
    assert_string_equal(row->method, "ours");
    assert_string_equal(row->given, "us+t2");
    assert_string_equal(row->group, "glioma");
    assert_string_equal(row_of(t, "p03", "flair", "strict", "l1")->group, "");
    med_score_table_free(t);
    program_free(&r);
    put("twice.csv", "case,group\np01,a\np01,b\n");
    assert_program(2, "case p01 is there twice",
                   "evaluate images %s/images/pred %s/images/ref --range=-1,1 --group "
                   "%s/twice.csv",
                   golden, golden, folder);
}

/* ---- bad input ---- */

static void bad_images_are_refused(void **state) {
    (void)state;
    save("a/x-t2.nii.gz", 20, 20, 4, 0, ramp);
    save("b/x-t2.nii.gz", 20, 21, 4, 0, ramp);
    save("shifted/x-t2.nii.gz", 20, 20, 4, 0.01, ramp);
    save("small/x-t2.nii.gz", 20, 6, 4, 0, ramp);
    save("empty/x-t2.nii.gz", 20, 20, 4, 0, zero);
    save("two/x-t2.nii.gz", 20, 20, 4, 0, ramp);
    save("two/y-t2.nii.gz", 20, 20, 4, 0, ramp);
    assert_program(2, "20 x 20 x 4 voxels, reference 20 x 21 x 4", "evaluate images %s/a %s/b", folder, folder);
    assert_program(2, "0.001 mm", "evaluate images %s/a %s/shifted", folder, folder);
    assert_program(0, "", "evaluate images %s/a %s/shifted --ignore-affine", folder, folder);
    assert_program(2, "smaller than the 11 x 11 window", "evaluate images %s/small %s/small", folder, folder);
    assert_program(0, "no slice that preset strict counts: n/a", "evaluate images %s/a %s/empty", folder, folder);
    assert_program(0, "only in", "evaluate images %s/two %s/a", folder, folder);
    assert_program(2, "--strict", "evaluate images %s/two %s/a --strict", folder, folder);
    assert_program(2, "no image in common", "evaluate images %s/images/pred %s/a", golden, folder);
    assert_program(2, "not there", "evaluate images %s/a /nowhere", folder);
    assert_program(2, "LO < HI", "evaluate images %s/a %s/a --range 1,0", folder, folder);
    assert_program(2, "none of strict", "evaluate images %s/a %s/a --preset loose", folder, folder);
    assert_program(2, "give --range LO,HI", "evaluate images %s/images/pred %s/images/ref", golden, golden);
    assert_program(0, "a copy, not a synthesis", "evaluate images %s/a %s/a", folder, folder);
    /* Of two, one fails: the other is judged, and the exit code tells. */
    save("mixed/x-t2.nii.gz", 20, 20, 4, 0, ramp);
    save("mixed/y-t2.nii.gz", 20, 21, 4, 0, ramp);
    assert_program(1, "1 of 2 could not be judged", "evaluate images %s/mixed %s/two", folder, folder);
}

/* In a batch a slice below the window costs its own case an n/a, not the others their scores. */
static void small_slices_of_many_are_na(void **state) {
    (void)state;
    save("batch/x-t2.nii.gz", 20, 6, 4, 0, ramp);
    save("batch/y-t2.nii.gz", 20, 20, 4, 0, bright);
    program_result r = program_run("evaluate images %s/batch %s/batch -o %s/batch-scores", folder, folder, folder);
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(r.err, "smaller than SSIM's window of 11: n/a"));
    med_score_table *t = read_cases("batch-scores");
    assert_true(isnan(row_of(t, "x", "t2", "strict", "ssim")->value));
    assert_int_equal(row_of(t, "x", "t2", "strict", "ssim")->n_na, 4);
    assert_true(row_of(t, "x", "t2", "strict", "l1")->value == 0);
    assert_true(fabs(row_of(t, "y", "t2", "strict", "ssim")->value - 1) < 1e-12);
    med_score_table_free(t);
    program_free(&r);
}

static void an_empty_reference_is_na(void **state) {
    (void)state;
    program_result r =
        program_run("evaluate images %s/a %s/empty --preset mmhvae,strict -o %s/empty-scores", folder, folder, folder);
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(r.err, "no slice that preset mmhvae counts: n/a"));
    med_score_table *t = read_cases("empty-scores");
    assert_true(isnan(row_of(t, "x", "t2", "mmhvae", "psnr")->value));
    assert_true(isnan(row_of(t, "x", "t2", "strict", "l1")->value));
    assert_int_equal(row_of(t, "x", "t2", "mmhvae", "psnr")->n_slices, 0);
    med_score_table_free(t);
    program_free(&r);
}

static void not_finite_is_refused(void **state) {
    (void)state;
    med_volume *v = volume_of(20, 20, 4, 1, ramp);
    v->voxel[7] = NAN;
    char *path = at("nan/x-t2.nii.gz"), *dir = at("nan");
    assert_ok(med_dir_create(dir));
    assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
    assert_program(2, "nan/x-t2.nii.gz", "evaluate images %s/nan %s/a", folder, folder);
    assert_program(2, "1 voxel is not finite", "evaluate images %s/a %s/nan", folder, folder);
    v->voxel[9] = -INFINITY;
    assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
    assert_program(2, "2 voxels are not finite", "evaluate images %s/nan %s/a", folder, folder);
    med_volume_free(v);
    free(dir);
    free(path);
}

int main(void) {
    if (!scores_begin()) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_match_golden),
        cmocka_unit_test(groups_and_methods_reach_the_rows),
        cmocka_unit_test(bad_images_are_refused),
        cmocka_unit_test(small_slices_of_many_are_na),
        cmocka_unit_test(an_empty_reference_is_na),
        cmocka_unit_test(not_finite_is_refused),
    };
    return scores_end(cmocka_run_group_tests(tests, NULL, NULL));
}
