/* medley evaluate registration on shared/golden/metric, file to file: every number of the case files, and the summaries. */
#include "scores.h"

static void check_points(const med_score_table *t, const char *name, const json_t *e) {
    static const char *const sides[] = {"before", "after", "rigid_fit"};
    const char *key;
    json_t *value;
    char *pair = NULL;
    for (int i = 0; i < t->n && !pair; i++)
        if (!strcmp(t->row[i].case_name, name)) pair = med_strdup(t->row[i].facet);
    for (int s = 0; s < 3; s++)
        json_object_foreach (json_object_get(e, sides[s]), key, value) {
            char *metric = strcmp(key, "n") ? med_format("%s_%s", sides[s], key) : med_strdup("n");
            assert_number(row_of(t, name, pair, "", metric)->value, value, 1e-9, metric);
            free(metric);
        }
    free(pair);
}

/* Every landmark as "case,label,before,after". */
static void check_landmarks(const char *text, const char *name, const json_t *list) {
    size_t i;
    json_t *e;
    json_array_foreach ((json_t *)list, i, e) {
        const char *label = json_string_value(json_object_get(e, "label"));
        char *start =
            strchr(label, ',') ? med_format("\n%s,\"%s\",", name, label) : med_format("\n%s,%s,", name, label);
        const char *line = strstr(text, start);
        double before = 0, after = 0;
        if (!line || sscanf(line + strlen(start), "%lf,%lf", &before, &after) != 2) fail_msg("no line %s", start);
        assert_number(before, json_object_get(e, "before"), 1e-9, label);
        assert_number(after, json_object_get(e, "after"), 1e-9, label);
        free(start);
    }
}

static void check_registration(const char *pred, const char *out) {
    json_t *e = fixture_load("landmarks.json"), *one;
    const char *name;
    program_result r =
        program_run("evaluate registration %s %s/landmarks/ref --json -o %s/%s", pred, golden, folder, out);
    if (r.exit_code) fail_msg("exit %d: %s", r.exit_code, r.err);
    med_score_table *t = read_cases(out);
    char *rows = med_format("%s/%s/per_landmark.csv", folder, out);
    med_mapping map;
    assert_ok(med_file_map(rows, &map));
    char *text = med_format("%.*s", (int)map.size, (const char *)map.data);
    json_object_foreach (json_object_get(e, "cases"), name, one) {
        check_points(t, name, one);
        check_landmarks(text, name, json_object_get(one, "landmarks"));
    }
    const json_t *over = json_object_get(r.json, "over_cases"), *want = json_object_get(e, "over_cases");
    const json_t *w = json_object_get(over, "wilcoxon_before_minus_after");
    const json_t *want_w = json_object_get(want, "wilcoxon_before_minus_after");
    assert_number(number(over, "share_below_4mm"), json_object_get(want, "share_of_cases_after_below_4mm"), 1e-12,
                  "share");
    assert_number(number(w, "W"), json_object_get(want_w, "W"), 1e-12, "W");
    assert_number(number(w, "p"), json_object_get(want_w, "p_exact"), 1e-12, "p");
    free(text);
    med_file_unmap(&map);
    free(rows);
    med_score_table_free(t);
    program_free(&r);
    json_decref(e);
}

static void registration_matches_golden(void **state) {
    (void)state;
    char *pred = med_format("%s/landmarks/pred", golden), *tfm = at("tfm"), command[1024];
    check_registration(pred, "points");
    snprintf(command, sizeof command, "mkdir '%s' && find '%s' -name '*.tfm' -exec cp {} '%s' \\;", tfm, pred, tfm);
    assert_int_equal(system(command), 0);
    check_registration(tfm, "points-tfm"); /* the same maps in ITK's file and world */
    free(tfm);
    free(pred);
}

static void strict_wants_every_case(void **state) {
    (void)state;
    assert_program(2, "in one place only", "evaluate registration %s/landmarks/pred/l01 %s/landmarks/ref --strict",
                   golden, golden);
}

int main(void) {
    if (!scores_begin()) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registration_matches_golden),
        cmocka_unit_test(strict_wants_every_case),
    };
    return scores_end(cmocka_run_group_tests(tests, NULL, NULL));
}
