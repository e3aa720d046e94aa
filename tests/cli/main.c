/* What holds for every command: help, version, near misses, --json, exit codes, output that cannot be written. */
#include "program.h"

static void help_and_version(void **state) {
    (void)state;
    program_result r = program_run("--version");
    assert_int_equal(r.exit_code, 0);
    assert_string_equal(r.out, "medley " MEDLEY_VERSION "\n");
    program_free(&r);
    r = program_run("--help");
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(r.out, "doctor"));
    program_free(&r);
    assert_program(2, "Usage: medley COMMAND", "%s", "");
}

static void explains_itself(const char *name) {
    char expected[128];
    program_result help = program_run("help %s", name), xml = program_run("%s --xml", name);
    assert_int_equal(help.exit_code, 0);
    snprintf(expected, sizeof expected, "Usage: medley %s", name);
    assert_non_null(strstr(help.out, expected));
    snprintf(expected, sizeof expected, "  medley %s", name);
    if (!strstr(help.out, expected)) fail_msg("%s: no example", name);
    assert_int_equal(xml.exit_code, 0);
    assert_ptr_equal(strstr(xml.out, "<?xml"), xml.out);
    assert_non_null(strstr(xml.out, "</executable>\n"));
    program_free(&help);
    program_free(&xml);
}

/* The commands that a page lists below `title`, `parent` before them; those of a command with kinds as well. */
static int all_explain_themselves(const char *page, const char *title, const char *parent) {
    char *line = strstr(page, title), *rest = NULL, word[32];
    assert_non_null(line);
    int n = 0;
    strtok_r(line, "\n", &rest);
    for (; (line = strtok_r(NULL, "\n", &rest)) && sscanf(line, "  %31s", word) == 1 && line[0] == ' '; n++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s%s", parent, *parent ? " " : "", word);
        program_result help = program_run("help %s", name);
        if (strstr(help.out, "\nKinds:\n"))
            assert_true(all_explain_themselves(help.out, "Kinds:\n", name) >= 1);
        else
            explains_itself(name);
        program_free(&help);
    }
    return n;
}

/* In text and as XML, with an example that names the command. */
static void every_command_explains_itself(void **state) {
    (void)state;
    program_result overview = program_run("--help");
    assert_true(all_explain_themselves(overview.out, "Commands:\n", "") >= 1);
    program_free(&overview);
    assert_program(2, "Usage: medley prepare KIND", "prepare");
    assert_program(2, "medley prepare: unknown command 'resampel' (did you mean 'resample'?)", "prepare resampel");
}

static void wrong_usage(void **state) {
    (void)state;
    assert_program(2, "did you mean 'doctor'?", "docter");
    assert_program(2, "unknown command 'xyzzy'", "xyzzy");
    assert_program(2, "medley doctor: unknown option '--jsno' (did you mean '--json'?)", "doctor --jsno");
    assert_program(2, "unknown option '-q'", "doctor -q");
    assert_program(2, "too many arguments", "doctor extra");
    assert_program(2, "--threads needs a value", "doctor --threads");
    assert_program(2, "--threads is 'x', expected a whole number from 0 to 256", "doctor --threads x");
    assert_program(2, "--seed is '-1'", "doctor --seed=-1");
    assert_program(2, "no CUDA backend in this build", "doctor --device cuda:0");
    assert_program(2, "--device is 'gpu'", "doctor --device gpu");
}

static void json_has_report_or_error(void **state) {
    (void)state;
    program_result r = program_run("doctor --json --threads 3");
    assert_int_equal(r.exit_code, 0);
    assert_non_null(r.json);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(r.json, "cpu"), "threads")), 3);
    assert_string_equal(json_string_value(json_object_get(r.json, "medley")), MEDLEY_VERSION);
    assert_true(json_array_size(json_object_get(r.json, "tools")) > 0);
    program_free(&r);
    r = program_run("doctor --bogus --json");
    assert_int_equal(r.exit_code, 2);
    assert_int_equal(json_integer_value(json_object_get(r.json, "exit")), 2);
    assert_non_null(strstr(json_string_value(json_object_get(r.json, "error")), "--bogus"));
    program_free(&r);
}

static void full_output_is_a_failure(void **state) {
    (void)state;
    assert_program(1, "No space left", "doctor > /dev/full");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_and_version),
        cmocka_unit_test(every_command_explains_itself),
        cmocka_unit_test(wrong_usage),
        cmocka_unit_test(json_has_report_or_error),
        cmocka_unit_test(full_output_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
