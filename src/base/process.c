/* process.c: fork, exec, and a deadline. The child leads a process group of its own, so that all it starts ends with it. */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/memory.h"

enum { LOG_BYTES = 1024, NO_PROGRAM = 127 };

/* In the child: only calls that are safe between fork and exec. */
static _Noreturn void become(const char *const *argv, const med_process_limits *limits, int output) {
    struct rlimit files = {limits->n_file_bytes, limits->n_file_bytes};
    int input = open("/dev/null", O_RDONLY);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* it does not outlive whoever asked for it */
    setrlimit(RLIMIT_FSIZE, &files);
    if (input >= 0 && dup2(input, 0) == 0 && dup2(output, 1) == 1 && dup2(output, 2) == 2)
        execvp(argv[0], (char *const *)argv);
    _exit(NO_PROGRAM);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Keep the last bytes of what is there to read; false at the end of the output. */
static bool drain(int fd, char *log, size_t *n) {
    char piece[512];
    ssize_t got = read(fd, piece, sizeof piece);
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    size_t n_new = (size_t)got, n_old = *n < LOG_BYTES - n_new ? *n : LOG_BYTES - n_new;
    memmove(log, log + *n - n_old, n_old);
    memcpy(log + n_old, piece, n_new);
    *n = n_old + n_new;
    return got > 0;
}

/* False: out of time. */
static bool wait_for(pid_t child, int output, double deadline, char *log, size_t *n_log, int *status) {
    bool is_open = true;
    while (now() < deadline) {
        struct pollfd p = {output, POLLIN, 0};
        if (poll(&p, is_open ? 1 : 0, 50) > 0) is_open = drain(output, log, n_log);
        if (waitpid(child, status, WNOHANG) != child) continue;
        while (poll(&p, 1, 0) > 0 && drain(output, log, n_log)) {}
        return true;
    }
    kill(-child, SIGKILL);
    waitpid(child, status, 0);
    return false;
}

static char *as_line(const char *text, size_t n) {
    char *line = med_alloc(n + 1);
    memcpy(line, text, n);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = ' ';
    return line;
}

med_status med_process_run(const char *const *argv, const med_process_limits *limits, char **log) {
    int pipe_ends[2], status = 0;
    char text[LOG_BYTES];
    size_t n_text = 0;
    *log = med_strdup("");
    if (pipe2(pipe_ends, O_CLOEXEC)) return med_fail(MED_EFAIL, "%s: no pipe: %s", argv[0], strerror(errno));
    pid_t child = fork();
    if (child == 0) become(argv, limits, pipe_ends[1]);
    close(pipe_ends[1]);
    if (child < 0) {
        close(pipe_ends[0]);
        return med_fail(MED_EFAIL, "%s: cannot be started: %s", argv[0], strerror(errno));
    }
    setpgid(child, child); /* the child does the same; whoever comes first */
    bool is_over = wait_for(child, pipe_ends[0], now() + limits->seconds, text, &n_text, &status);
    close(pipe_ends[0]);
    free(*log);
    *log = as_line(text, n_text);
    if (!is_over) return med_fail(MED_EFAIL, "%s: not done after %g s: stopped", argv[0], limits->seconds);
    if (WIFSIGNALED(status)) return med_fail(MED_EFAIL, "%s: ended by signal %d", argv[0], WTERMSIG(status));
    if (WEXITSTATUS(status) == NO_PROGRAM)
        return med_fail(MED_EINPUT, "%s: no such program; medley doctor says how to install it", argv[0]);
    if (WEXITSTATUS(status) != 0)
        return med_fail(MED_EFAIL, "%s: failed with code %d: %s", argv[0], WEXITSTATUS(status), *log);
    return MED_OK;
}
