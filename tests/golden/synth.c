/* The whole way of the release, file -> network -> file, from each of its three kinds of weights. */
#include "testing.h"

#include <jansson.h>
#include <math.h>
#include "base/file.h"
#include "base/memory.h"
#include "image/intensity.h"
#include "task/synth.h"

static json_t *fixture;
static char *golden;

static int set_up(void **state) {
    (void)state;
    const char *shared = getenv("MEDLEY_SHARED");
    golden = med_format("%s/golden/synth", shared ? shared : "");
    char *path = med_path_join(golden, "synth.json");
    fixture = json_load_file(path, 0, NULL);
    free(path);
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    json_decref(fixture);
    free(golden);
    return 0;
}

static med_volume *load(const char *format, const char *folder, const char *mod) {
    char *name = med_format(format, folder, mod), *path = med_path_join(golden, name);
    med_volume *v;
    assert_ok(med_volume_load(path, &v));
    free(path);
    free(name);
    return v;
}

/* All outputs of one case of the fixture against the expected files. */
static void check_case(med_synth_model *m, const json_t *item, double max_tolerance, double rms_tolerance) {
    const med_net *c = med_synth_model_config(m);
    med_volume *inputs[MED_MAX_MODS] = {0}, *out[MED_MAX_MODS];
    med_synth_options o = {.target = ((med_modset)1 << c->n_mods) - 1,
                           .temperature = json_number_value(json_object_get(item, "temperature")),
                           .n_samples = 1};
    size_t i;
    json_t *given;
    json_array_foreach (json_object_get(item, "given"), i, given) {
        for (int j = 0; j < c->n_mods; j++) {
            if (strcmp(c->mods[j], json_string_value(given))) continue;
            o.given |= med_modset_of(j);
            inputs[j] = load("case/%s/P01-%s.nii.gz", "P01", c->mods[j]);
            med_intensity_lift_negative(inputs[j]);
            med_intensity_to_network(inputs[j]);
        }
    }
    assert_ok(med_synth_run(m, (const med_volume *const *)inputs, &o, out, NULL));
    for (int j = 0; j < c->n_mods; j++) {
        med_volume *expected = load("%s/P01-%s.nii.gz", json_string_value(json_object_get(item, "folder")), c->mods[j]);
        double worst = 0, sum = 0;
        size_t n = med_grid_count(expected->grid);
        assert_true(med_grid_equal(expected->grid, out[j]->grid, 1e-3));
        for (size_t k = 0; k < n; k++) {
            double d = fabs((double)expected->voxel[k] - (double)out[j]->voxel[k]);
            worst = fmax(worst, d);
            sum += d * d;
        }
        print_message("%s, %s: largest difference %.1e, rms %.1e\n", json_string_value(json_object_get(item, "folder")),
                      c->mods[j], worst, sqrt(sum / (double)n));
        assert_true(worst <= max_tolerance);
        assert_true(sqrt(sum / (double)n) <= rms_tolerance);
        med_volume_free(expected);
        med_volume_free(out[j]);
        med_volume_free(inputs[j]);
    }
}

static void check_weights(const char *name) {
    if (!fixture) skip();
    char *path = med_path_join(golden, name);
    med_synth_model *m;
    assert_ok(med_synth_model_open(path, (const int[2]){32, 40}, NULL, &m));
    free(path);
    const json_t *tolerance = json_object_get(fixture, "tolerance");
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(fixture, "cases"), i, item)
        check_case(m, item, json_real_value(json_object_get(tolerance, "max_abs")),
                   json_real_value(json_object_get(tolerance, "rms")));
    med_synth_model_free(m);
}

static void from_zip(void **state) {
    (void)state;
    check_weights("weights.pth");
}
static void from_legacy(void **state) {
    (void)state;
    check_weights("weights-legacy.pth");
}
static void from_safetensors(void **state) {
    (void)state;
    check_weights("weights.safetensors");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(from_zip), cmocka_unit_test(from_legacy),
                                       cmocka_unit_test(from_safetensors)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
