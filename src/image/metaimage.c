/* metaimage.c: the MetaImage format (.mha, .mhd). AnatomicalOrientation is not looked at: the matrix alone counts. */
#include "image/metaimage.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "image/format.h"
#include "image/text_image.h"

static bool is_meta(const med_image_file *file) { return !file->is_gzip && med_meta_is(file->head, file->n_head); }

static void describe(const med_pairs *pairs, med_volume *v) {
    const med_pair *comment;
    char shown[MED_SPAN_SHOWN];
    if (med_pairs_find("", pairs, MED_WORDS("Comment"), &comment) == MED_OK && comment)
        strcpy(v->description, med_span_show(comment->value, shown));
}

static med_status load_parsed(const med_image_file *file, const med_meta_header *h, bool with_voxels,
                              med_volume **out) {
    med_grid grid = {0};
    if (med_meta_is_sequence(h))
        return med_fail(MED_EFORMAT, "%s: a sequence of %lld frames, expected a single 3-D volume", file->path,
                        (long long)h->size[h->n_dim - 1]);
    MED_TRY(med_meta_parse_grid(file->path, h, &grid));
    if (h->n_channels != 1)
        return med_fail(MED_EFORMAT, "%s: holds %lld values per voxel (a vector or a colour), expected one", file->path,
                        (long long)h->n_channels);
    return med_payload_load(file->path, &file->map, &h->payload, grid, with_voxels, out);
}

static med_status load(const med_image_file *file, bool with_voxels, med_volume **out) {
    med_meta_header h;
    MED_TRY(med_meta_parse(file->path, &file->map, &h));
    h.payload.keeps_nonfinite = file->options->keeps_nonfinite;
    med_status status = load_parsed(file, &h, with_voxels, out);
    if (status == MED_OK) describe(&h.pairs, *out);
    med_meta_free(&h);
    return status;
}

static med_status load_field_parsed(const med_image_file *file, const med_meta_header *h, med_field **out) {
    med_grid grid = {0};
    med_payload_bytes bytes;
    MED_TRY(med_meta_parse_grid(file->path, h, &grid));
    if (h->n_channels != 3)
        return med_fail(MED_EFORMAT, "%s: holds %lld values per voxel, a displacement field has 3", file->path,
                        (long long)h->n_channels);
    MED_TRY(med_payload_open(file->path, &file->map, &h->payload, true, &bytes));
    med_raw_voxels raw = {.data = bytes.data, .type = h->payload.type, .is_big_endian = h->payload.is_big_endian};
    med_status status = med_field_create(file->path, grid, raw, 3, 1, out);
    med_payload_close(&bytes);
    return status;
}

static med_status load_field(const med_image_file *file, med_field **out) {
    med_meta_header h;
    MED_TRY(med_meta_parse(file->path, &file->map, &h));
    med_status status = load_field_parsed(file, &h, out);
    med_meta_free(&h);
    return status;
}

/* ---- save ---- */

static const char *type_name(med_voxel_type type) {
    return type == MED_VOXEL_F32 ? "MET_FLOAT" : type == MED_VOXEL_U8 ? "MET_UCHAR" : "MET_SHORT";
}

static char *format_header(const med_volume *v, med_affine lps, med_voxel_type type, const char *data_name) {
    char *description = med_text_image_description(v);
    double s[3];
    const double(*m)[4] = lps.m;
    med_grid_spacing(v->grid, s);
    char *header =
        med_format("ObjectType = Image\n"
                   "NDims = 3\n"
                   "%s%s%sBinaryData = True\n"
                   "BinaryDataByteOrderMSB = False\n"
                   "CompressedData = False\n"
                   "TransformMatrix = %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g\n"
                   "Offset = %.17g %.17g %.17g\n"
                   "CenterOfRotation = 0 0 0\n"
                   "ElementSpacing = %.17g %.17g %.17g\n"
                   "DimSize = %d %d %d\n"
                   "ElementType = %s\n"
                   "ElementDataFile = %s\n",
                   description ? "Comment = " : "", description ? description : "", description ? "\n" : "",
                   m[0][0] / s[0], m[1][0] / s[0], m[2][0] / s[0], m[0][1] / s[1], m[1][1] / s[1], m[2][1] / s[1],
                   m[0][2] / s[2], m[1][2] / s[2], m[2][2] / s[2], m[0][3], m[1][3], m[2][3], s[0], s[1], s[2],
                   v->grid.n[0], v->grid.n[1], v->grid.n[2], type_name(type), data_name ? data_name : "LOCAL");
    free(description);
    return header;
}

med_status med_meta_save(const med_volume *v, const char *path, med_voxel_type type) {
    static const med_text_image format = {format_header, ".mhd", ".raw", false};
    return med_text_image_save(&format, v, path, type);
}

static const char *const endings[] = {".mha", ".mhd", NULL};

const med_image_format med_image_format_metaimage = {
    .name = "MetaImage",
    .endings = endings,
    .is = is_meta,
    .load = load,
    .load_field = load_field,
    .save = med_meta_save,
};
