/* prepare_case.c: loads, checks, resamples and writes the images of one case. */
#include "data/prepare_case.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/head_landmarks.h"
#include "data/prepare_checks.h"
#include "image/dicom.h"
#include "image/intensity.h"
#include "image/resample.h"

/* ---- the list of what goes in ---- */

void med_prepare_case_init(med_prepare_case *c, const char *name) {
    *c = (med_prepare_case){.name = med_strdup(name), .notes = json_object()};
    strcpy(c->us.mod, "us");
    strcpy(c->label.mod, "label");
}

static void free_source(med_prepare_source *s) {
    free(s->path);
    med_transform_free(s->to_image);
}

void med_prepare_case_free(med_prepare_case *c) {
    free(c->name);
    free(c->landmarks);
    free(c->reference);
    free(c->excluded);
    free_source(&c->us);
    free_source(&c->label);
    for (int m = 0; m < c->n_mr; m++) free_source(&c->mr[m]);
    for (int m = 0; m < c->n_more; m++) free_source(&c->more_labels[m]);
    for (int w = 0; w < c->n_warnings; w++) free(c->warnings[w]);
    json_decref(c->notes);
}

void med_prepare_warn(med_prepare_case *c, const char *format, ...) {
    char *text = NULL;
    size_t n;
    va_list args;
    va_start(args, format);
    FILE *to = open_memstream(&text, &n);
    med_assert(to != NULL);
    vfprintf(to, format, args);
    fclose(to);
    va_end(args);
    med_warn("%s: %s", c->name, text);
    if (c->n_warnings < MED_PREPARE_WARNINGS)
        c->warnings[c->n_warnings++] = text;
    else
        free(text);
}

/* ---- images ---- */

typedef struct work {
    med_prepare_case *c;
    const med_prepare_options *o;
    const char *dir;
    med_volume *us, *fov; /* on the case's grid */
} work;

static med_status load(const work *w, const char *path, med_volume **out) {
    if (med_path_is_dir(path)) return med_dicom_load(path, out);
    const med_load_options options = {.space = w->o->space, .replacement = w->o->replacement};
    return med_volume_load_with(path, &options, out);
}

med_status med_prepare_load_grid(const char *path, med_grid *out) {
    med_volume *v;
    MED_TRY(med_path_is_dir(path) ? med_dicom_load(path, &v) : med_volume_load_header(path, &v));
    *out = v->grid;
    med_volume_free(v);
    return MED_OK;
}

static med_status save(const work *w, const med_volume *v, const char *key, med_voxel_type type) {
    char *path = med_format("%s/%s-%s.nii.gz", w->dir, w->c->name, key);
    med_status status = med_volume_save(v, path, type);
    free(path);
    return status;
}

static med_status warp(const med_prepare_source *s, const med_volume *v, med_grid grid, bool is_label,
                       med_volume **out) {
    med_transform *identity = s->to_image ? NULL : med_transform_create();
    const med_transform *t = s->to_image ? s->to_image : identity;
    med_status status =
        is_label ? med_volume_warp_label(v, grid, t, out) : med_volume_warp(v, grid, t, MED_INTERP_LINEAR, 0, out);
    med_transform_free(identity);
    return status;
}

/* ---- ultrasound ---- */

static med_status make_us(work *w) {
    med_volume *raw;
    med_grid grid;
    const char *path = w->c->us.path;
    MED_TRY(load(w, path, &raw));
    med_check_image(w->c, "us", raw);
    if (!w->c->reference) return med_us_prepare(path, raw, &w->o->grid, &w->us);
    med_status status = med_prepare_load_grid(w->c->reference, &grid);
    if (status == MED_OK) status = warp(&w->c->us, raw, grid, false, &w->us);
    med_volume_free(raw);
    return status;
}

static med_status save_us(const work *w) {
    float lo, hi;
    med_volume_range(w->us, &lo, &hi);
    if (hi <= 0)
        return med_fail(MED_EFORMAT, "%s: nothing of it lies on the grid of %s", w->c->us.path, w->c->reference);
    bool is_small = w->us->stored_type == MED_VOXEL_U8 && lo >= 0 && hi <= 255;
    MED_TRY(save(w, w->us, "us", is_small ? MED_VOXEL_U8 : MED_VOXEL_F32));
    return save(w, w->fov, "fov", MED_VOXEL_U8);
}

/* ---- MR ---- */

/* The published script takes the minimum off and casts to int16: fractions are cut, large values wrap. */
static void cast_like_release(med_volume *v, float lo) {
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n; i++) v->voxel[i] = (float)(int16_t)(uint16_t)(int64_t)(v->voxel[i] - lo);
}

static void shift_to_zero(med_prepare_case *c, const char *path, med_volume *v, float lo) {
    size_t n = med_grid_count(v->grid);
    if (lo < 0 && med_intensity_lift_negative(v))
        med_prepare_warn(c, "%s: negative voxels (down to %g) were lifted", med_path_base(path), (double)lo);
    for (size_t i = 0; lo > 0 && i < n; i++) v->voxel[i] -= lo;
}

static void mask(med_volume *v, const med_volume *fov) {
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n; i++)
        if (fov->voxel[i] == 0) v->voxel[i] = 0;
}

/* Where the MR would lie without its transform, on every third voxel; NULL when it has none. */
enum { CHECK_STEP = 3 };
static med_status place_untransformed(const work *w, const med_prepare_source *s, const med_volume *raw, med_volume **out) {
    *out = NULL;
    if (!s->to_image || !med_transform_count(s->to_image)) return MED_OK;
    return med_volume_resample(raw, med_every_voxel(w->us->grid, CHECK_STEP), med_affine_identity(), MED_INTERP_LINEAR, 0,
                               out);
}

static void check_place(const work *w, const char *mod, const med_volume *before, const med_volume *after) {
    med_check_overlap(w->c, mod, after, w->fov);
    if (before)
        med_check_registration(w->c, &(med_registration_check){mod, w->us, w->fov, after, before, CHECK_STEP});
}

static med_status make_mr(work *w, const med_prepare_source *s, bool *is_there) {
    med_volume *raw, *mr, *before = NULL;
    float lo, hi;
    MED_TRY(load(w, s->path, &raw));
    med_volume_range(raw, &lo, &hi);
    *is_there = hi > lo || lo != 0;
    if (!*is_there) {
        med_prepare_warn(w->c, "%s: all voxels are 0: %s counts as missing", med_path_base(s->path), s->mod);
        med_volume_free(raw);
        return MED_OK;
    }
    med_check_image(w->c, s->mod, raw);
    if (w->o->int16)
        cast_like_release(raw, lo);
    else
        shift_to_zero(w->c, s->path, raw, lo);
    med_status status = med_head_landmarks_note(raw, s->mod, w->c->notes);
    if (status == MED_OK) status = place_untransformed(w, s, raw, &before);
    if (status == MED_OK) status = warp(s, raw, w->us->grid, false, &mr);
    med_volume_free(raw);
    if (status == MED_OK) check_place(w, s->mod, before, mr);
    med_volume_free(before);
    if (status != MED_OK) return status;
    if (strcmp(w->o->fov, "none") != 0) mask(mr, w->fov);
    status = save(w, mr, s->mod, MED_VOXEL_F32);
    med_volume_free(mr);
    return status;
}

/* ---- label ---- */

static med_status check_label(const char *path, med_volume *label) {
    size_t n = med_grid_count(label->grid);
    for (size_t i = 0; i < n; i++) {
        float x = label->voxel[i], whole = rintf(x);
        if (!(fabsf(x - whole) <= 1e-3f && whole >= 0 && whole <= 255))
            return med_fail(MED_EFORMAT, "%s: a label of %g, expected whole numbers from 0 to 255", path, (double)x);
        label->voxel[i] = whole;
    }
    return MED_OK;
}

/* A mask without geometry takes that of the image it was drawn on. */
static med_status place_on_us(const work *w, med_volume *label) {
    med_grid us;
    MED_TRY(med_prepare_load_grid(w->c->us.path, &us));
    bool has_its_size = memcmp(label->grid.n, us.n, sizeof us.n) == 0;
    if (label->is_unplaced && has_its_size) {
        med_prepare_warn(w->c, "label: has no geometry, that of the ultrasound is taken");
        label->grid = us;
    }
    if (med_grid_equal(label->grid, us, 0.1)) return MED_OK;
    const int *a = label->grid.n, *b = us.n;
    return med_fail(MED_EFORMAT, "%s: %d x %d x %d voxels, corners %.3g mm off the grid of %s: %d x %d x %d voxels",
                    w->c->label.path, a[0], a[1], a[2], med_grid_corner_distance(label->grid, us), w->c->us.path, b[0], b[1],
                    b[2]);
}

static med_status make_label(work *w, const med_prepare_source *s, const char *key) {
    med_volume *raw, *label;
    bool is_main = s == &w->c->label;
    MED_TRY(load(w, s->path, &raw));
    med_status status = check_label(s->path, raw);
    if (status == MED_OK && is_main && w->c->label_is_on_us) status = place_on_us(w, raw);
    if (status == MED_OK) status = warp(s, raw, w->us->grid, true, &label);
    med_volume_free(raw);
    if (status != MED_OK) return status;
    if (is_main) med_check_label(w->c, label, w->fov);
    status = save(w, label, key, MED_VOXEL_U8);
    med_volume_free(label);
    return status;
}

static med_status make_labels(work *w) {
    if (w->c->label.path) MED_TRY(make_label(w, &w->c->label, "label"));
    for (int m = 0; m < w->c->n_more; m++) {
        char *key = med_format("label.%s", w->c->more_labels[m].mod);
        med_status status = make_label(w, &w->c->more_labels[m], key);
        free(key);
        MED_TRY(status);
    }
    return MED_OK;
}

/* ---- all ---- */

med_status med_prepare_save_notes(const med_prepare_case *c, const char *dir) {
    json_t *warnings = json_array();
    for (int i = 0; i < c->n_warnings; i++) {
        json_t *text = json_string(c->warnings[i]);
        json_array_append_new(warnings, text ? text : json_string("(not UTF-8)"));
    }
    json_t *root = json_pack("{s:o, s:O}", "warnings", warnings, "notes", c->notes);
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(15)), *path = med_path_join(dir, "prepare.json");
    med_status status = med_file_write(path, text, strlen(text));
    json_decref(root);
    free(text);
    free(path);
    return status;
}

static med_status make_all(work *w) {
    int n_there = 0;
    MED_TRY(make_us(w));
    MED_TRY(med_us_field_of_view(w->us, strcmp(w->o->fov, "us-strict") == 0, &w->fov));
    MED_TRY(save_us(w));
    for (int m = 0; m < w->c->n_mr; m++) {
        bool is_there;
        MED_TRY(make_mr(w, &w->c->mr[m], &is_there));
        n_there += is_there;
    }
    if (!n_there) return med_fail(MED_EFORMAT, "%s: no MR with any signal", w->c->name);
    MED_TRY(make_labels(w));
    return med_prepare_save_notes(w->c, w->dir);
}

med_status med_prepare_case_write(med_prepare_case *c, const med_prepare_options *o, const char *dir) {
    work w = {.c = c, .o = o, .dir = dir};
    med_status status = make_all(&w);
    med_volume_free(w.us);
    med_volume_free(w.fov);
    return status;
}
