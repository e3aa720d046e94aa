/* nrrd_header.c: fields of a NRRD header: sizes, type, encoding, where the data are. */
#include "image/nrrd.h"

#include <string.h>
#include <strings.h>

/* ---- lines ---- */

static med_status parse_line(const char *path, const med_lines *lines, med_span line, med_pairs *pairs) {
    char shown[MED_SPAN_SHOWN];
    med_span key;
    if (line.at[0] == '#') return MED_OK;
    if (!med_span_cut(&line, ":", &key))
        return med_fail(MED_EFORMAT, "%s:%d: '%s' is no \"field: value\" of a NRRD header", path, lines->number,
                        med_span_show(line, shown));
    bool is_metadata = med_span_starts(line, "=");
    if (is_metadata) line.at++, line.n--;
    med_pairs_add(pairs, (med_pair){key, med_span_trim(line), lines->number, is_metadata});
    return MED_OK;
}

static bool is_list_of_files(const med_pairs *pairs) {
    const med_pair *last = pairs->n ? &pairs->item[pairs->n - 1] : NULL;
    return last && med_span_is_any(last->key, MED_WORDS("data file", "datafile")) &&
           med_span_starts(last->value, "LIST");
}

/* Up to an empty line (*is_ended: as a file with its own data must have), or a list of files. */
static med_status parse_lines(const char *path, med_lines *lines, med_pairs *pairs, bool *is_ended) {
    med_span line;
    *is_ended = false;
    while (!*is_ended && !is_list_of_files(pairs) && med_lines_next(lines, &line)) {
        *is_ended = line.n == 0;
        if (!*is_ended) MED_TRY(parse_line(path, lines, line, pairs));
    }
    return MED_OK;
}

static med_status check_magic(const char *path, med_lines *lines) {
    char shown[MED_SPAN_SHOWN];
    med_span line;
    if (!med_lines_next(lines, &line) || line.n != 8 || !med_span_starts(line, "NRRD000") || line.at[7] < '1' ||
        line.at[7] > '6')
        return med_fail(MED_EFORMAT, "%s: the magic is '%s', expected NRRD0001 to NRRD0006", path,
                        lines->number ? med_span_show(line, shown) : "");
    return MED_OK;
}

/* ---- fields ---- */

static bool is_same_word(med_span text, const char *word) {
    return text.n == strlen(word) && strncasecmp(text.at, word, text.n) == 0;
}

static bool is_one_of(med_span text, const char *const *words) {
    for (; *words; words++)
        if (is_same_word(text, *words)) return true;
    return false;
}

static const struct {
    med_voxel_type type;
    const char *names[8];
} types[] = {
    {MED_VOXEL_U8, {"uchar", "unsigned char", "uint8", "uint8_t"}},
    {MED_VOXEL_I8, {"signed char", "int8", "int8_t"}},
    {MED_VOXEL_U16, {"ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"}},
    {MED_VOXEL_I16, {"short", "short int", "signed short", "signed short int", "int16", "int16_t"}},
    {MED_VOXEL_U32, {"uint", "unsigned int", "uint32", "uint32_t"}},
    {MED_VOXEL_I32, {"int", "signed int", "int32", "int32_t"}},
    {MED_VOXEL_U64, {"ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"}},
    {MED_VOXEL_I64,
     {"longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"}},
    {MED_VOXEL_F32, {"float"}},
    {MED_VOXEL_F64, {"double"}},
};

static med_status parse_type(const char *path, const med_pairs *pairs, med_voxel_type *out) {
    const med_pair *field;
    char shown[MED_SPAN_SHOWN];
    MED_TRY(med_pairs_need(path, pairs, MED_WORDS("type"), &field));
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        if (is_one_of(field->value, types[t].names)) {
            *out = types[t].type;
            return MED_OK;
        }
    return med_fail(MED_EFORMAT, "%s:%d: type '%s' is not supported, expected an integer or floating point type", path,
                    field->line, med_span_show(field->value, shown));
}

static med_status parse_encoding(const char *path, const med_pairs *pairs, med_packing *out) {
    const med_pair *field;
    char shown[MED_SPAN_SHOWN];
    MED_TRY(med_pairs_need(path, pairs, MED_WORDS("encoding"), &field));
    if (is_same_word(field->value, "raw"))
        *out = MED_PACKING_NONE;
    else if (is_one_of(field->value, MED_WORDS("gzip", "gz")))
        *out = MED_PACKING_GZIP;
    else
        return med_fail(MED_EFORMAT, "%s:%d: encoding '%s' is not supported, expected raw or gzip", path, field->line,
                        med_span_show(field->value, shown));
    return MED_OK;
}

static med_status parse_endian(const char *path, const med_pairs *pairs, size_t n_bytes, bool *is_big) {
    const med_pair *field;
    char shown[MED_SPAN_SHOWN];
    MED_TRY(med_pairs_find(path, pairs, MED_WORDS("endian"), &field));
    *is_big = field && is_same_word(field->value, "big");
    if (!field && n_bytes > 1)
        return med_fail(MED_EFORMAT, "%s: the field \"endian\" is missing; voxels of %zu bytes need it", path, n_bytes);
    if (field && !*is_big && !is_same_word(field->value, "little"))
        return med_fail(MED_EFORMAT, "%s:%d: endian '%s', expected little or big", path, field->line,
                        med_span_show(field->value, shown));
    return MED_OK;
}

static med_status parse_skip(const char *path, const med_pairs *pairs, const char *const *names, int64_t least,
                             int64_t *out) {
    const med_pair *field;
    char shown[MED_SPAN_SHOWN];
    *out = 0;
    MED_TRY(med_pairs_find(path, pairs, names, &field));
    if (field && (!med_span_to_int(field->value, out) || *out < least))
        return med_fail(MED_EFORMAT, "%s:%d: %s '%s', expected a whole number of %lld or more", path, field->line,
                        names[0], med_span_show(field->value, shown), (long long)least);
    return MED_OK;
}

static med_status parse_sizes(const char *path, med_nrrd_header *h) {
    const med_pair *dimension, *sizes;
    char shown[MED_SPAN_SHOWN];
    int64_t n_dim;
    MED_TRY(med_pairs_need(path, &h->pairs, MED_WORDS("dimension"), &dimension));
    if (!med_span_to_int(dimension->value, &n_dim) || n_dim < 1 || n_dim > MED_NRRD_MAX_DIM)
        return med_fail(MED_EFORMAT, "%s:%d: dimension '%s', expected 1 to %d", path, dimension->line,
                        med_span_show(dimension->value, shown), MED_NRRD_MAX_DIM);
    h->n_dim = (int)n_dim;
    MED_TRY(med_pairs_need(path, &h->pairs, MED_WORDS("sizes"), &sizes));
    if (med_span_to_ints(sizes->value, h->size, MED_NRRD_MAX_DIM) != h->n_dim)
        return med_fail(MED_EFORMAT, "%s:%d: sizes '%s', expected %d whole numbers", path, sizes->line,
                        med_span_show(sizes->value, shown), h->n_dim);
    int64_t left = INT64_C(1) << 40; /* more than any file; what a volume may have is checked with its geometry */
    for (int d = 0; d < h->n_dim; d++) {
        if (h->size[d] < 1)
            return med_fail(MED_EFORMAT, "%s:%d: size %d of %d is %lld, expected 1 or more", path, sizes->line, d + 1,
                            h->n_dim, (long long)h->size[d]);
        left /= h->size[d];
        if (left < 1)
            return med_fail(MED_EFORMAT, "%s:%d: sizes '%s' are more than any file has", path, sizes->line,
                            med_span_show(sizes->value, shown));
    }
    h->payload.n_values = 1;
    for (int d = 0; d < h->n_dim; d++) h->payload.n_values *= (size_t)h->size[d];
    return MED_OK;
}

static med_status parse_payload(const char *path, const med_pairs *pairs, bool is_ended, med_payload *p) {
    const med_pair *file;
    MED_TRY(parse_type(path, pairs, &p->type));
    MED_TRY(parse_encoding(path, pairs, &p->packing));
    MED_TRY(parse_endian(path, pairs, med_voxel_bytes(p->type), &p->is_big_endian));
    MED_TRY(parse_skip(path, pairs, MED_WORDS("line skip", "lineskip"), 0, &p->skip_lines));
    MED_TRY(parse_skip(path, pairs, MED_WORDS("byte skip", "byteskip"), -1, &p->skip_bytes));
    MED_TRY(med_pairs_find(path, pairs, MED_WORDS("data file", "datafile"), &file));
    if (file && !file->value.n) return med_fail(MED_EFORMAT, "%s:%d: data file: no name", path, file->line);
    if (file) p->file = file->value;
    if (!file && !is_ended)
        return med_fail(MED_EFORMAT, "%s: the header does not end with an empty line: no data follow", path);
    return MED_OK;
}

static med_status parse(const char *path, const med_mapping *map, med_nrrd_header *h) {
    med_lines lines = med_lines_of(map->data, map->size);
    bool is_ended;
    MED_TRY(check_magic(path, &lines));
    MED_TRY(parse_lines(path, &lines, &h->pairs, &is_ended));
    MED_TRY(parse_payload(path, &h->pairs, is_ended, &h->payload));
    h->payload.begin = (size_t)((const uint8_t *)lines.at - map->data);
    return parse_sizes(path, h);
}

med_status med_nrrd_parse(const char *path, const med_mapping *map, med_nrrd_header *out) {
    *out = (med_nrrd_header){0};
    med_status status = parse(path, map, out);
    if (status != MED_OK) med_nrrd_free(out);
    return status;
}

void med_nrrd_free(med_nrrd_header *h) { med_pairs_free(&h->pairs); }

bool med_nrrd_is_sequence(const med_nrrd_header *h) {
    for (int i = 0; i < h->pairs.n; i++)
        if (h->pairs.item[i].is_metadata && med_span_starts(h->pairs.item[i].key, "Seq_Frame")) return true;
    return false;
}

bool med_nrrd_is_segmentation(const med_nrrd_header *h) {
    return med_pairs_metadata(&h->pairs, "Segment0_LabelValue").n > 0;
}
