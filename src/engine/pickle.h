/* pickle.h: read a Python pickle as plain values. Nothing is executed: opcodes and globals that a PyTorch state dict
 * does not need are refused by name. */
#ifndef MED_ENGINE_PICKLE_H
#define MED_ENGINE_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/memory.h"
#include "base/status.h"

typedef enum med_py_kind {
    MED_PY_NONE,
    MED_PY_BOOL,
    MED_PY_INT,
    MED_PY_FLOAT,
    MED_PY_TEXT,
    MED_PY_TUPLE,
    MED_PY_LIST,
    MED_PY_DICT,       /* items: key, value, key, value, ...; OrderedDict too */
    MED_PY_GLOBAL,     /* text: "torch FloatStorage" */
    MED_PY_PERSISTENT, /* items[0]: what the persistent id was */
    MED_PY_CALL,       /* a call that was not made: items[0] a global, items[1] the tuple of arguments */
} med_py_kind;

typedef struct med_py { /* in the arena of the reader */
    med_py_kind kind;
    int n_items;
    struct med_py **items;
    union {
        int64_t integer; /* BOOL, INT */
        double number;
        const char *text;
    };
    int room; /* of items, while reading */
} med_py;

/* One pickle at the start of data; *n_used = its length. `path` is for messages. MED_EFORMAT: cut off, an opcode or a
 * global that is refused (named), or a program that does not fit together. */
MED_CHECK med_status med_pickle_read(const uint8_t *data, size_t size, const char *path, med_arena *arena, med_py **out,
                                     size_t *n_used);

/* Value of a text key in a dict; NULL when absent or when `dict` is none. */
const med_py *med_py_get(const med_py *dict, const char *key);
bool med_py_is_text(const med_py *value, const char *text);
bool med_py_is_global(const med_py *value, const char *name);

#endif
