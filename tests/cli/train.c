/* train.c: medley train as a person uses it: what it leaves behind, what it says, and what it refuses. */
#include "train/small_run.h"

static const char *dir;

static int set_up(void **state) {
    (void)state;
    dir = small_create();
    assert_program(0, "million parameters", "train %s/data %s/run " SMALL_NETWORK "--epochs 2", dir, dir);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    testing_remove(dir);
    return 0;
}

static void the_run_folder_holds_what_the_contract_says(void **state) {
    (void)state;
    static const char *const names[] = {
        "run.json",           "log.jsonl", "progress.svg", "checkpoint-last.safetensors", "checkpoint-best.safetensors",
        "weights.safetensors"};
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/run/%s", dir, names[i]);
        if (access(path, R_OK) != 0) fail_msg("%s is missing", path);
    }
    snprintf(path, sizeof path, "%s/run/run.json", dir);
    json_t *run = json_load_file(path, 0, NULL);
    assert_non_null(run);
    assert_non_null(json_object_get(run, "data"));
    assert_int_equal(json_string_length(json_object_get(run, "data_hash")), 64);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(run, "config"), "epochs")), 2);
    assert_int_equal(json_array_size(json_object_get(json_object_get(run, "model"), "modalities")), 4);
    assert_true(json_array_size(json_object_get(json_object_get(run, "cases"), "train")) >= 2);
    assert_non_null(strstr(json_string_value(json_object_get(run, "command")), "--epochs 2"));
    json_decref(run);
}

static void weights_alone_are_enough_for_others(void **state) {
    (void)state;
    assert_program(0, "", "synth %s/run/weights.safetensors %s/data %s/made --given us", dir, dir, dir);
    assert_program(0, "", "report %s/run -o %s/report.html", dir, dir);
    char *page = program_slurp(dir, "report.html");
    assert_non_null(strstr(page, "alt=\"samples of epoch 2\" src=\"data:image/png;base64,iVBOR"));
    free(page);
    char command[512];
    snprintf(command, sizeof command, "cp -r %s/run %s/spoilt && echo x > %s/spoilt/samples/epoch-00001.png", dir, dir, dir);
    assert_int_equal(system(command), 0);
    assert_program(2, "epoch-00001.png: not a PNG", "report %s/spoilt -o %s/spoilt.html", dir, dir);
}

static void the_summary_is_one_object(void **state) {
    (void)state;
    program_result r = program_run("train %s/data %s/json " SMALL_NETWORK "--steps 3 --json --quiet", dir, dir);
    assert_int_equal(r.exit_code, 0);
    assert_non_null(r.json);
    assert_string_equal(r.err, "");
    assert_int_equal(json_integer_value(json_object_get(r.json, "steps")), 3);
    assert_true(json_integer_value(json_object_get(r.json, "activation_bytes")) > 0);
    assert_true(json_number_value(json_object_get(r.json, "loss")) > 0);
    program_free(&r);
}

static void an_existing_run_is_not_touched(void **state) {
    (void)state;
    assert_program(2, "--resume", "train %s/data %s/run " SMALL_NETWORK, dir, dir);
    assert_program(2, "not empty", "train %s/data %s/data " SMALL_NETWORK, dir, dir);
    assert_program(2, "is a file", "train %s/data %s/run/run.json " SMALL_NETWORK, dir, dir);
}

static void wrong_settings_are_named(void **state) {
    (void)state;
    assert_program(2, "did you mean 'paper'", "train %s/data %s/x --preset papr", dir, dir);
    assert_program(2, "did you mean 'batch'", "train %s/data %s/x --preset tiny --set bath=3", dir, dir);
    assert_program(2, "key=value", "train %s/data %s/x --preset tiny --set batch", dir, dir);
    assert_program(2, "multiples of", "train %s/data %s/x --preset tiny --set size=20,16", dir, dir);
    assert_program(2, "no modality 'pet'", "train %s/data %s/x --preset tiny --set anchor=pet", dir, dir);
    assert_program(2, "fold", "train %s/data %s/x --preset tiny --set fold=3", dir, dir);
    assert_program(2, "nothing-here", "train %s/nothing-here %s/x --preset tiny", dir, dir);
    char path[256];
    snprintf(path, sizeof path, "%s/x", dir);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void resuming_something_else_is_refused(void **state) {
    (void)state;
    assert_program(2, "no training to resume", "train %s/data %s/none --resume", dir, dir);
    assert_program(2, "lr is 0.1, the run's 0.002; lr_end is 0.05, the run's 0.0001", "train %s/data %s/run --resume --set lr=0.1 --set lr_end=0.05", dir, dir);
    assert_program(2, "preset paper", "train %s/data %s/run --resume --preset paper", dir, dir);
    assert_program(2, "seed 9", "train %s/data %s/run --resume --seed 9", dir, dir);
    assert_program(0, "", "phantom %s/other " SMALL_DATA " --seed 2", dir);
    assert_program(2, "another data set", "train %s/other %s/run --resume", dir, dir);
    char command[256];
    snprintf(command, sizeof command,
             "cp -r %s/run %s/broken && truncate -s 1000 %s/broken/checkpoint-last.safetensors", dir, dir, dir);
    assert_int_equal(system(command), 0);
    assert_program(2, "checkpoint-last.safetensors", "train %s/data %s/broken --resume", dir, dir);
}

static void a_longer_schedule_goes_on(void **state) {
    (void)state;
    program_result r = program_run("train %s/data %s/run --resume --epochs 3 --json", dir, dir);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(json_integer_value(json_object_get(r.json, "epochs")), 3);
    program_free(&r);
}

static void an_unreadable_case_is_named_before_anything_is_written(void **state) {
    (void)state;
    char command[512], path[256];
    snprintf(command, sizeof command,
             "cp -r %s/data %s/bad && cd %s/bad && truncate -s 200 $(ls */*-us.nii.gz | head -n 1)", dir, dir, dir);
    assert_int_equal(system(command), 0);
    assert_program(2, "-us.nii.gz", "train %s/bad %s/from-bad " SMALL_NETWORK, dir, dir);
    snprintf(path, sizeof path, "%s/from-bad", dir);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void any_modality_may_be_the_anchor_or_none(void **state) {
    (void)state;
    assert_program(0, "anchor none", "train %s/data %s/no-anchor " SMALL_NETWORK "--set anchor=none --steps 3", dir,
                   dir);
    assert_program(0, "anchor flair", "train %s/data %s/flair-anchor " SMALL_NETWORK "--set anchor=flair --steps 3",
                   dir, dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_run_folder_holds_what_the_contract_says),
        cmocka_unit_test(weights_alone_are_enough_for_others),
        cmocka_unit_test(the_summary_is_one_object),
        cmocka_unit_test(an_existing_run_is_not_touched),
        cmocka_unit_test(wrong_settings_are_named),
        cmocka_unit_test(resuming_something_else_is_refused),
        cmocka_unit_test(a_longer_schedule_goes_on),
        cmocka_unit_test(an_unreadable_case_is_named_before_anything_is_written),
        cmocka_unit_test(any_modality_may_be_the_anchor_or_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
