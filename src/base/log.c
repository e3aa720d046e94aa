/* log.c: lines to the installed sink, and the progress of one job at a time. */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "base/memory.h"

enum { LINE_BYTES = 2048, NOTE_BYTES = 256, BAR_CELLS = 24 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* over everything below */
static med_log_sink *log_sink;
static void *log_context;
static bool is_progress_on, is_bar_drawn, is_paused;

static void erase_bar(void) {
    if (is_bar_drawn) fputs("\r\033[K", stderr);
    is_bar_drawn = false;
}

/* Under the mutex. */
static void write_line(const char *line) {
    erase_bar();
    if (log_sink && !is_paused) log_sink(log_context, line);
}

static void write_formatted(const char *prefix, const char *format, va_list args) {
    char line[LINE_BYTES];
    size_t n = strlen(prefix);
    memcpy(line, prefix, n);
    vsnprintf(line + n, sizeof line - n, format, args);
    med_one_line(line);
    pthread_mutex_lock(&mutex);
    write_line(line);
    pthread_mutex_unlock(&mutex);
}

void med_log_pause(bool is_on) {
    pthread_mutex_lock(&mutex);
    is_paused = is_on;
    pthread_mutex_unlock(&mutex);
}

void med_log_set(med_log_sink *sink, void *context) {
    pthread_mutex_lock(&mutex);
    log_sink = sink;
    log_context = context;
    pthread_mutex_unlock(&mutex);
}

void med_info(const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_formatted("", format, args);
    va_end(args);
}

void med_warn(const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_formatted("warning: ", format, args);
    va_end(args);
}

/* ---- progress ---- */

struct med_progress {
    char *what;
    long n_total, n_done;
    double start_s, shown_s;
    int shown_tenths; /* plain lines: the last 10 % step that was written */
    bool is_bar, is_on;
    char note[NOTE_BYTES];
};

static atomic_int n_running; /* a job inside another one is silent */

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* "2 h 03 min", "4 min 10 s", "12 s" */
static void format_duration(double seconds, char *text, size_t size) {
    long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, size, "%ld h %02ld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(text, size, "%ld min %02ld s", s / 60, s % 60);
    else
        snprintf(text, size, "%ld s", s);
}

static void format_progress(const med_progress *p, double now, char *text, size_t size) {
    char left[48] = "", note[NOTE_BYTES + 2] = "";
    double spent = now - p->start_s;
    if (p->n_done >= p->n_total) {
        format_duration(spent, left, sizeof left);
    } else if (p->n_done > 0 && spent > 1) {
        format_duration(spent / (double)p->n_done * (double)(p->n_total - p->n_done), left, sizeof left);
        strcat(left, " left");
    }
    if (p->note[0]) snprintf(note, sizeof note, "  %s", p->note);
    snprintf(text, size, "%ld/%ld  %s%s", p->n_done, p->n_total, left, note);
}

static void draw_bar(const med_progress *p, const char *text) {
    char bar[BAR_CELLS + 1];
    long n_full = p->n_total > 0 ? p->n_done * BAR_CELLS / p->n_total : 0;
    for (int i = 0; i < BAR_CELLS; i++) bar[i] = i < n_full ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    struct winsize window = {0};
    int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 ? window.ws_col - 1 : 79;
    char line[LINE_BYTES];
    snprintf(line, sizeof line, "%s [%s] %s", p->what, bar, text);
    fprintf(stderr, "\r\033[K%.*s", width, line);
    fflush(stderr);
    is_bar_drawn = true;
}

static void show(med_progress *p, double now) {
    char text[LINE_BYTES / 2];
    format_progress(p, now, text, sizeof text);
    if (p->is_bar) {
        draw_bar(p, text);
    } else {
        char line[LINE_BYTES];
        snprintf(line, sizeof line, "%s %s", p->what, text);
        write_line(line);
    }
    p->shown_s = now;
}

void med_progress_enable(bool is_on) { is_progress_on = is_on; }

med_progress *med_progress_start(const char *what, long n_total) {
    med_progress *p = med_alloc(sizeof *p);
    p->what = med_strdup(what);
    p->n_total = n_total;
    p->start_s = p->shown_s = now_s();
    p->is_on = atomic_fetch_add(&n_running, 1) == 0 && is_progress_on;
    p->is_bar = isatty(STDERR_FILENO);
    return p;
}

void med_progress_update(med_progress *p, long n_done, const char *note_format, ...) {
    if (!p->is_on) return;
    va_list args;
    va_start(args, note_format);
    pthread_mutex_lock(&mutex);
    p->n_done = n_done;
    p->note[0] = '\0';
    if (note_format) vsnprintf(p->note, sizeof p->note, note_format, args);
    double now = now_s();
    int tenths = p->n_total > 0 ? (int)(10 * n_done / p->n_total) : 0;
    bool is_due = p->is_bar ? now - p->shown_s >= 0.1 : tenths > p->shown_tenths || now - p->shown_s >= 30;
    if (is_due) {
        p->shown_tenths = tenths;
        show(p, now);
    }
    pthread_mutex_unlock(&mutex);
    va_end(args);
}

/* A bar leaves its last state as a line; plain lines have said it already. */
void med_progress_end(med_progress *p) {
    if (!p) return;
    atomic_fetch_sub(&n_running, 1);
    if (p->is_on && p->is_bar) {
        pthread_mutex_lock(&mutex);
        show(p, now_s());
        fputc('\n', stderr);
        is_bar_drawn = false;
        pthread_mutex_unlock(&mutex);
    }
    free(p->what);
    free(p);
}
