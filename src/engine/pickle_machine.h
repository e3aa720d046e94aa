/* pickle_machine.h: the state of the pickle reader: stream, stack and memo. */
#ifndef MED_ENGINE_PICKLE_MACHINE_H
#define MED_ENGINE_PICKLE_MACHINE_H

#include "engine/pickle.h"

typedef struct med_machine {
    const char *path;
    const uint8_t *data;
    size_t size, at;
    med_arena *arena;
    med_py **stack; /* NULL entries are marks */
    size_t n_stack, stack_room;
    med_py **memo;
    size_t memo_room, n_memo;
    bool is_done;
} med_machine;

/* MED_EFORMAT with the place in the stream. */
MED_CHECK med_status med_machine_fail(const med_machine *m, const char *what);

/* The next n bytes of the stream; a little-endian number of up to 8 bytes. */
MED_CHECK med_status med_machine_take(med_machine *m, size_t n, const uint8_t **bytes);
MED_CHECK med_status med_machine_take_number(med_machine *m, int n_bytes, uint64_t *value);

med_py *med_machine_make(med_machine *m, med_py_kind kind); /* a new value, nowhere yet */
void med_machine_append(med_machine *m, med_py *to, med_py *const *items, size_t n);

MED_CHECK med_status med_machine_push(med_machine *m, med_py *value); /* NULL: a mark */
MED_CHECK med_status med_machine_pop(med_machine *m, med_py **value);
/* The uppermost value, which must be a dict or a list as `kind` says; it stays. */
MED_CHECK med_status med_machine_top(med_machine *m, med_py_kind kind, med_py **value);
/* Values above the last mark, which goes too; they stay readable until the next push. */
MED_CHECK med_status med_machine_pop_to_mark(med_machine *m, med_py ***items, size_t *n);

/* Remember the uppermost value; push the value at the place that the next n_bytes of the stream name. */
MED_CHECK med_status med_machine_memo_put(med_machine *m, uint64_t place);
MED_CHECK med_status med_machine_memo_get(med_machine *m, int n_bytes);

#endif
