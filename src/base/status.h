/* status.h: how a function says that the world is wrong.
 *
 * A function that can fail returns a med_status and leaves its one-line message with med_fail().
 * Who detects speaks; callers pass the status on. The library never prints and never exits. */
#ifndef MED_BASE_STATUS_H
#define MED_BASE_STATUS_H

typedef enum med_status {
    MED_OK = 0,
    MED_EUSAGE,  /* wrong options, arguments, configuration keys           -> exit 2 */
    MED_EFORMAT, /* the content of an input cannot be used                 -> exit 2 */
    MED_EINPUT,  /* an input is missing, unreadable, a directory           -> exit 2 */
    MED_EIO,     /* reading or writing failed half-way, disk full          -> exit 1 */
    MED_ENOMEM,  /* memory: the message says how much was asked for        -> exit 1 */
    MED_EFAIL,   /* the work itself failed: not finite, tolerance, cases   -> exit 1 */
} med_status;

#define MED_CHECK          __attribute__((warn_unused_result))
#define MED_PRINTF(f, a)   __attribute__((format(printf, f, a)))
#define MED_TRY(expr)                                                                                                  \
    do {                                                                                                               \
        med_status med_try_ = (expr);                                                                                  \
        if (med_try_ != MED_OK) return med_try_;                                                                       \
    } while (0)

/* Store the message (one line) of this thread and return `status`: message and status are one expression. */
med_status med_fail(med_status status, const char *format, ...) MED_PRINTF(2, 3);

/* Put "context: " before the message of this thread; returns `status` unchanged. */
med_status med_fail_in(med_status status, const char *format, ...) MED_PRINTF(2, 3);

/* Last message of this thread, "" if none. Borrowed, valid until the next med_fail here. */
const char *med_message(void);

/* Control characters (a name in a file may hold any) become '?': a message is one line. */
void med_one_line(char *text);

/* 0, 1 or 2 as in the table above. */
int med_exit_code(med_status status);

/* "We are wrong": prints the expression and aborts. Never for input. */
#define med_assert(cond) ((cond) ? (void)0 : med_assert_failed(#cond, __FILE__, __LINE__))
_Noreturn void med_assert_failed(const char *expr, const char *file, int line);

#endif
