/* preset.c: every slice, case and pooled number of shared/golden/metric/images.json, both presets. */
#include <jansson.h>
#include <math.h>
#include "base/memory.h"
#include "base/thread.h"
#include "metric/preset.h"
#include "testing.h"

static char *fixture_dir;
static json_t *fixture;

/* |a-b| <= 1e-9 max(1,|b|): the fixture's tolerance. null is not defined, "inf" infinite. */
static void assert_number(double value, const json_t *expected, const char *what) {
    if (!expected || json_is_null(expected)) {
        if (!isnan(value)) fail_msg("%s: %.15g, expected n/a", what, value);
    } else if (json_is_string(expected)) {
        if (!isinf(value)) fail_msg("%s: %.15g, expected inf", what, value);
    } else {
        double e = json_number_value(expected);
        if (!(fabs(value - e) <= 1e-9 * fmax(1, fabs(e)))) fail_msg("%s: %.15g, expected %.15g", what, value, e);
    }
}

static int count_of(const json_t *object, const char *name, const char *suffix) {
    char *key = med_format("%s_%s", name, suffix);
    int n = (int)json_integer_value(json_object_get(object, key));
    free(key);
    return n;
}

static med_volume *load(const char *side, const char *name, const char *mod) {
    char *path = med_format("%s/%s/%s/%s-%s.nii.gz", fixture_dir, side, name, name, mod);
    med_volume *v = NULL;
    if (med_volume_load(path, &v) != MED_OK) fail_msg("%s", med_message());
    free(path);
    return v;
}

static void check_case(const med_preset *preset, const med_slice_scores *slices, const json_t *expected, int n_slices) {
    const json_t *rows = json_object_get(expected, "slices");
    assert_int_equal(json_array_size(rows), n_slices);
    for (int k = 0; k < n_slices; k++) {
        const json_t *row = json_object_get(json_array_get(rows, (size_t)k), preset->name);
        assert_int_equal(slices[k].is_scored, !json_is_null(row));
        for (int c = 0; slices[k].is_scored && preset->columns[c].name; c++)
            assert_number(slices[k].value[c], json_object_get(row, preset->columns[c].name), preset->columns[c].name);
    }
    const json_t *mean = json_object_get(json_object_get(expected, "mean"), preset->name);
    med_case_scores scores = med_case_scores_of(preset, slices, n_slices);
    assert_int_equal(scores.n_slices, json_integer_value(json_object_get(mean, "slices")));
    for (int c = 0; preset->columns[c].name; c++) {
        const char *name = preset->columns[c].name;
        assert_number(scores.column[c].mean, json_object_get(mean, name), name);
        assert_int_equal(scores.column[c].n_inf, count_of(mean, name, "inf"));
        assert_int_equal(scores.column[c].n_na, count_of(mean, name, "na"));
    }
}

static void check_summary(const med_preset *preset, const med_summary *got, const json_t *expected) {
    for (int c = 0; preset->columns[c].name; c++) {
        const json_t *e = json_object_get(expected, preset->columns[c].name);
        assert_number(got[c].mean, json_object_get(e, "mean"), preset->columns[c].name);
        assert_number(got[c].sd, json_object_get(e, "sd"), preset->columns[c].name);
        assert_int_equal(got[c].n, json_integer_value(json_object_get(e, "n")));
    }
}

/* All cases of one modality under one preset: slices, case means, mean and sd over cases, pooled slices. */
static void check_modality(const med_preset *preset, const char *mod) {
    enum { MAX_CASES = 8, MAX_POOLED = 256 };
    double case_means[MED_MAX_COLUMNS][MAX_CASES], pooled[MED_MAX_COLUMNS][MAX_POOLED];
    med_summary summary[MED_MAX_COLUMNS];
    int n_cases = 0, n_pooled = 0;
    const char *name;
    json_t *mods;
    json_object_foreach (json_object_get(fixture, "cases"), name, mods) {
        med_volume *prediction = load("pred", name, mod), *reference = load("ref", name, mod);
        int n_slices = reference->grid.n[2];
        med_slice_scores *slices = med_alloc(sizeof(*slices) * (size_t)n_slices);
        assert_ok(med_score_slices(preset, prediction, reference, slices));
        check_case(preset, slices, json_object_get(mods, mod), n_slices);
        med_case_scores scores;
        assert_ok(med_score_case(preset, prediction, reference, &scores));
        for (int c = 0; preset->columns[c].name; c++) {
            case_means[c][n_cases] = scores.column[c].mean;
            for (int k = 0, at = n_pooled; k < n_slices; k++)
                if (slices[k].is_scored) pooled[c][at++] = slices[k].value[c];
        }
        n_cases++;
        n_pooled += scores.n_slices;
        free(slices);
        med_volume_free(reference);
        med_volume_free(prediction);
    }
    for (int c = 0; preset->columns[c].name; c++) summary[c] = med_summarise(case_means[c], n_cases);
    check_summary(preset, summary,
                  json_object_get(json_object_get(json_object_get(fixture, "over_cases"), mod), preset->name));
    for (int c = 0; preset->columns[c].name; c++) summary[c] = med_summarise(pooled[c], n_pooled);
    check_summary(preset, summary,
                  json_object_get(json_object_get(json_object_get(fixture, "pooled_slices"), mod), preset->name));
}

static void strict_matches_golden(void **state) {
    (void)state;
    check_modality(med_preset_find("strict"), "us");
    check_modality(med_preset_find("strict"), "flair");
}

static void mmhvae_matches_golden(void **state) {
    (void)state;
    check_modality(med_preset_find("mmhvae"), "us");
    check_modality(med_preset_find("mmhvae"), "flair");
}

static void threads_change_no_digit(void **state) {
    (void)state;
    med_volume *prediction = load("pred", "p03", "us"), *reference = load("ref", "p03", "us");
    med_case_scores one, two;
    med_threads_set(1);
    assert_ok(med_score_case(&med_preset_strict, prediction, reference, &one));
    med_threads_set(2);
    assert_ok(med_score_case(&med_preset_strict, prediction, reference, &two));
    assert_int_equal(one.n_slices, two.n_slices);
    for (int c = 0; med_preset_strict.columns[c].name; c++)
        assert_memory_equal(&one.column[c].mean, &two.column[c].mean, sizeof(double));
    med_volume_free(reference);
    med_volume_free(prediction);
}

static void grids_must_agree(void **state) {
    (void)state;
    med_volume *a = load("ref", "p01", "us"), *b = load("ref", "p02", "us");
    med_case_scores scores;
    assert_fails(med_score_case(&med_preset_strict, a, b, &scores), MED_EFORMAT, "64 x 52 x 6");
    b->grid = a->grid;
    b->grid.affine.m[0][3] += 0.01;
    assert_fails(med_score_case(&med_preset_strict, a, b, &scores), MED_EFORMAT, "0.001 mm");
    med_volume_free(b);
    med_volume_free(a);
}

int main(void) {
    const char *shared = getenv("MEDLEY_SHARED");
    char *path = med_format("%s/golden/metric/images.json", shared ? shared : "");
    json_error_t error;
    fixture = json_load_file(path, 0, &error);
    free(path);
    if (!fixture) {
        puts("skipped: no $MEDLEY_SHARED/golden/metric");
        return 77;
    }
    fixture_dir = med_format("%s/golden/metric/images", shared);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_matches_golden),
        cmocka_unit_test(mmhvae_matches_golden),
        cmocka_unit_test(threads_change_no_digit),
        cmocka_unit_test(grids_must_agree),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(fixture);
    free(fixture_dir);
    return n_failed;
}
