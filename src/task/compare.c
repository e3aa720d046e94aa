/* compare.c: pairs up what two places hold and measures each pair. */
#include "task/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/weights.h"
#include "image/volume.h"

enum { MAX_DEPTH = 64 };

typedef struct comparison {
    double tolerance;
    json_t *items; /* borrowed from the report */
    int n_ok, n_ignored;
} comparison;

/* ---- items ---- */

typedef struct difference {
    double max_abs, rms;
} difference;

/* Names of files need not be UTF-8, JSON must be. */
static json_t *text(const char *name) {
    json_t *out = json_string(name);
    if (out) return out;
    char *copy = med_strdup(name);
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p >= 0x80) *p = '?';
    out = json_string(copy);
    free(copy);
    return out;
}

static void add_item(comparison *c, json_t *item, bool is_ok) {
    json_object_set_new(item, "ok", json_boolean(is_ok));
    json_array_append_new(c->items, item);
    c->n_ok += is_ok;
}

/* affine_mm is NaN where there is no geometry; `d` is NULL where shapes differ. */
static void add_pair(comparison *c, const char *name, const char *shape_a, const char *shape_b, const difference *d,
                     double affine_mm) {
    bool is_near = isnan(affine_mm) || affine_mm <= MED_COMPARE_AFFINE_MM;
    json_t *item = json_pack("{s:o, s:s, s:s, s:b, s:o, s:o, s:o}", "name", text(name), "shape_a", shape_a, "shape_b",
                             shape_b, "same_shape", d != NULL, "max_abs", med_json_number(d ? d->max_abs : NAN), "rms",
                             med_json_number(d ? d->rms : NAN), "affine_mm", med_json_number(affine_mm));
    med_assert(item != NULL);
    add_item(c, item, d && d->max_abs <= c->tolerance && is_near);
}

static void add_single(comparison *c, const char *name, const char *side) {
    json_t *item = json_pack("{s:o, s:s}", "name", text(name), "only_in", side);
    med_assert(item != NULL);
    add_item(c, item, false);
}

/* ---- images ---- */

static med_shape shape_of_grid(med_grid grid) { return med_shape_3(grid.n[0], grid.n[1], grid.n[2]); }

static difference image_difference(const med_volume *a, const med_volume *b) {
    difference out = {0};
    size_t n = med_grid_count(a->grid);
    for (size_t i = 0; i < n; i++) {
        double d = (double)a->voxel[i] - b->voxel[i];
        out.max_abs = fmax(out.max_abs, fabs(d));
        out.rms += d * d;
    }
    out.rms = sqrt(out.rms / (double)n);
    return out;
}

static med_status compare_images(comparison *c, const char *name, const char *path_a, const char *path_b) {
    med_volume *a = NULL, *b = NULL;
    med_status status = med_volume_load(path_a, &a);
    if (status == MED_OK) status = med_volume_load(path_b, &b);
    if (status == MED_OK) {
        med_shape shape_a = shape_of_grid(a->grid), shape_b = shape_of_grid(b->grid);
        bool is_same = med_shape_equal(shape_a, shape_b);
        difference d = is_same ? image_difference(a, b) : (difference){0};
        add_pair(c, name, med_shape_print(shape_a).text, med_shape_print(shape_b).text, is_same ? &d : NULL,
                 med_grid_corner_distance(a->grid, b->grid));
    }
    med_volume_free(a);
    med_volume_free(b);
    return status;
}

/* ---- weights ---- */

static double element(const med_tensor *t, int64_t i) {
    switch (t->dtype) {
    case MED_F32: return ((const float *)t->data)[i];
    case MED_F64: return ((const double *)t->data)[i];
    case MED_I64: return (double)((const int64_t *)t->data)[i];
    default: return ((const uint8_t *)t->data)[i];
    }
}

/* Infinite where one side has a NaN or an infinity that the other has not. */
static difference tensor_difference(const med_tensor *a, const med_tensor *b) {
    difference out = {0};
    int64_t n = med_shape_count(a->shape);
    for (int64_t i = 0; i < n; i++) {
        double x = element(a, i), y = element(b, i);
        double d = x == y || (isnan(x) && isnan(y)) ? 0 : fabs(x - y);
        if (isnan(d)) d = INFINITY;
        out.max_abs = fmax(out.max_abs, d);
        out.rms += d * d;
    }
    out.rms = n ? sqrt(out.rms / (double)n) : 0;
    return out;
}

static void compare_tensors(comparison *c, const char *name, const med_tensor *a, const med_tensor *b) {
    bool is_same = med_shape_equal(a->shape, b->shape);
    difference d = is_same ? tensor_difference(a, b) : (difference){0};
    add_pair(c, name, med_shape_print(a->shape).text, med_shape_print(b->shape).text, is_same ? &d : NULL, NAN);
}

/* Items are named "prefix" + tensor. */
static void compare_tensor_sets(comparison *c, const char *prefix, const med_weights *a, const med_weights *b) {
    for (int side = 0; side < 2; side++) {
        const med_weights *here = side ? b : a, *there = side ? a : b;
        for (int i = 0; i < med_weights_count(here); i++) {
            const med_tensor *t = med_weights_at(here, i), *other = med_weights_find(there, t->name);
            char *name = med_format("%s%s", prefix, t->name);
            if (!other)
                add_single(c, name, side ? "b" : "a");
            else if (!side)
                compare_tensors(c, name, t, other);
            free(name);
        }
    }
}

static med_status compare_weights(comparison *c, const char *prefix, const char *path_a, const char *path_b) {
    med_weights *a = NULL, *b = NULL;
    med_status status = med_weights_load_any(path_a, &a);
    if (status == MED_OK) status = med_weights_load_any(path_b, &b);
    if (status == MED_OK) compare_tensor_sets(c, prefix, a, b);
    med_weights_free(a);
    med_weights_free(b);
    return status;
}

/* ---- folders ---- */

static bool is_weights_name(const char *name) {
    const char *ending = strrchr(name, '.');
    return ending && (!strcmp(ending, ".safetensors") || !strcmp(ending, ".pth") || !strcmp(ending, ".pt"));
}

typedef struct listing { /* relative names of images and weights below `root` */
    const char *root;
    char **names;
    int n, n_ignored;
} listing;

static void listing_free(listing *l) { med_names_free(l->names, l->n); }

static void listing_add(listing *l, const char *relative) {
    l->names = realloc(l->names, (size_t)(l->n + 1) * sizeof *l->names);
    med_assert(l->names != NULL);
    l->names[l->n++] = med_strdup(relative);
}

static med_status list_below(listing *l, const char *relative, int depth) {
    char *dir = *relative ? med_path_join(l->root, relative) : med_strdup(l->root), **names;
    int n;
    med_status status = depth > MAX_DEPTH
                            ? med_fail(MED_EINPUT, "%s: folders are nested deeper than %d", dir, MAX_DEPTH)
                            : med_dir_list(dir, &names, &n);
    if (status == MED_OK) {
        for (int i = 0; i < n && status == MED_OK; i++) {
            char *path = med_path_join(dir, names[i]);
            char *below = *relative ? med_path_join(relative, names[i]) : med_strdup(names[i]);
            if (med_path_is_dir(path))
                status = list_below(l, below, depth + 1);
            else if (med_volume_is(path) || is_weights_name(path))
                listing_add(l, below);
            else
                l->n_ignored++;
            free(below);
            free(path);
        }
        med_names_free(names, n);
    }
    free(dir);
    return status;
}

/* An image or, it will turn out, weights; MED_EINPUT when it cannot be read at all. */
static med_status find_kind(const char *path, bool *is_image) {
    med_mapping file;
    MED_TRY(med_file_map(path, &file));
    med_file_unmap(&file);
    *is_image = med_volume_is(path);
    return MED_OK;
}

static med_status compare_files(comparison *c, const char *name, const char *a, const char *b, bool is_single) {
    bool is_image, is_image_b;
    MED_TRY(find_kind(a, &is_image));
    MED_TRY(find_kind(b, &is_image_b));
    if (is_image != is_image_b) return med_fail(MED_EUSAGE, "%s and %s: one is an image, the other is not", a, b);
    if (is_image) return compare_images(c, name, a, b);
    char *prefix = is_single ? med_strdup("") : med_format("%s: ", name);
    med_status status = compare_weights(c, prefix, a, b);
    free(prefix);
    if (status == MED_EFORMAT && !is_weights_name(a)) return med_fail_in(status, "not an image; read as weights");
    return status;
}

static bool listing_has(const listing *l, const char *name) {
    for (int i = 0; i < l->n; i++)
        if (strcmp(l->names[i], name) == 0) return true;
    return false;
}

static med_status compare_listings(comparison *c, const listing *a, const listing *b) {
    if (a->n + b->n == 0) return med_fail(MED_EINPUT, "%s and %s: no images and no weights there", a->root, b->root);
    for (int i = 0; i < a->n; i++) {
        const char *name = a->names[i];
        if (!listing_has(b, name)) {
            add_single(c, name, "a");
            continue;
        }
        char *path_a = med_path_join(a->root, name), *path_b = med_path_join(b->root, name);
        med_status status = compare_files(c, name, path_a, path_b, false);
        free(path_a);
        free(path_b);
        MED_TRY(status);
    }
    for (int i = 0; i < b->n; i++)
        if (!listing_has(a, b->names[i])) add_single(c, b->names[i], "b");
    return MED_OK;
}

static med_status compare_folders(comparison *c, const char *a, const char *b) {
    listing in_a = {.root = a}, in_b = {.root = b};
    med_status status = list_below(&in_a, "", 0);
    if (status == MED_OK) status = list_below(&in_b, "", 0);
    if (status == MED_OK) status = compare_listings(c, &in_a, &in_b);
    c->n_ignored = in_a.n_ignored + in_b.n_ignored;
    listing_free(&in_a);
    listing_free(&in_b);
    return status;
}

/* ---- verdict ---- */

static const char *first_difference(const json_t *items) {
    size_t i;
    json_t *item;
    json_array_foreach (items, i, item)
        if (!json_is_true(json_object_get(item, "ok"))) return json_string_value(json_object_get(item, "name"));
    return "";
}

med_status med_compare(const char *a, const char *b, double tolerance, json_t *report) {
    comparison c = {.tolerance = tolerance, .items = json_array()};
    json_object_set_new(report, "items", c.items);
    bool is_dir = med_path_is_dir(a);
    if (is_dir != med_path_is_dir(b) && med_path_exists(a) && med_path_exists(b))
        return med_fail(MED_EUSAGE, "%s and %s: one is a folder, the other a file", a, b);
    MED_TRY(is_dir ? compare_folders(&c, a, b) : compare_files(&c, med_path_base(a), a, b, true));
    int n = (int)json_array_size(c.items);
    json_object_set_new(report, "ok", json_boolean(c.n_ok == n));
    json_object_set_new(report, "tolerance", json_real(tolerance));
    json_object_set_new(report, "ignored", json_integer(c.n_ignored));
    if (c.n_ok == n) return MED_OK;
    return med_fail(MED_EFAIL, "%d of %d differ by more than %g or in shape or place, the first is %s", n - c.n_ok, n,
                    tolerance, first_difference(c.items));
}
