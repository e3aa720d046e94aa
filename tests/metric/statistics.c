/* statistics.c: every number of shared/golden/metric/statistics.json, and what tests must satisfy by construction. */
#include "metric/fixture.h"
#include "base/file.h"
#include "base/random.h"
#include "image/csv.h"
#include "metric/statistics.h"
#include "metric/summary.h"

enum { MAX_ROWS = 64, MAX_METHODS = 8 };
static const double tolerance = 1e-9, exact_tolerance = 1e-12;
static json_t *fixture;

/* ---- tables -------------------------------------------------------------------------------------------------- */

typedef struct table { /* means over the runs of a case where there is a column "run" */
    int n_rows, n_methods;
    char method[MAX_METHODS][32];
    double value[MAX_METHODS][MAX_ROWS];
} table;

static double cell(const char *text) { return strcmp(text, "n/a") ? strtod(text, NULL) : NAN; }

static table load(const char *name) {
    table t = {0};
    char *file = med_format("statistics/%s.csv", name), *path = fixture_path(file), last[64] = "";
    med_mapping map;
    assert_ok(med_file_map(path, &map));
    med_lines lines = med_csv_open(map.data, map.size);
    med_csv_row head, row;
    assert_ok(med_csv_next(path, &lines, &head));
    int first = med_csv_column(&head, "run") >= 0 ? 2 : 1, n_runs = 0;
    t.n_methods = head.n - first;
    for (int m = 0; m < t.n_methods; m++) snprintf(t.method[m], sizeof t.method[m], "%s", head.field[first + m]);
    while (med_csv_next(path, &lines, &row) == MED_OK && row.text) {
        bool is_new = strcmp(last, row.field[0]) != 0;
        snprintf(last, sizeof last, "%s", row.field[0]);
        n_runs = is_new ? 1 : n_runs + 1;
        t.n_rows += is_new;
        for (int m = 0; m < t.n_methods; m++) {
            double *mean = &t.value[m][t.n_rows - 1], v = cell(row.field[first + m]);
            *mean = is_new ? v : *mean + (v - *mean) / n_runs;
        }
        med_csv_free(&row);
    }
    med_csv_free(&head);
    med_file_unmap(&map);
    free(path);
    free(file);
    return t;
}

static int finite_of(const double *values, int n, double *out) {
    int n_finite = 0;
    for (int i = 0; i < n; i++)
        if (isfinite(values[i])) out[n_finite++] = values[i];
    return n_finite;
}

/* ---- checks -------------------------------------------------------------------------------------------------- */

static void check_summary(med_summary s, const json_t *e) {
    assert_int_equal(s.n, json_integer_value(json_object_get(e, "n")));
    assert_int_equal(s.n_na, json_integer_value(json_object_get(e, "n_na")));
    assert_int_equal(s.n_inf, json_integer_value(json_object_get(e, "n_inf")));
    assert_number(s.mean, json_object_get(e, "mean"), tolerance, "mean");
    assert_number(s.sd, json_object_get(e, "sd"), tolerance, "sd");
    assert_number(s.median, json_object_get(e, "median"), tolerance, "median");
    assert_number(s.q25, json_object_get(e, "q25"), tolerance, "q25");
    assert_number(s.q75, json_object_get(e, "q75"), tolerance, "q75");
    assert_number(s.min, json_object_get(e, "min"), tolerance, "min");
    assert_number(s.max, json_object_get(e, "max"), tolerance, "max");
    assert_number(s.q75 - s.q25, json_object_get(e, "iqr"), tolerance, "iqr");
}

static void check_limit(double got, const json_t *e, const char *what) {
    double low = json_number_value(json_object_get(e, "low")), high = json_number_value(json_object_get(e, "high"));
    if (!(got >= low && got <= high)) fail_msg("%s: %.12g, expected within [%.12g, %.12g]", what, got, low, high);
}

/* Several seeds: any run must fall into the fixture's bounds. */
static void check_bootstrap(const double *values, int n, const json_t *e) {
    if (!e) return;
    for (uint64_t seed = 0; seed < 4; seed++)
        for (int is_bca = 0; is_bca < 2; is_bca++) {
            med_interval i = med_bootstrap_mean(values, n, seed, is_bca);
            if (json_is_null(e)) {
                assert_true(isnan(i.low) && isnan(i.high));
                continue;
            }
            const json_t *limits = json_object_get(e, is_bca ? "bca" : "percentile");
            check_limit(i.low, json_object_get(limits, "lower"), "lower limit");
            check_limit(i.high, json_object_get(limits, "upper"), "upper limit");
            if (is_bca)
                assert_number(med_jackknife_acceleration(values, n), json_object_get(limits, "acceleration"), tolerance,
                              "acceleration");
        }
}

static void check_wilcoxon(const double *d, int n, const json_t *e) {
    med_wilcoxon w = med_wilcoxon_test(d, n, &(med_wilcoxon_options){0});
    med_wilcoxon corrected = med_wilcoxon_test(d, n, &(med_wilcoxon_options){.is_corrected = true});
    assert_int_equal(w.n_pairs, json_integer_value(json_object_get(e, "pairs")));
    assert_int_equal(w.n_zeros, json_integer_value(json_object_get(e, "zeros")));
    assert_int_equal(w.n, json_integer_value(json_object_get(e, "n")));
    assert_int_equal(w.has_ties, json_is_true(json_object_get(e, "ties")));
    assert_int_equal(w.is_too_few, json_is_true(json_object_get(e, "too_few")));
    assert_int_equal(w.is_exact, !strcmp(json_string_value(json_object_get(e, "method")), "exact"));
    assert_number(w.w_plus, json_object_get(e, "w_plus"), exact_tolerance, "W+");
    assert_number(w.w_minus, json_object_get(e, "w_minus"), exact_tolerance, "W-");
    assert_number(w.w, json_object_get(e, "W"), exact_tolerance, "W");
    assert_number(w.p_exact, json_object_get(e, "p_exact"), exact_tolerance, "p exact");
    assert_number(w.p_normal, json_object_get(e, "p_normal"), tolerance, "p normal");
    assert_number(corrected.p_normal, json_object_get(e, "p_normal_corrected"), tolerance, "p corrected");
    assert_number(w.p, json_object_get(e, "p"), w.is_exact ? exact_tolerance : tolerance, "p");
    const json_t *pratt = json_object_get(e, "pratt");
    med_wilcoxon p = med_wilcoxon_test(d, n, &(med_wilcoxon_options){.is_pratt = true});
    corrected = med_wilcoxon_test(d, n, &(med_wilcoxon_options){.is_pratt = true, .is_corrected = true});
    assert_number(p.w, json_object_get(pratt, "W"), exact_tolerance, "W by Pratt");
    assert_number(p.p_normal, json_object_get(pratt, "p_normal"), tolerance, "p by Pratt");
    assert_number(corrected.p_normal, json_object_get(pratt, "p_normal_corrected"), tolerance, "p by Pratt, corrected");
}

static void check_difference(const table *t, int a, int b, const json_t *e) {
    double d[MAX_ROWS];
    int n = 0;
    for (int i = 0; i < t->n_rows; i++)
        if (isfinite(t->value[a][i]) && isfinite(t->value[b][i])) d[n++] = t->value[a][i] - t->value[b][i];
    assert_int_equal(n, json_integer_value(json_object_get(e, "pairs")));
    assert_int_equal(t->n_rows - n, json_integer_value(json_object_get(e, "pairs_left_out")));
    check_summary(med_summarise(d, n), json_object_get(e, "difference"));
    check_wilcoxon(d, n, json_object_get(e, "wilcoxon"));
    assert_number(med_rank_biserial(d, n), json_object_get(e, "rank_correlation"), tolerance, "rank correlation");
    assert_number(med_hodges_lehmann(d, n), json_object_get(e, "hodges_lehmann"), tolerance, "Hodges-Lehmann");
    check_bootstrap(d, n, json_object_get(e, "bootstrap_mean_difference"));
}

static void check_table(const char *name) {
    table t = load(name);
    const json_t *e = json_object_get(json_object_get(fixture, "tables"), name);
    double finite[MAX_ROWS];
    for (int m = 0; m < t.n_methods; m++) {
        const json_t *method = json_object_get(json_object_get(e, "methods"), t.method[m]);
        check_summary(med_summarise(t.value[m], t.n_rows), method);
        check_bootstrap(finite, finite_of(t.value[m], t.n_rows, finite), json_object_get(method, "bootstrap_mean"));
        for (int b = m + 1; b < t.n_methods; b++) {
            char *key = med_format("%s_minus_%s", t.method[m], t.method[b]);
            const json_t *difference = json_object_get(e, key);
            if (difference) check_difference(&t, m, b, difference);
            free(key);
        }
    }
}

static void tables_match_golden(void **state) {
    (void)state;
    const char *const names[] = {"two", "ties", "many", "few5", "few4", "gaps", "three", "three_ties", "runs"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_table(names[i]);
}

static void check_holm(const json_t *e) {
    double p[8], adjusted[8];
    int n = (int)json_array_size(json_object_get(e, "p"));
    for (int i = 0; i < n; i++) p[i] = json_number_value(json_array_get(json_object_get(e, "p"), (size_t)i));
    med_holm(p, n, adjusted);
    for (int i = 0; i < n; i++)
        assert_number(adjusted[i], json_array_get(json_object_get(e, "p_adjusted"), (size_t)i), exact_tolerance,
                      "Holm");
}

static void families_match_golden(void **state) {
    (void)state;
    check_holm(json_object_get(fixture, "holm_list"));
    check_holm(json_object_get(json_object_get(json_object_get(fixture, "tables"), "three"), "holm"));
    double p[3] = {0.02, NAN, 0.03}, adjusted[3]; /* an absent test is not part of the family */
    med_holm(p, 3, adjusted);
    assert_true(adjusted[0] == 0.04 && isnan(adjusted[1]) && adjusted[2] == 0.04);
}

static void friedman_matches_golden(void **state) {
    (void)state;
    const char *const names[] = {"three", "three_ties"};
    for (int i = 0; i < 2; i++) {
        table t = load(names[i]);
        const json_t *e = json_object_get(json_object_get(json_object_get(fixture, "tables"), names[i]), "friedman");
        double values[MAX_ROWS * MAX_METHODS], mean_rank[MAX_METHODS];
        for (int r = 0; r < t.n_rows; r++)
            for (int m = 0; m < t.n_methods; m++) values[r * t.n_methods + m] = t.value[m][r];
        med_friedman f = med_friedman_test(values, t.n_rows, t.n_methods, mean_rank);
        assert_number(f.chi2, json_object_get(e, "chi2"), tolerance, "chi2");
        assert_number(f.p, json_object_get(e, "p"), tolerance, "p");
        assert_int_equal(f.df, json_integer_value(json_object_get(e, "df")));
        for (int m = 0; m < t.n_methods; m++)
            assert_number(mean_rank[m], json_array_get(json_object_get(e, "mean_ranks"), (size_t)m), tolerance, "rank");
    }
}

static void proxy_matches_golden(void **state) {
    (void)state;
    table t = load("proxy");
    const json_t *e = json_object_get(json_object_get(fixture, "tables"), "proxy");
    for (int m = 0; m < 3; m++)
        assert_number(med_spearman(t.value[m], t.value[3], t.n_rows),
                      json_object_get(json_object_get(e, t.method[m]), "spearman"), tolerance, t.method[m]);
}

/* ---- by construction ----------------------------------------------------------------------------------------- */

static void exact_distribution_is_one_and_matches_enumeration(void **state) {
    (void)state;
    for (int n = 1; n <= 20; n++) assert_true(med_wilcoxon_cdf(n, n * (n + 1) / 2) == 1);
    for (int n = 1; n <= 10; n++)
        for (int w = 0; w <= n * (n + 1) / 2; w++) {
            int n_below = 0;
            for (int signs = 0; signs < 1 << n; signs++) {
                int sum = 0;
                for (int r = 0; r < n; r++) sum += signs >> r & 1 ? r + 1 : 0;
                n_below += sum <= w;
            }
            assert_true(med_wilcoxon_cdf(n, w) == (double)n_below / (1 << n));
        }
}

/* Of 500 intervals on normal data, 92 to 97 % must hold the true mean: percentile intervals at n = 30 are a little narrow. */
static void bootstrap_covers(void **state) {
    (void)state;
    int n_covered = 0;
    float normal[30];
    double values[30];
    for (uint64_t step = 0; step < 500; step++) {
        med_normal_fill(normal, 30, (med_rng_key){1, med_site_of("test/coverage"), step});
        for (int i = 0; i < 30; i++) values[i] = normal[i];
        med_interval interval = med_bootstrap_mean(values, 30, step, false);
        n_covered += interval.low <= 0 && interval.high >= 0;
    }
    if (n_covered < 460 || n_covered > 485) fail_msg("%d of 500 intervals hold the mean", n_covered);
}

static void decimal_ties_are_ties(void **state) {
    (void)state;
    const double d[6] = {0.3 - 0.2, 0.1, -(0.8 - 0.7), 0.4, -0.5, 0.6}; /* three times 0.1 but for rounding */
    med_wilcoxon w = med_wilcoxon_test(d, 6, &(med_wilcoxon_options){0});
    assert_true(w.has_ties && !w.is_exact);
    assert_true(w.w_plus == 2 + 2 + 4 + 6 && w.w_minus == 2 + 5);
}

static void nothing_to_test(void **state) {
    (void)state;
    const double zeros[6] = {0};
    med_wilcoxon w = med_wilcoxon_test(zeros, 6, &(med_wilcoxon_options){0});
    assert_true(w.n == 0 && isnan(w.p) && w.is_too_few);
    assert_true(isnan(med_rank_biserial(zeros, 6)) && med_hodges_lehmann(zeros, 6) == 0);
    assert_true(isnan(med_hodges_lehmann(zeros, 0)) && isnan(med_pearson(zeros, zeros, 6)));
    w = med_wilcoxon_test(zeros, 6, &(med_wilcoxon_options){.is_pratt = true});
    assert_true(isnan(w.p));
}

/* Quantiles from tables, to all printed digits. */
static void distributions(void **state) {
    (void)state;
    assert_true(fabs(med_normal_quantile(0.975) - 1.959963984540054) < 1e-14);
    assert_true(fabs(med_normal_quantile(1e-10) + 6.361340902404056) < 1e-12);
    assert_true(fabs(med_chi2_survival(3.841458820694124, 1) - 0.05) < 1e-14);
    assert_true(fabs(med_chi2_survival(18.307038053275146, 10) - 0.05) < 1e-14);
    assert_true(med_chi2_survival(0, 3) == 1);
}

int main(void) {
    fixture = fixture_load("statistics.json");
    if (!fixture) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_match_golden),
        cmocka_unit_test(families_match_golden),
        cmocka_unit_test(friedman_matches_golden),
        cmocka_unit_test(proxy_matches_golden),
        cmocka_unit_test(exact_distribution_is_one_and_matches_enumeration),
        cmocka_unit_test(bootstrap_covers),
        cmocka_unit_test(decimal_ties_are_ties),
        cmocka_unit_test(nothing_to_test),
        cmocka_unit_test(distributions),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(fixture);
    return n_failed;
}
