/* text_image.c: header text and voxels into one file or two. */
#include "image/text_image.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "image/format.h"
#include "image/gzip.h"
#include "image/span.h"
#include "image/voxel.h"

/* The volume's affine in LPS, checked to be writable. */
static med_status writable_lps(const med_volume *v, const char *path, med_affine *out) {
    for (int a = 0; a < 3; a++)
        if (v->grid.n[a] < 1)
            return med_fail(MED_EFAIL, "%s: axis %d has %d voxels, expected 1 or more", path, a + 1, v->grid.n[a]);
    MED_TRY(med_image_check_affine(path, "volume's affine", v->grid.affine));
    *out = v->grid.affine;
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 4; c++) out->m[r][c] = -out->m[r][c];
    return MED_OK;
}

char *med_text_image_description(const med_volume *v) {
    char shown[MED_SPAN_SHOWN];
    med_span text = med_span_trim((med_span){v->description, strnlen(v->description, sizeof v->description)});
    return text.n ? med_strdup(med_span_show(text, shown)) : NULL;
}

/* PATH with its ending replaced, where its voxels lie in a file of their own; else NULL. Owned. */
static char *data_path_of(const med_text_image *format, const char *path) {
    const char *dot = strrchr(path, '.'), *ending = format->data_ending;
    if (strcmp(dot, format->detached_ending) != 0) return NULL;
    return med_format("%.*s%s", (int)(dot - path), path, ending);
}

/* Voxels of `type`, gzipped or not, into an owned buffer. */
static med_status pack(const med_volume *v, const char *path, med_voxel_type type, bool is_gzip, uint8_t **out, size_t *n_out) {
    void *plain;
    size_t n_bytes = med_grid_count(v->grid) * med_voxel_bytes(type);
    MED_TRY(med_buffer_alloc(n_bytes, "a file to write", &plain));
    med_status status = med_voxel_store(path, v, type, plain);
    if (status == MED_OK && is_gzip) status = med_gzip_compress(plain, n_bytes, out, n_out);
    if (status == MED_OK && !is_gzip) {
        *out = plain;
        *n_out = n_bytes;
        return MED_OK;
    }
    free(plain);
    return status;
}

static med_status write_both(const char *path, const char *header, const uint8_t *data, size_t n_bytes) {
    med_writer *w;
    MED_TRY(med_writer_open(path, &w));
    med_status status = med_writer_write(w, header, strlen(header));
    if (status == MED_OK) status = med_writer_write(w, data, n_bytes);
    if (status == MED_OK) return med_writer_commit(w);
    med_writer_discard(w);
    return status;
}

med_status med_text_image_save(const med_text_image *format, const med_volume *v, const char *path, med_voxel_type type) {
    med_affine lps;
    uint8_t *data;
    size_t n_bytes;
    MED_TRY(writable_lps(v, path, &lps));
    MED_TRY(pack(v, path, type, format->is_gzip, &data, &n_bytes));
    char *beside = data_path_of(format, path);
    char *header = format->header(v, lps, type, beside ? med_path_base(beside) : NULL);
    med_status status = beside ? med_file_write(beside, data, n_bytes) : write_both(path, header, data, n_bytes);
    if (beside && status == MED_OK) status = med_file_write(path, header, strlen(header));
    free(header);
    free(beside);
    free(data);
    return status;
}
