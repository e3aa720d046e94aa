/* Child processes: outputs, errors, limits; arguments reach the program as they are. */
#include "testing.h"

#include "base/process.h"

static const med_process_limits usual = {.seconds = 20, .n_file_bytes = 1 << 20};

static void output_and_arguments(void **state) {
    (void)state;
    char *log;
    assert_int_equal(med_process_run((const char *const[]){"printf", "%s|", "a b", "$(id)", "'", NULL}, &usual, &log),
                     MED_OK);
    assert_string_equal(log, "a b|$(id)|'|");
    free(log);
    assert_int_equal(
        med_process_run((const char *const[]){"sh", "-c", "yes 0123456789 | head -c 100000; echo end", NULL}, &usual,
                        &log),
        MED_OK);
    assert_int_equal(strlen(log), 1024);
    assert_string_equal(log + 1020, "end ");
    free(log);
}

static void failures(void **state) {
    (void)state;
    char *log;
    assert_fails(med_process_run((const char *const[]){"no-such-program-here", NULL}, &usual, &log), MED_EINPUT,
                 "no-such-program-here: no such program");
    free(log);
    assert_fails(med_process_run((const char *const[]){"sh", "-c", "echo why >&2; exit 3", NULL}, &usual, &log),
                 MED_EFAIL, "failed with code 3: why");
    free(log);
    assert_fails(med_process_run((const char *const[]){"sh", "-c", "kill -9 $$", NULL}, &usual, &log), MED_EFAIL,
                 "ended by signal 9");
    free(log);
}

static void limits(void **state) {
    (void)state;
    char *log, *folder = testing_folder(), path[128], command[256];
    med_process_limits short_time = {.seconds = 0.3, .n_file_bytes = 1 << 20};
    /* the child's own child is stopped too: else its output would stay open and this would take 30 s */
    assert_fails(med_process_run((const char *const[]){"sh", "-c", "sleep 30 & sleep 30", NULL}, &short_time, &log),
                 MED_EFAIL, "not done after 0.3 s");
    free(log);
    snprintf(path, sizeof path, "%s/big", folder);
    snprintf(command, sizeof command, "head -c 3000000 /dev/zero > %s", path);
    assert_int_equal(med_process_run((const char *const[]){"sh", "-c", command, NULL}, &usual, &log), MED_EFAIL);
    free(log);
    FILE *file = fopen(path, "rb");
    fseek(file, 0, SEEK_END);
    assert_int_equal(ftell(file), 1 << 20);
    fclose(file);
    testing_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(output_and_arguments), cmocka_unit_test(failures),
                                       cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
