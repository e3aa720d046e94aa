/* nifti_header.c: bytes of a NIfTI header, both versions, both byte orders (nifti1.h, nifti2.h of the standard).
 *
 * Every field is checked before anything depends on it; the caller compares offset and length with the file. */
#include "image/nifti.h"

#include <math.h>
#include <string.h>
#include "image/format.h"
#include "image/nifti_orient.h"
#include "image/voxel.h"

/* Where a field lies in either version. */
typedef struct layout {
    size_t header_bytes, magic, dim, datatype, bitpix, vox_offset, pixdim, slope, inter, description;
    size_t intent, qform_code, sform_code, quatern, qoffset, srow;
    bool is_wide; /* version 2: int64 and double where version 1 has int16 and float, int32 codes */
    const char *name, *magic_text, *pair_text;
} layout;

static const layout layouts[] = {
    {.name = "NIfTI-1",
     .header_bytes = MED_NIFTI1_BYTES,
     .magic = 344,
     .magic_text = "n+1",
     .pair_text = "ni1",
     .dim = 40,
     .datatype = 70,
     .bitpix = 72,
     .vox_offset = 108,
     .pixdim = 76,
     .slope = 112,
     .inter = 116,
     .description = 148,
     .intent = 68,
     .qform_code = 252,
     .sform_code = 254,
     .quatern = 256,
     .qoffset = 268,
     .srow = 280},
    {.name = "NIfTI-2",
     .header_bytes = MED_NIFTI2_BYTES,
     .magic = 4,
     .magic_text = "n+2",
     .pair_text = "ni2",
     .dim = 16,
     .datatype = 12,
     .bitpix = 14,
     .vox_offset = 168,
     .pixdim = 104,
     .slope = 176,
     .inter = 184,
     .description = 240,
     .intent = 504,
     .qform_code = 344,
     .sform_code = 348,
     .quatern = 352,
     .qoffset = 376,
     .srow = 400,
     .is_wide = true},
};

static const struct {
    int code;
    med_voxel_type type;
} datatypes[] = {
    {2, MED_VOXEL_U8},   {4, MED_VOXEL_I16},   {8, MED_VOXEL_I32},   {16, MED_VOXEL_F32},   {64, MED_VOXEL_F64},
    {256, MED_VOXEL_I8}, {512, MED_VOXEL_U16}, {768, MED_VOXEL_U32}, {1024, MED_VOXEL_I64}, {1280, MED_VOXEL_U64},
};

static const struct {
    int code;
    const char *name;
} refused[] = {
    {1, "1-bit"},         {32, "complex64"},    {128, "RGB"},   {1536, "128-bit float"},
    {1792, "complex128"}, {2048, "complex256"}, {2304, "RGBA"},
};

int med_nifti_datatype(med_voxel_type type) {
    size_t t = 0;
    while (datatypes[t].type != type) t++;
    return datatypes[t].code;
}

/* ---- fields ---- */

typedef struct fields {
    const uint8_t *head;
    const layout *at;
    bool is_big_endian;
} fields;

static uint64_t get_bytes(const fields *f, size_t offset, int n) {
    uint64_t value = 0;
    for (int b = 0; b < n; b++)
        value |= (uint64_t)f->head[offset + (size_t)(f->is_big_endian ? n - 1 - b : b)] << (8 * b);
    return value;
}

static int16_t get_i16(const fields *f, size_t offset) { return (int16_t)get_bytes(f, offset, 2); }

static int32_t get_i32(const fields *f, size_t offset) { return (int32_t)get_bytes(f, offset, 4); }

static int64_t get_dim(const fields *f, int i) {
    return f->at->is_wide ? (int64_t)get_bytes(f, f->at->dim + 8 * (size_t)i, 8)
                          : get_i16(f, f->at->dim + 2 * (size_t)i);
}

static int get_code(const fields *f, size_t offset) { return f->at->is_wide ? get_i32(f, offset) : get_i16(f, offset); }

/* The i-th of a row of floating point fields. */
static double get_real(const fields *f, size_t offset, int i) {
    if (f->at->is_wide) {
        uint64_t bits = get_bytes(f, offset + 8 * (size_t)i, 8);
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    uint32_t bits = (uint32_t)get_bytes(f, offset + 4 * (size_t)i, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- which header ---- */

static bool is_magic(const uint8_t *head, size_t n, const layout *l, const char *text) {
    return n >= l->magic + 4 && memcmp(head + l->magic, text, 4) == 0;
}

/* The version and byte order that sizeof_hdr says; false when it says none. */
static bool find_layout(const uint8_t *head, size_t n, fields *f) {
    if (n < 4) return false;
    for (int v = 0; v < 2; v++)
        for (int big = 0; big < 2; big++) {
            *f = (fields){head, &layouts[v], big};
            if (get_i32(f, 0) == (int32_t)layouts[v].header_bytes) return true;
        }
    return false;
}

bool med_nifti_is(const uint8_t *head, size_t n) {
    fields f;
    if (find_layout(head, n, &f)) return true;
    for (int v = 0; v < 2; v++)
        if (is_magic(head, n, &layouts[v], layouts[v].magic_text) ||
            is_magic(head, n, &layouts[v], layouts[v].pair_text))
            return true;
    return false;
}

static med_status check_identity(const char *path, const uint8_t *head, size_t n, fields *f) {
    if (!find_layout(head, n, f)) {
        *f = (fields){.head = head};
        return med_fail(MED_EFORMAT,
                        "%s: sizeof_hdr is %d, expected 348 (NIfTI-1) or 540 (NIfTI-2) in either byte order", path,
                        get_i32(f, 0));
    }
    const layout *l = f->at;
    if (n < l->header_bytes)
        return med_fail(MED_EFORMAT, "%s: truncated: %zu bytes, a %s header alone has %zu", path, n, l->name,
                        l->header_bytes);
    if (is_magic(head, n, l, l->pair_text))
        return med_fail(MED_EFORMAT, "%s: header of a pair (.hdr and .img), expected a single file; convert to .nii",
                        path);
    const char *magic = (const char *)head + l->magic;
    if (!l->is_wide && !magic[0])
        return med_fail(MED_EFORMAT, "%s: no magic: ANALYZE 7.5, whose orientation is not defined; convert to NIfTI",
                        path);
    if (!is_magic(head, n, l, l->magic_text))
        return med_fail(MED_EFORMAT, "%s: the magic is not \"%s\", as a %s file must have", path, l->magic_text,
                        l->name);
    return MED_OK;
}

/* ---- groups of fields ---- */

enum { INTENT_DISPLACEMENT = 1006, INTENT_VECTOR = 1007 };

/* The fifth dimension of a vector image counts the components; it is taken out of the sizes. */
static med_status take_components(const char *path, const fields *f, int64_t n_dim, int64_t *dim) {
    int intent = get_code(f, f->at->intent);
    if (n_dim != 5 || dim[4] != 3 || (intent != INTENT_DISPLACEMENT && intent != INTENT_VECTOR))
        return med_fail(MED_EFORMAT,
                        "%s: not a displacement field: expected 5 dimensions, the last 3, and intent 1006 or 1007", path);
    dim[4] = 1;
    return MED_OK;
}

static med_status parse_sizes(const char *path, const fields *f, bool is_field, int n[3]) {
    int64_t n_dim = get_dim(f, 0), dim[7];
    if (n_dim < 1 || n_dim > 7)
        return med_fail(MED_EFORMAT, "%s: dim[0] is %lld, expected 1 to 7", path, (long long)n_dim);
    for (int d = 0; d < n_dim; d++) dim[d] = get_dim(f, d + 1);
    if (is_field) MED_TRY(take_components(path, f, n_dim, dim));
    return med_image_check_sizes(path, dim, (int)n_dim, n);
}

static med_status parse_type(const char *path, const fields *f, med_voxel_type *out) {
    int code = get_i16(f, f->at->datatype), bitpix = get_i16(f, f->at->bitpix);
    for (size_t r = 0; r < sizeof refused / sizeof *refused; r++)
        if (code == refused[r].code)
            return med_fail(MED_EFORMAT, "%s: datatype %d is %s, expected real numbers of 8 to 64 bits", path, code,
                            refused[r].name);
    for (size_t t = 0; t < sizeof datatypes / sizeof *datatypes; t++) {
        if (code != datatypes[t].code) continue;
        *out = datatypes[t].type;
        int n_bits = 8 * (int)med_voxel_bytes(*out);
        if (bitpix != n_bits)
            return med_fail(MED_EFORMAT, "%s: bitpix is %d, expected %d for datatype %d (%s)", path, bitpix, n_bits,
                            code, med_voxel_type_name(*out));
        return MED_OK;
    }
    return med_fail(MED_EFORMAT, "%s: datatype %d is unknown", path, code);
}

static med_status parse_offset(const char *path, const fields *f, size_t *out) {
    size_t least = f->at->header_bytes + MED_NIFTI_EXTENDER;
    double offset =
        f->at->is_wide ? (double)(int64_t)get_bytes(f, f->at->vox_offset, 8) : get_real(f, f->at->vox_offset, 0);
    if (!(offset >= (double)least && offset < 0x1p53) || offset != floor(offset))
        return med_fail(MED_EFORMAT, "%s: vox_offset is %g, expected a whole number of at least %zu", path, offset,
                        least);
    *out = (size_t)offset;
    return MED_OK;
}

static med_status parse_scaling(const char *path, const fields *f, med_nifti_header *out) {
    double slope = get_real(f, f->at->slope, 0), inter = get_real(f, f->at->inter, 0);
    if (slope == 0 || !isfinite(slope)) return MED_OK;
    if (!isfinite(inter))
        return med_fail(MED_EFORMAT, "%s: scl_inter is %g beside a scl_slope of %g", path, inter, slope);
    out->is_scaled = slope != 1 || inter != 0;
    out->slope = slope;
    out->inter = inter;
    return MED_OK;
}

static med_status parse_orient(const char *path, const fields *f, med_nifti_header *out) {
    const layout *l = f->at;
    med_nifti_orient orient = {get_code(f, l->sform_code),
                               get_code(f, l->qform_code),
                               med_affine_identity(),
                               {.qfac = get_real(f, l->pixdim, 0) < 0 ? -1 : 1}};
    for (int r = 0; r < 3; r++) {
        for (int c = 0; c < 4; c++) orient.sform.m[r][c] = get_real(f, l->srow, 4 * r + c);
        orient.qform.quatern[r] = get_real(f, l->quatern, r);
        orient.qform.offset_mm[r] = get_real(f, l->qoffset, r);
        orient.qform.spacing_mm[r] = get_real(f, l->pixdim, r + 1);
    }
    out->is_unplaced = orient.sform_code <= 0 && orient.qform_code <= 0;
    return med_nifti_choose_affine(path, &orient, out->grid.n, &out->grid.affine);
}

static void parse_description(const fields *f, char out[80]) {
    memcpy(out, f->head + f->at->description, 79);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = ' ';
}

static med_status parse(const char *path, const uint8_t *head, size_t n, bool is_field, med_nifti_header *out) {
    *out = (med_nifti_header){0};
    fields f;
    MED_TRY(check_identity(path, head, n, &f));
    out->is_big_endian = f.is_big_endian;
    MED_TRY(parse_sizes(path, &f, is_field, out->grid.n));
    MED_TRY(parse_type(path, &f, &out->type));
    MED_TRY(parse_offset(path, &f, &out->offset_bytes));
    out->data_bytes = med_grid_count(out->grid) * med_voxel_bytes(out->type) * (is_field ? 3 : 1);
    MED_TRY(parse_scaling(path, &f, out));
    MED_TRY(parse_orient(path, &f, out));
    parse_description(&f, out->description);
    return MED_OK;
}

med_status med_nifti_parse(const char *path, const uint8_t *head, size_t n, med_nifti_header *out) {
    return parse(path, head, n, false, out);
}

med_status med_nifti_parse_field(const char *path, const uint8_t *head, size_t n, med_nifti_header *out) {
    return parse(path, head, n, true, out);
}
