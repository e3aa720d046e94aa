/* testing.h: what every test file includes: cmocka with the headers it needs, and the places of fixtures. */
#ifndef MED_TESTS_TESTING_H
#define MED_TESTS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/status.h"

/* An expected success; shows the message else. */
#define assert_ok(expr)                                                                                                \
    do {                                                                                                               \
        if ((expr) != MED_OK) fail_msg("%s: %s", #expr, med_message());                                                \
    } while (0)

/* An expected failure, whose message must contain `text`. */
#define assert_fails(expr, expected_status, text)                                                                      \
    do {                                                                                                               \
        assert_int_equal((expr), (expected_status));                                                                   \
        if (!strstr(med_message(), (text))) fail_msg("message is '%s', expected '%s' in it", med_message(), (text));   \
    } while (0)

/* A new empty folder "/tmp/medley-test-XXXXXX"; the test removes what it wrote. */
static inline char *testing_folder(void) {
    static char path[64];
    snprintf(path, sizeof path, "/tmp/medley-test-XXXXXX");
    if (!mkdtemp(path)) abort();
    return path;
}
static inline void testing_remove(const char *folder) {
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) abort();
}

#endif
