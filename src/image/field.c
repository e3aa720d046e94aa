/* field.c: reading and evaluating displacement fields. */
#include "image/field.h"

#include <math.h>
#include <stdlib.h>
#include "base/memory.h"

void med_field_free(med_field *f) {
    if (!f) return;
    free(f->mm);
    free(f);
}

static med_status fill(const char *path, med_raw_voxels raw, size_t voxel_step, size_t component_step, med_field *f) {
    size_t n = med_grid_count(f->grid);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++) {
            double value = med_voxel_value(&raw, i * voxel_step + c * component_step);
            if (!isfinite(value))
                return med_fail(MED_EFORMAT, "%s: vector %zu of the displacement field is not finite", path, i);
            f->mm[3 * i + c] = c < 2 ? -value : value;
        }
    return MED_OK;
}

med_status med_field_create(const char *path, med_grid grid, med_raw_voxels raw, size_t voxel_step,
                            size_t component_step, med_field **out) {
    void *buffer;
    *out = NULL;
    MED_TRY(med_buffer_alloc(3 * sizeof(double) * med_grid_count(grid), "a displacement field", &buffer));
    med_field *f = med_alloc(sizeof *f);
    *f = (med_field){.grid = grid, .mm = buffer};
    bool is_grid = med_affine_invert(grid.affine, &f->to_index);
    med_assert(is_grid); /* the formats have checked it */
    med_status status = fill(path, raw, voxel_step, component_step, f);
    if (status == MED_OK)
        *out = f;
    else
        med_field_free(f);
    return status;
}

static int clamp(int i, int n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

void med_field_move(const med_field *f, const double in[3], double out[3]) {
    const int *n = f->grid.n;
    double c[3], w[3];
    int low[3];
    med_affine_apply(f->to_index, in, c);
    for (int a = 0; a < 3; a++) {
        out[a] = in[a];
        w[a] = c[a] - floor(c[a]);
    }
    for (int a = 0; a < 3; a++)
        if (!(c[a] >= -0.5 && c[a] < n[a] - 0.5)) return;
    for (int a = 0; a < 3; a++) low[a] = (int)floor(c[a]);
    for (int corner = 0; corner < 8; corner++) {
        double weight = 1;
        size_t at = 0;
        for (int a = 2; a >= 0; a--) {
            int up = corner >> a & 1;
            weight *= up ? w[a] : 1 - w[a];
            at = at * (size_t)n[a] + (size_t)clamp(low[a] + up, n[a]);
        }
        for (int r = 0; r < 3; r++) out[r] += weight * f->mm[3 * at + (size_t)r];
    }
}
