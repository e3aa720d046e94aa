/* landmarks.c: the list, and the choice of a format. */
#include "image/landmarks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

#define FORMAT(name) extern const med_landmarks_format med_landmarks_format_##name;
#include "image/landmarks.def"
#undef FORMAT

static const med_landmarks_format *const formats[] = {
#define FORMAT(name) &med_landmarks_format_##name,
#include "image/landmarks.def"
#undef FORMAT
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

med_landmark *med_landmarks_add(med_landmarks *l, med_span label) {
    l->item = realloc(l->item, (size_t)(l->n + 1) * sizeof *l->item);
    med_assert(l->item != NULL);
    l->item[l->n] = (med_landmark){.label = med_span_copy(label)};
    return &l->item[l->n++];
}

void med_landmarks_free(med_landmarks *l) {
    for (int i = 0; i < l->n; i++) free(l->item[i].label);
    free(l->item);
    *l = (med_landmarks){0};
}

med_status med_landmarks_check(const char *path, int line, const double ras[3]) {
    for (int a = 0; a < 3; a++)
        if (!isfinite(ras[a])) return med_fail(MED_EFORMAT, "%s:%d: a coordinate is not finite", path, line);
    return MED_OK;
}

static const med_landmarks_format *find_format(const med_mapping *map) {
    for (int f = 0; f < N_FORMATS; f++)
        if (formats[f]->is(map)) return formats[f];
    return NULL;
}

bool med_landmarks_is(const char *path) {
    med_mapping map;
    bool is = med_file_map(path, &map) == MED_OK && find_format(&map);
    med_file_unmap(&map);
    return is;
}

static med_status load(const char *path, const med_mapping *map, med_landmarks *out) {
    const med_landmarks_format *format = find_format(map);
    if (!format)
        return med_fail(MED_EFORMAT,
                        "%s: no landmarks of a known format; known are Slicer .fcsv and .mrk.json, MNI .tag", path);
    out->n_images = format->n_images;
    MED_TRY(format->load(path, map, out));
    return out->n ? MED_OK : med_fail(MED_EFORMAT, "%s: holds no landmarks", path);
}

med_status med_landmarks_load(const char *path, med_landmarks *out) {
    med_mapping map;
    *out = (med_landmarks){0};
    MED_TRY(med_file_map(path, &map));
    med_status status = load(path, &map, out);
    med_file_unmap(&map);
    if (status != MED_OK) med_landmarks_free(out);
    return status;
}

med_status med_landmarks_save(const med_landmarks *l, const char *path) {
    size_t n = strlen(path);
    for (int f = 0; f < N_FORMATS; f++) {
        size_t n_ending = strlen(formats[f]->ending);
        if (n <= n_ending || strcmp(path + n - n_ending, formats[f]->ending) != 0) continue;
        if (formats[f]->n_images != l->n_images)
            return med_fail(MED_EUSAGE, "%s: %s holds points of %d image%s, these are of %d", path, formats[f]->name,
                            formats[f]->n_images, formats[f]->n_images == 1 ? "" : "s", l->n_images);
        char *text = formats[f]->print(l);
        med_status status = med_file_write(path, text, strlen(text));
        free(text);
        return status;
    }
    return med_fail(MED_EUSAGE, "%s: landmarks are written as .fcsv, .mrk.json or .tag", path);
}
