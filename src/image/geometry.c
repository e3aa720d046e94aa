/* geometry.c: affines, grids and the letters that name how a grid lies in the patient. */
#include "image/volume.h"

#include <math.h>
#include <string.h>

/* Columns this close to one plane make no grid: float32 matrices of singular grids are off by about 1e-7. */
static const double SINGULAR = 1e-6;

med_affine med_affine_identity(void) { return (med_affine){{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}; }

med_affine med_affine_multiply(med_affine a, med_affine b) {
    med_affine out;
    for (int r = 0; r < 4; r++)
        for (int c = 0; c < 4; c++) {
            out.m[r][c] = 0;
            for (int k = 0; k < 4; k++) out.m[r][c] += a.m[r][k] * b.m[k][c];
        }
    return out;
}

void med_affine_apply(med_affine a, const double in[3], double out[3]) {
    double x = in[0], y = in[1], z = in[2]; /* in and out may be the same */
    for (int r = 0; r < 3; r++) out[r] = a.m[r][0] * x + a.m[r][1] * y + a.m[r][2] * z + a.m[r][3];
}

static double cofactor(const med_affine *a, int r, int c) {
    int r1 = (r + 1) % 3, r2 = (r + 2) % 3, c1 = (c + 1) % 3, c2 = (c + 2) % 3;
    return a->m[r1][c1] * a->m[r2][c2] - a->m[r1][c2] * a->m[r2][c1];
}

double med_affine_determinant(med_affine a) {
    double det = 0;
    for (int c = 0; c < 3; c++) det += a.m[0][c] * cofactor(&a, 0, c);
    return det;
}

static double column_norm(med_affine a, int c) { return hypot(hypot(a.m[0][c], a.m[1][c]), a.m[2][c]); }

bool med_affine_invert(med_affine a, med_affine *out) {
    double det = med_affine_determinant(a);
    double box = column_norm(a, 0) * column_norm(a, 1) * column_norm(a, 2);
    if (!isfinite(det) || !isfinite(box) || !(fabs(det) > SINGULAR * box)) return false;
    med_affine inverse = med_affine_identity();
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) inverse.m[r][c] = cofactor(&a, c, r) / det;
    double origin[3] = {a.m[0][3], a.m[1][3], a.m[2][3]}, moved[3];
    med_affine_apply(inverse, origin, moved);
    for (int r = 0; r < 3; r++) inverse.m[r][3] = -moved[r];
    *out = inverse;
    return true;
}

/* ---- grids ---- */

size_t med_grid_count(med_grid grid) { return (size_t)grid.n[0] * (size_t)grid.n[1] * (size_t)grid.n[2]; }

void med_grid_spacing(med_grid grid, double spacing_mm[3]) {
    for (int a = 0; a < 3; a++) spacing_mm[a] = column_norm(grid.affine, a);
}

static void corner(const med_grid *grid, int which, double out[3]) {
    double index[3];
    for (int a = 0; a < 3; a++) index[a] = which >> a & 1 ? grid->n[a] - 1 : 0;
    med_affine_apply(grid->affine, index, out);
}

double med_grid_corner_distance(med_grid a, med_grid b) {
    double largest = 0;
    for (int which = 0; which < 8; which++) {
        double p[3], q[3];
        corner(&a, which, p);
        corner(&b, which, q);
        largest = fmax(largest, hypot(hypot(p[0] - q[0], p[1] - q[1]), p[2] - q[2]));
    }
    return largest;
}

bool med_grid_equal(med_grid a, med_grid b, double corner_tolerance_mm) {
    return memcmp(a.n, b.n, sizeof a.n) == 0 && med_grid_corner_distance(a, b) <= corner_tolerance_mm;
}

med_affine med_affine_shift(med_affine affine, const double index[3]) {
    double origin[3];
    med_affine_apply(affine, index, origin);
    for (int r = 0; r < 3; r++) affine.m[r][3] = origin[r];
    return affine;
}

/* ---- orientation ---- */

static const char positive[] = "RAS", negative[] = "LPI";

void med_grid_orientation(med_grid grid, char code[4]) {
    /* of the six ways to give each grid axis its own world axis, the one with the largest sum of cosines */
    static const int ways[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    int best = 0;
    double best_sum = -1;
    for (int w = 0; w < 6; w++) {
        double sum = 0;
        for (int a = 0; a < 3; a++) sum += fabs(grid.affine.m[ways[w][a]][a]) / column_norm(grid.affine, a);
        if (sum > best_sum + 1e-9) { /* ties stay with the earlier way */
            best_sum = sum;
            best = w;
        }
    }
    for (int a = 0; a < 3; a++) {
        int world = ways[best][a];
        code[a] = grid.affine.m[world][a] < 0 ? negative[world] : positive[world];
    }
    code[3] = '\0';
}

int med_orientation_axis(char letter) {
    for (int world = 0; world < 3; world++)
        if (letter == positive[world] || letter == negative[world]) return world;
    return -1;
}
