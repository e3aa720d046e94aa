/* resume.c: the same bits again, whatever happened on the way: killed, interrupted, another number of threads. */
#include "train/small_run.h"

#include <signal.h>

static const char *dir; /* holds data, and the uninterrupted run "whole" */

static long count_lines(const char *path) {
    FILE *f = fopen(path, "r");
    long n = 0;
    for (int c; f && (c = fgetc(f)) != EOF;) n += c == '\n';
    if (f) fclose(f);
    return n;
}

/* SIGINT and SIGTERM while the process stands still: it finds both when it goes on. */
static void signal_twice(pid_t child) {
    kill(child, SIGSTOP);
    waitpid(child, NULL, WUNTRACED);
    kill(child, SIGINT);
    kill(child, SIGTERM);
    kill(child, SIGCONT);
}

/* Start `medley train` on RUN, and send `signal_number` (0: two signals) once its log has `n_lines`; the exit status as
 * wait() gives it. */
static int train_until(const char *run, const char *settings, long n_lines, int signal_number) {
    char command[2048], log[256];
    snprintf(log, sizeof log, "%s/%s/log.jsonl", dir, run);
    snprintf(command, sizeof command, "exec '%s' train %s/data %s/%s %s 2>>%s/err", getenv("MEDLEY_PROGRAM"), dir, dir,
             run, settings, dir);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    int status;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (count_lines(log) >= n_lines) {
            if (signal_number) kill(child, signal_number);
            else signal_twice(child);
            waitpid(child, &status, 0);
            break;
        }
        usleep(1000);
    }
    return status;
}

/* log.jsonl without the times. */
static char *log_of(const char *run) {
    char command[512], name[64];
    snprintf(name, sizeof name, "%s.lines", run);
    snprintf(command, sizeof command, "sed 's/,\"seconds\":.*//' '%s/%s/log.jsonl' > '%s/%s'", dir, run, dir, name);
    assert_int_equal(system(command), 0);
    return program_slurp(dir, name);
}

static void assert_same_run(const char *run) {
    char weights[64];
    snprintf(weights, sizeof weights, "%s/weights.safetensors", run);
    assert_same_file(dir, "whole/weights.safetensors", weights);
    char *expected = log_of("whole"), *found = log_of(run);
    assert_string_equal(found, expected);
    free(expected);
    free(found);
}

static int set_up(void **state) {
    (void)state;
    dir = small_create();
    assert_program(0, "", "train %s/data %s/whole " SMALL_SCHEDULE "--seed 5", dir, dir);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    testing_remove(dir);
    return 0;
}

static void killed_runs_end_in_the_same_bits(void **state) {
    (void)state;
    static const long at[] = {1, 4, 9, 11, 18, 24, 31, 38};
    int n_killed = 0;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        int status = train_until("killed", i ? "--resume" : SMALL_SCHEDULE "--seed 5", at[i], SIGKILL);
        n_killed += WIFSIGNALED(status);
    }
    assert_true(n_killed >= 6); /* a late signal may find the work done */
    assert_program(0, "", "train %s/data %s/killed --resume", dir, dir);
    assert_same_run("killed");
}

static void an_interrupt_saves_and_tells_how_to_go_on(void **state) {
    (void)state;
    int status = train_until("stopped", SMALL_SCHEDULE "--seed 5 --set checkpoint_minutes=60", 7, SIGINT);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    char *err = program_slurp(dir, "err"), expected[256];
    snprintf(expected, sizeof expected, "medley train %s/data %s/stopped --resume", dir, dir);
    if (!strstr(err, expected)) fail_msg("'%s' is not in '%s'", expected, err);
    free(err);
    assert_program(0, "resuming after step", "train %s/data %s/stopped --resume", dir, dir);
    char *whole = log_of("whole"), *stopped = log_of("stopped");
    assert_string_equal(stopped, whole);
    free(whole);
    free(stopped);
}

/* At once: without another step, whatever was being done. */
static void a_second_signal_ends_at_once_and_leaves_a_whole_checkpoint(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        int status = train_until("hurried", i ? "--resume" : SMALL_SCHEDULE "--seed 5", 5 + 8 * i, 0);
        assert_true(WIFSIGNALED(status));
        assert_true(WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM);
    }
    assert_program(0, "", "train %s/data %s/hurried --resume", dir, dir);
    assert_same_run("hurried");
}

static void threads_do_not_matter(void **state) {
    (void)state;
    assert_program(0, "", "train %s/data %s/single " SMALL_SCHEDULE "--seed 5 --threads 1", dir, dir);
    assert_same_run("single");
    assert_program(0, "", "train %s/data %s/four " SMALL_SCHEDULE "--seed 5 --threads 4", dir, dir);
    assert_same_run("four");
}

static void another_seed_is_another_run(void **state) {
    (void)state;
    assert_program(0, "", "train %s/data %s/other " SMALL_SCHEDULE "--seed 6", dir, dir);
    char *whole = log_of("whole"), *other = log_of("other");
    assert_string_not_equal(whole, other);
    free(whole);
    free(other);
}

static void a_finished_run_stays_as_it_is(void **state) {
    (void)state;
    assert_program(0, "", "train %s/data %s/single --resume", dir, dir);
    assert_same_run("single");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_runs_end_in_the_same_bits),
        cmocka_unit_test(an_interrupt_saves_and_tells_how_to_go_on),
        cmocka_unit_test(a_second_signal_ends_at_once_and_leaves_a_whole_checkpoint),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(a_finished_run_stays_as_it_is),
        cmocka_unit_test(another_seed_is_another_run),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
