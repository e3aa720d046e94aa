/* Cases that a model has seen in training are named, left out of means and counted; by hashes, not by names. */
#include <math.h>
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "data/manifest.h"
#include "engine/weights.h"
#include "task/evaluate.h"
#include "testing.h"

static const char *folder;

static char *at(const char *name) { return med_path_join(folder, name); }

static void save_image(const char *name, float shift) {
    med_grid grid = {{24, 24, 3}, med_affine_identity()};
    med_volume *v;
    assert_ok(med_volume_create(grid, &v));
    for (int i = 0; i < 24 * 24 * 3; i++) v->voxel[i] = (float)(i % 13) / 13 * 0.8f + shift;
    char *path = at(name);
    assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
    free(path);
    med_volume_free(v);
}

static void save_weights(const char *name, const char *data_hash) {
    med_weights *w = med_weights_create();
    med_tensor *t;
    char *path = at(name);
    assert_ok(med_weights_add(w, "w", MED_F32, med_shape_3(1, 1, 1), &t));
    med_weights_set_meta(w, "medley.data_hash", data_hash);
    med_weights_set_meta(w, "medley.training_cases", "[\"c1\"]");
    assert_ok(med_weights_save(w, path));
    free(path);
    med_weights_free(w);
}

static void save_sidecar(const char *name) {
    char *path = at(name), *data = at("data"), *weights = at("weights.safetensors"), sha256[65];
    assert_ok(med_file_sha256(weights, sha256));
    char *text =
        med_format("{\"given\": [\"us\"], \"range\": [0, 1], \"data\": \"%s\", \"weights\": {\"path\": \"%s\", "
                   "\"sha256\": \"%s\"}}",
                   data, weights, sha256);
    assert_ok(med_file_write(path, text, strlen(text)));
    free(text);
    free(weights);
    free(data);
    free(path);
}

static void make_folders(const char *data_hash) {
    char *data = at("data"), *pred = at("pred");
    med_dataset *d;
    assert_ok(med_dir_create(data));
    assert_ok(med_dir_create(pred));
    const char *const cases[] = {"c1", "c2", "c3"};
    for (int i = 0; i < 3; i++) {
        char *ref = med_format("data/%s-t2.nii.gz", cases[i]), *out = med_format("pred/%s-t2.nii.gz", cases[i]);
        save_image(ref, 0.1f);
        save_image(out, 0.1f + 0.02f * (float)(i + 1));
        free(out);
        free(ref);
    }
    char *manifest = at("data/manifest.json");
    unlink(manifest);
    free(manifest);
    assert_ok(med_manifest_import(data, "made by a test", "none"));
    assert_ok(med_dataset_open(data, &d));
    save_weights("weights.safetensors", data_hash ? data_hash : d->hash);
    save_sidecar("pred/c1-t2.json");
    save_sidecar("pred/c2-t2.json");
    med_dataset_free(d);
    free(pred);
    free(data);
}

/* Cell of strict L1 over all cases. */
static json_t *judge(bool includes_seen, json_t **report) {
    char *pred = at("pred"), *ref = at("data"), *table;
    med_evaluate_options o = {.pred = pred,
                              .ref = ref,
                              .reference_range = "0,1",
                              .includes_seen = includes_seen,
                              .given = {.n = 1, .item = {"us"}}};
    *report = json_object();
    assert_ok(med_evaluate_images(&o, *report, &table));
    free(table);
    free(ref);
    free(pred);
    return json_array_get(json_object_get(*report, "cells"), 0);
}

static int count(const json_t *o, const char *key) { return (int)json_integer_value(json_object_get(o, key)); }

static void seen_cases_are_left_out_and_counted(void **state) {
    (void)state;
    json_t *report, *cell;
    make_folders(NULL);
    cell = judge(false, &report);
    assert_int_equal(count(cell, "n"), 2); /* c2 not seen, c3 unknown: it has no sidecar */
    assert_int_equal(count(cell, "n_seen_in_training"), 1);
    assert_int_equal(count(report, "n_seen_in_training"), 1);
    json_decref(report);
    cell = judge(true, &report);
    assert_int_equal(count(cell, "n"), 3);
    assert_int_equal(count(cell, "n_seen_in_training"), 0);
    json_decref(report);
}

/* The same case name in another data set is another case. */
static void another_data_set_is_unknown(void **state) {
    (void)state;
    json_t *report, *cell;
    make_folders("0000000000000000000000000000000000000000000000000000000000000000");
    cell = judge(false, &report);
    assert_int_equal(count(cell, "n"), 3);
    json_decref(report);
}

/* The model has not seen c3, but the grey scale of the targets was learnt from it. */
static void cases_of_the_harmonisation_are_left_out(void **state) {
    (void)state;
    json_t *report, *cell;
    make_folders(NULL);
    char *path = at("data/manifest.json");
    json_t *manifest = json_load_file(path, 0, NULL);
    json_object_set_new(manifest, "harmonisation", json_pack("{s:[s]}", "training", "c3"));
    assert_int_equal(json_dump_file(manifest, path, 0), 0);
    cell = judge(false, &report);
    assert_int_equal(count(cell, "n"), 1);
    assert_int_equal(count(cell, "n_seen_in_training"), 2);
    json_decref(report);
    json_decref(manifest);
    free(path);
}

/* What is asked for is a target; the prediction is the image from which that target was harmonised. */
static void a_copy_of_the_input_is_no_synthesis(void **state) {
    (void)state;
    json_t *report = json_object(), *cell;
    size_t i;
    int n_reconstructions = 0;
    char *data = at("data"), *pred = at("pred"), *path = at("pred/c2-t2.nii.gz"), *table;
    med_dataset *d;
    med_volume *input;
    make_folders(NULL);
    save_image("data/c2-t2.target.nii.gz", 0.05f);
    assert_ok(med_dataset_open(data, &d));
    assert_ok(med_case_load_input(&d->cases[1], "t2", &input));
    for (size_t v = 0; v < med_grid_count(input->grid); v++) input->voxel[v] = (input->voxel[v] + 1) / 2;
    assert_ok(med_volume_save(input, path, MED_VOXEL_F32));
    med_evaluate_options o = {.pred = pred, .ref = data, .given = {.n = 1, .item = {"us"}}};
    assert_ok(med_evaluate_images(&o, report, &table));
    assert_non_null(strstr(table, "modality t2 from t2 (reconstruction"));
    assert_int_equal(count(report, "n_identical_to_reference"), 1);
    json_array_foreach (json_object_get(report, "cells"), i, cell) {
        bool is_copy = json_is_true(json_object_get(cell, "is_reconstruction"));
        assert_int_equal(count(cell, "n") + count(cell, "n_na") + count(cell, "n_inf"), 1); /* c1 is seen, c3 is alone */
        n_reconstructions += is_copy;
    }
    assert_true(n_reconstructions > 0);
    char *target = at("data/c2-t2.target.nii.gz");
    unlink(target);
    free(target);
    free(table);
    json_decref(report);
    med_volume_free(input);
    med_dataset_free(d);
    free(path);
    free(pred);
    free(data);
}

int main(void) {
    folder = testing_folder();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seen_cases_are_left_out_and_counted),
        cmocka_unit_test(another_data_set_is_unknown),
        cmocka_unit_test(cases_of_the_harmonisation_are_left_out),
        cmocka_unit_test(a_copy_of_the_input_is_no_synthesis),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    return n_failed;
}
