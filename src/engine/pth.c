/* pth.c: PyTorch state dicts as torch.save writes them, without PyTorch.
 *
 * zip (since 1.6):  NAME/data.pkl is the pickled dict, NAME/data/KEY the bytes of storage KEY, NAME/byteorder "little".
 * legacy stream:    pickles of a magic number, a protocol version, a dict about the system, the dict and the list of
 *                   storage keys; then per storage, in that order, an int64 count and the bytes.
 * In both a tensor is _rebuild_tensor_v2(('storage', TYPE, KEY, location, n), offset, size, stride, ...). */
#include "engine/weights.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "engine/dtype.h"
#include "engine/pickle.h"
#include "engine/zip.h"

static const int64_t legacy_magic = (int64_t)0xa86a20f9469cfc6c; /* low 64 bits of it */
enum { LEGACY_PROTOCOL = 1001 };

#define NOT_STATE_DICT "; expected a state dict: save it again with torch.save(model.state_dict(), ...)"

typedef struct view { /* a tensor as the dict describes it */
    const char *name;
    const char *key; /* of its storage */
    const med_file_dtype *type;
    int64_t n_storage; /* elements */
    int64_t offset;
    med_shape shape;
    int64_t stride[MED_MAX_RANK];
    const uint8_t *data; /* of the storage */
} view;

typedef struct reader {
    const char *path;
    med_mapping file;
    med_arena *arena;
    view *views; /* in the arena */
    int n_views;
    uint64_t n_gather_left; /* elements that may still be copied: a file cannot ask for more than it holds */
} reader;

/* ---- from values to views ---- */

static bool read_count(const med_py *value, int64_t *out) {
    *out = value->integer;
    return value->kind == MED_PY_INT && value->integer >= 0;
}

/* ('storage', TYPE, KEY, location, n[, None]) */
static med_status read_storage(const reader *r, const med_py *value, view *v) {
    const med_py *id = value->kind == MED_PY_PERSISTENT ? value->items[0] : NULL;
    if (!id || id->kind != MED_PY_TUPLE || id->n_items < 5 || !med_py_is_text(id->items[0], "storage") ||
        id->items[1]->kind != MED_PY_GLOBAL || id->items[2]->kind != MED_PY_TEXT ||
        !read_count(id->items[4], &v->n_storage))
        return med_fail(MED_EFORMAT, "%s: tensor %s has no storage" NOT_STATE_DICT, r->path, v->name);
    if (id->n_items > 5 && id->items[5]->kind != MED_PY_NONE)
        return med_fail(
            MED_EFORMAT,
            "%s: tensor %s lies in a view of a storage, as PyTorch before 0.4 wrote it: save it again with a newer one",
            r->path, v->name);
    const char *type = id->items[1]->text;
    v->type = strncmp(type, "torch ", 6) ? NULL : med_file_dtype_find_torch(type + 6);
    if (!v->type)
        return med_fail(MED_EFORMAT, "%s: tensor %s: \"%s\" is no storage" NOT_STATE_DICT, r->path, v->name, type);
    v->key = id->items[2]->text;
    return MED_OK;
}

/* Sizes and strides; all elements must lie inside the storage. */
static med_status read_layout(const reader *r, const med_py *size, const med_py *stride, view *v) {
    if (size->kind != MED_PY_TUPLE || stride->kind != MED_PY_TUPLE || size->n_items != stride->n_items ||
        size->n_items > MED_MAX_RANK)
        return med_fail(MED_EFORMAT, "%s: tensor %s: expected a size and a stride of at most %d numbers" NOT_STATE_DICT,
                        r->path, v->name, MED_MAX_RANK);
    int64_t last = v->offset, count = 1;
    bool is_sane = true;
    v->shape.rank = size->n_items;
    for (int d = 0; d < size->n_items && is_sane; d++) {
        int64_t step;
        is_sane = read_count(size->items[d], &v->shape.dim[d]) && read_count(stride->items[d], &v->stride[d]) &&
                  !__builtin_mul_overflow(count, v->shape.dim[d], &count) &&
                  !__builtin_mul_overflow(v->shape.dim[d] ? v->shape.dim[d] - 1 : 0, v->stride[d], &step) &&
                  !__builtin_add_overflow(last, step, &last);
    }
    if (!is_sane || count > v->n_storage || (count > 0 && last >= v->n_storage))
        return med_fail(MED_EFORMAT,
                        "%s: tensor %s reaches outside its storage of %" PRId64
                        " elements; the file is damaged: copy it again",
                        r->path, v->name, v->n_storage);
    return MED_OK;
}

/* A tensor or parameter; *is_tensor false for other values (a step counter, say). */
static med_status read_view(const reader *r, const char *name, const med_py *value, view *v, bool *is_tensor) {
    if (value->kind == MED_PY_CALL && med_py_is_global(value->items[0], "torch._utils _rebuild_parameter") &&
        value->items[1]->n_items >= 1)
        value = value->items[1]->items[0];
    *is_tensor = value->kind == MED_PY_CALL && med_py_is_global(value->items[0], "torch._utils _rebuild_tensor_v2");
    if (!*is_tensor) return MED_OK;
    const med_py *args = value->items[1];
    *v = (view){.name = strncmp(name, "module.", 7) ? name : name + 7};
    if (args->n_items < 4) return med_fail(MED_EFORMAT, "%s: tensor %s lacks arguments" NOT_STATE_DICT, r->path, name);
    MED_TRY(read_storage(r, args->items[0], v));
    if (!read_count(args->items[1], &v->offset))
        return med_fail(MED_EFORMAT, "%s: tensor %s: the offset is no count" NOT_STATE_DICT, r->path, name);
    return read_layout(r, args->items[2], args->items[3], v);
}

static med_status read_views(reader *r, const med_py *dict) {
    const med_py *inner = med_py_get(dict, "state_dict");
    if (!inner) inner = med_py_get(dict, "model");
    if (inner && inner->kind == MED_PY_DICT) dict = inner;
    if (dict->kind != MED_PY_DICT) return med_fail(MED_EFORMAT, "%s: holds no dict" NOT_STATE_DICT, r->path);
    r->views = med_arena_alloc(r->arena, (size_t)dict->n_items / 2 * sizeof *r->views);
    for (int i = 0; i + 1 < dict->n_items; i += 2) {
        bool is_tensor = false;
        if (dict->items[i]->kind != MED_PY_TEXT) continue;
        MED_TRY(read_view(r, dict->items[i]->text, dict->items[i + 1], &r->views[r->n_views], &is_tensor));
        r->n_views += is_tensor;
    }
    if (!r->n_views) return med_fail(MED_EFORMAT, "%s: the dict holds no tensors" NOT_STATE_DICT, r->path);
    return MED_OK;
}

/* ---- zip ---- */

/* The folder of the archive: what stands before "/data.pkl". */
static med_status find_folder(const reader *r, const med_zip *zip, const char **folder) {
    for (int i = 0; i < zip->n_entries; i++) {
        const char *slash = strchr(zip->entries[i].name, '/');
        if (!slash || strcmp(slash, "/data.pkl")) continue;
        *folder = med_arena_format(r->arena, "%.*s", (int)(slash - zip->entries[i].name), zip->entries[i].name);
        return MED_OK;
    }
    return med_fail(MED_EFORMAT, "%s: a zip archive without data.pkl: not a PyTorch file" NOT_STATE_DICT, r->path);
}

static med_status load_zip(reader *r) {
    med_zip zip;
    const char *folder = NULL;
    MED_TRY(med_zip_open(r->file.data, r->file.size, r->path, r->arena, &zip));
    MED_TRY(find_folder(r, &zip, &folder));
    const med_zip_entry *order = med_zip_find(&zip, med_arena_format(r->arena, "%s/byteorder", folder));
    if (order && (order->size < 6 || memcmp(order->data, "little", 6)))
        return med_fail(MED_EFORMAT, "%s: written on a big-endian machine: save it again on a little-endian one",
                        r->path);
    const med_zip_entry *pickle = med_zip_find(&zip, med_arena_format(r->arena, "%s/data.pkl", folder));
    med_py *dict;
    size_t n_used;
    MED_TRY(med_pickle_read(pickle->data, pickle->size, r->path, r->arena, &dict, &n_used));
    MED_TRY(read_views(r, dict));
    for (int i = 0; i < r->n_views; i++) {
        view *v = &r->views[i];
        const med_zip_entry *entry = med_zip_find(&zip, med_arena_format(r->arena, "%s/data/%s", folder, v->key));
        if (!entry)
            return med_fail(MED_EFORMAT,
                            "%s: tensor %s: storage %s is not in the archive; the file is damaged: copy it again",
                            r->path, v->name, v->key);
        if (entry->size % (size_t)v->type->bytes || (uint64_t)v->n_storage != entry->size / (size_t)v->type->bytes)
            return med_fail(MED_EFORMAT,
                            "%s: tensor %s: storage %s has %zu bytes, expected %" PRId64
                            " elements of %d; the file is damaged: copy it again",
                            r->path, v->name, v->key, entry->size, v->n_storage, v->type->bytes);
        v->data = entry->data;
    }
    return MED_OK;
}

/* ---- legacy stream ---- */

static int by_key(const void *a, const void *b) { return strcmp((*(view *const *)a)->key, (*(view *const *)b)->key); }

static med_status read_pickle(reader *r, size_t *at, med_py **out) {
    size_t n_used;
    MED_TRY(med_pickle_read(r->file.data + *at, r->file.size - *at, r->path, r->arena, out, &n_used));
    *at += n_used;
    return MED_OK;
}

/* The bytes of one storage at *at, for the views that share it. `order` holds views sorted by key. */
static med_status read_legacy_storage(reader *r, size_t *at, const char *key, view **order) {
    view wanted = {.key = key}, *wanted_at = &wanted;
    view **found = bsearch(&wanted_at, order, (size_t)r->n_views, sizeof *order, by_key);
    if (!found) return med_fail(MED_EFORMAT, "%s: storage %.40s belongs to no tensor" NOT_STATE_DICT, r->path, key);
    while (found > order && !strcmp(found[-1]->key, key)) found--;
    const view *first = *found;
    int64_t count = -1;
    if (r->file.size - *at >= sizeof count) memcpy(&count, r->file.data + *at, sizeof count);
    if (count != first->n_storage || (r->file.size - *at - sizeof count) / (size_t)first->type->bytes < (uint64_t)count)
        return med_fail(MED_EFORMAT,
                        "%s: tensor %s: expected %" PRId64
                        " elements at byte %zu; the file is cut off or damaged: copy it again",
                        r->path, first->name, first->n_storage, *at);
    *at += sizeof count;
    for (; found < order + r->n_views && !strcmp((*found)->key, key); found++) {
        if ((*found)->type != first->type || (*found)->n_storage != count || (*found)->data)
            return med_fail(MED_EFORMAT,
                            "%s: tensors %s and %s disagree on their storage; the file is damaged: copy it again",
                            r->path, first->name, (*found)->name);
        (*found)->data = r->file.data + *at;
    }
    *at += (size_t)count * (size_t)first->type->bytes;
    return MED_OK;
}

static med_status load_legacy(reader *r) {
    size_t at = 0;
    med_py *magic, *protocol, *system, *dict, *keys;
    if (!r->file.size) return med_fail(MED_EFORMAT, "%s: is empty" NOT_STATE_DICT, r->path);
    MED_TRY(read_pickle(r, &at, &magic));
    if (magic->kind != MED_PY_INT || magic->integer != legacy_magic)
        return med_fail(MED_EFORMAT, "%s: a pickle, but not from torch.save" NOT_STATE_DICT, r->path);
    MED_TRY(read_pickle(r, &at, &protocol));
    if (protocol->kind != MED_PY_INT || protocol->integer != LEGACY_PROTOCOL)
        return med_fail(MED_EFORMAT,
                        "%s: PyTorch stream protocol %" PRId64 ", expected %d: save it again with a newer PyTorch",
                        r->path, protocol->kind == MED_PY_INT ? protocol->integer : -1, LEGACY_PROTOCOL);
    MED_TRY(read_pickle(r, &at, &system));
    const med_py *order = med_py_get(system, "little_endian");
    if (order && !order->integer)
        return med_fail(MED_EFORMAT, "%s: written on a big-endian machine: save it again on a little-endian one",
                        r->path);
    MED_TRY(read_pickle(r, &at, &dict));
    MED_TRY(read_views(r, dict));
    MED_TRY(read_pickle(r, &at, &keys));
    if (keys->kind != MED_PY_LIST) return med_fail(MED_EFORMAT, "%s: no list of storages" NOT_STATE_DICT, r->path);

    view **sorted = med_arena_alloc(r->arena, (size_t)r->n_views * sizeof *sorted);
    for (int i = 0; i < r->n_views; i++) sorted[i] = &r->views[i];
    qsort(sorted, (size_t)r->n_views, sizeof *sorted, by_key);
    for (int i = 0; i < keys->n_items; i++) {
        if (keys->items[i]->kind != MED_PY_TEXT)
            return med_fail(MED_EFORMAT, "%s: a storage key is not a text" NOT_STATE_DICT, r->path);
        MED_TRY(read_legacy_storage(r, &at, keys->items[i]->text, sorted));
    }
    for (int i = 0; i < r->n_views; i++)
        if (!r->views[i].data)
            return med_fail(MED_EFORMAT,
                            "%s: tensor %s: storage %s is not in the file; the file is damaged: copy it again", r->path,
                            r->views[i].name, r->views[i].key);
    return MED_OK;
}

/* ---- from views to tensors ---- */

static bool is_contiguous(const view *v) {
    int64_t step = 1;
    for (int d = v->shape.rank - 1; d >= 0; d--) {
        if (v->shape.dim[d] != 1 && v->stride[d] != step) return false;
        step *= v->shape.dim[d];
    }
    return true;
}

/* Elements in C order, whatever the strides. */
static void gather(const view *v, uint8_t *to) {
    size_t step = med_dtype_bytes(v->type->dtype);
    int64_t index[MED_MAX_RANK] = {0}, n = med_shape_count(v->shape);
    for (int64_t i = 0; i < n; i++, to += step) {
        int64_t at = v->offset;
        for (int d = 0; d < v->shape.rank; d++) at += index[d] * v->stride[d];
        med_file_dtype_read(v->type, v->data + (size_t)at * (size_t)v->type->bytes, 1, to);
        for (int d = v->shape.rank - 1; d >= 0 && ++index[d] == v->shape.dim[d]; d--) index[d] = 0;
    }
}

static med_status add_tensor(reader *r, const view *v, med_weights *w) {
    const uint8_t *from = v->data + (size_t)v->offset * (size_t)v->type->bytes;
    uint64_t n = (uint64_t)med_shape_count(v->shape);
    bool is_straight = n == 0 || is_contiguous(v);
    if (is_straight && !v->type->convert && (uintptr_t)from % (uintptr_t)v->type->bytes == 0)
        return med_weights_add_view(w, v->name, v->type->dtype, v->shape, from);
    if (n > r->n_gather_left)
        return med_fail(
            MED_EFORMAT,
            "%s: tensor %s: the tensors have more elements than the file; the file is damaged: copy it again", r->path,
            v->name);
    r->n_gather_left -= n;
    med_tensor *t;
    MED_TRY(med_weights_add(w, v->name, v->type->dtype, v->shape, &t));
    if (is_straight)
        med_file_dtype_read(v->type, from, n, t->data);
    else
        gather(v, t->data);
    return MED_OK;
}

med_status med_weights_load_pth(const char *path, med_weights **out) {
    *out = NULL;
    reader r = {.path = path};
    MED_TRY(med_file_map(path, &r.file));
    med_weights *w = med_weights_create();
    med_weights_take_mapping(w, r.file);
    r.arena = med_arena_create();
    r.n_gather_left = r.file.size;
    bool is_zip = r.file.size >= 4 && !memcmp(r.file.data, "PK\3\4", 4);
    med_status status = is_zip ? load_zip(&r) : load_legacy(&r);
    for (int i = 0; i < r.n_views && status == MED_OK; i++) {
        status = add_tensor(&r, &r.views[i], w);
        if (status == MED_EUSAGE) status = med_fail_in(MED_EFORMAT, "%s", path); /* a name twice */
    }
    med_arena_free(r.arena);
    if (status == MED_OK)
        *out = w;
    else
        med_weights_free(w);
    return status;
}
