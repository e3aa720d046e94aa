/* format.c: finds the format of a file by its content, and of a new file by its name. */
#include "image/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/memory.h"
#include "image/gzip.h"

#define FORMAT(name) extern const med_image_format med_image_format_##name;
#include "image/formats.def"
#undef FORMAT

static const med_image_format *const formats[] = {
#define FORMAT(name) &med_image_format_##name,
#include "image/formats.def"
#undef FORMAT
};
enum { N_FORMATS = sizeof formats / sizeof *formats, LIST_BYTES = 256 };

/* ---- names ---- */

static bool has_ending(const char *path, const char *const *endings) {
    for (; endings && *endings; endings++)
        if (med_ends_with(path, *endings) && strlen(path) > strlen(*endings)) return true;
    return false;
}

/* "NIfTI (.nii, .nii.gz), ..." of all formats, or of those that can be written. */
static const char *list_formats(char list[LIST_BYTES], bool only_writable) {
    size_t n = 0;
    list[0] = '\0';
    for (int f = 0; f < N_FORMATS; f++) {
        if (only_writable && !formats[f]->save) continue;
        n += (size_t)snprintf(list + n, LIST_BYTES - n, "%s%s", n ? ", " : "", formats[f]->name);
        const char *separator = " (";
        for (int gzip = 0; gzip < 2; gzip++) {
            const char *const *e = gzip ? formats[f]->gzip_endings : formats[f]->endings;
            for (; e && *e; e++, separator = ", ")
                n += (size_t)snprintf(list + n, LIST_BYTES - n, "%s%s", separator, *e);
        }
        n += (size_t)snprintf(list + n, LIST_BYTES - n, ")");
    }
    return list;
}

/* ---- load ---- */

static const med_load_options usual_options;

static med_status open_file(const char *path, const med_load_options *options, med_image_file *file) {
    *file = (med_image_file){.path = path, .options = options};
    MED_TRY(med_file_map(path, &file->map));
    file->is_gzip = med_gzip_is(file->map.data, file->map.size);
    if (file->is_gzip)
        return med_gzip_peek(path, file->map.data, file->map.size, file->head, sizeof file->head, &file->n_head);
    file->n_head = file->map.size < sizeof file->head ? file->map.size : sizeof file->head;
    if (file->n_head) memcpy(file->head, file->map.data, file->n_head);
    return MED_OK;
}

static med_status fail_unknown(const med_image_file *file) {
    char list[LIST_BYTES];
    if (!file->n_head) return med_fail(MED_EFORMAT, "%s: is empty, expected an image", file->path);
    return med_fail(MED_EFORMAT, "%s: not an image of a known format; known are %s", file->path,
                    list_formats(list, false));
}

static const med_image_format *format_by_content(const med_image_file *file) {
    for (int f = 0; f < N_FORMATS; f++)
        if (formats[f]->is(file)) return formats[f];
    return NULL;
}

static const med_image_format *format_by_name(const char *path) {
    for (int f = 0; f < N_FORMATS; f++)
        if (has_ending(path, formats[f]->endings) || has_ending(path, formats[f]->gzip_endings)) return formats[f];
    return NULL;
}

static void warn_name(const med_image_file *file, const med_image_format *format) {
    if (!has_ending(file->path, file->is_gzip ? format->gzip_endings : format->endings))
        med_warn("%s: by its content this is %s%s, which its name does not say", file->path, format->name,
                 file->is_gzip ? " in gzip" : "");
}

static med_status load_opened(const med_image_file *file, bool with_voxels, med_volume **out) {
    const med_image_format *format = format_by_content(file);
    if (!format) return fail_unknown(file);
    warn_name(file, format);
    return format->load(file, with_voxels, out);
}

static med_status load(const char *path, const med_load_options *options, bool with_voxels, med_volume **out) {
    *out = NULL;
    med_image_file file;
    med_status status = open_file(path, options, &file);
    if (status == MED_OK) status = load_opened(&file, with_voxels, out);
    med_file_unmap(&file.map);
    return status;
}

med_status med_volume_load(const char *path, med_volume **out) { return load(path, &usual_options, true, out); }

med_status med_volume_load_header(const char *path, med_volume **out) { return load(path, &usual_options, false, out); }

static void replace_nonfinite(med_volume *v, float value) {
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v->voxel[i])) v->voxel[i] = value;
}

med_status med_volume_load_with(const char *path, const med_load_options *options, med_volume **out) {
    med_load_options o = *options;
    if (o.replacement) o.keeps_nonfinite = true;
    MED_TRY(load(path, &o, true, out));
    if (o.replacement) replace_nonfinite(*out, *o.replacement);
    return MED_OK;
}

med_status med_field_load(const char *path, med_field **out) {
    *out = NULL;
    med_image_file file;
    med_status status = open_file(path, &usual_options, &file);
    const med_image_format *format = status == MED_OK ? format_by_content(&file) : NULL;
    if (format && format->load_field)
        status = format->load_field(&file, out);
    else if (status == MED_OK)
        status = med_fail(MED_EFORMAT, "%s: neither an ITK text transform nor a displacement field", path);
    med_file_unmap(&file.map);
    return status;
}

bool med_volume_is(const char *path) {
    med_image_file file;
    med_status status = open_file(path, &usual_options, &file);
    bool is_image = status == MED_OK && format_by_content(&file);
    med_file_unmap(&file.map);
    return is_image || (status != MED_EINPUT && format_by_name(path));
}

/* ---- save ---- */

med_status med_volume_save(const med_volume *v, const char *path, med_voxel_type type) {
    const med_image_format *format = format_by_name(path);
    if (format && format->save) return format->save(v, path, type);
    char list[LIST_BYTES];
    return med_fail(MED_EUSAGE, "%s: the name does not say in which format to write; known are %s", path,
                    list_formats(list, true));
}

/* ---- rules of all formats ---- */

static const int64_t MAX_VOXELS = INT64_C(1) << 31; /* 8 GiB as float32 */

/* "240 x 240 x 155" */
static const char *print_sizes(const int64_t *dim, int n_dim, char text[LIST_BYTES]) {
    size_t n = 0;
    text[0] = '\0';
    for (int d = 0; d < n_dim && n < LIST_BYTES; d++)
        n += (size_t)snprintf(text + n, LIST_BYTES - n, "%s%lld", d ? " x " : "", (long long)dim[d]);
    return text;
}

med_status med_image_check_sizes(const char *path, const int64_t *dim, int n_dim, int n[3]) {
    char text[LIST_BYTES];
    const char *sizes = print_sizes(dim, n_dim, text);
    for (int d = 0; d < n_dim; d++)
        if (dim[d] < 1)
            return med_fail(MED_EFORMAT, "%s: size %d of %d is %lld (%s), expected 1 or more", path, d + 1, n_dim,
                            (long long)dim[d], sizes);
    if (n_dim < 3) return med_fail(MED_EFORMAT, "%s: a %d-D image (%s), expected a 3-D volume", path, n_dim, sizes);
    for (int d = 3; d < n_dim; d++)
        if (dim[d] != 1)
            return med_fail(MED_EFORMAT, "%s: a %d-D image (%s), expected a single 3-D volume; extract one first", path,
                            n_dim, sizes);
    int64_t left = MAX_VOXELS;
    for (int d = 0; d < 3; d++) {
        left /= dim[d]; /* floors of floors: below 1 exactly when the product is above the limit */
        if (left < 1 || dim[d] > INT32_MAX)
            return med_fail(MED_EFORMAT, "%s: %s voxels, expected at most 2^31 (8 GiB)", path, sizes);
    }
    for (int d = 0; d < 3; d++) n[d] = (int)dim[d];
    return MED_OK;
}

med_status med_image_check_affine(const char *path, const char *what, med_affine affine) {
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++)
            if (!isfinite(affine.m[r][c]))
                return med_fail(MED_EFORMAT, "%s: the %s has a number that is not finite in row %d, column %d", path,
                                what, r + 1, c + 1);
    double spacing[3];
    med_grid_spacing((med_grid){.affine = affine}, spacing);
    for (int a = 0; a < 3; a++)
        if (!(spacing[a] > 0))
            return med_fail(MED_EFORMAT, "%s: the spacing along axis %d of the %s is %g mm, expected more than 0", path,
                            a + 1, what, spacing[a]);
    med_affine inverse;
    if (!med_affine_invert(affine, &inverse))
        return med_fail(MED_EFORMAT, "%s: the %s is singular: its axes lie in one plane", path, what);
    return MED_OK;
}

void med_image_warn_extra(const char *path, size_t n_extra) {
    if (n_extra) med_warn("%s: %zu extra bytes behind the image data are ignored", path, n_extra);
}
