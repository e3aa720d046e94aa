/* memory.h: the three lifetimes of memory: arena, owned, borrowed (borrowed needs no function). */
#ifndef MED_BASE_MEMORY_H
#define MED_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include "base/status.h"

/* Small objects that die together. Allocation never fails: a small request that the system refuses aborts. */
typedef struct med_arena med_arena;
med_arena *med_arena_create(void);
void med_arena_free(med_arena *arena);                       /* NULL is fine */
void *med_arena_alloc(med_arena *arena, size_t n_bytes);     /* zeroed, 16-byte aligned */
char *med_arena_format(med_arena *arena, const char *format, ...) MED_PRINTF(2, 3);

/* Small owned objects: zeroed; a refusal aborts. Free with free(). */
void *med_alloc(size_t n_bytes);
char *med_strdup(const char *text);
char *med_format(const char *format, ...) MED_PRINTF(1, 2); /* owned */

/* Whether `ending` is how the text ends; the whole text counts. */
bool med_ends_with(const char *text, const char *ending);

/* Large owned buffers: 64-byte aligned, not cleared. MED_ENOMEM names `what` and the size. Free with free(). */
MED_CHECK med_status med_buffer_alloc(size_t n_bytes, const char *what, void **out);

#endif
