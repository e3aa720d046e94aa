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
    memcpy(v->description, h->description, sizeof v->description);
}

static med_status convert(const char *path, const med_nifti_header *h, const uint8_t *data, med_volume **out) {
    med_volume *v;
    MED_TRY(med_volume_alloc(h->grid, &v));
    describe(h, v);
    med_raw_voxels raw = {data, h->type, h->is_big_endian, h->is_scaled, h->slope, h->inter};
    med_status status = med_voxel_convert(path, raw, v);
    if (status == MED_OK)
        *out = v;
    else
        med_volume_free(v);
    return status;
}

static med_status load_gzip(const med_image_file *file, const med_nifti_header *h, med_volume **out) {
    uint8_t *expanded;
    size_t n_extra;
    MED_TRY(med_gzip_expand(file->path, file->map.data, file->map.size, h->offset_bytes + h->data_bytes, &expanded,
                            &n_extra));
    med_image_warn_extra(file->path, n_extra);
    med_status status = convert(file->path, h, expanded + h->offset_bytes, out);
    free(expanded);
    return status;
}

static med_status load(const med_image_file *file, bool with_voxels, med_volume **out) {
    med_nifti_header h;
    MED_TRY(med_nifti_parse(file->path, file->head, file->n_head, &h));
    size_t end = h.offset_bytes + h.data_bytes;
    if (!file->is_gzip && end > file->map.size)
        return med_fail(MED_EFORMAT, "%s: truncated: %zu bytes expected (%zu of voxels at %zu), found %zu", file->path,
                        end, h.data_bytes, h.offset_bytes, file->map.size);
    if (!with_voxels) {
        *out = med_alloc(sizeof **out);
        describe(&h, *out);
        return MED_OK;
    }
    if (file->is_gzip) return load_gzip(file, &h, out);
    med_image_warn_extra(file->path, file->map.size - end);
    return convert(file->path, &h, file->map.data + h.offset_bytes, out);
}

static const char *const endings[] = {".nii", NULL}, *const gzip_endings[] = {".nii.gz", NULL};

const med_image_format med_image_format_nifti = {
    .name = "NIfTI",
    .endings = endings,
    .gzip_endings = gzip_endings,
    .is = is_nifti,
    .load = load,
    .save = med_nifti_save,
};
