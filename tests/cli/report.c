/* medley report refuses what it cannot use with one line and exit 2, and leaves no page behind. */
#include "base/file.h"
#include "base/memory.h"
#include "program.h"

static const char *folder;

static void put(const char *name, const char *text) {
    char *path = med_path_join(folder, name);
    assert_ok(med_file_write(path, text, strlen(text)));
    free(path);
}

/* Exit 2, one line that holds `text`, nothing on standard output, no page. */
static void refuses(const char *text, const char *arguments) {
    program_result r = program_run("report %s -o '%s/page.html'", arguments, folder);
    char *page = med_path_join(folder, "page.html");
    if (r.exit_code != 2 || !strstr(r.err, text))
        fail_msg("exit %d; stderr '%s', expected '%s' in it", r.exit_code, r.err, text);
    assert_ptr_equal(strchr(r.err, '\n'), r.err + strlen(r.err) - 1);
    assert_string_equal(r.out, "");
    assert_false(med_path_exists(page));
    free(page);
    program_free(&r);
}

static void unusable_input_is_one_line(void **state) {
    (void)state;
    char *run = med_format("'%s'", folder), *moved = med_format("%s --data /moved", run);
    char *found = med_format("%s --data %s", run, run);
    refuses("/nowhere: not there", "/nowhere");
    refuses("not a folder", "/etc/passwd");
    refuses("neither a run folder (run.json) nor images of medley synth", run);
    put("run.json", "{\"data\":");
    refuses("run.json:1", run);
    put("run.json", "{\"data\":\"/moved\"}");
    refuses("neither weights.safetensors nor checkpoint-best.safetensors", run);
    put("weights.safetensors", "not weights");
    refuses("/moved: the data set is not there", moved);
    refuses("say where it is now with --data PATH", run);
    refuses("no images: expected manifest.json", found);
    free(found);
    free(moved);
    free(run);
}

static void wrong_usage_is_one_line(void **state) {
    (void)state;
    refuses("usage is medley report RUN|DIR|EVAL...|proxy EVAL...", "");
    refuses("--part", "/nowhere --part exam");
    refuses("--cases", "/nowhere --cases -1");
    refuses("did you mean '--subsets'", "/nowhere --subset all");
}

int main(void) {
    folder = testing_folder();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unusable_input_is_one_line),
        cmocka_unit_test(wrong_usage_is_one_line),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    return n_failed;
}
