/* The pool: every task once, nesting, resizing, callers from several threads, scratch memory. */
#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include "base/thread.h"

enum { N = 1000 };

static void count_task(void *context, int i) { atomic_fetch_add((atomic_int *)context + i, 1); }

static void assert_runs_each_once(int n) {
    static atomic_int count[N];
    for (int i = 0; i < N; i++) atomic_store(&count[i], 0);
    med_parallel(n, count_task, count);
    for (int i = 0; i < N; i++) assert_int_equal(atomic_load(&count[i]), i < n);
}

static void every_task_runs_once(void **state) {
    (void)state;
    for (int n_threads = 0; n_threads <= 8; n_threads++) {
        med_threads_set(n_threads);
        if (n_threads) assert_int_equal(med_threads(), n_threads);
        for (int round = 0; round < 200; round++) assert_runs_each_once(round % 7);
        assert_runs_each_once(N);
    }
}

static void rounds_with_sleeping_workers(void **state) {
    (void)state;
    med_threads_set(4);
    for (int round = 0; round < 50; round++) {
        assert_runs_each_once(5);
        usleep(200); /* longer than the spin */
    }
}

/* Task 0 holds its thread until another one has begun; *first is then that one's first task. */
static void note_first_task(void *context, int i) {
    atomic_int *first = context;
    int none = 0;
    if (i) atomic_compare_exchange_strong(first, &none, i);
    for (int wait = 0; i == 0 && atomic_load(first) == 0 && wait < 100000; wait++) usleep(100);
}

static void threads_begin_with_their_own_part(void **state) {
    (void)state;
    for (int n_threads = 2; n_threads <= 3; n_threads++) {
        med_threads_set(n_threads);
        for (int round = 0; round < 20; round++) {
            atomic_int first = 0;
            med_parallel(12, note_first_task, &first);
            assert_true(first == 12 / n_threads || first == 24 / n_threads);
        }
    }
}

static void nested_task(void *context, int i) { med_parallel(10, count_task, (atomic_int *)context + 10 * i); }

static void nested_calls_run_in_their_task(void **state) {
    (void)state;
    static atomic_int count[N];
    med_threads_set(3);
    med_parallel(N / 10, nested_task, count);
    for (int i = 0; i < N; i++) assert_int_equal(atomic_load(&count[i]), 1);
}

static void *caller_main(void *count) {
    for (int round = 0; round < 100; round++) med_parallel(50, count_task, count);
    return NULL;
}

static void several_callers(void **state) {
    (void)state;
    static atomic_int count[3][N];
    pthread_t caller[3];
    med_threads_set(2);
    for (int c = 0; c < 3; c++) assert_int_equal(pthread_create(&caller[c], NULL, caller_main, count[c]), 0);
    for (int c = 0; c < 3; c++) pthread_join(caller[c], NULL);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < N; i++) assert_int_equal(atomic_load(&count[c][i]), i < 50 ? 100 : 0);
}

static void scratch_task(void *context, int i) {
    size_t n_bytes = (size_t)(i + 1) * 1000;
    unsigned char *a = med_scratch(0, n_bytes), *b = med_scratch(1, n_bytes);
    memset(a, i & 255, n_bytes);
    memset(b, ~i & 255, n_bytes);
    bool is_right = (uintptr_t)a % 64 == 0 && (uintptr_t)b % 64 == 0 && a == med_scratch(0, 1);
    for (size_t k = 0; k < n_bytes; k++) is_right = is_right && a[k] == (i & 255) && b[k] == (~i & 255);
    if (is_right) atomic_fetch_add((atomic_int *)context, 1);
}

static void scratch_is_private(void **state) {
    (void)state;
    atomic_int n_right = 0;
    med_threads_set(4);
    med_parallel(100, scratch_task, &n_right);
    assert_int_equal(atomic_load(&n_right), 100);
}

static void a_forked_child_works(void **state) {
    (void)state;
    med_threads_set(4);
    assert_runs_each_once(N);
    pid_t child = fork();
    if (child == 0) {
        assert_runs_each_once(N);
        _exit(7);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(rounds_with_sleeping_workers),
        cmocka_unit_test(threads_begin_with_their_own_part),
        cmocka_unit_test(nested_calls_run_in_their_task),
        cmocka_unit_test(several_callers),
        cmocka_unit_test(scratch_is_private),
        cmocka_unit_test(a_forked_child_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
