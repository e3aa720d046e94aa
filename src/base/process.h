/* process.h: another program as a child process: arguments as they are, no shell. */
#ifndef MED_BASE_PROCESS_H
#define MED_BASE_PROCESS_H

#include <stddef.h>
#include "base/status.h"

typedef struct med_process_limits {
    double seconds;      /* of wall time; then the child and its children are killed */
    size_t n_file_bytes; /* of each file that it writes */
} med_process_limits;

/* Run argv[0] (searched for in PATH) with the NULL-terminated argv and empty input. *log: the end of what it wrote to its
 * outputs, as one line; owned, also on failure. MED_EINPUT: no such program; MED_EFAIL: ended with an error, by a signal
 * or out of time. */
MED_CHECK med_status med_process_run(const char *const *argv, const med_process_limits *limits, char **log);

#endif
