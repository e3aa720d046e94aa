/* medley evaluate, what holds for all that it judges: threads change nothing, files without a size are refused, formulas are told. */
#include "scores.h"

/* The whole report, and every row of the tables. */
static void check_threads(const char *words) {
    program_result one = program_run("%s --quiet --json --threads 1 -o %s/one", words, folder),
                   three = program_run("%s --quiet --json --threads 3 -o %s/three", words, folder);
    assert_int_equal(one.exit_code, 0);
    for (int i = 0; i < 2; i++) {
        json_object_del((i ? three : one).json, "command");
        json_object_del((i ? three : one).json, "out");
    }
    assert_true(json_equal(one.json, three.json));
    char *command =
        med_format("diff -r -x summary.json %s/one %s/three && rm -r %s/one %s/three", folder, folder, folder, folder);
    assert_int_equal(system(command), 0);
    free(command);
    program_free(&three);
    program_free(&one);
}

static void threads_change_no_digit(void **state) {
    (void)state;
    char *images =
        med_format("evaluate images %s/images/pred %s/images/ref --range=-1,1 --preset strict,mmhvae,texture "
                   "--ssim 3d --draws %s/images/pred --draws %s/images/ref",
                   golden, golden, golden, golden);
    char *masks = med_format("evaluate segmentation %s/overlap/pred %s/overlap/ref --nsd 1,2", golden, golden);
    check_threads(images);
    check_threads(masks);
    free(masks);
    free(images);
}

/* A NIfTI-1 file without a matrix, so that pixdim alone gives the spacing. */
static void save_with_spacing(const char *name, float spacing) {
    med_volume *v = volume_of(9, 9, 4, 1, ones);
    char *path = at_new(name);
    assert_ok(med_volume_save(v, path, MED_VOXEL_U8));
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    enum { AT_PIXDIM_2 = 76 + 2 * 4, AT_FORM_CODES = 252 };
    const char no_codes[4] = {0};
    fseek(file, AT_PIXDIM_2, SEEK_SET);
    fwrite(&spacing, sizeof spacing, 1, file);
    fseek(file, AT_FORM_CODES, SEEK_SET);
    fwrite(no_codes, sizeof no_codes, 1, file);
    assert_int_equal(fclose(file), 0);
    free(path);
    med_volume_free(v);
}

static void a_spacing_of_nothing_is_refused(void **state) {
    (void)state;
    save("a/x-t2.nii.gz", 20, 20, 4, 0, ramp);
    save("m/x-label.nii.gz", 9, 9, 4, 0, ones);
    static const float spacings[] = {0, -1.5f, NAN};
    for (size_t i = 0; i < sizeof spacings / sizeof *spacings; i++) {
        save_with_spacing("flat/x-label.nii", spacings[i]);
        save_with_spacing("flat-image/x-t2.nii", spacings[i]);
        assert_program(2, "pixdim[2]", "evaluate segmentation %s/flat %s/m", folder, folder);
        assert_program(2, "greater than 0", "evaluate segmentation %s/m %s/flat", folder, folder);
        assert_program(2, "pixdim[2]", "evaluate images %s/flat-image %s/a", folder, folder);
    }
    save_with_spacing("flat/x-label.nii", 1);
    assert_program(0, "", "evaluate segmentation %s/flat %s/flat", folder, folder);
}

/* Every metric that a table can hold has its line. */
static void explained(const char *text, const char *table) {
    med_score_table *t = read_cases(table);
    for (int i = 0; i < t->n; i++) {
        const char *metric = t->row[i].metric;
        int n = (int)strlen(metric);
        for (int s = 0; s < 2; s++) /* "after_mean" is told as "after" and "_mean" */
            if (!strncmp(metric, s ? "before_" : "after_", s ? 7 : 6)) n = s ? 6 : 5;
        char *line = strncmp(metric, "nsd_", 4) ? med_format("\n  %.*s ", n, metric) : med_strdup("\n  nsd_<tau>mm ");
        if (!strstr(text, line)) fail_msg("no formula of %s", metric);
        free(line);
    }
    med_score_table_free(t);
}

static void formulas_are_told(void **state) {
    (void)state;
    program_result r = program_run("evaluate --explain");
    static const char *const words[] = {"Wilcoxon", "Holm", "Spearman", "Friedman", "BCa", "C1 = (0.01 R)^2"};
    assert_int_equal(r.exit_code, 0);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strstr(r.out, words[i])) fail_msg("no '%s'", words[i]);
    save("a/x-t2.nii.gz", 20, 20, 4, 0, ramp);
    save("b/x-t2.nii.gz", 20, 20, 4, 0, bright);
    assert_program(0, "", "evaluate images %s/a %s/b --preset strict,mmhvae,texture --ssim 3d --draws %s/a --draws %s/b -o %s/all", folder, folder, folder, folder, folder);
    assert_program(0, "", "evaluate segmentation %s/overlap/pred %s/overlap/ref --nsd 1,2 -o %s/masks", golden, golden, folder);
    assert_program(0, "", "evaluate registration %s/landmarks/pred %s/landmarks/ref -o %s/points", golden, golden, folder);
    static const char *const tables[] = {"all", "masks", "points"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) explained(r.out, tables[i]);
    program_free(&r);
}

int main(void) {
    if (!scores_begin()) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_no_digit),
        cmocka_unit_test(a_spacing_of_nothing_is_refused),
        cmocka_unit_test(formulas_are_told),
    };
    return scores_end(cmocka_run_group_tests(tests, NULL, NULL));
}
