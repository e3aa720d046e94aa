/* thread.h: one persistent pool of threads for the whole program.
 *
 * Results must not depend on the number of threads: callers cut the work into tasks by its shape alone and
 * add partial results in task order. */
#ifndef MED_BASE_THREAD_H
#define MED_BASE_THREAD_H

#include <stddef.h>

/* Number of threads used by med_parallel from now on; 0 = one per processor this process may use. */
void med_threads_set(int n_threads);
int med_threads(void);

/* Run body(context, i) for i = 0..n-1 on the pool; returns when all are done. A thread begins with the same part of the tasks in
 * every call, where it finds what it wrote before, and then helps with the others.
 * A call from inside a task runs serially in that task. Waiting threads spin briefly, then sleep. */
typedef void med_task_fn(void *context, int i);
void med_parallel(int n_tasks, med_task_fn *body, void *context);

/* 64-byte aligned memory of this thread, kept and grown between calls; valid until the next call with the same slot. */
enum { MED_SCRATCH_SLOTS = 8 };
void *med_scratch(int slot, size_t n_bytes);

#endif
