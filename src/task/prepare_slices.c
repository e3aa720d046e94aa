/* prepare_slices.c: reorient, fit, shrink, cut; the affine follows each of them. */
#include "task/prepare_slices.h"

#include <string.h>

/* Every step takes *v and leaves its result there. */
static void become(med_volume **v, med_volume *result) {
    med_volume_free(*v);
    *v = result;
}

static med_status fit(med_volume **v, const int wanted[3]) {
    int n[3];
    for (int a = 0; a < 3; a++) n[a] = wanted[a] ? wanted[a] : (*v)->grid.n[a];
    med_volume *out;
    MED_TRY(med_volume_fit(*v, n, 0, &out));
    become(v, out);
    return MED_OK;
}

/* The grid of blocks of s[] voxels: a block's centre is the mean of its voxels' centres. */
static med_grid blocks_of(med_grid g, const int s[3]) {
    med_grid b = g;
    for (int a = 0; a < 3; a++) {
        b.n[a] = g.n[a] / s[a];
        for (int row = 0; row < 3; row++) {
            b.affine.m[row][a] = g.affine.m[row][a] * s[a];
            b.affine.m[row][3] += g.affine.m[row][a] * 0.5 * (s[a] - 1);
        }
    }
    return b;
}

static float block_mean(const med_volume *v, const int s[3], int i, int j, int k) {
    double sum = 0;
    for (int c = 0; c < s[2]; c++)
        for (int b = 0; b < s[1]; b++)
            for (int a = 0; a < s[0]; a++) sum += (double)*med_volume_at(v, i * s[0] + a, j * s[1] + b, k * s[2] + c);
    return (float)(sum / ((double)s[0] * s[1] * s[2]));
}

static med_status shrink(med_volume **v, const int wanted[3]) {
    int s[3];
    for (int a = 0; a < 3; a++) {
        s[a] = wanted[a] > 1 ? wanted[a] : 1;
        if (s[a] > (*v)->grid.n[a])
            return med_fail(MED_EUSAGE, "cannot take means over %d voxels of an axis with %d", s[a], (*v)->grid.n[a]);
    }
    if (s[0] * s[1] * s[2] == 1) return MED_OK;
    med_volume *out;
    MED_TRY(med_volume_create(blocks_of((*v)->grid, s), &out));
    for (int k = 0; k < out->grid.n[2]; k++)
        for (int j = 0; j < out->grid.n[1]; j++)
            for (int i = 0; i < out->grid.n[0]; i++) *med_volume_at(out, i, j, k) = block_mean(*v, s, i, j, k);
    become(v, out);
    return MED_OK;
}

static med_status cut(med_volume **v, int from, int to, int every) {
    med_grid g = (*v)->grid;
    int last = to < 0 ? g.n[2] - 1 : to, step = every > 1 ? every : 1;
    if (from < 0 || last >= g.n[2] || from > last)
        return med_fail(MED_EUSAGE, "slices %d to %d asked for, there are 0 to %d", from, last, g.n[2] - 1);
    for (int row = 0; row < 3; row++) {
        g.affine.m[row][3] += g.affine.m[row][2] * from;
        g.affine.m[row][2] *= step;
    }
    g.n[2] = (last - from) / step + 1;
    med_volume *out;
    MED_TRY(med_volume_create(g, &out));
    size_t n = (size_t)g.n[0] * (size_t)g.n[1];
    for (int k = 0; k < g.n[2]; k++)
        memcpy(med_volume_at(out, 0, 0, k), med_volume_at(*v, 0, 0, from + k * step), n * sizeof(float));
    become(v, out);
    return MED_OK;
}

static med_status work(med_volume **v, const med_slices_options *o) {
    MED_TRY(fit(v, o->fit));
    MED_TRY(shrink(v, o->shrink));
    return cut(v, o->from, o->to, o->every);
}

med_status med_prepare_slices(const med_volume *v, const med_slices_options *o, med_volume **out) {
    char code[4];
    *out = NULL;
    med_grid_orientation(v->grid, code);
    MED_TRY(med_volume_reorient(v, o->orientation ? o->orientation : code, out));
    med_status status = work(out, o);
    if (status != MED_OK) {
        med_volume_free(*out);
        *out = NULL;
    }
    return status;
}

med_status med_prepare_slices_file(const char *from, const char *to, const med_slices_options *o) {
    med_volume *v, *out;
    MED_TRY(med_volume_load(from, &v));
    med_status status = med_prepare_slices(v, o, &out);
    if (status != MED_OK)
        status = med_fail_in(status, "%s", from);
    else {
        memcpy(out->description, v->description, sizeof out->description);
        status = med_volume_save(out, to, MED_VOXEL_F32);
        med_volume_free(out);
    }
    med_volume_free(v);
    return status;
}
