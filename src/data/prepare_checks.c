/* prepare_checks.c: numbers that a person would look at twice. */
#include "data/prepare_checks.h"

#include <math.h>
#include <stdlib.h>
#include "base/memory.h"
#include "base/thread.h"
#include "image/intensity.h"

typedef struct plane_count {
    int n_above, n_top; /* voxels above 0, and at the plane's own maximum */
    float top;
} plane_count;

typedef struct count_job {
    const med_volume *v;
    plane_count *plane;
} count_job;

static void count_plane(void *context, int k) {
    const count_job *j = context;
    const int n = j->v->grid.n[0] * j->v->grid.n[1];
    const float *x = med_volume_at(j->v, 0, 0, k);
    plane_count c = {.top = x[0]};
    for (int i = 0; i < n; i++) c.top = x[i] > c.top ? x[i] : c.top;
    for (int i = 0; i < n; i++) c.n_above += x[i] > 0, c.n_top += x[i] == c.top;
    j->plane[k] = c;
}

void med_check_image(med_prepare_case *c, const char *mod, const med_volume *v) {
    double s[3];
    size_t n_above = 0, n_top = 0;
    count_job j = {v, med_alloc((size_t)v->grid.n[2] * sizeof *j.plane)};
    med_grid_spacing(v->grid, s);
    for (int a = 0; a < 3; a++)
        if (s[a] < 0.05 || s[a] > 6) med_prepare_warn(c, "%s: a spacing of %g mm", mod, s[a]);
    med_parallel(v->grid.n[2], count_plane, &j);
    float top = j.plane[0].top;
    for (int k = 0; k < v->grid.n[2]; k++) top = j.plane[k].top > top ? j.plane[k].top : top;
    for (int k = 0; k < v->grid.n[2]; k++) {
        n_above += (size_t)j.plane[k].n_above;
        n_top += j.plane[k].top == top ? (size_t)j.plane[k].n_top : 0;
    }
    free(j.plane);
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

static bool is_near(const double ras[3], med_grid image, med_affine to_index, const double spacing[3]) {
    double index[3];
    med_affine_apply(to_index, ras, index);
    for (int a = 0; a < 3; a++)
        if (index[a] < -0.5 - 5 / spacing[a] || index[a] > image.n[a] - 0.5 + 5 / spacing[a]) return false;
    return true;
}

med_status med_check_landmarks(med_prepare_case *c, const char *path, const med_landmarks *l, int side, med_grid image) {
    static const char *const sides[] = {"MR", "ultrasound"};
    med_affine to_index;
    double spacing[3];
    int n_outside = 0;
    med_grid_spacing(image, spacing);
    if (!med_affine_invert(image.affine, &to_index)) return med_fail(MED_EFORMAT, "%s: the image's grid is singular", path);
    for (int i = 0; i < l->n; i++) n_outside += !is_near(l->item[i].ras[side], image, to_index, spacing);
    if (2 * n_outside > l->n)
        return med_fail(MED_EFORMAT, "%s: %d of %d points lie outside the %s: another coordinate convention?", path, n_outside,
                        l->n, sides[side]);
    if (n_outside)
        med_prepare_warn(c, "landmarks: %d of %d points lie outside the %s: coordinate convention?", n_outside, l->n,
                         sides[side]);
    return MED_OK;
}

/* ---- registration ---- */

enum { BINS = 32 };

med_grid med_every_voxel(med_grid grid, int step) {
    for (int a = 0; a < 3; a++) {
        grid.n[a] = (grid.n[a] + step - 1) / step;
        for (int r = 0; r < 3; r++) grid.affine.m[r][a] *= step;
    }
    return grid;
}

/* Length of the gradient by central differences, per voxel; 0 at the border of the field of view, which is no edge. */
static float edge_at(const med_volume *us, const med_volume *fov, const int at[3]) {
    double square = 0;
    for (int a = 0; a < 3; a++) {
        int lo[3] = {at[0], at[1], at[2]}, hi[3] = {at[0], at[1], at[2]};
        lo[a] -= lo[a] > 0;
        hi[a] += hi[a] + 1 < us->grid.n[a];
        if (*med_volume_at(fov, lo[0], lo[1], lo[2]) == 0 || *med_volume_at(fov, hi[0], hi[1], hi[2]) == 0) return 0;
        double d = (double)*med_volume_at(us, hi[0], hi[1], hi[2]) - *med_volume_at(us, lo[0], lo[1], lo[2]);
        square += d * d;
    }
    return (float)sqrt(square);
}

/* Bins of n values from their smallest to their 99.5th percentile. */
static void to_bins(const float *values, size_t n, uint8_t *bins) {
    double lo = med_percentile(values, n, 0), hi = med_percentile(values, n, 99.5);
    for (size_t i = 0; i < n; i++) {
        double t = hi > lo ? (values[i] - lo) / (hi - lo) * BINS : 0;
        bins[i] = (uint8_t)(t >= BINS ? BINS - 1 : t);
    }
}

static double entropy(const double *count, int n, double total) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        if (count[i] > 0) sum -= count[i] / total * log(count[i] / total);
    return sum;
}

/* (H(a) + H(b)) / H(a,b): from 1 (independent) to 2. Studholme et al., Pattern Recognition 32, 1999. */
static double mutual_information(const uint8_t *a, const uint8_t *b, size_t n) {
    double joint[BINS * BINS] = {0}, of_a[BINS] = {0}, of_b[BINS] = {0};
    for (size_t i = 0; i < n; i++) joint[a[i] * BINS + b[i]]++, of_a[a[i]]++, of_b[b[i]]++;
    double h = entropy(joint, BINS * BINS, (double)n);
    return h > 0 ? (entropy(of_a, BINS, (double)n) + entropy(of_b, BINS, (double)n)) / h : 1;
}

typedef struct points { /* of the field of view */
    size_t n, n_covered; /* n_covered: where `before` is not 0 */
    float *edge, *before, *after;
} points;

static points gather(const med_registration_check *r) {
    const int *n = r->before->grid.n, s = r->step;
    size_t most = med_grid_count(r->before->grid);
    points p = {0, 0, med_alloc(most * sizeof(float)), med_alloc(most * sizeof(float)), med_alloc(most * sizeof(float))};
    for (int k = 0; k < n[2]; k++)
        for (int j = 0; j < n[1]; j++)
            for (int i = 0; i < n[0]; i++) {
                const int at[3] = {i * s, j * s, k * s};
                if (*med_volume_at(r->fov, at[0], at[1], at[2]) == 0) continue;
                p.edge[p.n] = edge_at(r->us, r->fov, at);
                p.after[p.n] = *med_volume_at(r->after, at[0], at[1], at[2]);
                p.before[p.n] = *med_volume_at(r->before, i, j, k);
                p.n_covered += p.before[p.n++] > 0;
            }
    return p;
}

void med_check_registration(med_prepare_case *c, const med_registration_check *r) {
    enum { FEWEST = 1000 };
    points p = gather(r);
    if (p.n >= FEWEST && 2 * p.n_covered >= p.n) {
        uint8_t *edge = med_alloc(3 * p.n), *before = edge + p.n, *after = before + p.n;
        to_bins(p.edge, p.n, edge);
        to_bins(p.before, p.n, before);
        to_bins(p.after, p.n, after);
        double nmi_before = mutual_information(edge, before, p.n), nmi_after = mutual_information(edge, after, p.n);
        free(edge);
        json_t *all = json_object_get(c->notes, "nmi_with_us_edges");
        if (!all) json_object_set_new(c->notes, "nmi_with_us_edges", all = json_object());
        json_object_set_new(all, r->mod, json_pack("{s:f, s:f}", "before", nmi_before, "after", nmi_after));
        if (nmi_after < nmi_before)
            med_prepare_warn(c, "%s: less like the ultrasound after its transform (NMI %.4f) than before (%.4f): registration?",
                             r->mod, nmi_after, nmi_before);
    }
    free(p.edge);
    free(p.before);
    free(p.after);
}
