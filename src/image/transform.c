/* transform.c: the list of parts: applying, inverting, writing. Reading is in tfm.c and field.c. */
#include "image/transform.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "image/tfm.h"

typedef struct part {
    med_affine affine;
    med_field *field; /* NULL: affine */
} part;

struct med_transform {
    part *parts;
    int n, room;
};

med_transform *med_transform_create(void) { return med_alloc(sizeof(med_transform)); }

void med_transform_free(med_transform *t) {
    if (!t) return;
    for (int p = 0; p < t->n; p++) med_field_free(t->parts[p].field);
    free(t->parts);
    free(t);
}

static void add(med_transform *t, part p) {
    if (t->n == t->room) {
        t->room = t->room ? 2 * t->room : 4;
        t->parts = realloc(t->parts, (size_t)t->room * sizeof *t->parts);
        med_assert(t->parts != NULL);
    }
    t->parts[t->n++] = p;
}

void med_transform_add(med_transform *t, med_affine affine) { add(t, (part){affine, NULL}); }

void med_transform_take_field(med_transform *t, med_field *field) { add(t, (part){med_affine_identity(), field}); }

void med_transform_take(med_transform *t, med_transform *parts) {
    for (int p = 0; p < parts->n; p++) add(t, parts->parts[p]);
    parts->n = 0;
    med_transform_free(parts);
}

int med_transform_count(const med_transform *t) { return t->n; }

void med_transform_apply(const med_transform *t, const double in[3], double out[3]) {
    memcpy(out, in, 3 * sizeof *out);
    for (int p = t->n - 1; p >= 0; p--) {
        double x[3] = {out[0], out[1], out[2]};
        if (t->parts[p].field)
            med_field_move(t->parts[p].field, x, out);
        else
            med_affine_apply(t->parts[p].affine, x, out);
    }
}

bool med_transform_to_affine(const med_transform *t, med_affine *out) {
    *out = med_affine_identity();
    for (int p = 0; p < t->n; p++) {
        if (t->parts[p].field) return false;
        *out = med_affine_multiply(*out, t->parts[p].affine);
    }
    return true;
}

med_status med_transform_invert(med_transform *t) {
    for (int p = 0; p < t->n; p++) {
        if (t->parts[p].field)
            return med_fail(MED_EUSAGE,
                            "a displacement field cannot be inverted: give the field of the other direction");
        if (!med_affine_invert(t->parts[p].affine, &t->parts[p].affine))
            return med_fail(MED_EFORMAT, "a transform is singular and cannot be inverted");
    }
    for (int p = 0; p < t->n / 2; p++) {
        part kept = t->parts[p];
        t->parts[p] = t->parts[t->n - 1 - p];
        t->parts[t->n - 1 - p] = kept;
    }
    return MED_OK;
}

static bool is_text(const char *path, med_mapping *map, med_status *status) {
    *status = med_file_map(path, map);
    return *status == MED_OK && med_tfm_is(map->data, map->size);
}

bool med_transform_is(const char *path) {
    med_mapping map;
    med_status status;
    bool is = is_text(path, &map, &status);
    med_file_unmap(&map);
    return is;
}

static med_status load_field(const char *path, med_transform *t) {
    med_field *field;
    MED_TRY(med_field_load(path, &field));
    med_transform_take_field(t, field);
    return MED_OK;
}

med_status med_transform_load(const char *path, int index, med_transform **out, const char **class_name) {
    med_mapping map;
    med_status status;
    const char *name = "DisplacementFieldTransform";
    *out = NULL;
    bool is = is_text(path, &map, &status);
    if (status != MED_OK) return status;
    med_transform *t = med_transform_create();
    status =
        is || med_tfm_is_named(path) ? med_tfm_read(path, map.data, map.size, index, t, &name) : load_field(path, t);
    med_file_unmap(&map);
    if (status != MED_OK) {
        med_transform_free(t);
        return status;
    }
    *out = t;
    if (class_name) *class_name = name;
    return MED_OK;
}

med_status med_transform_save(const med_transform *t, const char *path) {
    med_affine a;
    if (!med_transform_to_affine(t, &a))
        return med_fail(MED_EUSAGE, "%s: a displacement field cannot be written as text", path);
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++)
            if ((r < 2) != (c < 2)) a.m[r][c] = -a.m[r][c]; /* F a F: LPS on both sides */
    const double(*m)[4] = a.m;
    char *text = med_format("#Insight Transform File V1.0\n"
                            "#Transform 0\n"
                            "Transform: AffineTransform_double_3_3\n"
                            "Parameters: %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g\n"
                            "FixedParameters: 0 0 0\n",
                            m[0][0], m[0][1], m[0][2], m[1][0], m[1][1], m[1][2], m[2][0], m[2][1], m[2][2], m[0][3],
                            m[1][3], m[2][3]);
    med_status status = med_file_write(path, text, strlen(text));
    free(text);
    return status;
}
