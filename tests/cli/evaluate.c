/* medley evaluate on shared/golden/metric, file to file: every number of the case files, the summaries, and every row of
 * "bad input". */
#include "metric/fixture.h"
#include "base/file.h"
#include "image/volume.h"
#include "program.h"
#include "task/score_table.h"

static const char *folder;
static char *golden;

static char *at(const char *name) { return med_path_join(folder, name); }

static void run_ok(const char *words) {
    program_result r = program_run("%s", words);
    if (r.exit_code != 0) fail_msg("medley %s: exit %d: %s", words, r.exit_code, r.err);
    program_free(&r);
}

static med_score_table *read_cases(const char *name) {
    med_score_table *t = med_score_table_create(MED_SCORE_IMAGES);
    char *path = med_format("%s/%s/per_case.csv", folder, name);
    assert_ok(med_score_table_load(t, path, NULL));
    free(path);
    return t;
}

static const med_score *row_of(const med_score_table *t, const char *name, const char *facet, const char *preset,
                               const char *metric) {
    for (int i = 0; i < t->n; i++)
        if (!strcmp(t->row[i].case_name, name) && !strcmp(t->row[i].facet, facet) &&
            !strcmp(t->row[i].preset, preset) && !strcmp(t->row[i].metric, metric))
            return &t->row[i];
    fail_msg("no row %s %s %s %s", name, facet, preset, metric);
    return NULL;
}

static const json_t *cell_of(const json_t *report, const char *facet_name, const char *facet, const char *preset,
                             const char *metric, const char *group) {
    size_t i;
    json_t *cell;
    json_array_foreach (json_object_get(report, "cells"), i, cell) {
        const char *p = json_string_value(json_object_get(cell, "preset"));
        const char *g = json_string_value(json_object_get(cell, "group"));
        if (!strcmp(json_string_value(json_object_get(cell, facet_name)), facet) && !strcmp(p ? p : "", preset) &&
            !strcmp(json_string_value(json_object_get(cell, "metric")), metric) && !strcmp(g ? g : "", group))
            return cell;
    }
    fail_msg("no cell %s %s %s", facet, preset, metric);
    return NULL;
}

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Summaries that the fixture has of one cell. */
static void check_cell(const json_t *cell, const json_t *e, double tolerance, const char *what) {
    static const char *const keys[] = {"mean", "sd", "median", "q25", "q75", "min", "max"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (json_object_get(e, keys[k]))
            assert_number(number(cell, keys[k]), json_object_get(e, keys[k]), tolerance, what);
    assert_int_equal(json_integer_value(json_object_get(cell, "n")), json_integer_value(json_object_get(e, "n")));
    if (json_object_get(e, "n_na"))
        assert_int_equal(json_integer_value(json_object_get(cell, "n_na")),
                         json_integer_value(json_object_get(e, "n_na")));
}

/* ---- images -------------------------------------------------------------------------------------------------- */

static int count_of(const json_t *object, const char *metric, const char *suffix) {
    char *key = med_format("%s_%s", metric, suffix);
    int n = (int)json_integer_value(json_object_get(object, key));
    free(key);
    return n;
}

static void check_image_case(const med_score_table *t, const char *name, const char *mod, const json_t *mean) {
    const char *preset, *metric;
    json_t *numbers, *e;
    json_object_foreach ((json_t *)mean, preset, numbers)
        json_object_foreach (numbers, metric, e) {
            size_t n = strlen(metric);
            bool is_count = !strcmp(metric, "slices") || (n > 4 && !strcmp(metric + n - 4, "_inf")) ||
                            (n > 3 && !strcmp(metric + n - 3, "_na"));
            if (is_count) continue;
            const med_score *row = row_of(t, name, mod, preset, metric);
            assert_number(row->value, e, 1e-9, metric);
            assert_int_equal(row->n_slices, json_integer_value(json_object_get(numbers, "slices")));
            assert_int_equal(row->n_inf, count_of(numbers, metric, "inf"));
            assert_int_equal(row->n_na, count_of(numbers, metric, "na"));
        }
}

static void check_cells(const json_t *report, const json_t *expected) {
    const char *mod, *preset, *metric;
    json_t *presets, *metrics, *e;
    json_object_foreach ((json_t *)expected, mod, presets)
        json_object_foreach (presets, preset, metrics)
            json_object_foreach (metrics, metric, e)
                check_cell(cell_of(report, "modality", mod, preset, metric, ""), e, 1e-9, metric);
}

static void images_match_golden(void **state) {
    (void)state;
    json_t *e = fixture_load("images.json"), *mods, *mean;
    const char *name, *mod;
    program_result r = program_run("evaluate images %s/images/pred %s/images/ref --range=-1,1 --preset strict,mmhvae "
                                   "--json -o %s/images",
                                   golden, golden, folder);
    if (r.exit_code) fail_msg("exit %d: %s", r.exit_code, r.err);
    med_score_table *t = read_cases("images");
    json_object_foreach (json_object_get(e, "cases"), name, mods)
        json_object_foreach (mods, mod, mean) check_image_case(t, name, mod, json_object_get(mean, "mean"));
    check_cells(r.json, json_object_get(e, "over_cases"));
    med_score_table_free(t);
    program_free(&r);
    r = program_run(
        "evaluate images %s/images/pred %s/images/ref --range=-1,1 --preset strict,mmhvae --aggregate slices "
        "--json",
        golden, golden);
    check_cells(r.json, json_object_get(e, "pooled_slices"));
    program_free(&r);
    json_decref(e);
}

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

/* ---- segmentation -------------------------------------------------------------------------------------------- */

static void check_numbers(const med_score_table *t, const char *name, const char *facet, const json_t *numbers,
                          double tolerance) {
    const char *metric;
    json_t *e;
    json_object_foreach ((json_t *)numbers, metric, e)
        assert_number(row_of(t, name, facet, "", metric)->value, e, tolerance, metric);
}

static void segmentation_matches_golden(void **state) {
    (void)state;
    json_t *e = fixture_load("overlap.json"), *one, *numbers;
    const char *name, *label, *metric;
    program_result r = program_run("evaluate segmentation %s/overlap/pred %s/overlap/ref --nsd 1,2 --json -o %s/masks",
                                   golden, golden, folder);
    if (r.exit_code) fail_msg("exit %d: %s", r.exit_code, r.err);
    med_score_table *t = read_cases("masks");
    json_object_foreach (json_object_get(e, "cases"), name, one) {
        double tolerance = strcmp(name, "s03") ? 1e-9 : 1e-6;
        json_object_foreach (json_object_get(one, "classes"), label, numbers)
            check_numbers(t, name, label, numbers, tolerance);
        check_numbers(t, name, "mean", json_object_get(one, "mean_over_labels"), tolerance);
    }
    json_object_foreach (json_object_get(e, "over_cases"), label, one)
        json_object_foreach (one, metric, numbers)
            if (strlen(label) == 1) check_cell(cell_of(r.json, "class", label, "", metric, ""), numbers, 1e-6, metric);
    med_score_table_free(t);
    program_free(&r);
    json_object_foreach (json_object_get(e, "dice_mean_over_cases_by_empty_rule"), label, one) {
        r = program_run("evaluate segmentation %s/overlap/pred %s/overlap/ref --empty one --json", golden, golden);
        assert_number(number(cell_of(r.json, "class", label, "", "dice", ""), "mean"), json_object_get(one, "one"),
                      1e-9, "dice, empty is one");
        program_free(&r);
    }
    json_decref(e);
}

static void rules_for_empty_masks(void **state) {
    (void)state;
    program_result r =
        program_run("evaluate segmentation %s/overlap/pred %s/overlap/ref --empty nan --empty-distance 50 --json -o "
                    "%s/filled",
                    golden, golden, folder);
    assert_int_equal(r.exit_code, 0);
    assert_true(json_is_null(json_object_get(cell_of(r.json, "class", "2", "", "dice", ""), "mean")));
    assert_true(number(cell_of(r.json, "class", "4", "", "dice", ""), "mean") > 0);
    med_score_table *t = read_cases("filled");
    assert_true(row_of(t, "s02", "4", "", "hd95")->value == 50 && row_of(t, "s03", "1", "", "assd")->value == 50);
    assert_true(isnan(row_of(t, "s03", "2", "", "assd")->value)); /* both empty: there is nothing to be far from */
    med_score_table_free(t);
    program_free(&r);
}

static void slicewise_counts_empty_slices(void **state) {
    (void)state;
    char *path = at("slices/per_slice.csv");
    char *words = med_format("evaluate segmentation %s/overlap/pred/s04 %s/overlap/ref/s04 --slicewise --labels 1,9 -o "
                             "%s/slices",
                             golden, golden, folder);
    run_ok(words);
    med_mapping map;
    assert_ok(med_file_map(path, &map));
    int n_lines = 0;
    for (size_t i = 0; i < map.size; i++) n_lines += map.data[i] == '\n';
    assert_int_equal(n_lines, 1 + 2 * 2 * 16); /* heading; 2 labels, 2 metrics, 16 slices: absent label 9 has Dice 1 */
    med_file_unmap(&map);
    free(words);
    free(path);
}

/* ---- registration -------------------------------------------------------------------------------------------- */

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

/* ---- groups, methods ----------------------------------------------------------------------------------------- */

static void put(const char *name, const char *text) {
    char *path = at(name);
    assert_ok(med_file_write(path, text, strlen(text)));
    free(path);
}

static void groups_and_methods_reach_the_rows(void **state) {
    (void)state;
    put("groups.csv", "group,case\nglioma,p01\nglioma,p02\n");
    program_result r = program_run("evaluate images %s/images/pred %s/images/ref --range=-1,1 --group %s/groups.csv "
                                   "--method ours --given us,t2 --json -o %s/grouped",
                                   golden, golden, folder, folder);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(number(cell_of(r.json, "modality", "flair", "strict", "l1", ""), "n"), 3);
    assert_int_equal(number(cell_of(r.json, "modality", "flair", "strict", "l1", "glioma"), "n"), 2);
    const json_t *us = cell_of(r.json, "modality", "us", "strict", "l1", "");
    assert_true(json_is_true(json_object_get(us, "is_reconstruction"))); /* us from us+t2 */
    med_score_table *t = read_cases("grouped");
    const med_score *row = row_of(t, "p02", "flair", "strict", "l1");
    assert_string_equal(row->method, "ours");
    assert_string_equal(row->given, "us+t2");
    assert_string_equal(row->group, "glioma");
    assert_string_equal(row_of(t, "p03", "flair", "strict", "l1")->group, "");
    med_score_table_free(t);
    program_free(&r);
    put("twice.csv", "case,group\np01,a\np01,b\n");
    assert_program(2, "case p01 is there twice",
                   "evaluate images %s/images/pred %s/images/ref --range=-1,1 --group "
                   "%s/twice.csv",
                   golden, golden, folder);
}

/* ---- bad input ----------------------------------------------------------------------------------------------- */

static med_volume *volume_of(int n0, int n1, int n2, double spacing, float (*value)(int)) {
    med_grid grid = {{n0, n1, n2}, med_affine_identity()};
    for (int a = 0; a < 3; a++) grid.affine.m[a][a] = spacing;
    med_volume *v;
    assert_ok(med_volume_create(grid, &v));
    for (int i = 0; i < n0 * n1 * n2; i++) v->voxel[i] = value(i);
    return v;
}

static float ramp(int i) { return (float)(i % 17) / 17; }
static float bright(int i) { return 0.1f + (float)(i % 17) / 20; }
static float zero(int i) { return (float)(0 * i); }
static float halves(int i) { return i % 2 ? 0.5f : 1; }
static float ones(int i) { return i % 3 == 0; }

/* The path of a file whose folder is made; owned. */
static char *at_new(const char *name) {
    char *path = at(name), *slash = strrchr(path, '/');
    *slash = '\0';
    assert_ok(med_dir_create(path));
    *slash = '/';
    return path;
}

static void save(const char *name, int n0, int n1, int n2, double shift, float (*value)(int)) {
    med_volume *v = volume_of(n0, n1, n2, 1, value);
    char *path = at_new(name);
    v->grid.affine.m[0][3] = shift;
    assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
    free(path);
    med_volume_free(v);
}

static void bad_images_are_refused(void **state) {
    (void)state;
    save("a/x-t2.nii.gz", 20, 20, 4, 0, ramp);
    save("b/x-t2.nii.gz", 20, 21, 4, 0, ramp);
    save("shifted/x-t2.nii.gz", 20, 20, 4, 0.01, ramp);
    save("small/x-t2.nii.gz", 20, 6, 4, 0, ramp);
    save("empty/x-t2.nii.gz", 20, 20, 4, 0, zero);
    save("two/x-t2.nii.gz", 20, 20, 4, 0, ramp);
    save("two/y-t2.nii.gz", 20, 20, 4, 0, ramp);
    assert_program(2, "20 x 20 x 4 voxels, reference 20 x 21 x 4", "evaluate images %s/a %s/b", folder, folder);
    assert_program(2, "0.001 mm", "evaluate images %s/a %s/shifted", folder, folder);
    assert_program(0, "", "evaluate images %s/a %s/shifted --ignore-affine", folder, folder);
    assert_program(2, "smaller than the 11 x 11 window", "evaluate images %s/small %s/small", folder, folder);
    assert_program(0, "no slice that preset strict counts: n/a", "evaluate images %s/a %s/empty", folder, folder);
    assert_program(0, "only in", "evaluate images %s/two %s/a", folder, folder);
    assert_program(2, "--strict", "evaluate images %s/two %s/a --strict", folder, folder);
    assert_program(2, "no image in common", "evaluate images %s/images/pred %s/a", golden, folder);
    assert_program(2, "not there", "evaluate images %s/a /nowhere", folder);
    assert_program(2, "LO < HI", "evaluate images %s/a %s/a --range 1,0", folder, folder);
    assert_program(2, "none of strict", "evaluate images %s/a %s/a --preset loose", folder, folder);
    assert_program(2, "give --range LO,HI", "evaluate images %s/images/pred %s/images/ref", golden, golden);
    assert_program(0, "a copy, not a synthesis", "evaluate images %s/a %s/a", folder, folder);
    /* Of two, one fails: the other is judged, and the exit code tells. */
    save("mixed/x-t2.nii.gz", 20, 20, 4, 0, ramp);
    save("mixed/y-t2.nii.gz", 20, 21, 4, 0, ramp);
    assert_program(1, "1 of 2 could not be judged", "evaluate images %s/mixed %s/two", folder, folder);
}

/* In a batch a slice below the window costs its own case an n/a, not the others their scores. */
static void small_slices_of_many_are_na(void **state) {
    (void)state;
    save("batch/x-t2.nii.gz", 20, 6, 4, 0, ramp);
    save("batch/y-t2.nii.gz", 20, 20, 4, 0, bright);
    program_result r = program_run("evaluate images %s/batch %s/batch -o %s/batch-scores", folder, folder, folder);
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(r.err, "smaller than SSIM's window of 11: n/a"));
    med_score_table *t = read_cases("batch-scores");
    assert_true(isnan(row_of(t, "x", "t2", "strict", "ssim")->value));
    assert_int_equal(row_of(t, "x", "t2", "strict", "ssim")->n_na, 4);
    assert_true(row_of(t, "x", "t2", "strict", "l1")->value == 0);
    assert_true(fabs(row_of(t, "y", "t2", "strict", "ssim")->value - 1) < 1e-12);
    med_score_table_free(t);
    program_free(&r);
}

static void an_empty_reference_is_na(void **state) {
    (void)state;
    program_result r =
        program_run("evaluate images %s/a %s/empty --preset mmhvae,strict -o %s/empty-scores", folder, folder, folder);
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(r.err, "no slice that preset mmhvae counts: n/a"));
    med_score_table *t = read_cases("empty-scores");
    assert_true(isnan(row_of(t, "x", "t2", "mmhvae", "psnr")->value));
    assert_true(isnan(row_of(t, "x", "t2", "strict", "l1")->value));
    assert_int_equal(row_of(t, "x", "t2", "mmhvae", "psnr")->n_slices, 0);
    med_score_table_free(t);
    program_free(&r);
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

static void not_finite_is_refused(void **state) {
    (void)state;
    med_volume *v = volume_of(20, 20, 4, 1, ramp);
    v->voxel[7] = NAN;
    char *path = at("nan/x-t2.nii.gz"), *dir = at("nan");
    assert_ok(med_dir_create(dir));
    assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
    assert_program(2, "nan/x-t2.nii.gz", "evaluate images %s/nan %s/a", folder, folder);
    assert_program(2, "1 voxel is not finite", "evaluate images %s/a %s/nan", folder, folder);
    v->voxel[9] = -INFINITY;
    assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
    assert_program(2, "2 voxels are not finite", "evaluate images %s/nan %s/a", folder, folder);
    med_volume_free(v);
    free(dir);
    free(path);
}

static void bad_masks_are_refused(void **state) {
    (void)state;
    save("m/x-label.nii.gz", 9, 9, 4, 0, ones);
    save("wide/x-label.nii.gz", 9, 10, 4, 0, ones);
    save("half/x-label.nii.gz", 9, 9, 4, 0, halves);
    save("moved/x-label.nii.gz", 9, 9, 4, 0.4, ones);
    assert_program(2, "9 x 9 x 4 voxels", "evaluate segmentation %s/m %s/wide", folder, folder);
    assert_program(2, "whole numbers", "evaluate segmentation %s/half %s/m", folder, folder);
    assert_program(2, "0.4 mm apart", "evaluate segmentation %s/moved %s/m", folder, folder);
    assert_program(0, "", "evaluate segmentation %s/moved %s/m --ignore-affine", folder, folder);
    assert_program(0, "", "evaluate segmentation %s/wide %s/m --resample-to reference", folder, folder);
    assert_program(2, "--labels", "evaluate segmentation %s/m %s/m --labels none", folder, folder);
    assert_program(2, "--nsd", "evaluate segmentation %s/m %s/m --nsd=-1", folder, folder);
    assert_program(2, "--empty-distance", "evaluate segmentation %s/m %s/m --empty-distance far", folder, folder);
    save("more/x-label.nii.gz", 9, 9, 4, 0, ones);
    save("more/y-label.nii.gz", 9, 9, 4, 0, ones);
    assert_program(0, "only in", "evaluate segmentation %s/more %s/m", folder, folder);
    assert_program(2, "1 in one place only, y", "evaluate segmentation %s/m %s/more --strict", folder, folder);
    assert_program(2, "in one place only", "evaluate registration %s/landmarks/pred/l01 %s/landmarks/ref --strict",
                   golden, golden);
    assert_program(2, "no masks", "evaluate segmentation %s/landmarks/ref %s/m", golden, folder);
}

static void the_field_of_view_limits_masks(void **state) {
    (void)state;
    save("fov/x-fov.nii.gz", 9, 9, 4, 0, zero);
    program_result r =
        program_run("evaluate segmentation %s/m %s/m --fov %s/fov --labels 1 --json", folder, folder, folder);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(number(cell_of(r.json, "class", "1", "", "n_ref", ""), "mean"), 0);
    program_free(&r);
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
    char *draws =
        med_format("evaluate images %s/a %s/two --preset strict,mmhvae,texture --ssim 3d --draws %s/a --draws %s/a "
                   "-o %s/all",
                   folder, folder, folder, folder, folder);
    run_ok(draws);
    explained(r.out, "all");
    explained(r.out, "masks"); /* of the tests above */
    explained(r.out, "points");
    free(draws);
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
        cmocka_unit_test(images_match_golden),
        cmocka_unit_test(threads_change_no_digit),
        cmocka_unit_test(segmentation_matches_golden),
        cmocka_unit_test(rules_for_empty_masks),
        cmocka_unit_test(slicewise_counts_empty_slices),
        cmocka_unit_test(registration_matches_golden),
        cmocka_unit_test(groups_and_methods_reach_the_rows),
        cmocka_unit_test(bad_images_are_refused),
        cmocka_unit_test(small_slices_of_many_are_na),
        cmocka_unit_test(an_empty_reference_is_na),
        cmocka_unit_test(not_finite_is_refused),
        cmocka_unit_test(bad_masks_are_refused),
        cmocka_unit_test(a_spacing_of_nothing_is_refused),
        cmocka_unit_test(the_field_of_view_limits_masks),
        cmocka_unit_test(formulas_are_told),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    free(golden);
    return n_failed;
}
