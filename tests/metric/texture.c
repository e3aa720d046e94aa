/* texture.c: speckle widths of shared/golden/metric/images.json, sharpness of images whose answer is known, and what
 * draws say about themselves. */
#include "metric/fixture.h"
#include "base/random.h"
#include "image/volume.h"
#include "metric/preset.h"
#include "metric/samples.h"

static json_t *fixture;

static med_volume *load(const char *side, const char *name) {
    char *file = med_format("images/%s/%s/%s-us.nii.gz", side, name, name), *path = fixture_path(file);
    med_volume *v = NULL;
    assert_ok(med_volume_load(path, &v));
    free(path);
    free(file);
    return v;
}

static void speckle_widths_match_golden(void **state) {
    (void)state;
    const char *name;
    json_t *e;
    int n_checked = 0;
    json_object_foreach (json_object_get(fixture, "cases"), name, e) {
        med_volume *p = load("pred", name), *r = load("ref", name);
        med_slice_scores slices[16];
        assert_ok(med_score_slices(&med_preset_texture, p, r, slices));
        const json_t *rows = json_object_get(json_object_get(e, "us"), "slices");
        for (size_t k = 0; k < json_array_size(rows); k++) {
            const json_t *row = json_object_get(json_array_get(rows, k), "speckle_proposed");
            for (int c = 0; row && c < 4; c++) {
                const char *column = med_preset_texture.columns[c].name;
                assert_number(slices[k].value[c], json_object_get(row, column + strlen("speckle_")), 1e-9, column);
                n_checked++;
            }
        }
        med_volume_free(r);
        med_volume_free(p);
    }
    assert_true(n_checked >= 40);
}

/* ---- sharpness ----------------------------------------------------------------------------------------------- */

enum { SIDE = 64 };
static double noise[SIDE * SIDE], blurred[SIDE * SIDE], wave[SIDE * SIDE];

static double score(const med_metric *metric, const double *prediction, const double *reference) {
    return metric->score(&(med_slice_pair){SIDE, SIDE, prediction, reference, NULL, 2});
}

static void blur_lowers_sharpness(void **state) {
    (void)state;
    med_rng rng = med_rng_start((med_rng_key){2, med_site_of("test/noise"), 0});
    for (int p = 0; p < SIDE * SIDE; p++) noise[p] = med_rng_range(&rng, -1, 1);
    for (int p = 0; p < SIDE * SIDE; p++) blurred[p] = (noise[p] + noise[(p + 1) % (SIDE * SIDE)]) / 2;
    assert_true(score(&med_metric_sharpness_gradient, noise, noise) == 1);
    assert_true(score(&med_metric_sharpness_spectrum, noise, noise) == 1);
    assert_true(score(&med_metric_sharpness_gradient, blurred, noise) < 0.9);
    assert_true(score(&med_metric_sharpness_spectrum, blurred, noise) < 0.9);
    assert_true(isnan(score(&med_metric_sharpness_spectrum, noise, wave))); /* wave is still constant */
}

/* Waves along both axes of 4 and 2 periods: frequencies 1/16 and 1/32, so a ratio of two; the window cuts whole periods. */
static void spectrum_measures_frequency(void **state) {
    (void)state;
    static double slow[SIDE * SIDE];
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            wave[i * SIDE + j] = sin(2 * M_PI * i / 16.0) + sin(2 * M_PI * j / 16.0);
            slow[i * SIDE + j] = sin(2 * M_PI * i / 32.0) + sin(2 * M_PI * j / 32.0);
        }
    /* The last step of each period is missing at the edge: 2 % of the steps. */
    assert_true(fabs(score(&med_metric_sharpness_spectrum, wave, slow) - 2) < 0.05);
}

/* ---- draws --------------------------------------------------------------------------------------------------- */

static void draws_of_the_truth_are_calibrated(void **state) {
    (void)state;
    enum { N = 20000, DRAWS = 40 };
    static float value[DRAWS + 1][N];
    const float *samples[DRAWS];
    for (int k = 0; k <= DRAWS; k++)
        med_normal_fill(value[k], N, (med_rng_key){4, med_site_of("test/draws"), (uint64_t)k});
    for (int k = 0; k < DRAWS; k++) samples[k] = value[k];
    med_samples_scores s = med_samples_of(samples, DRAWS, value[DRAWS], NULL, N);
    /* sd of normal draws is 1, less 1/(4(n-1)) in the mean; 90 % less what 40 draws lose by interpolating (2/41 of 0.9). */
    assert_true(fabs(s.diversity - (1 - 1.0 / (4 * (DRAWS - 1)))) < 0.01);
    assert_true(s.coverage90 > 0.85 && s.coverage90 < 0.91);
    for (int v = 0; v < N; v++) value[DRAWS][v] += 3;
    assert_true(med_samples_of(samples, DRAWS, value[DRAWS], NULL, N).coverage90 < 0.2);
    assert_true(isnan(med_samples_of(samples, MED_CALIBRATION_MIN - 1, value[DRAWS], NULL, N).coverage90));
    assert_true(isnan(med_samples_of(samples, 1, value[DRAWS], NULL, N).diversity));
}

int main(void) {
    fixture = fixture_load("images.json");
    if (!fixture) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speckle_widths_match_golden),
        cmocka_unit_test(blur_lowers_sharpness),
        cmocka_unit_test(spectrum_measures_frequency),
        cmocka_unit_test(draws_of_the_truth_are_calibrated),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(fixture);
    return n_failed;
}
