/* prepare_checks.c: numbers that a person would look at twice. */
#include "data/prepare_checks.h"

void med_check_image(med_prepare_case *c, const char *mod, const med_volume *v) {
    double s[3];
    size_t n = med_grid_count(v->grid), n_above = 0, n_top = 0;
    float top = v->voxel[0];
    med_grid_spacing(v->grid, s);
    for (int a = 0; a < 3; a++)
        if (s[a] < 0.05 || s[a] > 6) med_prepare_warn(c, "%s: a spacing of %g mm", mod, s[a]);
    for (size_t i = 0; i < n; i++) top = v->voxel[i] > top ? v->voxel[i] : top;
    for (size_t i = 0; i < n; i++) {
        n_above += v->voxel[i] > 0;
        n_top += v->voxel[i] == top;
    }
    if (top > 0 && 5 * n_top > n_above)
        med_prepare_warn(c, "%s: %.0f %% of its signal is at the maximum %g: saturated?", mod,
                         100 * (double)n_top / (double)n_above, (double)top);
}

void med_check_transform(med_prepare_case *c, const char *name, med_affine a) {
    double det = med_affine_determinant(a);
    if (det < 0.8 || det > 1.25) med_prepare_warn(c, "%s: changes volumes by the factor %.3f", name, det);
}

void med_check_overlap(med_prepare_case *c, const char *mod, const med_volume *mr, const med_volume *fov) {
    size_t n = med_grid_count(mr->grid), n_fov = 0, n_both = 0;
    for (size_t i = 0; i < n; i++) {
        n_fov += fov->voxel[i] > 0;
        n_both += fov->voxel[i] > 0 && mr->voxel[i] > 0;
    }
    if (2 * n_both < n_fov)
        med_prepare_warn(c, "%s: covers only %.0f %% of the ultrasound's field of view: wrong transform?", mod,
                         100 * (double)n_both / (double)n_fov);
}

void med_check_label(med_prepare_case *c, const med_volume *label, const med_volume *fov) {
    size_t n = med_grid_count(label->grid);
    json_int_t n_in = 0, n_out = 0;
    for (size_t i = 0; i < n; i++) {
        n_in += label->voxel[i] > 0 && fov->voxel[i] > 0;
        n_out += label->voxel[i] > 0 && fov->voxel[i] == 0;
    }
    json_object_set_new(c->notes, "label_voxels", json_pack("{s:I, s:I}", "inside", n_in, "outside", n_out));
    if (n_in == 0)
        med_prepare_warn(c, "label: empty within the field of view");
    else if (n_out > n_in)
        med_prepare_warn(c, "label: %.0f %% of it lies outside the field of view",
                         100 * (double)n_out / (double)(n_in + n_out));
}
