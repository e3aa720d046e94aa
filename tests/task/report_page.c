/* report_page.c: the whole page from a folder of synthetic images whose errors are known. */
#include "small_data.h"
#include "task/report.h"

static const int size[3] = {34, 26, 4};
static char *folder, *data, *made;

static double scan(int number, int i, int j, int k) { return 100 + 100 * small_noise(number, i, j, k, 3); }
static double truth(int number, int i, int j, int k) { return 0.4 + 0.5 * small_noise(number, i, j, k, 4); }
/* Off by 0.01 of [0,1]: L1 0.02 of [-1,1], PSNR 20 log10(2/0.02) = 40 dB. */
static double unit(int number, int i, int j, int k) { return truth(number, i, j, k) + 0.01; }
static double network(int number, int i, int j, int k) { return 2 * unit(number, i, j, k) - 1; }
static double release(int number, int i, int j, int k) { return 255 * unit(number, i, j, k); }

static void make_image(int number, const char *scale, small_formula *formula) {
    char *image = med_format("%s/c%d-t2.nii.gz", made, number), *name = med_format("c%d-t2.json", number);
    char *sidecar = med_format("{\"given\":[\"us\"],\"scale\":\"%s\",\"inputs\":{\"us\":\"%s/c%d/c%d-us.nii.gz\"},"
                               "\"temperature\":0.5,\"seed\":0}",
                               scale, data, number, number);
    small_save(image, size, number, formula);
    small_text(made, name, sidecar);
    free(sidecar);
    free(name);
    free(image);
}

static int make_folders(void **state) {
    (void)state;
    folder = testing_folder();
    data = med_path_join(folder, "data");
    made = med_path_join(folder, "made");
    assert_ok(med_dir_create(made));
    for (int c = 0; c < 3; c++) {
        small_scan(data, c, "us", NULL, size, scan);
        small_scan(data, c, "t2", NULL, size, scan);
        small_scan(data, c, "t2", "target", size, truth);
    }
    make_image(0, "unit", unit);
    make_image(1, "network", network);
    make_image(2, "release", release);
    return 0;
}

static int drop_folders(void **state) {
    (void)state;
    testing_remove(folder);
    free(made);
    free(data);
    return 0;
}

static med_report_options options(void) {
    static char out[128];
    snprintf(out, sizeof out, "%s/report.html", folder);
    return (med_report_options){
        .path = made, .out = out, .part = "test", .fold = -1, .subsets = "single", .n_pictured = 2};
}

static int count(const char *path, const char *word) {
    med_mapping file;
    int n = 0;
    assert_ok(med_file_map(path, &file));
    for (const uint8_t *at = file.data; (at = memmem(at, file.size - (size_t)(at - file.data), word, strlen(word)));
         at++)
        n++;
    med_file_unmap(&file);
    return n;
}

static double number(const json_t *row, const char *key) { return json_number_value(json_object_get(row, key)); }

/* Voxels are float32: 1e-4 dB and 1e-6 in L1. */
static void images_are_scored_on_every_scale(void **state) {
    (void)state;
    med_report_options o = options();
    json_t *json = json_object();
    char *summary;
    assert_ok(med_report_write(&o, json, &summary));
    const json_t *row = json_array_get(json_object_get(json, "rows"), 0);
    assert_int_equal(number(row, "n_cases"), 3);
    assert_true(fabs(number(row, "psnr") - 40) < 1e-3);
    assert_true(number(row, "psnr_sd") < 1e-3);
    assert_true(fabs(number(row, "l1") - 0.02) < 1e-5);
    assert_true(number(row, "ssim") > 0.99);
    assert_non_null(strstr(summary, "us    -> t2"));
    free(summary);
    json_decref(json);
}

static void the_page_stands_alone(void **state) {
    (void)state;
    med_report_options o = options();
    json_t *json = json_object();
    char *summary;
    assert_ok(med_report_write(&o, json, &summary));
    assert_int_equal(count(o.out, "<figure class=\"planes\">"), 2);
    assert_int_equal(count(o.out, "src=\""), count(o.out, "src=\"data:image/png;base64,"));
    assert_int_equal(count(o.out, "src=\"data:"), 2 * 4 * 3 + 2); /* films x planes of two cases, two colour bars */
    assert_int_equal(count(o.out, "http"), 0);
    assert_int_equal(count(o.out, "<script"), 0);
    assert_int_equal(count(o.out, "</html>"), 1);
    free(summary);
    json_decref(json);
}

/* The same input gives the same bytes. */
static void the_page_is_repeatable(void **state) {
    (void)state;
    med_report_options o = options();
    json_t *json = json_object();
    char *summary, first[65], second[65];
    assert_ok(med_report_write(&o, json, &summary));
    free(summary);
    assert_ok(med_file_sha256(o.out, first));
    assert_ok(med_report_write(&o, json, &summary));
    free(summary);
    assert_ok(med_file_sha256(o.out, second));
    assert_string_equal(first, second);
    json_decref(json);
}

/* Only cases that splits.json names as training cases may teach the opponents. */
static void a_data_set_with_splits_brings_the_opponents(void **state) {
    (void)state;
    med_report_options o = options();
    json_t *json = json_object();
    char *summary;
    o.data = data;
    assert_ok(med_report_write(&o, json, &summary));
    assert_int_equal(json_array_size(json_object_get(json, "rows")), 1);
    free(summary);
    small_text(data, "splits.json", "[{\"train\":[\"c2\"],\"val\":[],\"test\":[\"c0\",\"c1\"]}]");
    assert_ok(med_report_write(&o, json, &summary));
    assert_int_equal(json_array_size(json_object_get(json, "rows")), 3);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "wins"), "psnr")), 1);
    assert_int_equal(count(o.out, "1 of 3 scored cases are also training cases"), 1);
    free(summary);
    json_decref(json);
}

/* ---- input that cannot be used -------------------------------------------------------------------------------- */

static void expect(const med_report_options *o, med_status status, const char *message) {
    json_t *json = json_object();
    char *summary, *page = med_strdup(o->out);
    unlink(page);
    assert_fails(med_report_write(o, json, &summary), status, message);
    assert_false(med_path_exists(page));
    free(page);
    json_decref(json);
}

static void bad_folders_are_named(void **state) {
    (void)state;
    med_report_options o = options();
    o.path = "/nowhere";
    expect(&o, MED_EINPUT, "/nowhere: not there");
    o.path = data;
    expect(&o, MED_EINPUT, "neither a run folder (run.json) nor images of medley synth");
    o = options();
    o.data = "/moved";
    expect(&o, MED_EINPUT, "/moved: the data set is not there");
}

static void bad_sidecars_are_named(void **state) {
    (void)state;
    med_report_options o = options();
    char *other = med_path_join(folder, "bad"), *image = med_path_join(other, "c0-t2.nii.gz");
    assert_ok(med_dir_create(other));
    small_save(image, size, 0, unit);
    o.path = other;
    small_text(other, "c0-t2.json", "{\"given\":[\"us\"],\"scale\":\"decibel\"}");
    expect(&o, MED_EFORMAT, "scale is decibel, expected unit, network or release");
    small_text(other, "c0-t2.json", "{\"given\":[]}");
    expect(&o, MED_EFORMAT, "must name one modality or more");
    small_text(other, "c0-t2.json", "{\"given\":");
    expect(&o, MED_EFORMAT, "c0-t2.json:1:");
    free(image);
    free(other);
}

static void bad_runs_are_named(void **state) {
    (void)state;
    med_report_options o = options();
    char *run = med_path_join(folder, "run");
    assert_ok(med_dir_create(run));
    o.path = run;
    small_text(run, "run.json", "[]");
    expect(&o, MED_EFORMAT, "run.json: expected a JSON object");
    small_text(run, "run.json", "{\"data\":\"/moved\"}");
    expect(&o, MED_EINPUT, "has the training finished?");
    small_text(run, "weights.safetensors", "none");
    expect(&o, MED_EINPUT, "/moved: the data set is not there: say where it is now with --data PATH");
    small_text(run, "run.json", "{}");
    expect(&o, MED_EFORMAT, "name the data set with --data PATH");
    free(run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_scored_on_every_scale),
        cmocka_unit_test(the_page_stands_alone),
        cmocka_unit_test(the_page_is_repeatable),
        cmocka_unit_test(a_data_set_with_splits_brings_the_opponents),
        cmocka_unit_test(bad_folders_are_named),
        cmocka_unit_test(bad_sidecars_are_named),
        cmocka_unit_test(bad_runs_are_named),
    };
    return cmocka_run_group_tests(tests, make_folders, drop_folders);
}
