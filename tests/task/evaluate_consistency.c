/* medley evaluate consistency: the same numbers as two calls of synth and an evaluation, and a section of the report. */
#include <jansson.h>
#include "data/dataset.h"
#include "small_data.h"
#include "task/evaluate.h"
#include "task/report.h"
#include "task/synth_files.h"

static const int size[3] = {30, 24, 3};
static char *folder, *data, *weights;

static double scan(int number, int i, int j, int k) { return 100 + 100 * small_noise(number, i, j, k, 3); }

/* c0 trains; c1 and c2 are tested; c2 has no ultrasound to start from. */
static int make_folders(void **state) {
    (void)state;
    folder = testing_folder();
    data = med_path_join(folder, "data");
    weights = med_path_join(folder, "weights.safetensors");
    for (int k = 0; k < 3; k++) {
        if (k != 2) small_scan(data, k, "us", NULL, size, scan);
        small_scan(data, k, "t2", NULL, size, scan);
    }
    small_text(data, "splits.json", "[{\"train\":[\"c0\"],\"val\":[],\"test\":[\"c1\",\"c2\"]}]");
    small_weights(weights);
    return 0;
}

static int drop_folders(void **state) {
    (void)state;
    testing_remove(folder);
    free(weights);
    free(data);
    return 0;
}

static med_evaluate_options options(void) {
    return (med_evaluate_options){.pred = weights, .ref = data, .part = "test", .n_samples = 1};
}

static json_t *evaluate(med_evaluate_options o, med_status (*how)(const med_evaluate_options *, json_t *, char **)) {
    json_t *report = json_object();
    char *table;
    assert_ok(how(&o, report, &table));
    free(table);
    return report;
}

static double mean_of(const json_t *report, const char *given, const char *preset, const char *metric) {
    size_t i;
    json_t *cell;
    json_array_foreach (json_object_get(report, "cells"), i, cell)
        if (!strcmp(json_string_value(json_object_get(cell, "given")), given) &&
            !strcmp(json_string_value(json_object_get(cell, "preset")), preset) &&
            !strcmp(json_string_value(json_object_get(cell, "metric")), metric))
            return json_number_value(json_object_get(cell, "mean"));
    fail_msg("no cell %s %s %s", given, preset, metric);
    return 0;
}

static void synth(med_synth_config c) {
    json_t *report = json_object();
    c.weights = weights;
    c.n_samples = 1;
    c.scale = "unit";
    assert_ok(med_synth_files(&c, report));
    json_decref(report);
}

/* The ultrasound at network scale. */
static void save_truth(const char *dir) {
    char *from = med_path_join(data, "c1/c1-us.nii.gz"), *to = med_path_join(dir, "c1-us.nii.gz");
    med_volume *v;
    assert_ok(med_dir_create(dir));
    assert_ok(med_input_load(from, "us", &v));
    assert_ok(med_volume_save(v, to, MED_VOXEL_F32));
    med_volume_free(v);
    free(to);
    free(from);
}

/* Files hold [0,1] in single precision: 1e-5 of the scores. */
static void it_is_two_calls_of_synth(void **state) {
    (void)state;
    char *there = med_path_join(folder, "there"), *back = med_path_join(folder, "back"),
         *truth = med_path_join(folder, "truth");
    char *in = med_path_join(data, "c1"), *image = med_format("t2=%s/c1-t2.nii.gz", there);
    synth((med_synth_config){
        .in = in, .out = there, .given = {.n = 1, .item = {"us"}}, .target = {.n = 1, .item = {"t2"}}});
    synth((med_synth_config){.images = {.n = 1, .item = {image}}, .out = back, .target = {.n = 1, .item = {"us"}}});
    save_truth(truth);
    json_t *by_hand =
        evaluate((med_evaluate_options){.pred = back, .ref = truth, .reference_range = "-1,1"}, med_evaluate_images);
    json_t *at_once = evaluate(options(), med_evaluate_consistency);
    static const char *const metrics[] = {"psnr", "ssim", "l1", "ncc"};
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++) {
        double expected = mean_of(by_hand, "t2", "strict", metrics[m]),
               got = mean_of(at_once, "us via t2", "consistency", metrics[m]);
        if (!(fabs(got - expected) <= 1e-5 * fmax(1, fabs(expected))))
            fail_msg("%s: %.9g, by two calls %.9g", metrics[m], got, expected);
    }
    mean_of(at_once, "us via flair", "consistency", "psnr"); /* the network knows it, no case needs it */
    assert_int_equal(json_integer_value(json_object_get(at_once, "n_cases")), 1);
    json_decref(at_once);
    json_decref(by_hand);
    free(image);
    free(in);
    free(truth);
    free(back);
    free(there);
}

/* Beside ordinary scores and alone: a section of its own, and in no table of scores. */
static void the_report_keeps_it_apart(void **state) {
    (void)state;
    char *out = med_path_join(folder, "back-scores"), *page = med_path_join(folder, "page.html"), *paths[1] = {out},
         *summary;
    med_evaluate_options o = options();
    o.out = out;
    o.through = (med_strings){.n = 1, .item = {"t2"}};
    json_decref(evaluate(o, med_evaluate_consistency));
    const med_report_options how = {.paths = paths, .n_paths = 1, .path = out, .out = page, .n_pictured = 3};
    json_t *json = json_object();
    med_mapping map;
    assert_ok(med_report_write(&how, json, &summary));
    assert_int_equal(json_array_size(json_object_get(json, "cells")), 0);
    assert_int_equal(json_array_size(json_object_get(json, "consistency")), 7);
    assert_non_null(strstr(summary, "us via t2"));
    assert_ok(med_file_map(page, &map));
    assert_non_null(memmem(map.data, map.size, "There and back", 14));
    assert_non_null(memmem(map.data, map.size, "us from us via t2", 17));
    med_file_unmap(&map);
    json_decref(json);
    free(summary);
    free(page);
    free(out);
}

static med_status refused(med_evaluate_options o) {
    json_t *report = json_object();
    char *table;
    med_status status = med_evaluate_consistency(&o, report, &table);
    assert_null(table);
    json_decref(report);
    return status;
}

static void bad_ways_are_refused(void **state) {
    (void)state;
    med_evaluate_options o = options();
    o.from = "t3";
    assert_int_equal(refused(o), MED_EUSAGE);
    assert_non_null(strstr(med_message(), "did you mean t2"));
    o = options();
    o.through = (med_strings){.n = 1, .item = {"us"}};
    assert_int_equal(refused(o), MED_EUSAGE);
    assert_non_null(strstr(med_message(), "another modality than us"));
    o = options();
    o.from = "flair";
    assert_int_equal(refused(o), MED_EINPUT);
    assert_non_null(strstr(med_message(), "no case of part test has flair"));
    o = options();
    o.pred = data;
    assert_true(refused(o) != MED_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_two_calls_of_synth),
        cmocka_unit_test(the_report_keeps_it_apart),
        cmocka_unit_test(bad_ways_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folders, drop_folders);
}
