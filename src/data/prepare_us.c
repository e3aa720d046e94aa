/* prepare_us.c: crop, resample, crop, fit; and what the probe saw. */
#include "data/prepare_us.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "image/mask.h"
#include "image/resample.h"

static bool are_equal(double a, double b, double first) { return fabs(a - b) / first < 0.2; }

bool med_us_spacing(const double s[3], const med_us_grid *grid, double out[3]) {
    bool is_01 = are_equal(s[0], s[1], s[0]), is_02 = are_equal(s[0], s[2], s[0]), is_12 = are_equal(s[1], s[2], s[0]);
    for (int a = 0; a < 3; a++) out[a] = grid->spacing_mm;
    if (is_01 && is_02) return true;
    int odd = is_01 ? 2 : is_12 ? 0 : is_02 ? 1 : -1;
    if (odd < 0) return false;
    out[grid->is_release ? 2 : odd] = s[odd];
    return true;
}

/* ---- crop ---- */

/* First and last plane with a voxel that is not 0, per axis. */
static bool find_box(const med_volume *v, int lo[3], int hi[3]) {
    const int *n = v->grid.n;
    for (int a = 0; a < 3; a++) lo[a] = n[a], hi[a] = -1;
    for (int k = 0; k < n[2]; k++)
        for (int j = 0; j < n[1]; j++) {
            const float *row = med_volume_at(v, 0, j, k);
            int first = 0, last = n[0] - 1;
            while (first < n[0] && row[first] == 0) first++;
            if (first == n[0]) continue;
            while (row[last] == 0) last--;
            const int at_lo[3] = {first, j, k}, at_hi[3] = {last, j, k};
            for (int a = 0; a < 3; a++) {
                if (at_lo[a] < lo[a]) lo[a] = at_lo[a];
                if (at_hi[a] > hi[a]) hi[a] = at_hi[a];
            }
        }
    return hi[0] >= 0;
}

bool med_us_crop(med_volume *v) {
    int lo[3], hi[3], n[3];
    if (!find_box(v, lo, hi)) return false;
    for (int a = 0; a < 3; a++) n[a] = hi[a] - lo[a] + 1;
    float *to = v->voxel; /* rows move towards the start: what is read lies behind what was written */
    for (int k = 0; k < n[2]; k++)
        for (int j = 0; j < n[1]; j++, to += n[0])
            memmove(to, med_volume_at(v, lo[0], lo[1] + j, lo[2] + k), (size_t)n[0] * sizeof *to);
    v->grid.affine = med_affine_shift(v->grid.affine, (const double[3]){lo[0], lo[1], lo[2]});
    memcpy(v->grid.n, n, sizeof n);
    return true;
}

/* ---- grid ---- */

/* Same first voxel and directions, other spacings; sizes are rounded half to even. */
static med_grid respaced(med_grid grid, const double from[3], const double to[3]) {
    for (int a = 0; a < 3; a++) {
        grid.n[a] = (int)fmax(1, rint(grid.n[a] * from[a] / to[a]));
        for (int r = 0; r < 3; r++) grid.affine.m[r][a] *= to[a] / from[a];
    }
    return grid;
}

static med_status check_values(const char *path, const med_volume *us) {
    size_t n = med_grid_count(us->grid);
    for (size_t i = 0; i < n; i++)
        if (us->voxel[i] < 0)
            return med_fail(MED_EFORMAT, "%s: a voxel of %g; ultrasound must not be negative", path, us->voxel[i]);
    return MED_OK;
}

static bool is_whole(med_voxel_type type) { return type != MED_VOXEL_F32 && type != MED_VOXEL_F64; }

/* The published script keeps the pixel type, whose conversion cuts. */
static void cut_fractions(med_volume *v) {
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n; i++) v->voxel[i] = truncf(v->voxel[i]);
}

static med_status resample(const char *path, const med_volume *us, const med_us_grid *grid, med_volume **out) {
    double from[3], to[3];
    med_grid_spacing(us->grid, from);
    if (!med_us_spacing(from, grid, to))
        return med_fail(MED_EFORMAT, "%s: spacings %g, %g, %g mm: no two of them agree within 20 %%", path, from[0],
                        from[1], from[2]);
    MED_TRY(med_volume_resample(us, respaced(us->grid, from, to), med_affine_identity(), MED_INTERP_LINEAR, 0, out));
    if (grid->is_release && is_whole(us->stored_type)) cut_fractions(*out);
    return MED_OK;
}

static med_status fit(med_volume *v, int size, med_volume **out) {
    const int n[3] = {size ? size : v->grid.n[0], size ? size : v->grid.n[1], v->grid.n[2]};
    return med_volume_fit(v, n, 0, out);
}

med_status med_us_prepare(const char *path, med_volume *us, const med_us_grid *grid, med_volume **out) {
    med_volume *fine = NULL;
    *out = NULL;
    med_status status = check_values(path, us);
    if (status == MED_OK && !med_us_crop(us))
        status = med_fail(MED_EFORMAT, "%s: all voxels are 0; an ultrasound image must show something", path);
    if (status == MED_OK) status = resample(path, us, grid, &fine);
    med_volume_free(us);
    if (status == MED_OK && !med_us_crop(fine))
        status = med_fail(MED_EFORMAT, "%s: nothing is left at a spacing of %g mm", path, grid->spacing_mm);
    if (status == MED_OK) status = fit(fine, grid->size, out);
    med_volume_free(fine);
    return status;
}

/* ---- field of view ---- */

med_status med_us_field_of_view(const med_volume *us, bool is_strict, med_volume **out) {
    size_t n = med_grid_count(us->grid);
    void *buffer;
    MED_TRY(med_buffer_alloc(n, "a field of view", &buffer));
    uint8_t *inside = buffer;
    for (size_t i = 0; i < n; i++) inside[i] = us->voxel[i] > 0;
    med_status status = is_strict ? MED_OK : med_mask_fill_plane_holes(inside, us->grid.n);
    if (status == MED_OK) status = med_volume_alloc(us->grid, out);
    for (size_t i = 0; status == MED_OK && i < n; i++) (*out)->voxel[i] = inside[i];
    free(buffer);
    return status;
}
