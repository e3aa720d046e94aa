/* program.h: run the program as a person would, and look at what it said. */
#ifndef MED_TESTS_PROGRAM_H
#define MED_TESTS_PROGRAM_H

#include <jansson.h>
#include <sys/wait.h>
#include "testing.h"

typedef struct program_result { /* owned; program_free */
    int exit_code;              /* 128 + signal when killed */
    char *out, *err;
    json_t *json; /* of `out`, NULL when that is not one JSON value */
} program_result;

static inline char *program_slurp(const char *folder, const char *name) {
    char path[128], *text = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *from = fopen(path, "r"), *to = open_memstream(&text, &n);
    if (!from || !to) abort();
    for (int c; (c = fgetc(from)) != EOF;) fputc(c, to);
    fclose(from);
    fclose(to);
    return text;
}

/* `format`: the words after "medley", for the shell. */
__attribute__((format(printf, 1, 2))) static inline program_result program_run(const char *format, ...) {
    char words[4096], command[8192], folder[] = "/tmp/medley-run-XXXXXX";
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    const char *program = getenv("MEDLEY_PROGRAM");
    if (!program || !mkdtemp(folder)) abort();
    snprintf(command, sizeof command, "'%s' >%s/out 2>%s/err </dev/null %s", program, folder, folder, words);
    int status = system(command);
    program_result r = {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), program_slurp(folder, "out"),
                        program_slurp(folder, "err"), NULL};
    r.json = json_loads(r.out, 0, NULL);
    testing_remove(folder);
    return r;
}

static inline void program_free(program_result *r) {
    free(r->out);
    free(r->err);
    json_decref(r->json);
}

/* Runs; the exit code must be `code`, and stderr must contain `text`. */
#define assert_program(code, text, ...)                                                                                \
    do {                                                                                                               \
        program_result result_ = program_run(__VA_ARGS__);                                                             \
        if (result_.exit_code != (code) || !strstr(result_.err, (text)))                                               \
            fail_msg("exit %d, expected %d; stderr '%s', expected '%s' in it", result_.exit_code, (code), result_.err, \
                     (text));                                                                                          \
        program_free(&result_);                                                                                        \
    } while (0)

#endif
