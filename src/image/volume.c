/* volume.c: making volumes, and moving voxels without interpolation. */
#include "image/volume.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

med_status med_volume_alloc(med_grid grid, med_volume **out) {
    *out = NULL;
    void *voxel;
    MED_TRY(med_buffer_alloc(med_grid_count(grid) * sizeof(float), "a volume", &voxel));
    med_volume *v = med_alloc(sizeof *v);
    v->grid = grid;
    v->voxel = voxel;
    v->stored_type = MED_VOXEL_F32;
    *out = v;
    return MED_OK;
}

med_status med_volume_create(med_grid grid, med_volume **out) {
    MED_TRY(med_volume_alloc(grid, out));
    memset((*out)->voxel, 0, med_grid_count(grid) * sizeof(float));
    return MED_OK;
}

void med_volume_free(med_volume *v) {
    if (!v) return;
    free(v->voxel);
    free(v);
}

/* A volume on another grid that keeps what is not geometry. */
void med_volume_range(const med_volume *v, float *lo, float *hi) {
    size_t n = med_grid_count(v->grid);
    *lo = *hi = v->voxel[0];
    for (size_t i = 1; i < n; i++) {
        if (v->voxel[i] < *lo) *lo = v->voxel[i];
        if (v->voxel[i] > *hi) *hi = v->voxel[i];
    }
}

med_status med_volume_load_is_zero(const char *path, bool *is_zero) {
    med_volume *v;
    MED_TRY(med_volume_load(path, &v));
    size_t n = med_grid_count(v->grid), i = 0;
    while (i < n && v->voxel[i] == 0) i++;
    *is_zero = i == n;
    med_volume_free(v);
    return MED_OK;
}

static med_status alloc_like(const med_volume *v, med_grid grid, med_volume **out) {
    MED_TRY(med_volume_alloc(grid, out));
    (*out)->stored_type = v->stored_type;
    memcpy((*out)->description, v->description, sizeof v->description);
    return MED_OK;
}

/* ---- fit ---- */

/* First kept index of an axis (negative: padding): ceil of half the difference at the low end. */
static int low_end(int n_old, int n_new) {
    return n_old >= n_new ? (n_old - n_new + 1) / 2 : -((n_new - n_old + 1) / 2);
}

med_status med_volume_fit(const med_volume *v, const int n[3], float outside, med_volume **out) {
    med_grid grid = {{n[0], n[1], n[2]}, v->grid.affine};
    int low[3];
    for (int a = 0; a < 3; a++) {
        med_assert(n[a] >= 1);
        low[a] = low_end(v->grid.n[a], n[a]);
    }
    grid.affine = med_affine_shift(v->grid.affine, (const double[3]){low[0], low[1], low[2]});
    MED_TRY(alloc_like(v, grid, out));

    /* the part of each row that comes from v, in indices of the new grid */
    int begin = low[0] < 0 ? -low[0] : 0;
    int end = v->grid.n[0] - low[0] < n[0] ? v->grid.n[0] - low[0] : n[0];
    for (int k = 0; k < n[2]; k++)
        for (int j = 0; j < n[1]; j++) {
            float *row = med_volume_at(*out, 0, j, k);
            int from_j = j + low[1], from_k = k + low[2];
            bool is_inside = from_j >= 0 && from_j < v->grid.n[1] && from_k >= 0 && from_k < v->grid.n[2];
            int a = is_inside ? begin : n[0], b = is_inside ? end : n[0];
            for (int i = 0; i < a; i++) row[i] = outside;
            if (is_inside) memcpy(row + a, med_volume_at(v, a + low[0], from_j, from_k), (size_t)(b - a) * sizeof *row);
            for (int i = b; i < n[0]; i++) row[i] = outside;
        }
    return MED_OK;
}

/* ---- reorient ---- */

static bool is_orientation(const char *code) {
    bool seen[3] = {false};
    if (strlen(code) != 3) return false;
    for (int a = 0; a < 3; a++) {
        int world = med_orientation_axis(code[a]);
        if (world < 0 || seen[world]) return false;
        seen[world] = true;
    }
    return true;
}

med_status med_volume_reorient(const med_volume *v, const char *code, med_volume **out) {
    *out = NULL;
    if (!is_orientation(code))
        return med_fail(MED_EUSAGE, "orientation '%s': expected three letters, one each of R|L, A|P and S|I", code);
    char old[4];
    med_grid_orientation(v->grid, old);

    /* new axis a runs along old axis from[a]; index and voxel pointer go first + step * index */
    ptrdiff_t stride[3] = {1, v->grid.n[0], (ptrdiff_t)v->grid.n[0] * v->grid.n[1]}, step[3], first = 0;
    double first_index[3] = {0};
    med_grid grid = {.affine = med_affine_identity()};
    for (int a = 0; a < 3; a++) {
        int from = 0;
        while (med_orientation_axis(old[from]) != med_orientation_axis(code[a])) from++;
        int sign = old[from] == code[a] ? 1 : -1;
        grid.n[a] = v->grid.n[from];
        step[a] = sign * stride[from];
        if (sign < 0) {
            first += (grid.n[a] - 1) * stride[from];
            first_index[from] = grid.n[a] - 1;
        }
        for (int r = 0; r < 3; r++) grid.affine.m[r][a] = sign * v->grid.affine.m[r][from];
    }
    med_affine shifted = med_affine_shift(v->grid.affine, first_index);
    for (int r = 0; r < 3; r++) grid.affine.m[r][3] = shifted.m[r][3];

    MED_TRY(alloc_like(v, grid, out));
    for (int k = 0; k < grid.n[2]; k++)
        for (int j = 0; j < grid.n[1]; j++) {
            float *row = med_volume_at(*out, 0, j, k);
            const float *from = v->voxel + first + k * step[2] + j * step[1];
            for (int i = 0; i < grid.n[0]; i++) row[i] = from[i * step[0]];
        }
    return MED_OK;
}
