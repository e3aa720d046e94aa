/* nifti_write.c: volumes as NIfTI-1. Equal volumes give equal files. */
#include "image/nifti.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "image/format.h"
#include "image/gzip.h"
#include "image/nifti_orient.h"
#include "image/voxel.h"

enum { OFFSET = MED_NIFTI1_BYTES + MED_NIFTI_EXTENDER, UNITS_MM = 2, CODE_SCANNER = 1 };

/* ---- header ---- */

static void put_i16(uint8_t *head, size_t offset, int value) {
    int16_t stored = (int16_t)value;
    memcpy(head + offset, &stored, sizeof stored);
}

static void put_i32(uint8_t *head, size_t offset, int32_t value) { memcpy(head + offset, &value, sizeof value); }

static void put_f32(uint8_t *head, size_t offset, double value) {
    float stored = (float)value;
    memcpy(head + offset, &stored, sizeof stored);
}

static void put_orient(uint8_t *head, const med_grid *grid) {
    put_i16(head, 254, CODE_SCANNER);
    for (size_t r = 0; r < 3; r++)
        for (size_t c = 0; c < 4; c++) put_f32(head, 280 + 16 * r + 4 * c, grid->affine.m[r][c]);
    med_qform q;
    bool is_orthonormal = med_qform_from_affine(grid->affine, &q);
    put_f32(head, 76, q.qfac);
    for (size_t a = 0; a < 3; a++) put_f32(head, 80 + 4 * a, q.spacing_mm[a]);
    if (!is_orthonormal) return;
    put_i16(head, 252, CODE_SCANNER);
    for (size_t a = 0; a < 3; a++) {
        put_f32(head, 256 + 4 * a, q.quatern[a]);
        put_f32(head, 268 + 4 * a, q.offset_mm[a]);
    }
}

static void build_header(const med_volume *v, med_voxel_type type, uint8_t head[OFFSET]) {
    memset(head, 0, OFFSET);
    put_i32(head, 0, MED_NIFTI1_BYTES);
    head[38] = 'r'; /* "regular", asked for by some old readers */
    put_i16(head, 40, 3);
    for (size_t a = 0; a < 3; a++) put_i16(head, 42 + 2 * a, v->grid.n[a]);
    for (size_t d = 4; d < 8; d++) {
        put_i16(head, 40 + 2 * d, 1);
        put_f32(head, 76 + 4 * d, 1);
    }
    put_i16(head, 70, med_nifti_datatype(type));
    put_i16(head, 72, 8 * (int)med_voxel_bytes(type));
    put_f32(head, 108, OFFSET);
    put_f32(head, 112, 1); /* slope */
    head[123] = UNITS_MM;
    memcpy(head + 148, v->description, strnlen(v->description, 79));
    put_orient(head, &v->grid);
    memcpy(head + 344, "n+1", 4);
}

/* ---- file ---- */

static med_status check_writable(const med_volume *v, const char *path) {
    for (int a = 0; a < 3; a++)
        if (v->grid.n[a] < 1 || v->grid.n[a] > INT16_MAX)
            return med_fail(MED_EFAIL, "%s: axis %d has %d voxels, NIfTI-1 can hold 1 to %d", path, a + 1, v->grid.n[a],
                            INT16_MAX);
    return med_image_check_affine(path, "volume's affine", v->grid.affine);
}

static med_status write_file(const char *path, uint8_t *image, size_t n_bytes) {
    size_t n_path = strlen(path);
    if (n_path < 3 || strcmp(path + n_path - 3, ".gz") != 0) return med_file_write(path, image, n_bytes);
    uint8_t *packed;
    size_t n_packed;
    MED_TRY(med_gzip_compress(image, n_bytes, &packed, &n_packed));
    med_status status = med_file_write(path, packed, n_packed);
    free(packed);
    return status;
}

med_status med_nifti_save(const med_volume *v, const char *path, med_voxel_type type) {
    MED_TRY(check_writable(v, path));
    size_t n_bytes = OFFSET + med_grid_count(v->grid) * med_voxel_bytes(type);
    void *buffer;
    MED_TRY(med_buffer_alloc(n_bytes, "a file to write", &buffer));
    uint8_t *image = buffer;
    build_header(v, type, image);
    med_status status = med_voxel_store(path, v, type, image + OFFSET);
    if (status == MED_OK) status = write_file(path, image, n_bytes);
    free(buffer);
    return status;
}
