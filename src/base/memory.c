/* memory.c: arenas as a list of growing blocks; large buffers by aligned_alloc.
 *
 * Environment MEDLEY_FAIL_ALLOC=N makes the N-th large buffer of this process fail (for tests). */
#include "base/memory.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGN = 16 };

typedef struct block {
    struct block *next;
    size_t size, used;
    _Alignas(ALIGN) char data[];
} block;

struct med_arena {
    block *head;
};

void *med_alloc(size_t n_bytes) {
    void *p = calloc(1, n_bytes ? n_bytes : 1);
    med_assert(p != NULL);
    return p;
}

med_arena *med_arena_create(void) { return med_alloc(sizeof(med_arena)); }

void med_arena_free(med_arena *arena) {
    if (!arena) return;
    for (block *b = arena->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(arena);
}

void *med_arena_alloc(med_arena *arena, size_t n_bytes) {
    n_bytes = (n_bytes + ALIGN - 1) / ALIGN * ALIGN;
    block *b = arena->head;
    if (!b || b->size - b->used < n_bytes) {
        size_t size = n_bytes > BLOCK_BYTES ? n_bytes : BLOCK_BYTES;
        b = med_alloc(sizeof(block) + size);
        b->size = size;
        b->next = arena->head;
        arena->head = b;
    }
    void *p = b->data + b->used;
    b->used += n_bytes;
    return p;
}

char *med_arena_format(med_arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    med_assert(n >= 0);
    char *text = med_arena_alloc(arena, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

char *med_strdup(const char *text) {
    char *copy = strdup(text);
    med_assert(copy != NULL);
    return copy;
}

bool med_ends_with(const char *text, const char *ending) {
    size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcmp(text + n - m, ending) == 0;
}

char *med_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int n = vasprintf(&text, format, args);
    va_end(args);
    med_assert(n >= 0);
    return text;
}

static bool is_chosen_to_fail(void) {
    static atomic_long n_buffers;
    const char *chosen = getenv("MEDLEY_FAIL_ALLOC");
    return chosen && atomic_fetch_add(&n_buffers, 1) + 1 == atol(chosen);
}

/* From this size on buffers ask for huge pages: fewer faults, fewer misses of the address cache. Not for what is left at the end,
 * of which a huge page would take up to 2 MB for nothing. */
enum { HUGE_PAGE = 2 << 20, HUGE_FROM = 2 * HUGE_PAGE };

med_status med_buffer_alloc(size_t n_bytes, const char *what, void **out) {
    size_t page = n_bytes >= HUGE_FROM ? HUGE_PAGE : 64, rounded = (n_bytes + page - 1) / page * page;
    *out = rounded < n_bytes || is_chosen_to_fail() ? NULL : aligned_alloc(page, rounded ? rounded : 64);
    if (!*out) return med_fail(MED_ENOMEM, "not enough memory for %s: %.1f MB asked for", what, (double)n_bytes / 1e6);
    if (n_bytes >= HUGE_FROM) madvise(*out, n_bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* a wish: failing changes nothing */
    return MED_OK;
}
