/* resample.c: resampling plane by plane. Index arithmetic in double; every voxel's place is computed from its own index,
 * not from its neighbour's, so rounding does not add up along a row. */
#include "image/resample.h"

#include <math.h>
#include <string.h>
#include "base/thread.h"
#include "image/spline.h"

typedef struct job {
    const med_volume *in; /* or its spline's coefficients */
    const med_volume *out;
    med_affine to_index;        /* output index -> continuous input index, when everything is affine */
    const med_transform *chain; /* else: RAS mm -> RAS mm, between the grids' own affines */
    med_affine in_to_index;
    float outside;
} job;

static inline bool is_inside(const int n[3], const double c[3]) {
    for (int a = 0; a < 3; a++)
        if (!(c[a] >= -0.5 && c[a] < n[a] - 0.5)) return false;
    return true;
}

/* Of numbers that fit; without the library's call. */
static inline int floor_int(double x) {
    int i = (int)x;
    return i - (x < i);
}

static inline int clamp(int i, int n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

static inline float sample_nearest(const med_volume *in, const double c[3]) {
    int at[3];
    for (int a = 0; a < 3; a++) at[a] = clamp(floor_int(c[a] + 0.5), in->grid.n[a]);
    return *med_volume_at(in, at[0], at[1], at[2]);
}

static inline double between(double a, double b, double w) { return a + w * (b - a); }

static inline float sample_linear(const med_volume *in, const double c[3]) {
    const int *n = in->grid.n;
    int low[3], high[3];
    double w[3];
    for (int a = 0; a < 3; a++) {
        int whole = floor_int(c[a]);
        w[a] = c[a] - whole;
        low[a] = clamp(whole, n[a]);
        high[a] = clamp(whole + 1, n[a]);
    }
    double plane[2];
    for (int z = 0; z < 2; z++) {
        int k = z ? high[2] : low[2];
        const float *row0 = med_volume_at(in, 0, low[1], k), *row1 = med_volume_at(in, 0, high[1], k);
        plane[z] = between(between(row0[low[0]], row0[high[0]], w[0]), between(row1[low[0]], row1[high[0]], w[0]), w[1]);
    }
    return (float)between(plane[0], plane[1], w[2]);
}

/* The same where no neighbour is outside. */
static inline float sample_linear_within(const med_volume *in, const double c[3]) {
    const ptrdiff_t row = in->grid.n[0], plane = row * in->grid.n[1];
    const int i = (int)c[0], j = (int)c[1], k = (int)c[2];
    const double w[3] = {c[0] - i, c[1] - j, c[2] - k};
    const float *p = in->voxel + k * plane + j * row + i, *q = p + plane;
    double low = between(between(p[0], p[1], w[0]), between(p[row], p[row + 1], w[0]), w[1]);
    double high = between(between(q[0], q[1], w[0]), between(q[row], q[row + 1], w[0]), w[1]);
    return (float)between(low, high, w[2]);
}

/* Sum of the corners' weights for each value; a value's corners are counted at its first one. */
static inline float sample_label(const med_volume *in, const double c[3]) {
    float value[8], best_value = 0;
    double weight[8], best = 0;
    for (int corner = 0; corner < 8; corner++) {
        int at[3];
        weight[corner] = 1;
        for (int a = 0; a < 3; a++) {
            int low = floor_int(c[a]), up = corner >> a & 1;
            at[a] = clamp(low + up, in->grid.n[a]);
            weight[corner] *= up ? c[a] - low : 1 - (c[a] - low);
        }
        value[corner] = *med_volume_at(in, at[0], at[1], at[2]);
    }
    for (int first = 0; first < 8; first++) {
        double sum = 0;
        for (int corner = 0; corner < 8; corner++) sum += value[corner] == value[first] ? weight[corner] : 0;
        sum = (float)sum; /* as an interpolated image would hold it: equal shares are ties in spite of rounding */
        if (sum > best || (sum == best && value[first] < best_value)) {
            best = sum;
            best_value = value[first];
        }
    }
    return best_value;
}

typedef float sample_fn(const med_volume *in, const double c[3]);

typedef struct line { /* continuous input indices along a row of the output */
    double start[3], step[3];
} line;

static inline void line_at(const line *l, int i, double c[3]) {
    for (int a = 0; a < 3; a++) c[a] = l->start[a] + i * l->step[a];
}

static inline void fill_part(const job *w, const line *l, int begin, int end, float *row, sample_fn *sample) {
    for (int i = begin; i < end; i++) {
        double c[3];
        line_at(l, i, c);
        row[i] = is_inside(w->in->grid.n, c) ? sample(w->in, c) : w->outside;
    }
}

static bool is_within(const int n[3], const line *l, int i) {
    double c[3];
    line_at(l, i, c);
    for (int a = 0; a < 3; a++)
        if (!(c[a] >= 0 && c[a] < n[a] - 1)) return false;
    return true;
}

/* The part of a row where all eight neighbours are voxels: a line leaves a box once, so checking its ends is enough. */
static void find_within(const int n[3], const line *l, int n_out, int *begin, int *end) {
    double low = 0, high = n_out;
    for (int a = 0; a < 3; a++) {
        double at_0 = -l->start[a] / l->step[a], at_n = (n[a] - 1 - l->start[a]) / l->step[a];
        if (l->step[a] == 0) continue;
        low = fmax(low, fmin(at_0, at_n));
        high = fmin(high, fmax(at_0, at_n));
    }
    *begin = (int)fmin(ceil(low), n_out);
    *end = (int)fmax(ceil(high), *begin);
    while (*begin < *end && !is_within(n, l, *begin)) ++*begin;
    while (*begin < *end && !is_within(n, l, *end - 1)) --*end;
}

static inline void fill_row(const job *w, int j, int k, sample_fn *sample) {
    const med_affine *m = &w->to_index;
    float *row = med_volume_at(w->out, 0, j, k);
    int n_out = w->out->grid.n[0], begin = n_out, end = n_out;
    line l = {.step = {m->m[0][0], m->m[1][0], m->m[2][0]}};
    med_affine_apply(*m, (const double[3]){0, j, k}, l.start);
    if (sample == sample_linear) find_within(w->in->grid.n, &l, n_out, &begin, &end);
    fill_part(w, &l, 0, begin, row, sample);
    for (int i = begin; i < end; i++) {
        double c[3];
        line_at(&l, i, c);
        row[i] = sample_linear_within(w->in, c);
    }
    fill_part(w, &l, end, n_out, row, sample);
}

static inline void fill_row_by_chain(const job *w, int j, int k, sample_fn *sample) {
    float *row = med_volume_at(w->out, 0, j, k);
    for (int i = 0; i < w->out->grid.n[0]; i++) {
        double x[3], y[3], c[3];
        med_affine_apply(w->out->grid.affine, (const double[3]){i, j, k}, x);
        med_transform_apply(w->chain, x, y);
        med_affine_apply(w->in_to_index, y, c);
        row[i] = is_inside(w->in->grid.n, c) ? sample(w->in, c) : w->outside;
    }
}

static inline void fill_plane(const job *w, int k, sample_fn *sample) {
    for (int j = 0; j < w->out->grid.n[1]; j++)
        if (w->chain)
            fill_row_by_chain(w, j, k, sample);
        else
            fill_row(w, j, k, sample);
}

static void nearest_task(void *w, int k) { fill_plane(w, k, sample_nearest); }
static void linear_task(void *w, int k) { fill_plane(w, k, sample_linear); }
static void spline_task(void *w, int k) { fill_plane(w, k, med_spline_sample); }
static void label_task(void *w, int k) { fill_plane(w, k, sample_label); }

static med_task_fn *const tasks[] = {
    [MED_INTERP_LINEAR] = linear_task, [MED_INTERP_NEAREST] = nearest_task, [MED_INTERP_BSPLINE] = spline_task};

/* chain NULL: `affine` alone. */
static med_status resample(const med_volume *in, med_grid grid, const med_transform *chain, med_affine affine,
                           med_task_fn *task, float outside, med_volume **out) {
    job w = {.in = in, .chain = chain, .outside = outside};
    *out = NULL;
    if (!med_affine_invert(in->grid.affine, &w.in_to_index))
        return med_fail(MED_EFORMAT, "resampling: the input's grid is singular");
    w.to_index = med_affine_multiply(w.in_to_index, med_affine_multiply(affine, grid.affine));
    med_volume *coefficients = NULL;
    if (task == spline_task) {
        MED_TRY(med_spline_coefficients(in, &coefficients));
        w.in = coefficients;
    }
    med_status status = med_volume_alloc(grid, out);
    if (status == MED_OK) {
        (*out)->stored_type = in->stored_type;
        memcpy((*out)->description, in->description, sizeof in->description);
        w.out = *out;
        med_parallel(grid.n[2], task, &w);
    }
    med_volume_free(coefficients);
    return status;
}

static med_status warp(const med_volume *in, med_grid grid, const med_transform *t, med_task_fn *task, float outside,
                       med_volume **out) {
    med_affine affine;
    const med_transform *chain = med_transform_to_affine(t, &affine) ? NULL : t;
    return resample(in, grid, chain, affine, task, outside, out);
}

med_status med_volume_resample(const med_volume *in, med_grid grid, med_affine to_moving, med_interp how, float outside,
                               med_volume **out) {
    return resample(in, grid, NULL, to_moving, tasks[how], outside, out);
}

med_status med_volume_warp(const med_volume *in, med_grid grid, const med_transform *t, med_interp how, float outside,
                           med_volume **out) {
    return warp(in, grid, t, tasks[how], outside, out);
}

med_status med_volume_warp_label(const med_volume *in, med_grid grid, const med_transform *t, med_volume **out) {
    return warp(in, grid, t, label_task, 0, out);
}
