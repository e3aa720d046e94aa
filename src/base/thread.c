/* thread.c: the pool. One job at a time; its tasks are handed out by counters.
 *
 * Tasks are cut into a range for every thread, which begins with its own and then helps with the others'. So what a thread wrote in
 * one job, as rows or channels of an image, it mostly reads itself in the next, from its own cache.
 *
 * Workers enter an open job and leave it when no task is left. The caller works too, then closes the job and waits
 * only for workers that entered: one that wakes late finds the job closed and goes back to sleep.
 *
 * Between the regions of one slice (some 300, tens of microseconds apart) workers spin; a tenth of a millisecond later they
 * sleep, so that a core that another process wants is not held. A worker woken on its caller's processor steps aside: the
 * kernel likes to wake it there, and the two would share one core while another is idle. */
#include "base/thread.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/memory.h"

enum { MAX_THREADS = 256, LINE = 64, HUGE_PAGE = 2 << 20, SPIN_NS = 100000, SPINS_PER_LOOK = 64 };
/* job.state: number of workers inside, and two flags. */
enum { JOB_OPEN = 1 << 30, JOB_AWAITED = 1 << 29 };

static struct {
    /* Written by the caller while the job is closed and empty. */
    med_task_fn *body;
    void *context;
    int n_tasks, n_ranges;
    _Alignas(LINE) _Atomic uint32_t state;      /* futex of the caller */
    _Alignas(LINE) _Atomic uint32_t generation; /* futex of the workers: changes with every job */
    _Alignas(LINE) _Atomic uint32_t n_sleeping;
    _Atomic int caller_cpu;
    atomic_bool is_stopping;
    struct {
        _Alignas(LINE) _Atomic uint32_t n_taken;
    } range[MAX_THREADS];
} job;

static struct {
    pthread_mutex_t mutex; /* held while a job runs or the pool changes */
    int n_wanted;          /* threads, the caller included; 0 = not decided yet */
    int n_workers;
    bool has_room; /* a processor for every thread, of `processors` */
    cpu_set_t processors;
    uint32_t start_generation; /* of jobs, when workers start */
    pthread_t worker[MAX_THREADS];
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local bool is_inside_task;

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void futex_wake(_Atomic uint32_t *word, int n) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static void spin_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Spin until (*word & mask) differs from `value`; false when it took too long: at once where threads share processors, as
 * who spins then keeps another from working. */
static bool spin_until_changed(_Atomic uint32_t *word, uint32_t mask, uint32_t value) {
    int64_t end = now_ns() + SPIN_NS;
    do {
        for (int i = 0; i < SPINS_PER_LOOK; i++) {
            if ((atomic_load_explicit(word, memory_order_acquire) & mask) != value) return true;
            spin_pause();
        }
    } while (pool.has_room && now_ns() < end);
    return false;
}

static int range_begin(int range) { return (int)((int64_t)range * job.n_tasks / job.n_ranges); }

/* `own`: the range to begin with. */
static void run_tasks(int own) {
    is_inside_task = true;
    for (int k = 0; k < job.n_ranges; k++) {
        int range = (own + k) % job.n_ranges, begin = range_begin(range);
        uint32_t n = (uint32_t)(range_begin(range + 1) - begin);
        _Atomic uint32_t *n_taken = &job.range[range].n_taken;
        while (atomic_load_explicit(n_taken, memory_order_relaxed) < n) { /* looked at first: writing takes the line from the others */
            uint32_t i = atomic_fetch_add_explicit(n_taken, 1, memory_order_relaxed);
            if (i < n) job.body(job.context, begin + (int)i);
        }
    }
    is_inside_task = false;
}

static bool job_enter(void) {
    uint32_t state = atomic_load(&job.state);
    while (state & JOB_OPEN)
        if (atomic_compare_exchange_weak(&job.state, &state, state + 1)) return true;
    return false;
}

static void job_leave(void) {
    if (atomic_fetch_sub(&job.state, 1) == (JOB_AWAITED | 1)) futex_wake(&job.state, 1);
}

/* Close the job and wait until the last worker has left. */
static void job_close(void) {
    atomic_fetch_and(&job.state, ~(uint32_t)JOB_OPEN);
    uint32_t n_inside;
    while ((n_inside = atomic_load_explicit(&job.state, memory_order_acquire)) != 0)
        if (!spin_until_changed(&job.state, UINT32_MAX, n_inside)) break;
    if (n_inside == 0) return;
    atomic_fetch_or(&job.state, JOB_AWAITED);
    for (uint32_t state; (state = atomic_load(&job.state)) != JOB_AWAITED;) futex_wait(&job.state, state);
}

/* Off the caller's processor, and free to move again. */
static void step_aside(void) {
    int caller = atomic_load_explicit(&job.caller_cpu, memory_order_relaxed);
    if (!pool.has_room || caller < 0 || sched_getcpu() != caller) return;
    cpu_set_t others = pool.processors;
    CPU_CLR(caller, &others);
    if (sched_setaffinity(0, sizeof others, &others) == 0) sched_setaffinity(0, sizeof pool.processors, &pool.processors);
}

static void *worker_main(void *number) {
    int own = (int)(intptr_t)number;
    uint32_t seen = pool.start_generation;
    while (!atomic_load(&job.is_stopping)) {
        if (!spin_until_changed(&job.generation, UINT32_MAX, seen)) {
            atomic_fetch_add(&job.n_sleeping, 1);
            futex_wait(&job.generation, seen);
            atomic_fetch_sub(&job.n_sleeping, 1);
        }
        seen = atomic_load(&job.generation);
        step_aside();
        if (job_enter()) {
            run_tasks(own);
            job_leave();
        }
    }
    return NULL;
}

static void workers_call(int n) {
    atomic_store_explicit(&job.caller_cpu, sched_getcpu(), memory_order_relaxed);
    atomic_fetch_add(&job.generation, 1);
    if (atomic_load(&job.n_sleeping)) futex_wake(&job.generation, n);
}

static void pool_stop(void) {
    atomic_store(&job.is_stopping, true);
    workers_call(MAX_THREADS);
    for (int i = 0; i < pool.n_workers; i++) pthread_join(pool.worker[i], NULL);
    pool.n_workers = 0;
    atomic_store(&job.is_stopping, false);
}

/* ---- scratch ---- */

typedef struct scratch {
    void *data[MED_SCRATCH_SLOTS];
    size_t size[MED_SCRATCH_SLOTS];
} scratch;
static pthread_key_t scratch_key;

static void scratch_free(void *pointer) {
    scratch *s = pointer;
    if (!s) return;
    for (int i = 0; i < MED_SCRATCH_SLOTS; i++) free(s->data[i]);
    free(s);
}

/* ---- start and end of the process ---- */

static void at_exit(void) {
    /* A task that calls exit() cannot wait for its own pool. */
    if (is_inside_task || pthread_mutex_trylock(&pool.mutex)) return;
    pool_stop();
    pthread_mutex_unlock(&pool.mutex);
    scratch_free(pthread_getspecific(scratch_key)); /* destructors do not run for the exiting thread */
    pthread_setspecific(scratch_key, NULL);
}

/* Threads do not survive fork(): the child starts without workers. */
static void at_fork_in_child(void) {
    pool.n_workers = 0;
    pthread_mutex_init(&pool.mutex, NULL);
    atomic_store(&job.state, 0);
    atomic_store(&job.n_sleeping, 0);
}

static void start_once(void) {
    med_assert(pthread_key_create(&scratch_key, scratch_free) == 0);
    pthread_atfork(NULL, NULL, at_fork_in_child);
    atexit(at_exit);
}
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int count_processors(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

/* Under pool.mutex. Fewer workers than wanted when the system refuses a thread: slower, not wrong. */
static void pool_start(void) {
    if (pool.n_wanted == 0) pool.n_wanted = count_processors();
    if (pool.n_wanted > MAX_THREADS) pool.n_wanted = MAX_THREADS;
    bool is_known = sched_getaffinity(0, sizeof pool.processors, &pool.processors) == 0;
    pool.has_room = is_known && CPU_COUNT(&pool.processors) >= pool.n_wanted;
    pool.start_generation = atomic_load(&job.generation);
    while (pool.n_workers < pool.n_wanted - 1) {
        if (pthread_create(&pool.worker[pool.n_workers], NULL, worker_main, (void *)(intptr_t)(pool.n_workers + 1))) break;
        pool.n_workers++;
    }
}

/* ---- public ---- */

void med_threads_set(int n_threads) {
    med_assert(n_threads >= 0 && !is_inside_task);
    pthread_mutex_lock(&pool.mutex);
    pool_stop();
    pool.n_wanted = n_threads;
    pthread_mutex_unlock(&pool.mutex);
}

int med_threads(void) {
    if (pool.n_wanted == 0) return count_processors();
    return pool.n_wanted < MAX_THREADS ? pool.n_wanted : MAX_THREADS;
}

static void run_serially(int n_tasks, med_task_fn *body, void *context) {
    bool was_inside = is_inside_task;
    is_inside_task = true;
    for (int i = 0; i < n_tasks; i++) body(context, i);
    is_inside_task = was_inside;
}

void med_parallel(int n_tasks, med_task_fn *body, void *context) {
    pthread_once(&once, start_once);
    /* Another thread of the program may be using the pool: then this one works alone. */
    if (n_tasks <= 1 || is_inside_task || pthread_mutex_trylock(&pool.mutex)) {
        run_serially(n_tasks, body, context);
        return;
    }
    if (pool.n_workers + 1 != pool.n_wanted) pool_start();
    if (pool.n_workers == 0) {
        run_serially(n_tasks, body, context);
    } else {
        job.body = body;
        job.context = context;
        job.n_tasks = n_tasks;
        job.n_ranges = n_tasks < pool.n_workers + 1 ? n_tasks : pool.n_workers + 1;
        for (int i = 0; i < job.n_ranges; i++) atomic_store_explicit(&job.range[i].n_taken, 0, memory_order_relaxed);
        atomic_store(&job.state, JOB_OPEN);
        workers_call(n_tasks - 1);
        run_tasks(0);
        job_close();
    }
    pthread_mutex_unlock(&pool.mutex);
}

void *med_scratch(int slot, size_t n_bytes) {
    med_assert(slot >= 0 && slot < MED_SCRATCH_SLOTS);
    pthread_once(&once, start_once);
    scratch *s = pthread_getspecific(scratch_key);
    if (!s) {
        s = med_alloc(sizeof *s);
        pthread_setspecific(scratch_key, s);
    }
    if (s->size[slot] < n_bytes || !s->data[slot]) {
        /* Big slots are walked in many directions at once: huge pages, where the system grants them. */
        size_t page = n_bytes >= HUGE_PAGE / 4 ? HUGE_PAGE : 4096, size = (n_bytes + page - 1) / page * page;
        if (size == 0) size = page;
        free(s->data[slot]);
        s->data[slot] = aligned_alloc(page, size);
        med_assert(s->data[slot] != NULL);
        if (page == HUGE_PAGE) madvise(s->data[slot], size, MADV_HUGEPAGE);
        s->size[slot] = size;
    }
    return s->data[slot];
}
