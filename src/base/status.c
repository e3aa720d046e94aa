/* status.c: the message of the last failure, one per thread. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = 2048 };
static _Thread_local char message[MESSAGE_BYTES];

void med_one_line(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f) *text = '?';
}

med_status med_fail(med_status status, const char *format, ...) {
    char text[MESSAGE_BYTES]; /* an argument may be the old message */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    med_one_line(text);
    memcpy(message, text, sizeof text);
    return status;
}

med_status med_fail_in(med_status status, const char *format, ...) {
    char context[MESSAGE_BYTES / 4], text[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    snprintf(text, sizeof text, "%s: %.*s", context, (int)(sizeof text - sizeof context - 3), message);
    med_one_line(text);
    memcpy(message, text, sizeof text);
    return status;
}

const char *med_message(void) { return message; }

int med_exit_code(med_status status) {
    switch (status) {
    case MED_OK: return 0;
    case MED_EUSAGE:
    case MED_EFORMAT:
    case MED_EINPUT: return 2;
    default: return 1;
    }
}

void med_assert_failed(const char *expr, const char *file, int line) {
    fprintf(stderr, "medley: internal error: %s (%s:%d)\n", expr, file, line);
    abort();
}
