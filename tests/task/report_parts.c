/* report_parts.c: the report's building blocks: text, curves, table. */
#include <math.h>
#include "base/file.h"
#include "base/memory.h"
#include "task/report_axis.h"
#include "task/report_curves.h"
#include "task/report_table.h"
#include "testing.h"

static int count(const char *text, const char *word) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word)) n++;
    return n;
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

static void text_grows_and_escapes(void **state) {
    (void)state;
    med_text text = {0};
    for (int i = 0; i < 5000; i++) med_text_add(&text, "%d,", i % 10);
    assert_int_equal(text.n, 10000);
    med_text_free(&text);
    med_text_escape(&text, "<b a=\"x\">'&");
    assert_string_equal(text.data, "&lt;b a=&quot;x&quot;&gt;&#39;&amp;");
    med_text_free(&text);
}

static void pictures_are_inside_the_page(void **state) {
    (void)state;
    uint8_t pixels[6] = {0, 50, 100, 150, 200, 250};
    med_text text = {0};
    med_html_picture(&text, &(med_picture){3, 2, 1, pixels}, "a \"test\"", 50, 2. / 3);
    assert_int_equal(text.status, MED_OK);
    assert_non_null(strstr(text.data, "alt=\"a &quot;test&quot;\""));
    assert_non_null(strstr(text.data, "src=\"data:image/png;base64,iVBORw0KGgo")); /* PNG's signature in base 64 */
    med_text_free(&text);
}

/* ---- curves -------------------------------------------------------------------------------------------------- */

static med_status draw_log(const char *log, med_text *html) {
    char *path = med_format("/tmp/medley-log-%d.jsonl", (int)getpid());
    assert_ok(med_file_write(path, log, strlen(log)));
    med_status status = med_report_curves(html, path);
    unlink(path);
    free(path);
    return status;
}

static void curves_draw_what_is_logged(void **state) {
    (void)state;
    med_text html = {0};
    assert_int_equal(draw_log("{\"step\":1,\"loss\":2.0,\"kl\":1000,\"adversarial\":0}\n"
                              "{\"step\":2,\"loss\":1.0,\"kl\":10,\"adversarial\":0}\n"
                              "{\"epoch\":1,\"val_loss\":1.5}\n{\"step\":3,\"loss\":0.5,\"kl\":1,\"adversarial\":0}\n"
                              "{\"epoch\":2,\"val_loss\":1.2}\n{\"step\":4,\"lo",
                              &html),
                     MED_OK);
    assert_int_equal(count(html.data, "<svg"), 3); /* loss, validation, kl; an adversarial term of 0 is not drawn */
    assert_int_equal(count(html.data, "class=\"series"), 3);
    assert_int_equal(count(html.data, "logarithmic scale"), 1); /* kl spans three decades */
    assert_non_null(strstr(html.data, ">step<"));
    med_text_free(&html);
}

static void long_logs_are_thinned_to_their_mean(void **state) {
    (void)state;
    med_text log = {0}, html = {0};
    for (int i = 0; i < 1000; i++) med_text_add(&log, "{\"epoch\":%d,\"loss\":%d}\n", i, i % 2);
    assert_int_equal(draw_log(log.data, &html), MED_OK);
    assert_non_null(strstr(html.data, "each point is the mean of 4"));
    assert_int_equal(count(html.data, "L"), 249);
    assert_non_null(strstr(html.data, ">epoch<"));
    med_text_free(&html);
    med_text_free(&log);
}

/* Means of equal numbers differ by rounding: that is no range to put marks into. */
static void a_constant_is_drawn_as_one(void **state) {
    (void)state;
    for (int n = 2430; n < 2440; n++) {
        med_text log = {0}, html = {0};
        for (int i = 1; i <= n; i++) med_text_add(&log, "{\"step\":%d,\"lr\":0.0002}\n", i);
        assert_int_equal(draw_log(log.data, &html), MED_OK);
        assert_non_null(strstr(html.data, ">0.0002<"));
        assert_in_range(count(html.data, "class=\"axis\""), 2, 12);
        med_text_free(&html);
        med_text_free(&log);
    }
}

static void marks_are_round_and_few(void **state) {
    (void)state;
    double tick[MED_MAX_TICKS], lo = 3, hi = 3;
    assert_int_equal(med_axis_ticks(0, 1, 5, tick), 6);
    for (int i = 0; i < 6; i++) assert_true(fabs(tick[i] - 0.2 * i) < 1e-15);
    assert_int_equal(med_axis_ticks(-1, 1.9, 4, tick), 6);
    assert_true(tick[0] == -1 && tick[2] == 0 && tick[5] == 1.5);
    assert_int_equal(med_axis_ticks(1, 1, 5, tick), 0);
    assert_int_equal(med_axis_ticks(NAN, 1, 5, tick), 0);
    assert_in_range(med_axis_ticks(2e-4, nextafter(2e-4, 1), 5, tick), 0, MED_MAX_TICKS);
    med_axis_widen(&lo, &hi, 0.05);
    assert_true(lo == 3 - 0.1 * 3 && hi == 3 + 0.1 * 3);
}

static void a_broken_log_is_named(void **state) {
    (void)state;
    med_text html = {0};
    assert_fails(draw_log("{\"step\":1,\"loss\":2.0}\nnonsense\n{\"step\":2,\"loss\":2.0}\n", &html), MED_EFORMAT,
                 ":2: expected one JSON object per line, found nonsense");
    assert_ok(med_report_curves(&html, "/nowhere/log.jsonl"));
    assert_int_equal(html.n, 0);
    med_text_free(&html);
}

/* ---- table --------------------------------------------------------------------------------------------------- */

static med_case_scores scores(double psnr, double ssim, double l1) {
    med_case_scores s = {.n_slices = 3};
    s.column[med_preset_column_index(&med_preset_strict, "psnr")].mean = psnr;
    s.column[med_preset_column_index(&med_preset_strict, "ssim")].mean = ssim;
    s.column[med_preset_column_index(&med_preset_strict, "l1")].mean = l1;
    return s;
}

static med_table *small_table(void) {
    med_mod_list mods = {.n = 3, .name = {"us", "t2", "a<b"}};
    med_table *table = med_table_create(&mods, "mopoe", "MoPoE");
    med_case_scores one = scores(20, 0.5, 0.25), two = scores(24, 0.75, 0.125), mean = scores(18, 0.75, 0.5),
                    none = {0};
    med_table_add(table, 2, 2, MED_METHOD_MODEL, &one);
    med_table_add(table, 2, 2, MED_METHOD_MODEL, &two);
    med_table_add(table, 2, 2, MED_METHOD_MODEL, &none); /* no slice was scored: no case */
    med_table_add(table, 2, 2, MED_METHOD_MEAN, &mean);
    med_table_add(table, 6, 0, MED_METHOD_MODEL, &one);
    return table;
}

static void table_gives_means_over_cases(void **state) {
    (void)state;
    med_table *table = small_table();
    json_t *rows = med_table_to_json(table);
    assert_int_equal(json_array_size(rows), 3);
    const json_t *row = json_array_get(rows, 1); /* by target: us first */
    assert_string_equal(json_string_value(json_array_get(json_object_get(row, "given"), 0)), "t2");
    assert_string_equal(json_string_value(json_object_get(row, "target")), "a<b");
    assert_string_equal(json_string_value(json_object_get(row, "method")), "mopoe");
    assert_true(json_real_value(json_object_get(row, "psnr")) == 22);
    assert_true(fabs(json_real_value(json_object_get(row, "psnr_sd")) - sqrt(8)) < 1e-14);
    assert_true(json_real_value(json_object_get(row, "ssim")) == 0.625);
    assert_true(json_real_value(json_object_get(row, "l1")) == 0.1875);
    assert_int_equal(json_integer_value(json_object_get(row, "n_cases")), 2);
    assert_true(json_is_null(json_object_get(json_array_get(rows, 2), "psnr_sd")));
    json_decref(rows);
    med_table_free(table);
}

static void table_judges_only_where_there_is_an_opponent(void **state) {
    (void)state;
    med_table *table = small_table();
    med_table_verdict v = med_table_judge(table);
    assert_int_equal(v.n_pairs, 1);
    assert_int_equal(v.n_psnr, 1);
    assert_int_equal(v.n_ssim, 0); /* the mean image has 0.75 there */
    assert_int_equal(v.n_l1, 1);
    assert_int_equal(v.n_cases, 2);
    med_table_free(table);
}

static void table_prints_for_people(void **state) {
    (void)state;
    med_table *table = small_table();
    med_text html = {0}, text = {0};
    med_table_to_html(table, &html);
    med_table_to_text(table, &text);
    assert_non_null(strstr(html.data, "a&lt;b"));
    assert_null(strstr(html.data, "a<b"));
    assert_int_equal(count(html.data, " best\">"), 3);
    assert_int_equal(count(html.data, "<tbody>"), count(html.data, "</tbody>"));
    assert_non_null(strstr(text.data, "22.00*"));
    assert_non_null(strstr(text.data, "t2 + a<b -> us"));
    med_text_free(&text);
    med_text_free(&html);
    med_table_free(table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_escapes),
        cmocka_unit_test(pictures_are_inside_the_page),
        cmocka_unit_test(curves_draw_what_is_logged),
        cmocka_unit_test(long_logs_are_thinned_to_their_mean),
        cmocka_unit_test(a_constant_is_drawn_as_one),
        cmocka_unit_test(marks_are_round_and_few),
        cmocka_unit_test(a_broken_log_is_named),
        cmocka_unit_test(table_gives_means_over_cases),
        cmocka_unit_test(table_judges_only_where_there_is_an_opponent),
        cmocka_unit_test(table_prints_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
