/* zip.c: the directory at the end of a zip archive, by PKWARE's APPNOTE 6.3. Only what is stored uncompressed is
 * accepted: torch.save compresses nothing, so that tensors can be mapped. */
#include "engine/zip.h"

#include <libdeflate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOCAL_BYTES = 30,   /* local header before each entry's data */
    CENTRAL_BYTES = 46, /* directory record */
    END_BYTES = 22,     /* end of the directory */
    END64_BYTES = 56,
    LOCATOR64_BYTES = 20,
    COMMENT_MAX = 65535,
    ENTRIES_MAX = 1000000,
};
enum {
    SIGN_LOCAL = 0x04034b50,
    SIGN_CENTRAL = 0x02014b50,
    SIGN_END = 0x06054b50,
    SIGN_END64 = 0x06064b50,
    SIGN_LOCATOR64 = 0x07064b50
};

#define BROKEN "; the file is damaged: copy it again"

typedef struct reader {
    const char *path;
    const uint8_t *file;
    size_t size;
    uint64_t n_entries, at, end; /* directory records lie in [at, end) */
} reader;

static uint64_t number(const uint8_t *p, int n_bytes) {
    uint64_t value = 0;
    for (int i = n_bytes - 1; i >= 0; i--) value = value << 8 | p[i];
    return value;
}

static bool is_inside(const reader *r, uint64_t at, uint64_t n_bytes) {
    return at <= r->size && n_bytes <= r->size - at;
}

/* The 64-bit end record, when the locator before the plain one says that there is one. */
static med_status read_end64(reader *r, size_t end_at) {
    if (end_at < LOCATOR64_BYTES) return MED_OK;
    const uint8_t *locator = r->file + end_at - LOCATOR64_BYTES;
    if (number(locator, 4) != SIGN_LOCATOR64) return MED_OK;
    uint64_t at = number(locator + 8, 8);
    if (!is_inside(r, at, END64_BYTES) || number(r->file + at, 4) != SIGN_END64)
        return med_fail(MED_EFORMAT, "%s: the 64-bit zip directory is not where the file says" BROKEN, r->path);
    r->n_entries = number(r->file + at + 32, 8);
    r->end = number(r->file + at + 40, 8); /* its size, for now */
    r->at = number(r->file + at + 48, 8);
    return MED_OK;
}

static med_status find_directory(reader *r) {
    size_t lowest = r->size > END_BYTES + COMMENT_MAX ? r->size - END_BYTES - COMMENT_MAX : 0;
    size_t at = r->size < END_BYTES ? 0 : r->size - END_BYTES;
    while (r->size >= END_BYTES && at > lowest && number(r->file + at, 4) != SIGN_END) at--;
    if (r->size < END_BYTES || number(r->file + at, 4) != SIGN_END)
        return med_fail(MED_EFORMAT,
                        "%s: the zip archive has no directory at its end; the file is cut off: copy it again", r->path);
    r->n_entries = number(r->file + at + 10, 2);
    r->end = number(r->file + at + 12, 4);
    r->at = number(r->file + at + 16, 4);
    MED_TRY(read_end64(r, at));
    if (!is_inside(r, r->at, r->end))
        return med_fail(MED_EFORMAT,
                        "%s: the zip directory should lie at %llu with %llu bytes, the file has %zu" BROKEN, r->path,
                        (unsigned long long)r->at, (unsigned long long)r->end, r->size);
    r->end += r->at;
    if (r->n_entries > (r->end - r->at) / CENTRAL_BYTES || r->n_entries > ENTRIES_MAX)
        return med_fail(MED_EFORMAT, "%s: a zip directory of %llu bytes cannot hold %llu entries" BROKEN, r->path,
                        (unsigned long long)(r->end - r->at), (unsigned long long)r->n_entries);
    return MED_OK;
}

/* Sizes and offset that did not fit into 32 bits stand in extra field 1, in this order, only those that did not. */
static bool read_extra64(const uint8_t *extra, size_t n, uint64_t *values[3]) {
    while (n >= 4) {
        size_t id = number(extra, 2), size = number(extra + 2, 2);
        if (size > n - 4) return false;
        if (id == 1) {
            const uint8_t *at = extra + 4, *end = at + size;
            for (int i = 0; i < 3; i++) {
                if (*values[i] != UINT32_MAX) continue;
                if (end - at < 8) return false;
                *values[i] = number(at, 8);
                at += 8;
            }
            return true;
        }
        extra += 4 + size;
        n -= 4 + size;
    }
    return *values[0] != UINT32_MAX && *values[1] != UINT32_MAX && *values[2] != UINT32_MAX;
}

/* Where the data of an entry begin: behind the local header, whose name and extra field may differ in length. */
static med_status locate_data(const reader *r, uint64_t header_at, uint64_t size, uint64_t crc, med_zip_entry *out) {
    if (!is_inside(r, header_at, LOCAL_BYTES) || number(r->file + header_at, 4) != SIGN_LOCAL)
        return med_fail(MED_EFORMAT, "%s: zip entry %s does not begin where the directory says" BROKEN, r->path,
                        out->name);
    const uint8_t *local = r->file + header_at;
    uint64_t data_at = header_at + LOCAL_BYTES + number(local + 26, 2) + number(local + 28, 2);
    if (!is_inside(r, data_at, size))
        return med_fail(MED_EFORMAT, "%s: zip entry %s has %llu bytes at %llu, the file has %zu" BROKEN, r->path,
                        out->name, (unsigned long long)size, (unsigned long long)data_at, r->size);
    out->data = r->file + data_at;
    out->size = size;
    /* PyTorch can be told not to compute checksums; it then writes 0. */
    if (crc && libdeflate_crc32(0, out->data, out->size) != crc)
        return med_fail(MED_EFORMAT, "%s: zip entry %s does not match its checksum" BROKEN, r->path, out->name);
    return MED_OK;
}

static med_status read_entry(reader *r, med_arena *arena, med_zip_entry *out) {
    const uint8_t *p = r->file + r->at;
    if (r->end - r->at < CENTRAL_BYTES || number(p, 4) != SIGN_CENTRAL)
        return med_fail(MED_EFORMAT, "%s: the zip directory ends too early" BROKEN, r->path);
    size_t n_name = number(p + 28, 2), n_extra = number(p + 30, 2), n_comment = number(p + 32, 2);
    if (r->end - r->at - CENTRAL_BYTES < n_name + n_extra + n_comment)
        return med_fail(MED_EFORMAT, "%s: a record of the zip directory is longer than the directory" BROKEN, r->path);
    out->name = med_arena_format(arena, "%.*s", (int)n_name, (const char *)p + CENTRAL_BYTES);
    uint64_t flags = number(p + 8, 2), method = number(p + 10, 2), crc = number(p + 16, 4);
    uint64_t stored = number(p + 20, 4), size = number(p + 24, 4), header_at = number(p + 42, 4);
    if (!read_extra64(p + CENTRAL_BYTES + n_name, n_extra, (uint64_t *[3]){&size, &stored, &header_at}))
        return med_fail(MED_EFORMAT, "%s: zip entry %s lacks its 64-bit sizes" BROKEN, r->path, out->name);
    if (flags & 1 || method != 0 || stored != size)
        return med_fail(MED_EFORMAT,
                        "%s: zip entry %s is %s; torch.save stores entries as they are: save the weights again with it",
                        r->path, out->name, flags & 1 ? "encrypted" : "compressed");
    r->at += CENTRAL_BYTES + n_name + n_extra + n_comment;
    return locate_data(r, header_at, size, crc, out);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const med_zip_entry *)a)->name, ((const med_zip_entry *)b)->name);
}

med_status med_zip_open(const uint8_t *file, size_t size, const char *path, med_arena *arena, med_zip *out) {
    reader r = {.path = path, .file = file, .size = size};
    *out = (med_zip){0};
    MED_TRY(find_directory(&r));
    out->entries = med_arena_alloc(arena, r.n_entries * sizeof *out->entries);
    for (uint64_t i = 0; i < r.n_entries; i++) MED_TRY(read_entry(&r, arena, &out->entries[i]));
    out->n_entries = (int)r.n_entries;
    if (out->n_entries) qsort(out->entries, r.n_entries, sizeof *out->entries, by_name);
    for (int i = 1; i < out->n_entries; i++)
        if (!strcmp(out->entries[i - 1].name, out->entries[i].name))
            return med_fail(MED_EFORMAT, "%s: zip entry %s is there twice" BROKEN, path, out->entries[i].name);
    return MED_OK;
}

const med_zip_entry *med_zip_find(const med_zip *zip, const char *name) {
    med_zip_entry key = {.name = name};
    return zip->n_entries ? bsearch(&key, zip->entries, (size_t)zip->n_entries, sizeof key, by_name) : NULL;
}
