/* payload.c: finds, measures and unpacks the numbers of a file with a text header. */
#include "image/payload.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "image/format.h"
#include "image/gzip.h"

/* ---- which file ---- */

static bool leaves_folder(med_span name) {
    if (name.at[0] == '/') return true;
    med_span part;
    while (med_span_cut(&name, "/", &part))
        if (med_span_is(part, "..")) return true;
    return med_span_is(name, "..");
}

med_status med_payload_path(const char *path, med_span name, char **out) {
    *out = NULL;
    char shown[MED_SPAN_SHOWN];
    med_span_show(name, shown);
    if (med_span_is(name, "LIST") || med_span_starts(name, "LIST ") || memchr(name.at, '%', name.n))
        return med_fail(MED_EFORMAT, "%s: the data are in a list of files (%s), expected a single one", path, shown);
    if (leaves_folder(name) || memchr(name.at, '\0', name.n))
        return med_fail(MED_EFORMAT, "%s: its data file '%s' lies outside its folder: refused; put both side by side",
                        path, shown);
    char *file = med_span_copy(name);
    *out = med_format("%.*s%s", (int)(med_path_base(path) - path), path, file);
    free(file);
    return MED_OK;
}

/* ---- where in the file ---- */

static med_status skip_lines(const char *path, const med_payload *p, med_span *packed) {
    for (int64_t i = 0; i < p->skip_lines; i++) {
        med_span line;
        if (!med_span_cut(packed, "\n", &line))
            return med_fail(MED_EFORMAT, "%s: has %lld lines, expected more than %lld to skip", path, (long long)i,
                            (long long)p->skip_lines);
    }
    return MED_OK;
}

/* The packed bytes, out of all that the file has from p->begin. */
static med_status find_packed(const char *path, const med_payload *p, med_span *packed) {
    MED_TRY(skip_lines(path, p, packed));
    if (!p->n_packed_bytes) return MED_OK;
    if (p->n_packed_bytes > packed->n)
        return med_fail(MED_EFORMAT, "%s: truncated: %zu compressed bytes expected, found %zu", path, p->n_packed_bytes,
                        packed->n);
    med_image_warn_extra(path, packed->n - p->n_packed_bytes);
    packed->n = p->n_packed_bytes;
    return MED_OK;
}

static med_status find_plain(const char *path, const med_payload *p, size_t n_bytes, med_span bytes,
                             const uint8_t **out) {
    bool is_last = p->skip_bytes < 0; /* the data end the file */
    size_t n_skip = is_last ? 0 : (size_t)p->skip_bytes;
    if (n_skip > bytes.n || n_bytes > bytes.n - n_skip)
        return med_fail(MED_EFORMAT, "%s: truncated: %zu bytes of voxels expected%s, found %zu", path, n_bytes,
                        n_skip ? " behind those to skip" : "", n_skip > bytes.n ? 0 : bytes.n - n_skip);
    size_t n_extra = bytes.n - n_skip - n_bytes;
    if (!is_last) med_image_warn_extra(path, n_extra);
    *out = (const uint8_t *)bytes.at + (is_last ? n_extra : n_skip);
    return MED_OK;
}

static med_status expand(const char *path, const med_payload *p, size_t n_bytes, med_span packed, bool with_bytes,
                         med_payload_bytes *out) {
    if (p->skip_bytes < 0)
        return med_fail(MED_EFORMAT, "%s: the data end the file (byte skip -1), which packed data cannot", path);
    size_t n_skip = (size_t)p->skip_bytes, n_extra;
    const uint8_t *data = (const uint8_t *)packed.at;
    if (!with_bytes) return MED_OK; /* nobody knows the length of a packed stream before it is read */
    if (n_skip > SIZE_MAX - n_bytes)
        return med_fail(MED_EFORMAT, "%s: byte skip %zu is more than any file has", path, n_skip);
    if (p->packing == MED_PACKING_GZIP)
        MED_TRY(med_gzip_expand(path, data, packed.n, n_skip + n_bytes, &out->owned, &n_extra));
    else
        MED_TRY(med_zlib_expand(path, data, packed.n, n_skip + n_bytes, &out->owned, &n_extra));
    med_image_warn_extra(path, n_extra);
    out->data = out->owned + n_skip;
    return MED_OK;
}

static med_status open_in(const char *path, const med_mapping *map, const med_payload *p, bool with_bytes,
                          med_payload_bytes *out) {
    size_t begin = p->file.n ? 0 : p->begin;
    med_span bytes = {map->data ? (const char *)map->data + begin : "", map->size - begin};
    size_t n_bytes = p->n_values * med_voxel_bytes(p->type);
    MED_TRY(find_packed(path, p, &bytes));
    if (p->packing == MED_PACKING_NONE) return find_plain(path, p, n_bytes, bytes, &out->data);
    return expand(path, p, n_bytes, bytes, with_bytes, out);
}

med_status med_payload_open(const char *path, const med_mapping *map, const med_payload *p, bool with_bytes,
                            med_payload_bytes *out) {
    *out = (med_payload_bytes){0};
    if (!p->file.n) return open_in(path, map, p, with_bytes, out);
    char *other;
    MED_TRY(med_payload_path(path, p->file, &other));
    med_status status = med_file_map(other, &out->map);
    if (status == MED_OK) status = open_in(other, &out->map, p, with_bytes, out);
    if (status != MED_OK) {
        med_payload_close(out);
        status = med_fail_in(status, "%s: data file", path);
    }
    free(other);
    return status;
}

void med_payload_close(med_payload_bytes *bytes) {
    free(bytes->owned);
    med_file_unmap(&bytes->map);
    *bytes = (med_payload_bytes){0};
}

/* ---- volume ---- */

static med_status convert(const char *path, const med_payload *p, const uint8_t *data, med_grid grid,
                          med_volume **out) {
    med_volume *v;
    MED_TRY(med_volume_alloc(grid, &v));
    med_raw_voxels raw = {
        .data = data, .type = p->type, .is_big_endian = p->is_big_endian, .keeps_nonfinite = p->keeps_nonfinite};
    med_status status = med_voxel_convert(path, raw, v);
    if (status == MED_OK)
        *out = v;
    else
        med_volume_free(v);
    return status;
}

med_status med_payload_load(const char *path, const med_mapping *map, const med_payload *p, med_grid grid,
                            bool with_voxels, med_volume **out) {
    med_payload_bytes bytes;
    MED_TRY(med_payload_open(path, map, p, with_voxels, &bytes));
    med_status status = MED_OK;
    if (with_voxels) {
        status = convert(path, p, bytes.data, grid, out);
    } else {
        *out = med_alloc(sizeof **out);
        (*out)->grid = grid;
    }
    med_payload_close(&bytes);
    if (status == MED_OK) (*out)->stored_type = p->type;
    return status;
}
