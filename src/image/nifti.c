/* nifti.c: the NIfTI format (.nii, .nii.gz): header and voxels out of one file. */
#include "image/nifti.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "image/format.h"
#include "image/gzip.h"
#include "image/voxel.h"

static bool is_nifti(const med_image_file *file) { return med_nifti_is(file->head, file->n_head); }

static void describe(const med_nifti_header *h, med_volume *v) {
    v->grid = h->grid;
    v->stored_type = h->type;
    v->is_unplaced = h->is_unplaced;
    memcpy(v->description, h->description, sizeof v->description);
}

static med_status convert(const med_image_file *file, const med_nifti_header *h, const uint8_t *data,
                          med_volume **out) {
    med_volume *v;
    MED_TRY(med_volume_alloc(h->grid, &v));
    describe(h, v);
    med_raw_voxels raw = {
        data, h->type, h->is_big_endian, h->is_scaled, h->slope, h->inter, file->options->keeps_nonfinite};
    med_status status = med_voxel_convert(file->path, raw, v);
    if (status == MED_OK)
        *out = v;
    else
        med_volume_free(v);
    return status;
}

/* The bytes of the voxels; *owned is NULL where they lie in the mapped file. */
static med_status find_voxels(const med_image_file *file, const med_nifti_header *h, const uint8_t **data,
                              uint8_t **owned) {
    size_t n_extra, end = h->offset_bytes + h->data_bytes;
    *owned = NULL;
    if (file->is_gzip) {
        MED_TRY(med_gzip_expand(file->path, file->map.data, file->map.size, end, owned, &n_extra));
        *data = *owned + h->offset_bytes;
    } else {
        n_extra = file->map.size - end;
        *data = file->map.data + h->offset_bytes;
    }
    med_image_warn_extra(file->path, n_extra);
    return MED_OK;
}

static med_status check_length(const med_image_file *file, const med_nifti_header *h) {
    size_t end = h->offset_bytes + h->data_bytes;
    if (!file->is_gzip && end > file->map.size)
        return med_fail(MED_EFORMAT, "%s: truncated: %zu bytes expected (%zu of voxels at %zu), found %zu", file->path,
                        end, h->data_bytes, h->offset_bytes, file->map.size);
    return MED_OK;
}

static med_status load(const med_image_file *file, bool with_voxels, med_volume **out) {
    med_nifti_header h;
    const uint8_t *data;
    uint8_t *owned;
    MED_TRY(med_nifti_parse(file->path, file->head, file->n_head, &h));
    MED_TRY(check_length(file, &h));
    if (!with_voxels) {
        *out = med_alloc(sizeof **out);
        describe(&h, *out);
        return MED_OK;
    }
    MED_TRY(find_voxels(file, &h, &data, &owned));
    med_status status = convert(file, &h, data, out);
    free(owned);
    return status;
}

static med_status load_field(const med_image_file *file, med_field **out) {
    med_nifti_header h;
    const uint8_t *data;
    uint8_t *owned;
    MED_TRY(med_nifti_parse_field(file->path, file->head, file->n_head, &h));
    MED_TRY(check_length(file, &h));
    MED_TRY(find_voxels(file, &h, &data, &owned));
    med_raw_voxels raw = {data, h.type, h.is_big_endian, h.is_scaled, h.slope, h.inter, false};
    med_status status = med_field_create(file->path, h.grid, raw, 1, med_grid_count(h.grid), out);
    free(owned);
    return status;
}

static const char *const endings[] = {".nii", NULL}, *const gzip_endings[] = {".nii.gz", NULL};

const med_image_format med_image_format_nifti = {
    .name = "NIfTI",
    .endings = endings,
    .gzip_endings = gzip_endings,
    .is = is_nifti,
    .load = load,
    .load_field = load_field,
    .save = med_nifti_save,
};
