/* Log lines reach the sink; progress speaks only when enabled, in plain lines where stderr is no terminal. */
#include "testing.h"

#include "base/log.h"

static char lines[8192];

static void remember(void *context, const char *line) {
    (*(int *)context)++;
    strncat(lines, line, sizeof lines - strlen(lines) - 2);
    strcat(lines, "\n");
}

static void lines_reach_the_sink(void **state) {
    (void)state;
    int n = 0;
    lines[0] = '\0';
    med_info("nobody listens");
    med_log_set(remember, &n);
    med_info("case %s: %d of %d", "a", 1, 2);
    med_warn("%.1f %%", 12.5);
    med_log_set(NULL, NULL);
    med_info("nobody listens again");
    assert_int_equal(n, 2);
    assert_string_equal(lines, "case a: 1 of 2\nwarning: 12.5 %\n");
}

static void names_with_control_characters_stay_on_their_line(void **state) {
    (void)state;
    int n = 0;
    assert_fails(med_fail(MED_EINPUT, "%s: no such file", "a\nb\033[2Jc\x7f\xc3\xa9"), MED_EINPUT,
                 "a?b?[2Jc?\xc3\xa9: no such file");
    assert_fails(med_fail_in(MED_EINPUT, "%s", "x\r"), MED_EINPUT, "x?: a?b");
    lines[0] = '\0';
    med_log_set(remember, &n);
    med_warn("%s", "a\nb");
    med_log_set(NULL, NULL);
    assert_string_equal(lines, "warning: a?b\n");
}

static int count_progress_lines(bool is_on) {
    int n = 0;
    lines[0] = '\0';
    med_log_set(remember, &n);
    med_progress_enable(is_on);
    med_progress *p = med_progress_start("training", 1000);
    for (int i = 1; i <= 1000; i++) med_progress_update(p, i, "loss %.2f", 1.0 / i);
    med_progress_end(p);
    med_log_set(NULL, NULL);
    return n;
}

static void progress_in_plain_lines(void **state) {
    (void)state;
    assert_int_equal(count_progress_lines(false), 0);
    assert_non_null(freopen("/dev/null", "w", stderr));
    assert_int_equal(count_progress_lines(true), 10);
    assert_ptr_equal(strstr(lines, "training 100/1000"), lines);
    assert_non_null(strstr(lines, "training 1000/1000"));
    assert_non_null(strstr(lines, "loss 0.01"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_reach_the_sink),
        cmocka_unit_test(names_with_control_characters_stay_on_their_line),
        cmocka_unit_test(progress_in_plain_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
