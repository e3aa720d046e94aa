/* report_run.c: a run folder with an untrained network, from run.json to the page: which cases and pairs are scored. */
#include <jansson.h>
#include "small_data.h"
#include "task/report.h"

static const int size[3] = {30, 24, 4};
static char *folder, *data, *run;

static double scan(int number, int i, int j, int k) { return 100 + 100 * small_noise(number, i, j, k, 3); }
static double linear(int number, int i, int j, int k) { return 50 + 0.5 * scan(number, i, j, k); }

/* Cases 0..2 train; 3 is whole, 4 lacks flair, 5 has us only. */
static int make_folders(void **state) {
    (void)state;
    folder = testing_folder();
    data = med_path_join(folder, "data");
    run = med_path_join(folder, "run");
    assert_ok(med_dir_create(run));
    for (int c = 0; c < 6; c++) {
        small_scan(data, c, "us", NULL, size, scan);
        if (c != 5) small_scan(data, c, "t2", NULL, size, linear);
        if (c < 4) small_scan(data, c, "flair", NULL, size, scan);
    }
    small_text(data, "splits.json", "[{\"train\":[\"c0\",\"c1\",\"c2\"],\"val\":[\"c5\"],\"test\":[\"c3\",\"c4\"]}]");
    char *settings =
        med_format("{\"data\":\"%s\",\"config\":{\"fold\":0},\"seed\":1,\"command\":\"medley train <x>\"}", data);
    small_text(run, "run.json", settings);
    small_text(run, "log.jsonl", "{\"epoch\":1,\"step\":1,\"loss\":2}\n{\"epoch\":1,\"step\":2,\"loss\":1}\n");
    char *weights = med_path_join(run, "weights.safetensors");
    small_weights(weights);
    free(weights);
    free(settings);
    return 0;
}

static int drop_folders(void **state) {
    (void)state;
    testing_remove(folder);
    free(run);
    free(data);
    return 0;
}

static med_report_options options(void) {
    static char out[128];
    snprintf(out, sizeof out, "%s/report.html", folder);
    return (med_report_options){.path = run,
                                .out = out,
                                .part = "test",
                                .fold = -1,
                                .subsets = "single",
                                .n_pictured = 1,
                                .temperature = 0.5,
                                .n_samples = 1,
                                .seed = 3};
}

static json_t *report(const med_report_options *o) {
    json_t *json = json_object();
    char *summary;
    assert_ok(med_report_write(o, json, &summary));
    free(summary);
    return json;
}

/* The row of `given` ("us" or "us+t2"), target and method; NULL when there is none. */
static const json_t *find_row(const json_t *json, const char *given, const char *target, const char *method) {
    size_t i, g;
    json_t *row, *mod;
    json_array_foreach (json_object_get(json, "rows"), i, row) {
        char joined[64] = "";
        json_array_foreach (json_object_get(row, "given"), g, mod) {
            if (g) strcat(joined, "+");
            strcat(joined, json_string_value(mod));
        }
        if (!strcmp(joined, given) && !strcmp(json_string_value(json_object_get(row, "target")), target) &&
            !strcmp(json_string_value(json_object_get(row, "method")), method))
            return row;
    }
    return NULL;
}

static int n_cases(const json_t *row) { return (int)json_integer_value(json_object_get(row, "n_cases")); }

/* Cases that went this way and back. */
static int n_back(const json_t *json, const char *way) {
    const json_t *list = json_object_get(json, "consistency");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!strcmp(json_string_value(json_object_get(json_array_get(list, i), "given")), way))
            return (int)json_integer_value(json_object_get(json_array_get(list, i), "n"));
    return 0;
}

static void every_pair_is_asked_of_the_cases_that_have_it(void **state) {
    (void)state;
    med_report_options o = options();
    json_t *json = report(&o);
    static const char *const methods[] = {"mmhvae", "mean", "linear"};
    for (int m = 0; m < 3; m++) {
        assert_int_equal(n_cases(find_row(json, "us", "t2", methods[m])), 2);
        assert_int_equal(n_cases(find_row(json, "us", "flair", methods[m])), 1);
        assert_int_equal(n_cases(find_row(json, "t2+flair", "us", methods[m])), 1);
    }
    assert_int_equal(json_array_size(json_object_get(json, "rows")),
                     3 * 9); /* 6 single pairs, 3 of all but the target */
    /* us and t2 are one straight line apart: the map finds it up to the rounding of float32; no untrained network does. */
    assert_true(json_real_value(json_object_get(find_row(json, "us", "t2", "linear"), "psnr")) > 60);
    assert_true(json_real_value(json_object_get(find_row(json, "us", "t2", "mmhvae"), "psnr")) < 30);
    assert_int_equal(json_array_size(json_object_get(json, "consistency")), 2 * 7); /* us via t2, us via flair */
    assert_int_equal(n_back(json, "us via t2"), 2);
    assert_int_equal(n_back(json, "us via flair"), 1);
    json_decref(json);
}

static void the_page_tells_where_it_comes_from(void **state) {
    (void)state;
    med_report_options o = options();
    json_t *json = report(&o);
    med_mapping page;
    assert_ok(med_file_map(o.out, &page));
    char *text = strndup((const char *)page.data, page.size);
    assert_non_null(strstr(text, "medley train &lt;x&gt;"));
    assert_non_null(strstr(text, "test part of fold 0, 2 cases"));
    assert_non_null(strstr(text, "class=\"series s0\""));
    assert_non_null(strstr(text, "Worst case of 2: c")); /* one picture: of the worst */
    assert_null(strstr(text, "Best case"));
    assert_null(strstr(text, ">uncertainty<"));
    assert_null(strstr(text, "are also training cases"));
    free(text);
    med_file_unmap(&page);
    json_decref(json);
}

static void several_draws_show_their_spread(void **state) {
    (void)state;
    med_report_options o = options();
    o.n_pictured = 2;
    o.n_samples = 2;
    json_t *json = report(&o);
    med_mapping page;
    assert_ok(med_file_map(o.out, &page));
    char *text = strndup((const char *)page.data, page.size);
    assert_non_null(strstr(text, ">uncertainty<"));
    assert_non_null(strstr(text, "Worst case of 2"));
    assert_non_null(strstr(text, "Best case of 2"));
    assert_int_equal(n_cases(find_row(json, "us", "t2", "mmhvae")), 2); /* drawn cases count once */
    free(text);
    med_file_unmap(&page);
    json_decref(json);
}

static void options_choose_cases_and_subsets(void **state) {
    (void)state;
    med_report_options o = options();
    o.part = "train";
    o.n_pictured = 0;
    json_t *json = report(&o);
    assert_int_equal(n_cases(find_row(json, "us", "t2", "mmhvae")), 3);
    json_decref(json);
    o.subsets = "all"; /* with three modalities the same subsets */
    json = report(&o);
    assert_int_equal(json_array_size(json_object_get(json, "rows")), 27);
    json_decref(json);
}

static void a_moved_data_set_is_found_by_option(void **state) {
    (void)state;
    med_report_options o = options();
    char *moved = med_format("%s-moved", data);
    json_t *json = json_object();
    char *summary;
    assert_int_equal(rename(data, moved), 0);
    assert_fails(med_report_write(&o, json, &summary), MED_EINPUT, "say where it is now with --data PATH");
    json_decref(json);
    o.data = moved;
    json_decref(report(&o));
    assert_int_equal(rename(moved, data), 0);
    free(moved);
}

static void bad_choices_are_named(void **state) {
    (void)state;
    med_report_options o = options();
    json_t *json = json_object();
    char *summary;
    o.part = "val"; /* one case with us only */
    assert_fails(med_report_write(&o, json, &summary), MED_EINPUT, "has two modalities of the model");
    o.part = "test";
    o.fold = 7;
    assert_fails(med_report_write(&o, json, &summary), MED_EUSAGE, "fold 7");
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_is_asked_of_the_cases_that_have_it),
        cmocka_unit_test(the_page_tells_where_it_comes_from),
        cmocka_unit_test(several_draws_show_their_spread),
        cmocka_unit_test(options_choose_cases_and_subsets),
        cmocka_unit_test(a_moved_data_set_is_found_by_option),
        cmocka_unit_test(bad_choices_are_named),
    };
    return cmocka_run_group_tests(tests, make_folders, drop_folders);
}
