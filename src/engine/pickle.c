/* pickle.c: a stack machine for the opcodes of Python's pickle protocols 2 to 5 that a PyTorch state dict needs.
 * The meaning of every opcode: Python's Lib/pickletools.py. Values live in the arena; a stream of n bytes makes at most
 * n values and a memo of at most n places, so memory is bounded by the stream's length. */
#include "engine/pickle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_MAX = 1 << 22 }; /* bytes; the state dict of 500 tensors has 40 KB */

/* All that a state dict may refer to. Names beyond these are refused before anything is made of them. */
static const char *const allowed_globals[] = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch FloatStorage",
    "torch DoubleStorage",
    "torch HalfStorage",
    "torch BFloat16Storage",
    "torch LongStorage",
    "torch IntStorage",
    "torch ShortStorage",
    "torch CharStorage",
    "torch ByteStorage",
    "torch BoolStorage",
};

typedef struct machine {
    const char *path;
    const uint8_t *data;
    size_t size, at;
    med_arena *arena;
    med_py **stack; /* NULL entries are marks */
    size_t n_stack, stack_room;
    med_py **memo;
    size_t memo_room, n_memo;
    bool is_done;
} machine;

typedef med_status opcode_fn(machine *m);

static med_status fail(const machine *m, const char *what) {
    return med_fail(MED_EFORMAT,
                    "%s: pickle at byte %zu: %s; the file is damaged or not a state dict: save it again with "
                    "torch.save(model.state_dict(), ...)",
                    m->path, m->at, what);
}

/* ---- stream, stack, memo ---- */

static med_status take(machine *m, size_t n, const uint8_t **bytes) {
    *bytes = m->data + m->at;
    if (n > m->size - m->at) return fail(m, "the stream is cut off");
    m->at += n;
    return MED_OK;
}

static med_status take_number(machine *m, int n_bytes, uint64_t *value) {
    const uint8_t *p;
    *value = 0;
    MED_TRY(take(m, (size_t)n_bytes, &p));
    for (int i = n_bytes - 1; i >= 0; i--) *value = *value << 8 | p[i];
    return MED_OK;
}

static med_py *make(machine *m, med_py_kind kind) {
    med_py *value = med_arena_alloc(m->arena, sizeof *value);
    value->kind = kind;
    return value;
}

static med_status push(machine *m, med_py *value) {
    if (m->n_stack == m->stack_room) {
        m->stack_room *= 2;
        m->stack = realloc(m->stack, m->stack_room * sizeof *m->stack);
        med_assert(m->stack != NULL);
    }
    m->stack[m->n_stack++] = value;
    return MED_OK;
}

static med_status pop(machine *m, med_py **value) {
    *value = NULL;
    if (m->n_stack == 0 || !m->stack[m->n_stack - 1]) return fail(m, "a value is missing on the stack");
    *value = m->stack[--m->n_stack];
    return MED_OK;
}

static med_status top(machine *m, med_py_kind kind, med_py **value) {
    *value = NULL;
    if (m->n_stack == 0 || !m->stack[m->n_stack - 1]) return fail(m, "a value is missing on the stack");
    *value = m->stack[m->n_stack - 1];
    return (*value)->kind == kind
               ? MED_OK
               : fail(m, kind == MED_PY_DICT ? "a dict is expected here" : "a list is expected here");
}

/* Values above the last mark, which goes too; they stay readable in the stack's memory until the next push. */
static med_status pop_to_mark(machine *m, med_py ***items, size_t *n) {
    size_t at = m->n_stack;
    while (at > 0 && m->stack[at - 1]) at--;
    *items = m->stack + at;
    *n = m->n_stack - at;
    if (at == 0) return fail(m, "a mark is missing on the stack");
    m->n_stack = at - 1;
    return MED_OK;
}

static void append(machine *m, med_py *to, med_py *const *items, size_t n) {
    if (to->n_items + (int)n > to->room) {
        int room = 2 * (to->n_items + (int)n);
        med_py **grown = med_arena_alloc(m->arena, (size_t)room * sizeof *grown);
        if (to->n_items) memcpy(grown, to->items, (size_t)to->n_items * sizeof *grown);
        to->items = grown;
        to->room = room;
    }
    for (size_t i = 0; i < n; i++) to->items[to->n_items++] = items[i];
}

static med_status memo_put(machine *m, uint64_t place) {
    if (m->n_stack == 0 || !m->stack[m->n_stack - 1]) return fail(m, "nothing to remember");
    if (place >= m->size) return fail(m, "a memo place is larger than the stream");
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

static med_status memo_get(machine *m, int n_bytes) {
    uint64_t place;
    MED_TRY(take_number(m, n_bytes, &place));
    if (place >= m->memo_room || !m->memo[place]) return fail(m, "an empty memo place is read");
    return push(m, m->memo[place]);
}

/* ---- opcodes: plain values ---- */

static med_status push_int(machine *m, med_py_kind kind, int64_t integer) {
    med_py *value = make(m, kind);
    value->integer = integer;
    return push(m, value);
}

static med_status read_int(machine *m, int n_bytes) {
    uint64_t value;
    MED_TRY(take_number(m, n_bytes, &value));
    return push_int(m, MED_PY_INT, n_bytes == 4 ? (int32_t)value : (int64_t)value);
}

static med_status op_proto(machine *m) {
    uint64_t version;
    MED_TRY(take_number(m, 1, &version));
    return version >= 2 && version <= 5 ? MED_OK : fail(m, "the protocol is not 2 to 5");
}
static med_status op_frame(machine *m) {
    uint64_t n_bytes;
    MED_TRY(take_number(m, 8, &n_bytes));
    return n_bytes <= m->size - m->at ? MED_OK : fail(m, "a frame is longer than the stream");
}
static med_status op_stop(machine *m) {
    m->is_done = true;
    return MED_OK;
}
static med_status op_mark(machine *m) { return push(m, NULL); }
static med_status op_none(machine *m) { return push(m, make(m, MED_PY_NONE)); }
static med_status op_true(machine *m) { return push_int(m, MED_PY_BOOL, 1); }
static med_status op_false(machine *m) { return push_int(m, MED_PY_BOOL, 0); }
static med_status op_int1(machine *m) { return read_int(m, 1); }
static med_status op_int2(machine *m) { return read_int(m, 2); }
static med_status op_int4(machine *m) { return read_int(m, 4); }

/* Two's complement of n bytes. Beyond 64 bits only PyTorch's magic number occurs; it is kept as its low 64 bits. */
static med_status op_long1(machine *m) {
    uint64_t n_bytes;
    const uint8_t *p;
    MED_TRY(take_number(m, 1, &n_bytes));
    MED_TRY(take(m, n_bytes, &p));
    uint64_t value = n_bytes && p[n_bytes - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = n_bytes < 8 ? n_bytes : 8; i-- > 0;) value = value << 8 | p[i];
    return push_int(m, MED_PY_INT, (int64_t)value);
}

static med_status op_float(machine *m) {
    const uint8_t *p;
    MED_TRY(take(m, 8, &p));
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits = bits << 8 | p[i]; /* big-endian */
    med_py *value = make(m, MED_PY_FLOAT);
    memcpy(&value->number, &bits, sizeof bits);
    return push(m, value);
}

static med_status push_text(machine *m, const uint8_t *bytes, size_t n) {
    if (memchr(bytes, 0, n)) return fail(m, "a text contains a zero byte");
    med_py *value = make(m, MED_PY_TEXT);
    char *text = med_arena_alloc(m->arena, n + 1);
    memcpy(text, bytes, n);
    value->text = text;
    return push(m, value);
}

static med_status read_text(machine *m, int n_length_bytes) {
    uint64_t n;
    const uint8_t *p;
    MED_TRY(take_number(m, n_length_bytes, &n));
    MED_TRY(take(m, n, &p));
    return push_text(m, p, n);
}
static med_status op_text1(machine *m) { return read_text(m, 1); }
static med_status op_text4(machine *m) { return read_text(m, 4); }

/* ---- opcodes: containers ---- */

static med_status op_empty_dict(machine *m) { return push(m, make(m, MED_PY_DICT)); }
static med_status op_empty_list(machine *m) { return push(m, make(m, MED_PY_LIST)); }

static med_status push_tuple(machine *m, med_py *const *items, size_t n) {
    med_py *tuple = make(m, MED_PY_TUPLE);
    append(m, tuple, items, n);
    return push(m, tuple);
}

static med_status op_tuple(machine *m) {
    med_py **items;
    size_t n;
    MED_TRY(pop_to_mark(m, &items, &n));
    return push_tuple(m, items, n);
}

static med_status tuple_of(machine *m, size_t n) {
    med_py *items[3];
    for (size_t i = n; i-- > 0;) MED_TRY(pop(m, &items[i]));
    return push_tuple(m, items, n);
}
static med_status op_tuple0(machine *m) { return tuple_of(m, 0); }
static med_status op_tuple1(machine *m) { return tuple_of(m, 1); }
static med_status op_tuple2(machine *m) { return tuple_of(m, 2); }
static med_status op_tuple3(machine *m) { return tuple_of(m, 3); }

static med_status op_append(machine *m) {
    med_py *item, *list;
    MED_TRY(pop(m, &item));
    MED_TRY(top(m, MED_PY_LIST, &list));
    append(m, list, &item, 1);
    return MED_OK;
}

static med_status op_appends(machine *m) {
    med_py **items, *list;
    size_t n;
    MED_TRY(pop_to_mark(m, &items, &n));
    MED_TRY(top(m, MED_PY_LIST, &list));
    append(m, list, items, n);
    return MED_OK;
}

static med_status op_setitem(machine *m) {
    med_py *pair[2], *dict;
    MED_TRY(pop(m, &pair[1]));
    MED_TRY(pop(m, &pair[0]));
    MED_TRY(top(m, MED_PY_DICT, &dict));
    append(m, dict, pair, 2);
    return MED_OK;
}

static med_status op_setitems(machine *m) {
    med_py **items, *dict;
    size_t n;
    MED_TRY(pop_to_mark(m, &items, &n));
    if (n % 2) return fail(m, "a dict key has no value");
    MED_TRY(top(m, MED_PY_DICT, &dict));
    append(m, dict, items, n);
    return MED_OK;
}

static med_status op_binput(machine *m) {
    uint64_t place;
    MED_TRY(take_number(m, 1, &place));
    return memo_put(m, place);
}
static med_status op_long_binput(machine *m) {
    uint64_t place;
    MED_TRY(take_number(m, 4, &place));
    return memo_put(m, place);
}
static med_status op_memoize(machine *m) { return memo_put(m, m->n_memo); }
static med_status op_binget(machine *m) { return memo_get(m, 1); }
static med_status op_long_binget(machine *m) { return memo_get(m, 4); }

/* ---- opcodes: what Python would import, call or ask for ---- */

static med_status push_global(machine *m, const char *module, size_t n_module, const char *name, size_t n_name) {
    med_py *value = make(m, MED_PY_GLOBAL);
    char *text = med_arena_format(m->arena, "%.*s %.*s", (int)n_module, module, (int)n_name, name);
    value->text = text;
    for (size_t i = 0; i < sizeof allowed_globals / sizeof *allowed_globals; i++)
        if (!strcmp(text, allowed_globals[i])) return push(m, value);
    for (char *p = text; *p; p++) /* the name goes to a terminal */
        if ((uint8_t)*p < ' ' || *p == 0x7f) *p = '?';
    return med_fail(MED_EFORMAT,
                    "%s: refused: the pickle asks for the Python object \"%.200s\", which is no part of a state dict: "
                    "save only model.state_dict()",
                    m->path, text);
}

static med_status take_line(machine *m, const char **line, size_t *n) {
    const uint8_t *from = m->data + m->at, *end = memchr(from, '\n', m->size - m->at);
    *line = NULL;
    *n = 0;
    if (!end) return fail(m, "the stream is cut off");
    *line = (const char *)from;
    *n = (size_t)(end - from);
    m->at += *n + 1;
    return MED_OK;
}

static med_status op_global(machine *m) {
    const char *module, *name;
    size_t n_module, n_name;
    MED_TRY(take_line(m, &module, &n_module));
    MED_TRY(take_line(m, &name, &n_name));
    return push_global(m, module, n_module, name, n_name);
}

static med_status op_stack_global(machine *m) {
    med_py *name, *module;
    MED_TRY(pop(m, &name));
    MED_TRY(pop(m, &module));
    if (name->kind != MED_PY_TEXT || module->kind != MED_PY_TEXT) return fail(m, "a global's name is not a text");
    return push_global(m, module->text, strlen(module->text), name->text, strlen(name->text));
}

static med_status op_persistent(machine *m) {
    med_py *id, *value = make(m, MED_PY_PERSISTENT);
    MED_TRY(pop(m, &id));
    append(m, value, &id, 1);
    return push(m, value);
}

/* OrderedDict() is a dict; OrderedDict([(key, value), ...]) is not written by torch.save. */
static med_status op_reduce(machine *m) {
    med_py *args, *function;
    MED_TRY(pop(m, &args));
    MED_TRY(pop(m, &function));
    if (function->kind != MED_PY_GLOBAL || args->kind != MED_PY_TUPLE) return fail(m, "a call that is none");
    if (med_py_is_global(function, "collections OrderedDict"))
        return args->n_items ? fail(m, "OrderedDict with arguments") : op_empty_dict(m);
    med_py *call = make(m, MED_PY_CALL);
    append(m, call, (med_py *[2]){function, args}, 2);
    return push(m, call);
}

/* Attributes of an OrderedDict (PyTorch's _metadata: module versions) have no meaning here. */
static med_status op_build(machine *m) {
    med_py *state, *object;
    MED_TRY(pop(m, &state));
    return top(m, MED_PY_DICT, &object);
}

/* ---- the table ---- */

typedef struct opcode {
    const char *name;
    opcode_fn *run; /* NULL: refused */
} opcode;

static const opcode opcodes[256] = {
    ['('] = {"MARK", op_mark},
    ['.'] = {"STOP", op_stop},
    ['0'] = {"POP", NULL},
    ['1'] = {"POP_MARK", NULL},
    ['2'] = {"DUP", NULL},
    ['F'] = {"FLOAT", NULL},
    ['I'] = {"INT", NULL},
    ['J'] = {"BININT", op_int4},
    ['K'] = {"BININT1", op_int1},
    ['L'] = {"LONG", NULL},
    ['M'] = {"BININT2", op_int2},
    ['N'] = {"NONE", op_none},
    ['P'] = {"PERSID", NULL},
    ['Q'] = {"BINPERSID", op_persistent},
    ['R'] = {"REDUCE", op_reduce},
    ['S'] = {"STRING", NULL},
    ['T'] = {"BINSTRING", NULL},
    ['U'] = {"SHORT_BINSTRING", NULL},
    ['V'] = {"UNICODE", NULL},
    ['X'] = {"BINUNICODE", op_text4},
    ['a'] = {"APPEND", op_append},
    ['b'] = {"BUILD", op_build},
    ['c'] = {"GLOBAL", op_global},
    ['d'] = {"DICT", NULL},
    ['}'] = {"EMPTY_DICT", op_empty_dict},
    ['e'] = {"APPENDS", op_appends},
    ['g'] = {"GET", NULL},
    ['h'] = {"BINGET", op_binget},
    ['i'] = {"INST", NULL},
    ['j'] = {"LONG_BINGET", op_long_binget},
    ['l'] = {"LIST", NULL},
    [']'] = {"EMPTY_LIST", op_empty_list},
    ['o'] = {"OBJ", NULL},
    ['p'] = {"PUT", NULL},
    ['q'] = {"BINPUT", op_binput},
    ['r'] = {"LONG_BINPUT", op_long_binput},
    ['s'] = {"SETITEM", op_setitem},
    ['t'] = {"TUPLE", op_tuple},
    [')'] = {"EMPTY_TUPLE", op_tuple0},
    ['u'] = {"SETITEMS", op_setitems},
    ['G'] = {"BINFLOAT", op_float},
    ['B'] = {"BINBYTES", NULL},
    ['C'] = {"SHORT_BINBYTES", NULL},
    [0x80] = {"PROTO", op_proto},
    [0x81] = {"NEWOBJ", NULL},
    [0x82] = {"EXT1", NULL},
    [0x83] = {"EXT2", NULL},
    [0x84] = {"EXT4", NULL},
    [0x85] = {"TUPLE1", op_tuple1},
    [0x86] = {"TUPLE2", op_tuple2},
    [0x87] = {"TUPLE3", op_tuple3},
    [0x88] = {"NEWTRUE", op_true},
    [0x89] = {"NEWFALSE", op_false},
    [0x8a] = {"LONG1", op_long1},
    [0x8b] = {"LONG4", NULL},
    [0x8c] = {"SHORT_BINUNICODE", op_text1},
    [0x8d] = {"BINUNICODE8", NULL},
    [0x8e] = {"BINBYTES8", NULL},
    [0x8f] = {"EMPTY_SET", NULL},
    [0x90] = {"ADDITEMS", NULL},
    [0x91] = {"FROZENSET", NULL},
    [0x92] = {"NEWOBJ_EX", NULL},
    [0x93] = {"STACK_GLOBAL", op_stack_global},
    [0x94] = {"MEMOIZE", op_memoize},
    [0x95] = {"FRAME", op_frame},
    [0x96] = {"BYTEARRAY8", NULL},
    [0x97] = {"NEXT_BUFFER", NULL},
    [0x98] = {"READONLY_BUFFER", NULL},
};

static med_status run(machine *m) {
    while (!m->is_done) {
        const uint8_t *code;
        MED_TRY(take(m, 1, &code));
        const opcode *op = &opcodes[*code];
        if (!op->name)
            return med_fail(MED_EFORMAT,
                            "%s: pickle at byte %zu: 0x%02x is no opcode; the file is damaged: copy it again", m->path,
                            m->at - 1, *code);
        if (!op->run)
            return med_fail(MED_EFORMAT,
                            "%s: refused: the pickle uses opcode %s at byte %zu, which a state dict does not need: "
                            "save only model.state_dict()",
                            m->path, op->name, m->at - 1);
        MED_TRY(op->run(m));
    }
    return MED_OK;
}

med_status med_pickle_read(const uint8_t *data, size_t size, const char *path, med_arena *arena, med_py **out,
                           size_t *n_used) {
    machine m = {.path = path, .data = data, .size = size < STREAM_MAX ? size : STREAM_MAX, .arena = arena, .stack_room = 64};
    m.stack = med_alloc(m.stack_room * sizeof *m.stack);
    med_status status = run(&m);
    *out = NULL;
    if (status == MED_OK) status = pop(&m, out);
    if (status == MED_OK && m.n_stack) status = fail(&m, "values are left on the stack");
    *n_used = m.at;
    free(m.stack);
    free(m.memo);
    return status;
}

const med_py *med_py_get(const med_py *dict, const char *key) {
    if (dict->kind != MED_PY_DICT) return NULL;
    for (int i = 0; i + 1 < dict->n_items; i += 2)
        if (med_py_is_text(dict->items[i], key)) return dict->items[i + 1];
    return NULL;
}

bool med_py_is_text(const med_py *value, const char *text) {
    return value->kind == MED_PY_TEXT && !strcmp(value->text, text);
}
bool med_py_is_global(const med_py *value, const char *name) {
    return value->kind == MED_PY_GLOBAL && !strcmp(value->text, name);
}
