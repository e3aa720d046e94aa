/* prepare_resample.c: transforms into one, image onto the grid, result into a file. */
#include "task/prepare_resample.h"

#include <string.h>
#include "image/resample.h"

static med_status load_chain(const med_prepare_resample_config *c, med_transform **out) {
    *out = med_transform_create();
    for (int i = 0; i < c->transforms.n; i++) {
        med_transform *t;
        MED_TRY(med_transform_load(c->transforms.item[i], c->index, &t, NULL));
        med_transform_take(*out, t);
    }
    return c->inverse ? med_transform_invert(*out) : MED_OK;
}

static void report_transform(const med_transform *t, json_t *report) {
    med_affine a;
    if (!med_transform_to_affine(t, &a)) return;
    json_t *rows = json_array();
    for (int r = 0; r < 4; r++)
        json_array_append_new(rows, json_pack("[f,f,f,f]", a.m[r][0], a.m[r][1], a.m[r][2], a.m[r][3]));
    json_object_set_new(report, "matrix_ras", rows);
    json_object_set_new(report, "determinant", json_real(med_affine_determinant(a)));
}

static med_status warp(const med_prepare_resample_config *c, const med_volume *moving, med_grid grid,
                       const med_transform *t, med_volume **out) {
    if (strcmp(c->interp, "label") == 0) return med_volume_warp_label(moving, grid, t, out);
    med_interp how = strcmp(c->interp, "nearest") == 0   ? MED_INTERP_NEAREST
                     : strcmp(c->interp, "bspline") == 0 ? MED_INTERP_BSPLINE
                                                         : MED_INTERP_LINEAR;
    return med_volume_warp(moving, grid, t, how, 0, out);
}

/* Interpolated values need float32; chosen ones are as they were. */
static med_voxel_type output_type(const med_prepare_resample_config *c, const med_volume *moving) {
    bool is_chosen = strcmp(c->interp, "nearest") == 0 || strcmp(c->interp, "label") == 0;
    bool is_small = moving->stored_type == MED_VOXEL_U8 || moving->stored_type == MED_VOXEL_I16;
    for (size_t i = 0; is_chosen && is_small && i < med_grid_count(moving->grid); i++)
        is_small = moving->voxel[i] == (float)(int)moving->voxel[i]; /* not scaled by a slope */
    return is_chosen && is_small ? moving->stored_type : MED_VOXEL_F32;
}

static med_status resample(const med_prepare_resample_config *c, const med_transform *t, json_t *report) {
    med_volume *like, *moving = NULL, *out = NULL;
    MED_TRY(med_volume_load_header(c->like, &like));
    med_status status = med_volume_load(c->moving, &moving);
    if (status == MED_OK) status = warp(c, moving, like->grid, t, &out);
    if (status == MED_OK) status = med_volume_save(out, c->out, output_type(c, moving));
    if (status == MED_OK) {
        const int *n = out->grid.n;
        json_object_set_new(report, "out", json_string(c->out));
        json_object_set_new(report, "dims", json_pack("[i,i,i]", n[0], n[1], n[2]));
        report_transform(t, report);
    }
    med_volume_free(like);
    med_volume_free(moving);
    med_volume_free(out);
    return status;
}

med_status med_prepare_resample(const med_prepare_resample_config *c, json_t *report) {
    med_transform *t;
    med_status status = load_chain(c, &t);
    if (status == MED_OK) status = resample(c, t, report);
    med_transform_free(t);
    return status;
}
