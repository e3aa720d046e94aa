/* pickle.c: a stack machine for the opcodes of Python's pickle protocols 2 to 5 that a PyTorch state dict needs.
 * The meaning of every opcode: Python's Lib/pickletools.py. */
#include <stdlib.h>
#include <string.h>
#include "engine/pickle_machine.h"

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

typedef med_status opcode_fn(med_machine *m);

/* ---- opcodes: plain values ---- */

static med_status push_int(med_machine *m, med_py_kind kind, int64_t integer) {
    med_py *value = med_machine_make(m, kind);
    value->integer = integer;
    return med_machine_push(m, value);
}

static med_status read_int(med_machine *m, int n_bytes) {
    uint64_t value;
    MED_TRY(med_machine_take_number(m, n_bytes, &value));
    return push_int(m, MED_PY_INT, n_bytes == 4 ? (int32_t)value : (int64_t)value);
}

static med_status op_proto(med_machine *m) {
    uint64_t version;
    MED_TRY(med_machine_take_number(m, 1, &version));
    return version >= 2 && version <= 5 ? MED_OK : med_machine_fail(m, "the protocol is not 2 to 5");
}
static med_status op_frame(med_machine *m) {
    uint64_t n_bytes;
    MED_TRY(med_machine_take_number(m, 8, &n_bytes));
    return n_bytes <= m->size - m->at ? MED_OK : med_machine_fail(m, "a frame is longer than the stream");
}
static med_status op_stop(med_machine *m) {
    m->is_done = true;
    return MED_OK;
}
static med_status op_mark(med_machine *m) { return med_machine_push(m, NULL); }
static med_status op_none(med_machine *m) { return med_machine_push(m, med_machine_make(m, MED_PY_NONE)); }
static med_status op_true(med_machine *m) { return push_int(m, MED_PY_BOOL, 1); }
static med_status op_false(med_machine *m) { return push_int(m, MED_PY_BOOL, 0); }
static med_status op_int1(med_machine *m) { return read_int(m, 1); }
static med_status op_int2(med_machine *m) { return read_int(m, 2); }
static med_status op_int4(med_machine *m) { return read_int(m, 4); }

/* Two's complement of n bytes. Beyond 64 bits only PyTorch's magic number occurs; it is kept as its low 64 bits. */
static med_status op_long1(med_machine *m) {
    uint64_t n_bytes;
    const uint8_t *p;
    MED_TRY(med_machine_take_number(m, 1, &n_bytes));
    MED_TRY(med_machine_take(m, n_bytes, &p));
    uint64_t value = n_bytes && p[n_bytes - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = n_bytes < 8 ? n_bytes : 8; i-- > 0;) value = value << 8 | p[i];
    return push_int(m, MED_PY_INT, (int64_t)value);
}

static med_status op_float(med_machine *m) {
    const uint8_t *p;
    MED_TRY(med_machine_take(m, 8, &p));
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits = bits << 8 | p[i]; /* big-endian */
    med_py *value = med_machine_make(m, MED_PY_FLOAT);
    memcpy(&value->number, &bits, sizeof bits);
    return med_machine_push(m, value);
}

static med_status push_text(med_machine *m, const uint8_t *bytes, size_t n) {
    if (memchr(bytes, 0, n)) return med_machine_fail(m, "a text contains a zero byte");
    med_py *value = med_machine_make(m, MED_PY_TEXT);
    char *text = med_arena_alloc(m->arena, n + 1);
    memcpy(text, bytes, n);
    value->text = text;
    return med_machine_push(m, value);
}

static med_status read_text(med_machine *m, int n_length_bytes) {
    uint64_t n;
    const uint8_t *p;
    MED_TRY(med_machine_take_number(m, n_length_bytes, &n));
    MED_TRY(med_machine_take(m, n, &p));
    return push_text(m, p, n);
}
static med_status op_text1(med_machine *m) { return read_text(m, 1); }
static med_status op_text4(med_machine *m) { return read_text(m, 4); }

/* ---- opcodes: containers ---- */

static med_status op_empty_dict(med_machine *m) { return med_machine_push(m, med_machine_make(m, MED_PY_DICT)); }
static med_status op_empty_list(med_machine *m) { return med_machine_push(m, med_machine_make(m, MED_PY_LIST)); }

static med_status push_tuple(med_machine *m, med_py *const *items, size_t n) {
    med_py *tuple = med_machine_make(m, MED_PY_TUPLE);
    med_machine_append(m, tuple, items, n);
    return med_machine_push(m, tuple);
}

static med_status op_tuple(med_machine *m) {
    med_py **items;
    size_t n;
    MED_TRY(med_machine_pop_to_mark(m, &items, &n));
    return push_tuple(m, items, n);
}

static med_status tuple_of(med_machine *m, size_t n) {
    med_py *items[3];
    for (size_t i = n; i-- > 0;) MED_TRY(med_machine_pop(m, &items[i]));
    return push_tuple(m, items, n);
}
static med_status op_tuple0(med_machine *m) { return tuple_of(m, 0); }
static med_status op_tuple1(med_machine *m) { return tuple_of(m, 1); }
static med_status op_tuple2(med_machine *m) { return tuple_of(m, 2); }
static med_status op_tuple3(med_machine *m) { return tuple_of(m, 3); }

static med_status op_append(med_machine *m) {
    med_py *item, *list;
    MED_TRY(med_machine_pop(m, &item));
    MED_TRY(med_machine_top(m, MED_PY_LIST, &list));
    med_machine_append(m, list, &item, 1);
    return MED_OK;
}

static med_status op_appends(med_machine *m) {
    med_py **items, *list;
    size_t n;
    MED_TRY(med_machine_pop_to_mark(m, &items, &n));
    MED_TRY(med_machine_top(m, MED_PY_LIST, &list));
    med_machine_append(m, list, items, n);
    return MED_OK;
}

static med_status op_setitem(med_machine *m) {
    med_py *pair[2], *dict;
    MED_TRY(med_machine_pop(m, &pair[1]));
    MED_TRY(med_machine_pop(m, &pair[0]));
    MED_TRY(med_machine_top(m, MED_PY_DICT, &dict));
    med_machine_append(m, dict, pair, 2);
    return MED_OK;
}

static med_status op_setitems(med_machine *m) {
    med_py **items, *dict;
    size_t n;
    MED_TRY(med_machine_pop_to_mark(m, &items, &n));
    if (n % 2) return med_machine_fail(m, "a dict key has no value");
    MED_TRY(med_machine_top(m, MED_PY_DICT, &dict));
    med_machine_append(m, dict, items, n);
    return MED_OK;
}

static med_status op_binput(med_machine *m) {
    uint64_t place;
    MED_TRY(med_machine_take_number(m, 1, &place));
    return med_machine_memo_put(m, place);
}
static med_status op_long_binput(med_machine *m) {
    uint64_t place;
    MED_TRY(med_machine_take_number(m, 4, &place));
    return med_machine_memo_put(m, place);
}
static med_status op_memoize(med_machine *m) { return med_machine_memo_put(m, m->n_memo); }
static med_status op_binget(med_machine *m) { return med_machine_memo_get(m, 1); }
static med_status op_long_binget(med_machine *m) { return med_machine_memo_get(m, 4); }

/* ---- opcodes: what Python would import, call or ask for ---- */

static med_status push_global(med_machine *m, const char *module, size_t n_module, const char *name, size_t n_name) {
    med_py *value = med_machine_make(m, MED_PY_GLOBAL);
    char *text = med_arena_format(m->arena, "%.*s %.*s", (int)n_module, module, (int)n_name, name);
    value->text = text;
    for (size_t i = 0; i < sizeof allowed_globals / sizeof *allowed_globals; i++)
        if (!strcmp(text, allowed_globals[i])) return med_machine_push(m, value);
    for (char *p = text; *p; p++) /* the name goes to a terminal */
        if ((uint8_t)*p < ' ' || *p == 0x7f) *p = '?';
    return med_fail(MED_EFORMAT,
                    "%s: refused: the pickle asks for the Python object \"%.200s\", which is no part of a state dict: "
                    "save only model.state_dict()",
                    m->path, text);
}

static med_status take_line(med_machine *m, const char **line, size_t *n) {
    const uint8_t *from = m->data + m->at, *end = memchr(from, '\n', m->size - m->at);
    *line = NULL;
    *n = 0;
    if (!end) return med_machine_fail(m, "the stream is cut off");
    *line = (const char *)from;
    *n = (size_t)(end - from);
    m->at += *n + 1;
    return MED_OK;
}

static med_status op_global(med_machine *m) {
    const char *module, *name;
    size_t n_module, n_name;
    MED_TRY(take_line(m, &module, &n_module));
    MED_TRY(take_line(m, &name, &n_name));
    return push_global(m, module, n_module, name, n_name);
}

static med_status op_stack_global(med_machine *m) {
    med_py *name, *module;
    MED_TRY(med_machine_pop(m, &name));
    MED_TRY(med_machine_pop(m, &module));
    if (name->kind != MED_PY_TEXT || module->kind != MED_PY_TEXT)
        return med_machine_fail(m, "a global's name is not a text");
    return push_global(m, module->text, strlen(module->text), name->text, strlen(name->text));
}

static med_status op_persistent(med_machine *m) {
    med_py *id, *value = med_machine_make(m, MED_PY_PERSISTENT);
    MED_TRY(med_machine_pop(m, &id));
    med_machine_append(m, value, &id, 1);
    return med_machine_push(m, value);
}

/* OrderedDict() is a dict; Python 2 wrote OrderedDict([[key, value], ...]). */
static med_status push_ordered_dict(med_machine *m, const med_py *args) {
    med_py *dict = med_machine_make(m, MED_PY_DICT);
    med_py *pairs = args->n_items ? args->items[0] : NULL;
    if (args->n_items > 1 || (pairs && pairs->kind != MED_PY_LIST))
        return med_machine_fail(m, "OrderedDict with other arguments than a list of pairs");
    for (int i = 0; pairs && i < pairs->n_items; i++) {
        const med_py *pair = pairs->items[i];
        if ((pair->kind != MED_PY_LIST && pair->kind != MED_PY_TUPLE) || pair->n_items != 2)
            return med_machine_fail(m, "OrderedDict with other arguments than a list of pairs");
        med_machine_append(m, dict, pair->items, 2);
    }
    if (pairs) pairs->n_items = 0; /* moved: a short stream cannot ask for many copies */
    return med_machine_push(m, dict);
}

static med_status op_reduce(med_machine *m) {
    med_py *args, *function;
    MED_TRY(med_machine_pop(m, &args));
    MED_TRY(med_machine_pop(m, &function));
    if (function->kind != MED_PY_GLOBAL || args->kind != MED_PY_TUPLE)
        return med_machine_fail(m, "a call that is none");
    if (med_py_is_global(function, "collections OrderedDict"))
        return push_ordered_dict(m, args);
    med_py *call = med_machine_make(m, MED_PY_CALL);
    med_machine_append(m, call, (med_py *[2]){function, args}, 2);
    return med_machine_push(m, call);
}

/* Attributes of an OrderedDict (PyTorch's _metadata: module versions) have no meaning here. */
static med_status op_build(med_machine *m) {
    med_py *state, *object;
    MED_TRY(med_machine_pop(m, &state));
    return med_machine_top(m, MED_PY_DICT, &object);
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
    ['U'] = {"SHORT_BINSTRING", op_text1},
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

static med_status run(med_machine *m) {
    while (!m->is_done) {
        const uint8_t *code;
        MED_TRY(med_machine_take(m, 1, &code));
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
    med_machine m = {
        .path = path, .data = data, .size = size < STREAM_MAX ? size : STREAM_MAX, .arena = arena, .stack_room = 64};
    m.stack = med_alloc(m.stack_room * sizeof *m.stack);
    med_status status = run(&m);
    *out = NULL;
    if (status == MED_OK) status = med_machine_pop(&m, out);
    if (status == MED_OK && m.n_stack) status = med_machine_fail(&m, "values are left on the stack");
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
