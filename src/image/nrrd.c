/* nrrd.c: the NRRD format (.nrrd, .nhdr): volumes, and segmentations of 3D Slicer. */
#include "image/nrrd.h"

#include <string.h>
#include "image/format.h"

static bool is_nrrd(const med_image_file *file) {
    return !file->is_gzip && file->n_head >= 4 && memcmp(file->head, "NRRD", 4) == 0;
}

static void describe(const med_pairs *pairs, med_volume *v) {
    const med_pair *content;
    char shown[MED_SPAN_SHOWN];
    if (med_pairs_find("", pairs, MED_WORDS("content"), &content) == MED_OK && content)
        strcpy(v->description, med_span_show(content->value, shown));
}

static med_status load_parsed(const med_image_file *file, const med_nrrd_header *h, bool with_voxels,
                              med_volume **out) {
    med_nrrd_space space;
    if (med_nrrd_is_sequence(h))
        return med_fail(MED_EFORMAT, "%s: a sequence of %lld frames, expected a single 3-D volume", file->path,
                        (long long)h->size[h->n_dim - 1]);
    MED_TRY(med_nrrd_parse_space(file->path, h, file->options->space, &space));
    if (space.list_axis >= 0 && med_nrrd_is_segmentation(h))
        return med_nrrd_load_layers(file->path, &file->map, h, &space, with_voxels, out);
    if (space.list_axis >= 0)
        return med_fail(
            MED_EFORMAT,
            "%s: axis %d holds %lld values per voxel (a vector, a colour or a series), expected a single volume",
            file->path, space.list_axis + 1, (long long)space.n_list);
    return med_payload_load(file->path, &file->map, &h->payload, space.grid, with_voxels, out);
}

static med_status load(const med_image_file *file, bool with_voxels, med_volume **out) {
    med_nrrd_header h;
    MED_TRY(med_nrrd_parse(file->path, &file->map, &h));
    h.payload.keeps_nonfinite = file->options->keeps_nonfinite;
    med_status status = load_parsed(file, &h, with_voxels, out);
    if (status == MED_OK) describe(&h.pairs, *out);
    med_nrrd_free(&h);
    return status;
}

static med_status load_field_parsed(const med_image_file *file, const med_nrrd_header *h, med_field **out) {
    med_nrrd_space space;
    med_payload_bytes bytes;
    MED_TRY(med_nrrd_parse_space(file->path, h, file->options->space, &space));
    if (space.n_list != 3 || (space.n_inner != 1 && (size_t)space.n_inner != med_grid_count(space.grid)))
        return med_fail(MED_EFORMAT,
                        "%s: holds %lld values per voxel, a displacement field has 3 on its first or last axis",
                        file->path, (long long)space.n_list);
    MED_TRY(med_payload_open(file->path, &file->map, &h->payload, true, &bytes));
    med_raw_voxels raw = {.data = bytes.data, .type = h->payload.type, .is_big_endian = h->payload.is_big_endian};
    bool is_first = space.n_inner == 1;
    med_status status =
        med_field_create(file->path, space.grid, raw, is_first ? 3 : 1, is_first ? 1 : med_grid_count(space.grid), out);
    med_payload_close(&bytes);
    return status;
}

static med_status load_field(const med_image_file *file, med_field **out) {
    med_nrrd_header h;
    MED_TRY(med_nrrd_parse(file->path, &file->map, &h));
    med_status status = load_field_parsed(file, &h, out);
    med_nrrd_free(&h);
    return status;
}

static const char *const endings[] = {".nrrd", ".nhdr", NULL};

const med_image_format med_image_format_nrrd = {
    .name = "NRRD",
    .endings = endings,
    .is = is_nrrd,
    .load = load,
    .load_field = load_field,
    .save = med_nrrd_save,
};
