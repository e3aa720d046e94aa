/* pth_maker.h: write PyTorch-like files byte by byte, right ones and wrong ones. */
#ifndef MED_TESTS_PTH_MAKER_H
#define MED_TESTS_PTH_MAKER_H

#include "testing.h"

typedef struct bytes { /* owned; free(b.data) */
    uint8_t *data;
    size_t n;
} bytes;

static inline void put(bytes *b, const void *data, size_t n) {
    b->data = realloc(b->data, b->n + n + 1);
    if (!b->data) abort();
    if (n) memcpy(b->data + b->n, data, n);
    b->n += n;
}
static inline void put_number(bytes *b, uint64_t value, int n_bytes) { put(b, &value, (size_t)n_bytes); }
static inline void op(bytes *b, const char *codes) { put(b, codes, strlen(codes)); }

/* ---- pickle, protocol 2 ---- */

static inline void py_text(bytes *b, const char *text) {
    op(b, "X");
    put_number(b, strlen(text), 4);
    op(b, text);
}
static inline void py_int(bytes *b, int64_t value) {
    op(b, "\x8a\x08");
    put_number(b, (uint64_t)value, 8);
}
static inline void py_global(bytes *b, const char *module, const char *name) {
    op(b, "c");
    op(b, module);
    op(b, "\n");
    op(b, name);
    op(b, "\n");
}
static inline void py_ints(bytes *b, int rank, const int64_t *values) {
    op(b, "(");
    for (int d = 0; d < rank; d++) py_int(b, values[d]);
    op(b, "t");
}

typedef struct py_tensor {
    const char *storage, *key;
    int64_t n, offset;
    int rank;
    int64_t size[6], stride[6];
} py_tensor;

static inline void py_put_tensor(bytes *b, const py_tensor *t) {
    py_global(b, "torch._utils", "_rebuild_tensor_v2");
    op(b, "((");
    py_text(b, "storage");
    py_global(b, "torch", t->storage);
    py_text(b, t->key);
    py_text(b, "cpu");
    py_int(b, t->n);
    op(b, "tQ");
    py_int(b, t->offset);
    py_ints(b, t->rank, t->size);
    py_ints(b, t->rank, t->stride);
    op(b, "\x89");
    py_global(b, "collections", "OrderedDict");
    op(b, ")RtR");
}

/* ---- zip, stored entries ---- */

typedef struct zip_part {
    const char *name;
    const void *data;
    size_t n;
} zip_part;

static inline bytes make_zip(const zip_part *parts, int n_parts, bool is_64) {
    bytes file = {0}, directory = {0};
    for (int i = 0; i < n_parts; i++) {
        const zip_part *p = &parts[i];
        size_t at = file.n, n_name = strlen(p->name);
        put_number(&file, 0x04034b50, 4);
        put(&file, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 14); /* version to checksum 0: not computed */
        put_number(&file, p->n, 4);
        put_number(&file, p->n, 4);
        put_number(&file, n_name, 2);
        put_number(&file, 5, 2); /* an extra field only here */
        op(&file, p->name);
        put(&file, "FB\1\0x", 5);
        put(&file, p->data, p->n);
        put_number(&directory, 0x02014b50, 4);
        put(&directory, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
        put_number(&directory, is_64 ? UINT32_MAX : p->n, 4);
        put_number(&directory, is_64 ? UINT32_MAX : p->n, 4);
        put_number(&directory, n_name, 2);
        put_number(&directory, is_64 ? 28 : 0, 2);
        put(&directory, "\0\0\0\0\0\0\0\0\0\0", 10);
        put_number(&directory, is_64 ? UINT32_MAX : at, 4);
        op(&directory, p->name);
        if (is_64) {
            put_number(&directory, 1 | 24 << 16, 4);
            put_number(&directory, p->n, 8);
            put_number(&directory, p->n, 8);
            put_number(&directory, at, 8);
        }
    }
    size_t at = file.n;
    put(&file, directory.data, directory.n);
    if (is_64) {
        size_t at64 = file.n;
        put_number(&file, 0x06064b50, 4);
        put_number(&file, 44, 8);
        put_number(&file, 0, 8); /* versions, this disk */
        put_number(&file, 0, 4);
        put_number(&file, (uint64_t)n_parts, 8);
        put_number(&file, (uint64_t)n_parts, 8);
        put_number(&file, directory.n, 8);
        put_number(&file, at, 8);
        put_number(&file, 0x07064b50, 4);
        put_number(&file, 0, 4);
        put_number(&file, at64, 8);
        put_number(&file, 1, 4);
    }
    put_number(&file, 0x06054b50, 4);
    put_number(&file, 0, 4);
    put_number(&file, is_64 ? UINT16_MAX : (uint64_t)n_parts, 2);
    put_number(&file, is_64 ? UINT16_MAX : (uint64_t)n_parts, 2);
    put_number(&file, is_64 ? UINT32_MAX : directory.n, 4);
    put_number(&file, is_64 ? UINT32_MAX : at, 4);
    put_number(&file, 0, 2);
    free(directory.data);
    return file;
}

#endif
