/* medley compare-methods on the tables of shared/golden/metric/statistics.json, written in long form. */
#include "metric/fixture.h"
#include "base/file.h"
#include "program.h"

static const char *folder;
static json_t *fixture;

static void put(const char *name, const char *text) {
    char *path = med_path_join(folder, name);
    assert_ok(med_file_write(path, text, strlen(text)));
    free(path);
}

/* Column `column` (from 1) of statistics/NAME.csv as the per_case.csv of one method. */
static void put_method(const char *table, int column, const char *method, const char *file) {
    char *csv = med_format("statistics/%s.csv", table), *path = fixture_path(csv), line[256], *text = NULL;
    size_t n;
    FILE *from = fopen(path, "r"), *to = open_memstream(&text, &n);
    assert_true(from && to && fgets(line, sizeof line, from));
    fputs("case,modality,given,method,group,preset,metric,value\n", to);
    while (fgets(line, sizeof line, from)) {
        char *field[8], *rest = line;
        for (int f = 0; (field[f] = strsep(&rest, ",\r\n")) && f < 7;) f++;
        fprintf(to, "%s,flair,us,%s,,strict,psnr,%s\n", field[0], method, field[column]);
    }
    fclose(from);
    fclose(to);
    put(file, text);
    free(text);
    free(path);
    free(csv);
}

static const json_t *comparison(const json_t *report, const char *first, const char *second) {
    size_t i;
    json_t *c;
    json_array_foreach (json_object_get(report, "comparisons"), i, c)
        if (!strcmp(json_string_value(json_object_get(c, "first")), first) &&
            !strcmp(json_string_value(json_object_get(c, "second")), second))
            return c;
    fail_msg("no comparison %s - %s", first, second);
    return NULL;
}

static void check(const json_t *got, const char *key, const json_t *expected, double tolerance) {
    const json_t *value = json_object_get(got, key);
    assert_number(json_is_number(value) ? json_number_value(value) : NAN, expected, tolerance, key);
}

static void three_methods_match_golden(void **state) {
    (void)state;
    const json_t *e = json_object_get(json_object_get(fixture, "tables"), "three");
    put_method("three", 1, "a", "a.csv");
    put_method("three", 2, "b", "b.csv");
    put_method("three", 3, "", "c.csv"); /* its method is the file's name */
    program_result r = program_run("compare-methods %s/a.csv %s/b.csv %s/c.csv --json", folder, folder, folder);
    if (r.exit_code) fail_msg("exit %d: %s", r.exit_code, r.err);
    const char *const names[3][3] = {{"a", "b", "a_minus_b"}, {"a", "c", "a_minus_c"}, {"b", "c", "b_minus_c"}};
    for (size_t i = 0; i < 3; i++) {
        const json_t *got = comparison(r.json, names[i][0], names[i][1]), *want = json_object_get(e, names[i][2]);
        check(got, "difference", json_object_get(json_object_get(want, "difference"), "mean"), 1e-9);
        check(got, "p", json_object_get(json_object_get(want, "wilcoxon"), "p"), 1e-12);
        check(got, "W", json_object_get(json_object_get(want, "wilcoxon"), "W"), 1e-12);
        check(got, "rank_correlation", json_object_get(want, "rank_correlation"), 1e-9);
        check(got, "hodges_lehmann", json_object_get(want, "hodges_lehmann"), 1e-9);
        check(got, "p_holm", json_array_get(json_object_get(json_object_get(e, "holm"), "p_adjusted"), i), 1e-12);
    }
    const json_t *friedman = json_array_get(json_object_get(r.json, "friedman"), 0);
    check(friedman, "chi2", json_object_get(json_object_get(e, "friedman"), "chi2"), 1e-9);
    check(friedman, "p", json_object_get(json_object_get(e, "friedman"), "p"), 1e-9);
    program_free(&r);
    r = program_run("compare-methods %s/a.csv %s/b.csv %s/c.csv --reference %s/a.csv --json", folder, folder, folder,
                    folder);
    assert_int_equal(json_array_size(json_object_get(r.json, "comparisons")), 2);
    check(comparison(r.json, "c", "a"), "p",
          json_object_get(json_object_get(json_object_get(e, "a_minus_c"), "wilcoxon"), "p"), 1e-12);
    program_free(&r);
}

static void missing_values_are_counted(void **state) {
    (void)state;
    const json_t *want = json_object_get(json_object_get(json_object_get(fixture, "tables"), "gaps"), "a_minus_b");
    put_method("gaps", 1, "a", "gap-a.csv");
    put_method("gaps", 2, "b", "gap-b.csv");
    program_result r =
        program_run("compare-methods %s/gap-a.csv %s/gap-b.csv --json -o %s/out.csv", folder, folder, folder);
    const json_t *got = comparison(r.json, "a", "b");
    check(got, "n", json_object_get(want, "pairs"), 0);
    check(got, "n_dropped", json_object_get(want, "pairs_left_out"), 0);
    check(got, "difference", json_object_get(json_object_get(want, "difference"), "mean"), 1e-9);
    check(got, "p", json_object_get(json_object_get(want, "wilcoxon"), "p"), 1e-12);
    char *csv = med_path_join(folder, "out.csv");
    assert_true(med_path_exists(csv));
    free(csv);
    program_free(&r);
}

static void unpaired_cases_are_listed(void **state) {
    (void)state;
    put("p.csv", "case,class,method,group,metric,value\nx,1,p,,dice,0.5\ny,1,p,,dice,0.6\n");
    put("q.csv", "case,class,method,group,metric,value\nx,1,q,,dice,0.4\nz,1,q,,dice,0.7\n");
    program_result r = program_run("compare-methods %s/p.csv %s/q.csv", folder, folder);
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(r.out, "y: in p, not in q"));
    assert_non_null(strstr(r.out, "z: in q, not in p"));
    assert_non_null(strstr(r.out, "2 unpaired"));
    program_free(&r);
}

static void bad_tables_are_refused(void **state) {
    (void)state;
    put("twice.csv", "case,class,method,group,metric,value\nx,1,p,,dice,0.5\nx,1,p,,dice,0.6\n");
    put("text.csv", "case,class,method,group,metric,value\nx,1,p,,dice,good\n");
    put("other.csv", "name,value\nx,1\n");
    put("points.csv", "case,pair,method,group,metric,value\nx,us-to-t2,s,,after_mean,2\n");
    assert_program(2, "twice: case x, class 1", "compare-methods %s/twice.csv %s/q.csv", folder, folder);
    assert_program(2, "twice: case x, class 1", "compare-methods %s/p.csv %s/p.csv", folder, folder);
    assert_program(2, "text.csv:2: value is 'good'", "compare-methods %s/text.csv %s/q.csv", folder, folder);
    assert_program(2, "no column modality, class or pair", "compare-methods %s/other.csv %s/q.csv", folder, folder);
    assert_program(2, "judges by pair", "compare-methods %s/p.csv %s/points.csv", folder, folder);
    assert_program(2, "only one method", "compare-methods %s/p.csv", folder);
    assert_program(2, "no method 'r'", "compare-methods %s/p.csv %s/q.csv --reference r", folder, folder);
}

int main(void) {
    fixture = fixture_load("statistics.json");
    if (!fixture) return 77;
    folder = testing_folder();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_methods_match_golden),
        cmocka_unit_test(missing_values_are_counted),
        cmocka_unit_test(unpaired_cases_are_listed),
        cmocka_unit_test(bad_tables_are_refused),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(fixture);
    testing_remove(folder);
    return n_failed;
}
