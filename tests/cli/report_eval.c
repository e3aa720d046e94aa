/* medley report on folders of medley evaluate: the page holds what it promises, and needs nothing from elsewhere. */
#include "base/file.h"
#include "metric/fixture.h"
#include "program.h"

static const char *folder;
static char *golden;

static void evaluate(const char *words, const char *out) {
    program_result r = program_run("%s -o %s/%s", words, folder, out);
    if (r.exit_code) fail_msg("medley %s: exit %d: %s", words, r.exit_code, r.err);
    program_free(&r);
}

static char *slurp(const char *name) {
    char *path = med_format("%s/%s", folder, name);
    med_mapping map;
    assert_ok(med_file_map(path, &map));
    char *text = strndup((const char *)map.data, map.size);
    med_file_unmap(&map);
    free(path);
    return text;
}

/* The page of these folders, which must hold all the words. */
static void check_page(const char *folders, const char *const *words, int n_words) {
    program_result r =
        program_run("report %s -o %s/page.html --latex %s/t.tex --csv %s/t.csv", folders, folder, folder, folder);
    if (r.exit_code) fail_msg("report: exit %d: %s", r.exit_code, r.err);
    assert_non_null(strstr(r.out, "mean"));
    program_free(&r);
    char *page = slurp("page.html");
    for (int w = 0; w < n_words; w++)
        if (!strstr(page, words[w])) fail_msg("no '%s' in the page of %s", words[w], folders);
    static const char *const outside[] = {"http:", "https:", "<script", "@import", "url("};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) assert_null(strstr(page, outside[i]));
    free(page);
}

static void images(void **state) {
    (void)state;
    char *words =
        med_format("evaluate images %s/images/pred %s/images/ref --range=-1,1 --preset strict,mmhvae --given t2 "
                   "--method ours",
                   golden, golden);
    char *path = med_format("%s/images", folder);
    evaluate(words, "images");
    static const char *const wanted[] = {"Synthetic images beside true ones",
                                         "class=\"heat\"",
                                         "class=\"box\"",
                                         "Worst case of 3",
                                         "Median case of 3",
                                         "Best case of 3",
                                         "Judged by",
                                         "SHA-256",
                                         "percentile, 10000 draws",
                                         "SSIM of rows (mmhvae)",
                                         "This page by",
                                         "us from t2, ours"};
    check_page(path, wanted, (int)(sizeof wanted / sizeof *wanted));
    char *latex = slurp("t.tex"), *csv = slurp("t.csv");
    assert_non_null(strstr(latex, "\\begin{tabular}"));
    assert_non_null(strstr(latex, "$\\pm$"));
    assert_non_null(strstr(csv, "modality,given,method,group,preset,metric,n,"));
    assert_non_null(strstr(csv, "\nus,t2,ours,,strict,psnr,3,"));
    free(csv);
    free(latex);
    free(path);
    free(words);
}

static void masks_and_registrations(void **state) {
    (void)state;
    char *masks = med_format("evaluate segmentation %s/overlap/pred %s/overlap/ref", golden, golden);
    char *points = med_format("evaluate registration %s/landmarks/pred %s/landmarks/ref", golden, golden);
    char *in_masks = med_format("%s/masks", folder), *in_points = med_format("%s/points", folder);
    evaluate(masks, "masks");
    evaluate(points, "points");
    static const char *const of_masks[] = {"Masks beside true ones", "HD95, mm", "Bland-Altman", "class=\"box\"",
                                          "Worst case of 4", "true, not predicted", "class 4", "errors, axial plane"};
    static const char *const of_points[] = {"Registrations by landmarks", "TRE after, mm", "class=\"pair\""};
    check_page(in_masks, of_masks, (int)(sizeof of_masks / sizeof *of_masks));
    check_page(in_points, of_points, 3);
    assert_program(2, "judges by pair", "report %s %s -o %s/both.html", in_masks, in_points,
                   folder); /* two kinds in one page */
    free(in_points);
    free(in_masks);
    free(points);
    free(masks);
}

static void methods_beside_each_other(void **state) {
    (void)state;
    char *words =
        med_format("evaluate images %s/images/pred %s/images/ref --range=-1,1 --method theirs", golden, golden);
    char *plain =
        med_format("evaluate images %s/images/ref %s/images/ref --range=-1,1 --method copies", golden, golden);
    char *both = med_format("%s/theirs %s/copies", folder, folder);
    evaluate(words, "theirs");
    evaluate(plain, "copies");
    static const char *const wanted[] = {"Methods beside each other", "Wilcoxon", "a copy, not a synthesis",
                                         "(reconstruction)"};
    check_page(both, wanted, 4);
    free(both);
    free(plain);
    free(words);
}

static void put(const char *name, const char *text) {
    char *path = med_path_join(folder, name);
    assert_ok(med_file_write(path, text, strlen(text)));
    free(path);
}

/* PSNR ranks the models as Dice does, L1 (lower is better) the other way round. */
static void scores_that_follow_the_task(void **state) {
    (void)state;
    put("i.csv", "case,modality,given,method,preset,metric,value,seen_in_training\n"
                 "x,t2,us,a,strict,psnr,20,no\nx,t2,us,b,strict,psnr,22,no\nx,t2,us,c,strict,psnr,21,no\n"
                 "y,t2,us,a,strict,psnr,99,yes\nx,t2,us,d,strict,psnr,30,no\n"
                 "x,t2,us,a,strict,l1,0.3,no\nx,t2,us,b,strict,l1,0.1,no\nx,t2,us,c,strict,l1,0.2,no\n");
    put("s.csv", "case,class,method,metric,value\nx,mean,a,dice,0.5\nx,mean,b,dice,0.9\nx,mean,c,dice,0.8\n"
                 "x,1,c,dice,0.1\n");
    program_result r = program_run("report proxy %s/i.csv %s/s.csv --json", folder, folder);
    if (r.exit_code) fail_msg("exit %d: %s", r.exit_code, r.err);
    const json_t *list = json_object_get(r.json, "correlations");
    assert_int_equal(json_array_size(list), 2);
    assert_true(json_number_value(json_object_get(json_array_get(list, 0), "spearman")) == 1);
    assert_true(json_number_value(json_object_get(json_array_get(list, 1), "spearman")) == -1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(r.json, "unpaired"), 0)), "d");
    program_free(&r);
    assert_program(2, "needs both", "report proxy %s/i.csv", folder);
    assert_program(2, "2 models are in both", "report proxy %s/i.csv %s/two.csv", folder,
                   (put("two.csv", "case,class,method,metric,value\nx,mean,a,dice,0.5\nx,mean,b,dice,0.9\n"), folder));
}

static void unusable_output_is_found_first(void **state) {
    (void)state;
    assert_program(2, "/proc/page.html", "report %s/images -o /proc/page.html", folder);
    assert_program(2, "no per_case.csv", "report %s/images %s -o %s/page.html", folder, folder, folder);
    program_result r = program_run("report %s/images -o %s/page.html --quiet", folder, folder);
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(r.out, "strict psnr")); /* the table is the result, not a log line */
    program_free(&r);
}

int main(void) {
    json_t *there = fixture_load("images.json");
    if (!there) return 77;
    json_decref(there);
    golden = fixture_path("");
    golden[strlen(golden) - 1] = '\0';
    folder = testing_folder();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images),
        cmocka_unit_test(masks_and_registrations),
        cmocka_unit_test(methods_beside_each_other),
        cmocka_unit_test(scores_that_follow_the_task),
        cmocka_unit_test(unusable_output_is_found_first),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    free(golden);
    return n_failed;
}
