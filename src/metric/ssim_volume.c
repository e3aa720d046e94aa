/* ssim_volume.c: the five window sums are taken in the plane once per slice and kept for the seven slices of a window; a
 * block of planes is one task. */
#include "metric/ssim_volume.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/thread.h"

enum { SIDE = MED_SSIM_VOLUME_SIDE, N_SUMS = 6 /* x, y, xx, yy, xy, voxels outside */, PLANES_A_TASK = 16 };

typedef struct walk {
    const med_volume *prediction, *reference;
    double range, outside;
    int n[3];            /* of the map of whole windows */
    double *sum, *count; /* per plane of that map */
} walk;

/* Sums over SIDE x SIDE pixels of slice k: out[q][j][i]. `line`: room for one image of sums along i. */
static void slice_sums(const walk *w, int k, double *line, double *out) {
    const int *full = w->reference->grid.n;
    size_t map = (size_t)w->n[0] * (size_t)w->n[1], lines = (size_t)w->n[0] * (size_t)full[1];
    for (int j = 0; j < full[1]; j++) {
        const float *x = med_volume_at(w->prediction, 0, j, k), *y = med_volume_at(w->reference, 0, j, k);
        for (int i = 0; i < w->n[0]; i++) {
            double m[N_SUMS] = {0};
            for (int t = 0; t < SIDE; t++) {
                double a = x[i + t], b = y[i + t];
                m[0] += a, m[1] += b, m[2] += a * a, m[3] += b * b, m[4] += a * b, m[5] += !(b > w->outside);
            }
            for (int q = 0; q < N_SUMS; q++) line[(size_t)q * lines + (size_t)j * (size_t)w->n[0] + (size_t)i] = m[q];
        }
    }
    memset(out, 0, sizeof(double) * N_SUMS * map);
    for (int q = 0; q < N_SUMS; q++)
        for (int j = 0; j < w->n[1]; j++)
            for (int t = 0; t < SIDE; t++)
                for (int i = 0; i < w->n[0]; i++)
                    out[(size_t)q * map + (size_t)j * (size_t)w->n[0] + (size_t)i] +=
                        line[(size_t)q * lines + (size_t)(j + t) * (size_t)w->n[0] + (size_t)i];
}

static double similarity(const double sum[N_SUMS], double range) {
    double n = SIDE * SIDE * SIDE, k = n / (n - 1), c1 = 0.01 * range * (0.01 * range),
           c2 = 0.03 * range * (0.03 * range);
    double mx = sum[0] / n, my = sum[1] / n;
    double vx = k * (sum[2] / n - mx * mx), vy = k * (sum[3] / n - my * my), vxy = k * (sum[4] / n - mx * my);
    return (2 * mx * my + c1) * (2 * vxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2));
}

static void sum_plane(const walk *w, const double *ring, int plane) {
    size_t map = (size_t)w->n[0] * (size_t)w->n[1];
    for (size_t p = 0; p < map; p++) {
        double sum[N_SUMS] = {0};
        for (int t = 0; t < SIDE; t++)
            for (int q = 0; q < N_SUMS; q++)
                sum[q] += ring[((size_t)((plane + t) % SIDE) * N_SUMS + (size_t)q) * map + p];
        if (sum[5] > 0) continue;
        w->sum[plane] += similarity(sum, w->range);
        w->count[plane]++;
    }
}

static void sum_block(void *context, int block) {
    const walk *w = context;
    size_t map = (size_t)w->n[0] * (size_t)w->n[1];
    int first = block * PLANES_A_TASK, end = first + PLANES_A_TASK < w->n[2] ? first + PLANES_A_TASK : w->n[2];
    double *ring = med_alloc(sizeof(double) * SIDE * N_SUMS * map);
    double *line = med_alloc(sizeof(double) * N_SUMS * (size_t)w->n[0] * (size_t)w->reference->grid.n[1]);
    for (int k = first; k < end + SIDE - 1; k++) {
        slice_sums(w, k, line, ring + (size_t)(k % SIDE) * N_SUMS * map);
        if (k >= first + SIDE - 1) sum_plane(w, ring, k - SIDE + 1);
    }
    free(line);
    free(ring);
}

double med_ssim_volume(const med_volume *prediction, const med_volume *reference, double range, double outside) {
    walk w = {.prediction = prediction, .reference = reference, .range = range, .outside = outside};
    for (int a = 0; a < 3; a++) {
        w.n[a] = reference->grid.n[a] - SIDE + 1;
        if (w.n[a] < 1) return NAN;
    }
    w.sum = med_alloc(sizeof(double) * 2 * (size_t)w.n[2]);
    w.count = w.sum + w.n[2];
    med_parallel((w.n[2] + PLANES_A_TASK - 1) / PLANES_A_TASK, sum_block, &w);
    double sum = 0, n = 0;
    for (int k = 0; k < w.n[2]; k++) sum += w.sum[k], n += w.count[k];
    free(w.sum);
    return n > 0 ? sum / n : NAN;
}
