/* prepare_upenn.c: finds, checks and renames; grids stay, negative voxels of interpolation are lifted. */
#include "task/prepare_upenn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/prepare_checks.h"
#include "image/intensity.h"

/* ---- one case ---- */

/* Whole numbers of a small type stay that; interpolated ones do not. */
static med_voxel_type type_for(const med_volume *v) {
    bool is_whole = v->stored_type == MED_VOXEL_I16 || v->stored_type == MED_VOXEL_U8;
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n && is_whole; i++) is_whole = v->voxel[i] == rintf(v->voxel[i]);
    return is_whole ? v->stored_type : MED_VOXEL_F32;
}

static med_status check_grid(const char *path, const med_volume *v, med_grid *grid) {
    if (!grid->n[0]) *grid = v->grid;
    if (med_grid_equal(v->grid, *grid, 0.1)) return MED_OK;
    return med_fail(MED_EFORMAT,
                    "%s: %d x %d x %d voxels, %.3g mm off: not on the grid of the case's first image (%d x %d x %d)",
                    path, v->grid.n[0], v->grid.n[1], v->grid.n[2], med_grid_corner_distance(v->grid, *grid),
                    grid->n[0], grid->n[1], grid->n[2]);
}

static med_status check_labels(const char *path, const med_volume *v) {
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n; i++)
        if (!(v->voxel[i] == rintf(v->voxel[i]) && v->voxel[i] >= 0 && v->voxel[i] <= 4))
            return med_fail(MED_EFORMAT, "%s: a label of %g, expected 0 to 4", path, (double)v->voxel[i]);
    return MED_OK;
}

static void note_volume(med_prepare_case *c, const med_volume *label) {
    double s[3], n_above = 0;
    size_t n = med_grid_count(label->grid);
    med_grid_spacing(label->grid, s);
    for (size_t i = 0; i < n; i++) n_above += label->voxel[i] > 0;
    json_object_set_new(c->notes, "label_cm3", json_real(n_above * s[0] * s[1] * s[2] / 1000));
    if (n_above == 0) med_prepare_warn(c, "label: empty");
}

static med_status convert(med_prepare_case *c, const med_prepare_source *s, bool is_label, const char *dir,
                          const med_prepare_options *o, med_grid *grid) {
    med_volume *v;
    const med_load_options options = {.space = o->space, .replacement = o->replacement};
    MED_TRY(med_volume_load_with(s->path, &options, &v));
    med_status status = check_grid(s->path, v, grid);
    if (status == MED_OK && is_label) status = check_labels(s->path, v);
    if (status == MED_OK && is_label) note_volume(c, v);
    if (!is_label) med_check_image(c, s->mod, v);
    if (!is_label && med_intensity_lift_negative(v))
        med_prepare_warn(c, "%s: negative voxels were lifted", med_path_base(s->path));
    char *out = med_format("%s/%s-%s.nii.gz", dir, c->name, s->mod);
    if (status == MED_OK) status = med_volume_save(v, out, is_label ? MED_VOXEL_U8 : type_for(v));
    free(out);
    med_volume_free(v);
    return status;
}

static med_status write_case(med_prepare_case *c, const void *options, const char *dir) {
    med_grid grid = {0};
    for (int m = 0; m < c->n_mr; m++) MED_TRY(convert(c, &c->mr[m], false, dir, options, &grid));
    if (c->label.path) MED_TRY(convert(c, &c->label, true, dir, options, &grid));
    return med_prepare_save_notes(c, dir);
}

/* ---- which files ---- */

static char *existing(char *path) {
    if (med_path_exists(path)) return path;
    free(path);
    return NULL;
}

static char *find_label(const med_prepare_upenn_config *c, const char *id) {
    bool wants_expert = strcmp(c->label, "auto") != 0, wants_auto = strcmp(c->label, "expert") != 0;
    char *path = NULL;
    if (wants_expert) path = existing(med_format("%s/images_segm/%s_segm.nii.gz", c->in, id));
    if (!path && wants_auto)
        path = existing(med_format("%s/automated_segm/%s_automated_approx_segm.nii.gz", c->in, id));
    return path;
}

static void make_case(const med_prepare_upenn_config *c, const char *id, med_prepare_case *k) {
    static const struct { const char *mod, *name; } contrasts[] = {{"t2", "T2"}, {"cet1", "T1GD"}, {"flair", "FLAIR"}};
    med_prepare_case_init(k, id);
    for (int m = 0; m < 3; m++) {
        char *path = existing(med_format("%s/images_structural/%s/%s_%s.nii.gz", c->in, id, id, contrasts[m].name));
        if (!path) {
            med_prepare_warn(k, "%s: no file %s_%s.nii.gz", contrasts[m].mod, id, contrasts[m].name);
            continue;
        }
        strcpy(k->mr[k->n_mr].mod, contrasts[m].mod);
        k->mr[k->n_mr++].path = path;
    }
    k->label.path = find_label(c, id);
    if (k->label.path) json_object_set_new(k->notes, "label_file", json_string(med_path_base(k->label.path)));
    if (!k->n_mr) k->excluded = med_format("no image of T2, T1GD or FLAIR");
    if (k->n_mr && !k->label.path) k->excluded = med_format("no label of the wanted kind (%s)", c->label);
}

/* ---- all ---- */

static med_status prepare(const med_prepare_upenn_config *c, const med_prepare_settled *settled, char **ids, int n,
                          json_t *report) {
    static const char *const mods[] = {"t2", "cet1", "flair"};
    med_prepare_case *cases = med_alloc((size_t)(n + 1) * sizeof *cases);
    for (int i = 0; i < n; i++) make_case(c, ids[i], &cases[i]);
    const med_manifest_head head = {
        "UPenn-GBM", "", "UPenn-GBM, TCIA, doi 10.7937/TCIA.709X-DN49 (Bakas et al. 2022)", "CC BY 4.0", 3, mods};
    json_t *preparation = json_pack("{s:s, s:s}", "method", "prepare upenn", "label", c->label);
    med_prepare_batch b = med_prepare_plain_batch(&c->common, &head, preparation, write_case, &settled->options);
    med_status status = med_prepare_batch_run(&b, cases, n, report);
    for (int i = 0; i < n; i++) med_prepare_case_free(&cases[i]);
    free(cases);
    return status;
}

med_status med_prepare_upenn(const med_prepare_upenn_config *c, json_t *report) {
    med_prepare_settled settled;
    char **ids;
    int n;
    MED_TRY(med_prepare_settle(&c->common, &settled));
    if (!c->in) return med_fail(MED_EUSAGE, "--in DIR is missing: the folder of images_structural/");
    char *images = med_path_join(c->in, "images_structural");
    med_status status = med_dir_list(images, &ids, &n);
    free(images);
    if (status != MED_OK) return status;
    status = n ? prepare(c, &settled, ids, n, report) : med_fail(MED_EINPUT, "%s/images_structural: is empty", c->in);
    med_names_free(ids, n);
    return status;
}
