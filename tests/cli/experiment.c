/* medley experiment: a plan that writes nothing, a run that is killed and resumed, the same tables, refusals. */
#include "base/file.h"
#include "base/memory.h"
#include "train/small_run.h"

static const char *dir;

static int set_up(void **state) {
    (void)state;
    dir = testing_folder();
    assert_program(0, "", "phantom %s/data --cases 6 --size 16,16,8 --spacing 10 --missing 0.3 --seed 1 --quiet", dir);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    testing_remove(dir);
    return 0;
}

#define SMALL SMALL_NETWORK "--steps 4 --set checkpoint_minutes=0 --set val_every=0 --set samples_every=0 "

static json_t *member(const char *out, const char *name) {
    char *path = med_format("%s/%s/%s", dir, out, name);
    json_t *json = json_load_file(path, 0, NULL);
    assert_non_null(json);
    free(path);
    return json;
}

static void a_plan_writes_nothing(void **state) {
    (void)state;
    program_result r = program_run("experiment ablation-depth --data %s/data " SMALL "--plan --json", dir);
    assert_int_equal(r.exit_code, 0);
    const json_t *plan = json_object_get(r.json, "plan");
    assert_int_equal(json_array_size(plan), 2); /* pools=2: three levels and one */
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(json_integer_value(json_object_get(json_array_get(plan, i), "steps")), 4);
        assert_true(json_number_value(json_object_get(json_array_get(plan, i), "estimated_seconds")) > 0);
    }
    program_free(&r);
}

/* Every arm has as many rows as it can answer; what is in the report is what the files say. */
static void arms_are_compared(void **state) {
    (void)state;
    assert_program(0, "", "experiment baselines --data %s/data --arms mmhvae,mhvae,mmgan " SMALL "--out %s/base --quiet", dir, dir);
    json_t *summary = member("base", "summary.json");
    assert_int_equal(json_array_size(json_object_get(json_object_get(summary, "order"), "psnr")), 2); /* MHVAE knows us, t2 only */
    size_t i, n_mhvae = 0;
    json_t *cell;
    json_array_foreach (json_object_get(summary, "cells"), i, cell)
        if (strcmp(json_string_value(json_object_get(cell, "method")), "MHVAE") == 0) {
            assert_string_equal(json_string_value(json_object_get(cell, "modality")), "t2");
            assert_string_equal(json_string_value(json_object_get(cell, "given")), "us");
            n_mhvae++;
        }
    assert_true(n_mhvae > 0);
    assert_true(json_array_size(json_object_get(summary, "comparisons")) > 0);
    json_decref(summary);
    char *page = med_format("%s/base/report.html", dir);
    assert_true(med_path_exists(page));
    free(page);
}

/* Killed in the middle of it, and resumed: the same scores, byte for byte. */
static void it_survives_a_kill(void **state) {
    (void)state;
    assert_program(0, "", "experiment ablation-gan --data %s/data " SMALL "--out %s/whole --quiet", dir, dir);
    char command[2048];
    snprintf(command, sizeof command,
             "'%s' experiment ablation-gan --data %s/data " SMALL "--out %s/parts --jobs 1 --quiet & pid=$!; "
             "while kill -0 $pid && ! [ -e %s/parts/fold0/without/trained ]; do sleep 0.01; done; kill -9 $pid; wait $pid; sleep 0.3; true",
             getenv("MEDLEY_PROGRAM"), dir, dir, dir);
    assert_int_equal(system(command), 0);
    assert_program(2, "--resume goes on with it", "experiment ablation-gan --data %s/data " SMALL "--out %s/parts", dir, dir);
    assert_program(2, "seed differs", "experiment ablation-gan --data %s/data " SMALL "--out %s/parts --seed 2 --resume", dir, dir);
    assert_program(0, "", "experiment ablation-gan --data %s/data " SMALL "--out %s/parts --resume --quiet", dir, dir);
    assert_same_file(dir, "whole/per_case.csv", "parts/per_case.csv");
}

static void mistakes_are_told(void **state) {
    (void)state;
    assert_program(2, "did you mean 'baselines'", "experiment baseline --data %s/data --out %s/x", dir, dir);
    assert_program(2, "no arm 'mmvae'", "experiment baselines --data %s/data --out %s/x --arms mmvae", dir, dir);
    assert_program(2, "--folds is 9", "experiment baselines --data %s/data --out %s/x --folds 9", dir, dir);
    assert_program(2, "unknown option 'poolz'", "experiment ablation-gan --data %s/data --out %s/x --set poolz=2", dir, dir);
    assert_program(2, "--data, the data set, is missing", "experiment baselines --out %s/x", dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_plan_writes_nothing), cmocka_unit_test(arms_are_compared),
                                       cmocka_unit_test(it_survives_a_kill), cmocka_unit_test(mistakes_are_told)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
