/* safetensors.c: reader and writer of https://github.com/huggingface/safetensors files: 8 bytes header length, a JSON
 * header {"name": {"dtype", "shape", "data_offsets": [begin, end)}, ..., "__metadata__": {texts}}, then the data.
 *
 * Reading maps the file; nothing in the header is believed before it has been compared with the file's size. */
#include "engine/weights.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "engine/dtype.h"

enum { PREFIX_BYTES = 8, HEADER_MAX = 100 * 1000 * 1000 };

/* ---- reading ---- */

typedef struct item { /* one header entry, checked */
    const char *name;
    const med_file_dtype *type;
    med_shape shape;
    size_t begin, end; /* of its data, from the end of the header */
} item;

typedef struct reader {
    const char *path;
    const uint8_t *data; /* after the header */
    size_t data_bytes;
    item *items;
    int n_items;
} reader;

#define BROKEN "; the file is damaged or not safetensors: copy or export it again"

static med_status read_header(const char *path, med_mapping file, json_t **header, size_t *header_bytes) {
    if (file.size < PREFIX_BYTES)
        return med_fail(MED_EFORMAT, "%s: %zu bytes are too few for a safetensors file" BROKEN, path, file.size);
    uint64_t n;
    memcpy(&n, file.data, sizeof n);
    if (n > file.size - PREFIX_BYTES)
        return med_fail(MED_EFORMAT,
                        "%s: the header should have %" PRIu64 " bytes, the file has %zu after the length" BROKEN, path,
                        n, file.size - PREFIX_BYTES);
    if (n > HEADER_MAX)
        return med_fail(MED_EFORMAT, "%s: the header should have %" PRIu64 " bytes, at most %d are accepted" BROKEN,
                        path, n, HEADER_MAX);
    json_error_t error;
    *header = json_loadb((const char *)file.data + PREFIX_BYTES, n, JSON_REJECT_DUPLICATES, &error);
    if (!*header) return med_fail(MED_EFORMAT, "%s: the header is not JSON: %s" BROKEN, path, error.text);
    if (!json_is_object(*header)) return med_fail(MED_EFORMAT, "%s: the header is not a JSON object" BROKEN, path);
    *header_bytes = PREFIX_BYTES + n;
    return MED_OK;
}

static med_status read_metadata(const char *path, const json_t *object, med_weights *w) {
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return med_fail(MED_EFORMAT, "%s: __metadata__ is not an object" BROKEN, path);
    json_object_foreach ((json_t *)object, key, value) {
        if (!json_is_string(value))
            return med_fail(MED_EFORMAT, "%s: __metadata__ \"%s\" is not a text" BROKEN, path, key);
        med_weights_set_meta(w, key, json_string_value(value));
    }
    return MED_OK;
}

/* The shape, and in *n_bytes what it takes in the file. */
static med_status read_shape(const reader *r, item *it, const json_t *array, size_t *n_bytes) {
    if (!json_is_array(array) || json_array_size(array) > MED_MAX_RANK)
        return med_fail(MED_EFORMAT, "%s: tensor %s: expected a shape of at most %d sizes" BROKEN, r->path, it->name,
                        MED_MAX_RANK);
    size_t count = 1;
    it->shape.rank = (int)json_array_size(array);
    for (int d = 0; d < it->shape.rank; d++) {
        const json_t *size = json_array_get(array, (size_t)d);
        json_int_t value = json_integer_value(size);
        if (!json_is_integer(size) || value < 0)
            return med_fail(MED_EFORMAT, "%s: tensor %s: shape[%d] is not a whole number of 0 or more" BROKEN, r->path,
                            it->name, d);
        if (__builtin_mul_overflow(count, (size_t)value, &count) || count > INT64_MAX / 8)
            return med_fail(MED_EFORMAT, "%s: tensor %s: the shape's product is too large" BROKEN, r->path, it->name);
        it->shape.dim[d] = value;
    }
    *n_bytes = count * (size_t)it->type->bytes;
    return MED_OK;
}

static med_status read_item(const reader *r, const char *name, const json_t *object, item *it) {
    it->name = name;
    const char *dtype = json_string_value(json_object_get(object, "dtype"));
    if (!dtype) return med_fail(MED_EFORMAT, "%s: tensor %s has no dtype" BROKEN, r->path, name);
    it->type = med_file_dtype_find(dtype);
    if (!it->type)
        return med_fail(
            MED_EFORMAT,
            "%s: tensor %s has dtype %.20s; known are F32, F64, F16, BF16, I64, I32, I16, I8, U8, BOOL: convert it",
            r->path, name, dtype);
    size_t n_bytes = 0;
    MED_TRY(read_shape(r, it, json_object_get(object, "shape"), &n_bytes));

    const json_t *offsets = json_object_get(object, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return med_fail(MED_EFORMAT, "%s: tensor %s: data_offsets are not two whole numbers" BROKEN, r->path, name);
    json_int_t b = json_integer_value(begin), e = json_integer_value(end);
    if (b < 0 || e < b || (uint64_t)e > r->data_bytes)
        return med_fail(MED_EFORMAT,
                        "%s: tensor %s: data_offsets %lld to %lld lie outside the file's %zu bytes of data" BROKEN,
                        r->path, name, (long long)b, (long long)e, r->data_bytes);
    it->begin = (size_t)b;
    it->end = (size_t)e;
    if (it->end - it->begin != n_bytes)
        return med_fail(MED_EFORMAT, "%s: tensor %s: %s of shape %s needs %zu bytes, data_offsets give %zu" BROKEN,
                        r->path, name, dtype, med_shape_print(it->shape).text, n_bytes, it->end - it->begin);
    return MED_OK;
}

static int by_offset(const void *a, const void *b) {
    const item *const *x = a, *const *y = b;
    if ((*x)->begin != (*y)->begin) return (*x)->begin < (*y)->begin ? -1 : 1;
    return ((*x)->end > (*y)->end) - ((*x)->end < (*y)->end);
}

/* Every byte of the data belongs to exactly one tensor. */
static med_status check_layout(const reader *r) {
    const item **order = med_alloc((size_t)r->n_items * sizeof *order);
    for (int i = 0; i < r->n_items; i++) order[i] = &r->items[i];
    qsort(order, (size_t)r->n_items, sizeof *order, by_offset);
    size_t at = 0;
    med_status status = MED_OK;
    for (int i = 0; i < r->n_items && status == MED_OK; i++) {
        if (order[i]->begin != at)
            status = med_fail(MED_EFORMAT, "%s: tensor %s: its data begin at %zu and %s %zu" BROKEN, r->path,
                              order[i]->name, order[i]->begin,
                              order[i]->begin < at ? "overlap those before, which end at" : "leave a gap after", at);
        at = order[i]->end;
    }
    if (status == MED_OK && at != r->data_bytes)
        status = med_fail(MED_EFORMAT, "%s: the tensors take %zu bytes, the file has %zu after the header" BROKEN,
                          r->path, at, r->data_bytes);
    free(order);
    return status;
}

static med_status read_items(reader *r, const json_t *header, med_weights *w) {
    const char *name;
    json_t *value;
    r->items = med_alloc(json_object_size(header) * sizeof *r->items);
    json_object_foreach ((json_t *)header, name, value) {
        if (!strcmp(name, "__metadata__"))
            MED_TRY(read_metadata(r->path, value, w));
        else
            MED_TRY(read_item(r, name, value, &r->items[r->n_items++]));
    }
    MED_TRY(check_layout(r));
    for (int i = 0; i < r->n_items; i++) {
        const item *it = &r->items[i];
        const uint8_t *from = r->data + it->begin;
        bool is_aligned = (uintptr_t)from % (uintptr_t)it->type->bytes == 0;
        if (!it->type->convert && is_aligned) {
            MED_TRY(med_weights_add_view(w, it->name, it->type->dtype, it->shape, from));
        } else {
            med_tensor *t;
            MED_TRY(med_weights_add(w, it->name, it->type->dtype, it->shape, &t));
            med_file_dtype_read(it->type, from, (size_t)med_shape_count(it->shape), t->data);
        }
    }
    return MED_OK;
}

med_status med_weights_load(const char *path, med_weights **out) {
    *out = NULL;
    med_mapping file;
    MED_TRY(med_file_map(path, &file));
    json_t *header = NULL;
    size_t header_bytes = 0;
    med_weights *w = med_weights_create();
    med_weights_take_mapping(w, file);
    reader r = {.path = path};
    med_status status = read_header(path, file, &header, &header_bytes);
    if (status == MED_OK) {
        r.data = file.data + header_bytes;
        r.data_bytes = file.size - header_bytes;
        status = read_items(&r, header, w);
    }
    free(r.items);
    json_decref(header);
    if (status == MED_OK)
        *out = w;
    else
        med_weights_free(w);
    return status;
}

/* ---- writing ---- */

/* Larger elements lie first, so that every tensor is aligned in a mapping; the header keeps the order of the store. */
static void assign_offsets(const med_weights *w, size_t *offset) {
    size_t at = 0;
    for (size_t bytes = 8; bytes >= 1; bytes /= 2)
        for (int i = 0; i < med_weights_count(w); i++) {
            const med_tensor *t = med_weights_at(w, i);
            if (med_dtype_bytes(t->dtype) != bytes) continue;
            offset[i] = at;
            at += (size_t)med_shape_count(t->shape) * bytes;
        }
}

static json_t *make_entry(const med_tensor *t, size_t offset) {
    json_t *shape = json_array();
    for (int d = 0; d < t->shape.rank; d++) json_array_append_new(shape, json_integer(t->shape.dim[d]));
    size_t end = offset + med_tensor_bytes(t);
    return json_pack("{s:s,s:o,s:[I,I]}", "dtype", med_dtype_name(t->dtype), "shape", shape, "data_offsets",
                     (json_int_t)offset, (json_int_t)end);
}

/* The header's text (owned), padded with spaces to a multiple of 8 bytes. */
static med_status make_header(const med_weights *w, const char *path, const size_t *offset, char **text) {
    json_t *header = json_object();
    if (med_weights_n_metas(w)) {
        json_t *metadata = json_object();
        for (int i = 0; i < med_weights_n_metas(w); i++) {
            const char *value, *key = med_weights_meta_at(w, i, &value);
            json_object_set_new(metadata, key, json_string(value));
        }
        json_object_set_new(header, "__metadata__", metadata);
    }
    med_status status = MED_OK;
    for (int i = 0; i < med_weights_count(w) && status == MED_OK; i++) {
        const med_tensor *t = med_weights_at(w, i);
        if (json_object_set_new(header, t->name, make_entry(t, offset[i])))
            status = med_fail(MED_EFORMAT, "%s: tensor name number %d is not UTF-8 text: rename it", path, i);
    }
    char *json = status == MED_OK ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    if (!json) return status == MED_OK ? med_fail(MED_ENOMEM, "%s: no memory for the header", path) : status;
    size_t n = strlen(json), padded = (n + 7) / 8 * 8;
    *text = med_alloc(padded + 1);
    memset(*text, ' ', padded);
    memcpy(*text, json, n);
    free(json);
    return MED_OK;
}

static med_status write_all(const med_weights *w, const char *header, med_writer *to) {
    uint64_t n = strlen(header);
    MED_TRY(med_writer_write(to, &n, sizeof n));
    MED_TRY(med_writer_write(to, header, n));
    for (size_t bytes = 8; bytes >= 1; bytes /= 2) /* the order of assign_offsets */
        for (int i = 0; i < med_weights_count(w); i++) {
            const med_tensor *t = med_weights_at(w, i);
            if (med_dtype_bytes(t->dtype) == bytes)
                MED_TRY(med_writer_write(to, t->data, (size_t)med_shape_count(t->shape) * bytes));
        }
    return MED_OK;
}

med_status med_weights_save(const med_weights *w, const char *path) {
    size_t *offset = med_alloc((size_t)med_weights_count(w) * sizeof *offset);
    assign_offsets(w, offset);
    char *header = NULL;
    med_writer *to = NULL;
    med_status status = make_header(w, path, offset, &header);
    if (status == MED_OK) status = med_writer_open(path, &to);
    if (status == MED_OK) {
        status = write_all(w, header, to);
        if (status == MED_OK)
            status = med_writer_commit(to);
        else
            med_writer_discard(to);
    }
    free(header);
    free(offset);
    return status;
}
