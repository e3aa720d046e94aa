/* pickle_machine.c: stream, stack and memo of the pickle reader, with bounds. Values live in the arena; a stream of n
 * bytes makes at most n values and a memo of at most n places, so memory is bounded by the stream's length. */
#include "engine/pickle_machine.h"

#include <stdlib.h>
#include <string.h>

med_status med_machine_fail(const med_machine *m, const char *what) {
    return med_fail(MED_EFORMAT,
                    "%s: pickle at byte %zu: %s; the file is damaged or not a state dict: save it again with "
                    "torch.save(model.state_dict(), ...)",
                    m->path, m->at, what);
}

med_status med_machine_take(med_machine *m, size_t n, const uint8_t **bytes) {
    *bytes = m->data + m->at;
    if (n > m->size - m->at) return med_machine_fail(m, "the stream is cut off");
    m->at += n;
    return MED_OK;
}

med_status med_machine_take_number(med_machine *m, int n_bytes, uint64_t *value) {
    const uint8_t *p;
    *value = 0;
    MED_TRY(med_machine_take(m, (size_t)n_bytes, &p));
    for (int i = n_bytes - 1; i >= 0; i--) *value = *value << 8 | p[i];
    return MED_OK;
}

med_py *med_machine_make(med_machine *m, med_py_kind kind) {
    med_py *value = med_arena_alloc(m->arena, sizeof *value);
    value->kind = kind;
    return value;
}

med_status med_machine_push(med_machine *m, med_py *value) {
    if (m->n_stack == m->stack_room) {
        m->stack_room *= 2;
        m->stack = realloc(m->stack, m->stack_room * sizeof *m->stack);
        med_assert(m->stack != NULL);
    }
    m->stack[m->n_stack++] = value;
    return MED_OK;
}

med_status med_machine_pop(med_machine *m, med_py **value) {
    *value = NULL;
    if (m->n_stack == 0 || !m->stack[m->n_stack - 1]) return med_machine_fail(m, "a value is missing on the stack");
    *value = m->stack[--m->n_stack];
    return MED_OK;
}

med_status med_machine_top(med_machine *m, med_py_kind kind, med_py **value) {
    *value = NULL;
    if (m->n_stack == 0 || !m->stack[m->n_stack - 1]) return med_machine_fail(m, "a value is missing on the stack");
    *value = m->stack[m->n_stack - 1];
    return (*value)->kind == kind
               ? MED_OK
               : med_machine_fail(m, kind == MED_PY_DICT ? "a dict is expected here" : "a list is expected here");
}

med_status med_machine_pop_to_mark(med_machine *m, med_py ***items, size_t *n) {
    size_t at = m->n_stack;
    while (at > 0 && m->stack[at - 1]) at--;
    *items = m->stack + at;
    *n = m->n_stack - at;
    if (at == 0) return med_machine_fail(m, "a mark is missing on the stack");
    m->n_stack = at - 1;
    return MED_OK;
}

void med_machine_append(med_machine *m, med_py *to, med_py *const *items, size_t n) {
    if (to->n_items + (int)n > to->room) {
        int room = 2 * (to->n_items + (int)n);
        med_py **grown = med_arena_alloc(m->arena, (size_t)room * sizeof *grown);
        if (to->n_items) memcpy(grown, to->items, (size_t)to->n_items * sizeof *grown);
        to->items = grown;
        to->room = room;
    }
    for (size_t i = 0; i < n; i++) to->items[to->n_items++] = items[i];
}

med_status med_machine_memo_put(med_machine *m, uint64_t place) {
    if (m->n_stack == 0 || !m->stack[m->n_stack - 1]) return med_machine_fail(m, "nothing to remember");
    if (place >= m->size) return med_machine_fail(m, "a memo place is larger than the stream");
    if (place >= m->memo_room) {
        size_t room = place + 1 > 2 * m->memo_room ? place + 64 : 2 * m->memo_room;
        m->memo = realloc(m->memo, room * sizeof *m->memo);
        med_assert(m->memo != NULL);
        memset(m->memo + m->memo_room, 0, (room - m->memo_room) * sizeof *m->memo);
        m->memo_room = room;
    }
    m->memo[place] = m->stack[m->n_stack - 1];
    m->n_memo++;
    return MED_OK;
}

med_status med_machine_memo_get(med_machine *m, int n_bytes) {
    uint64_t place;
    MED_TRY(med_machine_take_number(m, n_bytes, &place));
    if (place >= m->memo_room || !m->memo[place]) return med_machine_fail(m, "an empty memo place is read");
    return med_machine_push(m, m->memo[place]);
}
