/* metaimage_header.c: fields of a MetaImage header, as ITK writes them (itk.org/Wiki/MetaIO/Documentation). */
#include "image/metaimage.h"

#include <string.h>
#include "base/log.h"
#include "image/format.h"

bool med_meta_is(const uint8_t *head, size_t n) {
    med_lines lines = med_lines_of(head, n);
    med_span line, key;
    return med_lines_next(&lines, &line) && med_span_cut(&line, "=", &key) &&
           med_span_is_any(med_span_trim(key), MED_WORDS("ObjectType", "NDims", "Comment"));
}

/* ---- lines ---- */

/* Up to the line that names the data, the last one. */
static med_status parse_lines(const char *path, med_lines *lines, med_pairs *pairs) {
    char shown[MED_SPAN_SHOWN];
    med_span line, key;
    while (med_lines_next(lines, &line)) {
        if (!med_span_trim(line).n) continue;
        med_span whole = line;
        if (!med_span_cut(&line, "=", &key))
            return med_fail(MED_EFORMAT, "%s:%d: '%s' is no \"field = value\" of a MetaImage header", path,
                            lines->number, med_span_show(whole, shown));
        med_pairs_add(pairs, (med_pair){med_span_trim(key), med_span_trim(line), lines->number, false});
        if (med_span_is(med_span_trim(key), "ElementDataFile")) return MED_OK;
    }
    return med_fail(MED_EFORMAT, "%s: the field \"ElementDataFile\" is missing", path);
}

/* ---- fields ---- */

static const struct {
    const char *name;
    med_voxel_type type;
} types[] = {
    {"MET_UCHAR", MED_VOXEL_U8},  {"MET_CHAR", MED_VOXEL_I8},       {"MET_USHORT", MED_VOXEL_U16},
    {"MET_SHORT", MED_VOXEL_I16}, {"MET_UINT", MED_VOXEL_U32},      {"MET_INT", MED_VOXEL_I32},
    {"MET_ULONG", MED_VOXEL_U32}, {"MET_LONG", MED_VOXEL_I32},      {"MET_ULONG_LONG", MED_VOXEL_U64},
    {"MET_FLOAT", MED_VOXEL_F32}, {"MET_LONG_LONG", MED_VOXEL_I64}, {"MET_DOUBLE", MED_VOXEL_F64},
};

static med_status parse_type(const char *path, const med_pairs *pairs, med_voxel_type *out) {
    const med_pair *field;
    char shown[MED_SPAN_SHOWN];
    MED_TRY(med_pairs_need(path, pairs, MED_WORDS("ElementType"), &field));
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        if (med_span_is(field->value, types[t].name)) {
            *out = types[t].type;
            return MED_OK;
        }
    return med_fail(MED_EFORMAT, "%s:%d: ElementType '%s' is not supported", path, field->line,
                    med_span_show(field->value, shown));
}

/* A yes or no; `otherwise` when it is not there. */
static med_status parse_flag(const char *path, const med_pairs *pairs, const char *const *names, bool otherwise,
                             bool *out) {
    const med_pair *field;
    char shown[MED_SPAN_SHOWN];
    MED_TRY(med_pairs_find(path, pairs, names, &field));
    *out = field ? med_span_is_any(field->value, MED_WORDS("True", "true", "TRUE", "1")) : otherwise;
    if (field && !*out && !med_span_is_any(field->value, MED_WORDS("False", "false", "FALSE", "0")))
        return med_fail(MED_EFORMAT, "%s:%d: %s is '%s', expected True or False", path, field->line, names[0],
                        med_span_show(field->value, shown));
    return MED_OK;
}

static med_status parse_int(const char *path, const med_pairs *pairs, const char *const *names, int64_t least,
                            int64_t otherwise, int64_t *out) {
    const med_pair *field;
    char shown[MED_SPAN_SHOWN];
    *out = otherwise;
    MED_TRY(med_pairs_find(path, pairs, names, &field));
    if (field && (!med_span_to_int(field->value, out) || *out < least))
        return med_fail(MED_EFORMAT, "%s:%d: %s is '%s', expected a whole number of %lld or more", path, field->line,
                        names[0], med_span_show(field->value, shown), (long long)least);
    return MED_OK;
}

static med_status parse_sizes(const char *path, med_meta_header *h) {
    const med_pair *sizes;
    char shown[MED_SPAN_SHOWN];
    int64_t n_dim;
    MED_TRY(med_pairs_need(path, &h->pairs, MED_WORDS("NDims"), &sizes));
    if (!med_span_to_int(sizes->value, &n_dim) || n_dim < 1 || n_dim > MED_META_MAX_DIM)
        return med_fail(MED_EFORMAT, "%s:%d: NDims is '%s', expected 1 to %d", path, sizes->line,
                        med_span_show(sizes->value, shown), MED_META_MAX_DIM);
    h->n_dim = (int)n_dim;
    MED_TRY(med_pairs_need(path, &h->pairs, MED_WORDS("DimSize"), &sizes));
    if (med_span_to_ints(sizes->value, h->size, MED_META_MAX_DIM) != h->n_dim)
        return med_fail(MED_EFORMAT, "%s:%d: DimSize is '%s', expected %d whole numbers", path, sizes->line,
                        med_span_show(sizes->value, shown), h->n_dim);
    int64_t left = INT64_C(1) << 40; /* more than any file; what a volume may have is checked with its geometry */
    MED_TRY(parse_int(path, &h->pairs, MED_WORDS("ElementNumberOfChannels"), 1, 1, &h->n_channels));
    for (int d = -1; d < h->n_dim; d++) {
        int64_t size = d < 0 ? h->n_channels : h->size[d];
        if (size < 1)
            return med_fail(MED_EFORMAT, "%s:%d: size %d of %d is %lld, expected 1 or more", path, sizes->line, d + 1,
                            h->n_dim, (long long)size);
        left /= size;
        if (left < 1)
            return med_fail(MED_EFORMAT, "%s:%d: DimSize '%s' is more than any file has", path, sizes->line,
                            med_span_show(sizes->value, shown));
    }
    h->payload.n_values = (size_t)h->n_channels;
    for (int d = 0; d < h->n_dim; d++) h->payload.n_values *= (size_t)h->size[d];
    return MED_OK;
}

static med_status parse_payload(const char *path, const med_pairs *pairs, med_payload *p) {
    const med_pair *file;
    bool is_binary, is_compressed;
    int64_t n_packed;
    MED_TRY(parse_type(path, pairs, &p->type));
    MED_TRY(parse_flag(path, pairs, MED_WORDS("BinaryData"), true, &is_binary));
    if (!is_binary) return med_fail(MED_EFORMAT, "%s: its voxels are text (BinaryData = False), expected binary", path);
    MED_TRY(
        parse_flag(path, pairs, MED_WORDS("BinaryDataByteOrderMSB", "ElementByteOrderMSB"), false, &p->is_big_endian));
    MED_TRY(parse_flag(path, pairs, MED_WORDS("CompressedData"), false, &is_compressed));
    p->packing = is_compressed ? MED_PACKING_ZLIB : MED_PACKING_NONE;
    MED_TRY(parse_int(path, pairs, MED_WORDS("CompressedDataSize"), 0, 0, &n_packed));
    p->n_packed_bytes = is_compressed ? (size_t)n_packed : 0;
    MED_TRY(parse_int(path, pairs, MED_WORDS("HeaderSize"), -1, 0, &p->skip_bytes));
    MED_TRY(med_pairs_need(path, pairs, MED_WORDS("ElementDataFile"), &file));
    if (!file->value.n) return med_fail(MED_EFORMAT, "%s:%d: ElementDataFile has no name", path, file->line);
    if (!med_span_is_any(file->value, MED_WORDS("LOCAL", "Local", "local"))) p->file = file->value;
    return MED_OK;
}

static med_status parse(const char *path, const med_mapping *map, med_meta_header *h) {
    const med_pair *object;
    char shown[MED_SPAN_SHOWN];
    med_lines lines = med_lines_of(map->data, map->size);
    MED_TRY(parse_lines(path, &lines, &h->pairs));
    MED_TRY(med_pairs_find(path, &h->pairs, MED_WORDS("ObjectType"), &object));
    if (object && !med_span_is(object->value, "Image"))
        return med_fail(MED_EFORMAT, "%s:%d: ObjectType is '%s', expected Image", path, object->line,
                        med_span_show(object->value, shown));
    MED_TRY(parse_payload(path, &h->pairs, &h->payload));
    h->payload.begin = (size_t)((const uint8_t *)lines.at - map->data);
    return parse_sizes(path, h);
}

med_status med_meta_parse(const char *path, const med_mapping *map, med_meta_header *out) {
    *out = (med_meta_header){0};
    med_status status = parse(path, map, out);
    if (status != MED_OK) med_meta_free(out);
    return status;
}

void med_meta_free(med_meta_header *h) { med_pairs_free(&h->pairs); }

bool med_meta_is_sequence(const med_meta_header *h) {
    for (int i = 0; i < h->pairs.n; i++)
        if (med_span_starts(h->pairs.item[i].key, "Seq_Frame")) return true;
    return false;
}

/* ---- geometry ---- */

/* n numbers of a field; MetaIO's default where it is missing, with a warning. */
static med_status parse_numbers(const char *path, const med_pairs *pairs, const char *const *names, int n,
                                const double *otherwise, double *out) {
    const med_pair *field;
    MED_TRY(med_pairs_find(path, pairs, names, &field));
    if (!field) {
        med_warn("%s: has no %s: %s is taken", path, names[0], n > 10 || otherwise[0] == 0 ? "the usual" : "1");
        memcpy(out, otherwise, (size_t)n * sizeof *out);
        return MED_OK;
    }
    if (med_span_to_doubles(field->value, out, n) != n)
        return med_fail(MED_EFORMAT, "%s:%d: %s: expected %d numbers", path, field->line, names[0], n);
    return MED_OK;
}

med_status med_meta_parse_grid(const char *path, const med_meta_header *h, med_grid *out) {
    enum { D = MED_META_MAX_DIM };
    double spacing[D], offset[D], turn[D * D], ones[D], zeros[D] = {0}, identity[D * D] = {0};
    int n = h->n_dim;
    MED_TRY(med_image_check_sizes(path, h->size, n, out->n));
    for (int d = 0; d < n; d++) ones[d] = identity[d * n + d] = 1;
    MED_TRY(parse_numbers(path, &h->pairs, MED_WORDS("ElementSpacing", "ElementSize"), n, ones, spacing));
    MED_TRY(parse_numbers(path, &h->pairs, MED_WORDS("Offset", "Position", "Origin"), n, zeros, offset));
    MED_TRY(
        parse_numbers(path, &h->pairs, MED_WORDS("TransformMatrix", "Rotation", "Orientation"), n * n, identity, turn));
    out->affine = med_affine_identity();
    for (int r = 0; r < 3; r++) {
        int sign = r < 2 ? -1 : 1; /* LPS to RAS */
        for (int a = 0; a < 3; a++) out->affine.m[r][a] = sign * turn[a * n + r] * spacing[a];
        out->affine.m[r][3] = sign * offset[r];
    }
    for (int a = 0; a < 3; a++)
        if (!(spacing[a] > 0))
            return med_fail(MED_EFORMAT, "%s: ElementSpacing %d is %g, expected more than 0", path, a + 1, spacing[a]);
    return med_image_check_affine(path, "TransformMatrix", out->affine);
}
