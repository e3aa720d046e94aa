/* evaluate_masks.c: which masks there are, and a pair of them on one grid. */
#include "task/evaluate_masks.h"

#include <math.h>
#include <string.h>
#include "base/file.h"
#include "image/resample.h"

/* ---- files --------------------------------------------------------------------------------------------------- */

/* CASE-KEY.nii.gz. */
static bool parse_key(const char *name, const char *key, med_found *out) {
    char stem[MED_FOUND_NAME], ending[16];
    snprintf(ending, sizeof ending, "-%s", key);
    strcpy(out->key, key);
    return med_found_image_stem(name, stem) &&
           med_found_stem(stem, (const char *const[]){ending, NULL}, out->case_name);
}

static bool parse_label(const char *name, med_found *out) { return parse_key(name, "label", out); }
static bool parse_fov(const char *name, med_found *out) { return parse_key(name, "fov", out); }

/* CASE.nii.gz: a folder of nothing but masks. */
static bool parse_plain(const char *name, med_found *out) {
    strcpy(out->key, "label");
    return med_found_image_stem(name, out->case_name);
}

static med_status find_masks(const char *path, med_found_list *out) {
    MED_TRY(med_found_scan(path, parse_label, false, out));
    if (!out->n) MED_TRY(med_found_scan(path, parse_plain, false, out));
    return out->n ? MED_OK
                  : med_fail(MED_EINPUT, "%s: no masks: expected files named CASE-label.nii.gz or CASE.nii.gz", path);
}

med_status med_mask_files_find(const med_evaluate_options *o, med_mask_files *f) {
    *f = (med_mask_files){.options = o};
    MED_TRY(find_masks(o->pred, &f->pred));
    MED_TRY(find_masks(o->ref, &f->ref));
    if (!med_path_is_dir(o->pred) && !med_path_is_dir(o->ref))
        memcpy(f->ref.item[0].case_name, f->pred.item[0].case_name, MED_FOUND_NAME);
    return o->fov && med_path_is_dir(o->fov) ? med_found_scan(o->fov, parse_fov, false, &f->fov) : MED_OK;
}

void med_mask_files_free(med_mask_files *f) {
    med_found_free(&f->pred);
    med_found_free(&f->ref);
    med_found_free(&f->fov);
}

/* ---- loading ------------------------------------------------------------------------------------------------- */

static med_status check_labels(const char *path, const med_volume *v) {
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n; i++) {
        float x = v->voxel[i];
        if (x >= 0 && x <= MED_MAX_LABEL && x == floorf(x)) continue;
        return med_fail(MED_EFORMAT, "%s: voxel %zu is %g, expected labels: whole numbers from 0 to %d", path, i,
                        (double)x, MED_MAX_LABEL);
    }
    return MED_OK;
}

static med_status load_labels(const char *path, med_volume **out) {
    MED_TRY(med_volume_load(path, out));
    return check_labels(path, *out);
}

/* On the reference's grid: as stored, turned, or resampled when asked for; else an error with both sizes. */
static med_status fit_grid(med_mask_files *f, const char *path, const char *ref_path, const med_volume *ref,
                           med_volume **v) {
    char code[4], wanted[4];
    med_volume *turned = NULL;
    med_grid_orientation((*v)->grid, code);
    med_grid_orientation(ref->grid, wanted);
    if (strcmp(code, wanted)) {
        MED_TRY(med_volume_reorient(*v, wanted, &turned));
        med_volume_free(*v);
        *v = turned;
    }
    const int *a = (*v)->grid.n, *b = ref->grid.n;
    bool is_same_size = a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
    if (med_grid_equal((*v)->grid, ref->grid, 1e-3)) return MED_OK;
    if (is_same_size && f->options->ignores_affine) {
        (*v)->grid = ref->grid;
        return MED_OK;
    }
    if (!strcmp(f->options->resample_to, "reference")) {
        med_transform *identity = med_transform_create();
        med_status status = med_volume_warp_label(*v, ref->grid, identity, &turned);
        med_transform_free(identity);
        MED_TRY(status);
        med_volume_free(*v);
        *v = turned;
        f->n_resampled++;
        return MED_OK;
    }
    if (!is_same_size)
        return med_fail(
            MED_EFORMAT,
            "%s has %d x %d x %d voxels, %s %d x %d x %d: masks must lie on one grid (--resample-to reference "
            "brings them there)",
            path, a[0], a[1], a[2], ref_path, b[0], b[1], b[2]);
    return med_fail(MED_EFORMAT,
                    "%s and %s: the corners lie up to %.4g mm apart: --ignore-affine, or --resample-to reference", path,
                    ref_path, med_grid_corner_distance((*v)->grid, ref->grid));
}

/* Clear both label volumes outside the field of view. */
static med_status apply_fov(med_mask_files *f, const char *case_name, med_volume *p, med_volume *r) {
    const char *path = f->options->fov;
    if (!path) return MED_OK;
    const med_found *found = med_found_get(&f->fov, case_name, "fov");
    if (med_path_is_dir(path) && !found)
        return med_fail(MED_EINPUT, "%s: no %s-fov.nii.gz for case %s", path, case_name, case_name);
    if (found) path = found->path;
    med_volume *fov;
    MED_TRY(med_volume_load(path, &fov));
    med_status status = fit_grid(f, path, "the reference", r, &fov);
    for (size_t i = 0; status == MED_OK && i < med_grid_count(r->grid); i++)
        if (!(fov->voxel[i] > 0)) p->voxel[i] = r->voxel[i] = 0;
    med_volume_free(fov);
    return status;
}

med_status med_mask_pair_load(med_mask_files *f, const med_found *pred, const med_found *ref, med_volume **p,
                              med_volume **r) {
    *p = *r = NULL;
    MED_TRY(load_labels(pred->path, p));
    MED_TRY(load_labels(ref->path, r));
    MED_TRY(fit_grid(f, pred->path, ref->path, *r, p));
    return apply_fov(f, pred->case_name, *p, *r);
}
