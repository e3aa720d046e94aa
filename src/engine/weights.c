/* weights.c: the store of named tensors: a list in order of arrival, and an open-addressing table over the names.
 * What a file holds is read by safetensors.c and pth.c. */
#include "engine/weights.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/memory.h"
#include "engine/dtype.h"

typedef struct entry {
    med_tensor tensor;
    uint64_t hash;
    bool is_owned; /* tensor.data is ours to free */
} entry;

typedef struct meta {
    char *key, *value;
} meta;

struct med_weights {
    med_arena *arena; /* entries and names: addresses of tensors stay */
    entry **entries;
    int n, capacity;
    int *slots; /* index + 1 of an entry; 0 empty; a power of two, at most half full */
    int n_slots;
    meta *metas;
    int n_metas;
    med_mapping mapping;
};

static uint64_t hash_of(const char *name) { /* FNV-1a */
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++) h = (h ^ (uint8_t)*name) * 0x100000001b3u;
    return h ^ h >> 32;
}

/* The slot that holds `name`, or the empty one where it belongs. */
static int *slot_of(const med_weights *w, const char *name, uint64_t hash) {
    for (uint64_t at = hash;; at++) {
        int *slot = &w->slots[at & (uint64_t)(w->n_slots - 1)];
        if (!*slot) return slot;
        const entry *e = w->entries[*slot - 1];
        if (e->hash == hash && !strcmp(e->tensor.name, name)) return slot;
    }
}

/* Room for one entry more. */
static void grow(med_weights *w) {
    if (w->n < w->capacity) return;
    w->capacity *= 2;
    w->entries = realloc(w->entries, (size_t)w->capacity * sizeof *w->entries);
    med_assert(w->entries != NULL);
    free(w->slots);
    w->n_slots = 2 * w->capacity;
    w->slots = med_alloc((size_t)w->n_slots * sizeof *w->slots);
    for (int i = 0; i < w->n; i++) *slot_of(w, w->entries[i]->tensor.name, w->entries[i]->hash) = i + 1;
}

med_weights *med_weights_create(void) {
    med_weights *w = med_alloc(sizeof *w);
    w->arena = med_arena_create();
    w->capacity = 64;
    w->entries = med_alloc((size_t)w->capacity * sizeof *w->entries);
    w->n_slots = 2 * w->capacity;
    w->slots = med_alloc((size_t)w->n_slots * sizeof *w->slots);
    return w;
}

void med_weights_free(med_weights *w) {
    if (!w) return;
    for (int i = 0; i < w->n; i++)
        if (w->entries[i]->is_owned) free(w->entries[i]->tensor.data);
    for (int i = 0; i < w->n_metas; i++) {
        free(w->metas[i].key);
        free(w->metas[i].value);
    }
    if (w->mapping.data) med_file_unmap(&w->mapping);
    free(w->metas);
    free(w->slots);
    free(w->entries);
    med_arena_free(w->arena);
    free(w);
}

int med_weights_count(const med_weights *w) { return w->n; }

const med_tensor *med_weights_at(const med_weights *w, int i) {
    med_assert(i >= 0 && i < w->n);
    return &w->entries[i]->tensor;
}

const med_tensor *med_weights_find(const med_weights *w, const char *name) {
    int slot = *slot_of(w, name, hash_of(name));
    return slot ? &w->entries[slot - 1]->tensor : NULL;
}

static med_status add_entry(med_weights *w, const char *name, med_dtype dtype, med_shape shape, void *data,
                            bool is_owned, med_tensor **out) {
    uint64_t hash = hash_of(name);
    grow(w);
    int *slot = slot_of(w, name, hash);
    if (*slot) return med_fail(MED_EUSAGE, "tensor %s is there twice", name);
    entry *e = med_arena_alloc(w->arena, sizeof *e);
    *e = (entry){{med_arena_format(w->arena, "%s", name), dtype, shape, data}, hash, is_owned};
    w->entries[w->n++] = e;
    *slot = w->n;
    if (out) *out = &e->tensor;
    return MED_OK;
}

med_status med_weights_add(med_weights *w, const char *name, med_dtype dtype, med_shape shape, med_tensor **out) {
    size_t n_bytes = (size_t)med_shape_count(shape) * med_dtype_bytes(dtype);
    void *data = NULL;
    MED_TRY(med_buffer_alloc(n_bytes, name, &data));
    memset(data, 0, n_bytes);
    med_status status = add_entry(w, name, dtype, shape, data, true, out);
    if (status != MED_OK) free(data);
    return status;
}

med_status med_weights_add_view(med_weights *w, const char *name, med_dtype dtype, med_shape shape, const void *data) {
    return add_entry(w, name, dtype, shape, (void *)(uintptr_t)data, false, NULL);
}

void med_weights_take_mapping(med_weights *w, med_mapping mapping) {
    med_assert(w->mapping.data == NULL);
    w->mapping = mapping;
}

size_t med_tensor_bytes(const med_tensor *t) { return (size_t)med_shape_count(t->shape) * med_dtype_bytes(t->dtype); }

void med_weights_drop_pages(const med_weights *w, const med_tensor *t) {
    enum { PAGE = 4096 };
    const uint8_t *data = t->data, *file = w->mapping.data;
    if (!file || data < file || data >= file + w->mapping.size) return;
    size_t begin = (size_t)(data - file), end = begin + med_tensor_bytes(t);
    begin = (begin + PAGE - 1) / PAGE * PAGE;
    end = end / PAGE * PAGE; /* what shares a page with others stays */
    if (begin < end) madvise((void *)(uintptr_t)(file + begin), end - begin, MADV_DONTNEED);
}

med_status med_weights_rename(med_weights *w, med_rename_fn *rename, const void *context) {
    memset(w->slots, 0, (size_t)w->n_slots * sizeof *w->slots);
    for (int i = 0; i < w->n; i++) {
        entry *e = w->entries[i];
        char *name = rename(context, e->tensor.name);
        uint64_t hash = hash_of(name);
        int *slot = slot_of(w, name, hash); /* looks at entries before i only */
        if (*slot) {
            med_status status = med_fail(MED_EFORMAT, "tensor %s is there twice, once as %s", name, e->tensor.name);
            free(name);
            return status;
        }
        e->tensor.name = med_arena_format(w->arena, "%s", name);
        e->hash = hash;
        *slot = i + 1;
        free(name);
    }
    return MED_OK;
}

static meta *find_meta(const med_weights *w, const char *key) {
    for (int i = 0; i < w->n_metas; i++)
        if (!strcmp(w->metas[i].key, key)) return &w->metas[i];
    return NULL;
}

const char *med_weights_meta(const med_weights *w, const char *key) {
    const meta *m = find_meta(w, key);
    return m ? m->value : NULL;
}

void med_weights_set_meta(med_weights *w, const char *key, const char *value) {
    char *copy = med_strdup(value);
    meta *m = find_meta(w, key);
    if (m) {
        free(m->value);
        m->value = copy;
        return;
    }
    w->metas = realloc(w->metas, (size_t)(w->n_metas + 1) * sizeof *w->metas);
    med_assert(w->metas != NULL);
    w->metas[w->n_metas++] = (meta){med_strdup(key), copy};
}

int med_weights_n_metas(const med_weights *w) { return w->n_metas; }

const char *med_weights_meta_at(const med_weights *w, int i, const char **value) {
    med_assert(i >= 0 && i < w->n_metas);
    *value = w->metas[i].value;
    return w->metas[i].key;
}

med_status med_weights_load_any(const char *path, med_weights **out) {
    med_mapping file;
    MED_TRY(med_file_map(path, &file));
    bool is_zip = file.size >= 4 && !memcmp(file.data, "PK\3\4", 4);
    bool is_pickle = file.size >= 2 && file.data[0] == 0x80 && file.data[1] <= 5;
    /* A safetensors header of 0x80 + 256 * version bytes begins like a pickle, but has zeros after it. */
    if (is_pickle && file.size >= 9 && file.data[8] == '{') is_pickle = false;
    med_file_unmap(&file);
    return is_zip || is_pickle ? med_weights_load_pth(path, out) : med_weights_load(path, out);
}
