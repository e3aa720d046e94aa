/* resample.c: affine resampling, plane by plane. Index arithmetic in double; every voxel's place is computed from its own
 * index, not from its neighbour's, so rounding does not add up along a row. */
#include "image/resample.h"

#include <string.h>
#include "base/thread.h"

typedef struct job {
    const med_volume *in, *out;
    med_affine to_index; /* output index -> continuous input index */
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
        double a = row0[low[0]] + w[0] * ((double)row0[high[0]] - row0[low[0]]);
        double b = row1[low[0]] + w[0] * ((double)row1[high[0]] - row1[low[0]]);
        plane[z] = a + w[1] * (b - a);
    }
    return (float)(plane[0] + w[2] * (plane[1] - plane[0]));
}

typedef float sample_fn(const med_volume *in, const double c[3]);

static inline void resample_plane(const job *work, int k, sample_fn *sample) {
    const med_affine *m = &work->to_index;
    for (int j = 0; j < work->out->grid.n[1]; j++) {
        float *row = med_volume_at(work->out, 0, j, k);
        double start[3];
        med_affine_apply(*m, (const double[3]){0, j, k}, start);
        for (int i = 0; i < work->out->grid.n[0]; i++) {
            const double c[3] = {start[0] + i * m->m[0][0], start[1] + i * m->m[1][0], start[2] + i * m->m[2][0]};
            row[i] = is_inside(work->in->grid.n, c) ? sample(work->in, c) : work->outside;
        }
    }
}

static void nearest_task(void *work, int k) { resample_plane(work, k, sample_nearest); }

static void linear_task(void *work, int k) { resample_plane(work, k, sample_linear); }

med_status med_volume_resample(const med_volume *in, med_grid grid, med_affine to_moving, med_interp how, float outside,
                               med_volume **out) {
    *out = NULL;
    med_affine to_index;
    if (!med_affine_invert(in->grid.affine, &to_index))
        return med_fail(MED_EFORMAT, "resampling: the input's grid is singular");
    MED_TRY(med_volume_alloc(grid, out));
    (*out)->stored_type = in->stored_type;
    memcpy((*out)->description, in->description, sizeof in->description);
    to_index = med_affine_multiply(to_index, med_affine_multiply(to_moving, grid.affine));
    job work = {in, *out, to_index, outside};
    med_parallel(grid.n[2], how == MED_INTERP_LINEAR ? linear_task : nearest_task, &work);
    return MED_OK;
}
