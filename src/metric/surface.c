/* surface.c: surface distances of two masks, from exact Euclidean distance transforms of their surfaces inside the box
 * that holds both. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/thread.h"
#include "image/mask.h"
#include "metric/overlap.h"
#include "metric/summary.h"

/* A difference of this much is rounding of spacings, not distance. */
static const double tolerance_slack_mm = 1e-9;

typedef struct box { /* both surfaces inside it; all owned by one buffer */
    int lo[3], n[3];
    size_t count;
    uint8_t *surface[2]; /* prediction, reference */
    double *squared;
} box;

static size_t index_of(const int n[3], int i, int j, int k) {
    return ((size_t)k * (size_t)n[1] + (size_t)j) * (size_t)n[0] + (size_t)i;
}

/* False when both masks are empty. */
static bool find_box(const med_mask_pair *pair, box *b) {
    int lo[3] = {pair->n[0], pair->n[1], pair->n[2]}, hi[3] = {-1, -1, -1};
    for (int k = 0; k < pair->n[2]; k++)
        for (int j = 0; j < pair->n[1]; j++) {
            size_t row = index_of(pair->n, 0, j, k);
            int first = -1, last = -1;
            for (int i = 0; i < pair->n[0]; i++)
                if (pair->prediction[row + (size_t)i] || pair->reference[row + (size_t)i]) {
                    if (first < 0) first = i;
                    last = i;
                }
            if (first < 0) continue;
            const int at[3][2] = {{first, last}, {j, j}, {k, k}};
            for (int a = 0; a < 3; a++) {
                if (at[a][0] < lo[a]) lo[a] = at[a][0];
                if (at[a][1] > hi[a]) hi[a] = at[a][1];
            }
        }
    b->count = 1;
    for (int a = 0; a < 3; a++) {
        b->lo[a] = lo[a];
        b->n[a] = hi[a] - lo[a] + 1;
        b->count *= (size_t)(b->n[a] > 0 ? b->n[a] : 0);
    }
    return b->count > 0;
}

/* A voxel of the mask with a face neighbour outside it. The box holds the mask, so beyond the box is outside. */
static bool is_surface(const med_mask_pair *pair, const uint8_t *mask, int i, int j, int k) {
    const int at[3] = {i, j, k};
    size_t stride[3] = {1, (size_t)pair->n[0], (size_t)pair->n[0] * (size_t)pair->n[1]}, p = index_of(pair->n, i, j, k);
    if (!mask[p]) return false;
    for (int a = 0; a < (pair->is_planar ? 2 : 3); a++)
        if (at[a] == 0 || at[a] == pair->n[a] - 1 || !mask[p - stride[a]] || !mask[p + stride[a]]) return true;
    return false;
}

typedef struct marking {
    const med_mask_pair *pair;
    box *b;
} marking;

static void mark_plane(void *context, int k) {
    const marking *m = context;
    const uint8_t *masks[2] = {m->pair->prediction, m->pair->reference};
    for (int side = 0; side < 2; side++)
        for (int j = 0; j < m->b->n[1]; j++)
            for (int i = 0; i < m->b->n[0]; i++)
                m->b->surface[side][index_of(m->b->n, i, j, k)] =
                    is_surface(m->pair, masks[side], m->b->lo[0] + i, m->b->lo[1] + j, m->b->lo[2] + k);
}

/* Distances from the voxels of surface `from` to the nearest of `to`: list of n, in mm, ascending. */
static void directed(const box *b, const double spacing_mm[3], int from, int to, double *list, long *n) {
    med_mask_squared_distance(b->surface[to], b->n, spacing_mm, b->squared);
    *n = 0;
    for (size_t v = 0; v < b->count; v++)
        if (b->surface[from][v]) list[(*n)++] = sqrt(b->squared[v]);
    med_sort_doubles(list, (int)*n);
}

static double mean_of(const double *list, long n) {
    double sum = 0;
    for (long i = 0; i < n; i++) sum += list[i];
    return sum / (double)n;
}

/* list: prediction to reference, then reference to prediction. */
static void measure(double *list, const double *tolerance_mm, int n_tolerances, med_surface *out) {
    long n = out->n_pred + out->n_ref;
    double *back = list + out->n_pred, to = mean_of(list, out->n_pred), from = mean_of(back, out->n_ref);
    out->assd_mom = (to + from) / 2;
    out->hd95_max =
        fmax(med_percentile_sorted(list, (int)out->n_pred, 95), med_percentile_sorted(back, (int)out->n_ref, 95));
    med_sort_doubles(list, (int)n);
    out->assd = mean_of(list, n);
    out->hd = list[n - 1];
    out->hd95 = med_percentile_sorted(list, (int)n, 95);
    for (int t = 0; t < n_tolerances; t++) {
        long within = 0;
        while (within < n && list[within] <= tolerance_mm[t] + tolerance_slack_mm) within++;
        out->nsd[t] = (double)within / (double)n;
    }
}

static med_status measure_box(const med_mask_pair *pair, box *b, const double *tolerance_mm, int n_tolerances,
                              med_surface *out) {
    void *list;
    for (size_t v = 0; v < b->count; v++) {
        out->n_pred += b->surface[0][v];
        out->n_ref += b->surface[1][v];
    }
    if (!out->n_pred || !out->n_ref) return MED_OK;
    if (out->n_pred + out->n_ref > INT32_MAX) return med_fail(MED_EFORMAT, "surfaces of 2^31 voxels or more");
    MED_TRY(med_buffer_alloc(sizeof(double) * (size_t)(out->n_pred + out->n_ref), "surface distances", &list));
    long n;
    directed(b, pair->spacing_mm, 0, 1, list, &n);
    directed(b, pair->spacing_mm, 1, 0, (double *)list + n, &n);
    measure(list, tolerance_mm, n_tolerances, out);
    free(list);
    return MED_OK;
}

med_status med_surface_of(const med_mask_pair *pair, const double *tolerance_mm, int n_tolerances, med_surface *out) {
    box b;
    void *memory;
    med_assert(n_tolerances <= MED_MAX_TOLERANCES);
    *out = (med_surface){.assd = NAN, .assd_mom = NAN, .hd = NAN, .hd95 = NAN, .hd95_max = NAN};
    for (int t = 0; t < n_tolerances; t++) out->nsd[t] = NAN;
    if (!find_box(pair, &b)) return MED_OK;
    MED_TRY(med_buffer_alloc(b.count * (sizeof(double) + 2), "surface distances", &memory));
    b.squared = memory;
    b.surface[0] = (uint8_t *)(b.squared + b.count);
    b.surface[1] = b.surface[0] + b.count;
    med_parallel(b.n[2], mark_plane, &(marking){pair, &b});
    med_status status = measure_box(pair, &b, tolerance_mm, n_tolerances, out);
    free(memory);
    return status;
}
