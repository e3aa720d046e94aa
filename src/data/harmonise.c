/* harmonise.c: percentiles inside the mask, and the piecewise linear map between two lists of landmarks. */
#include "data/harmonise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "image/intensity.h"

const double med_nyul_percentiles[MED_NYUL_LANDMARKS] = {1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99.95};

/* The values above 0, owned; NULL when there is none. */
static float *masked_values(const med_volume *v, size_t *n) {
    size_t count = med_grid_count(v->grid);
    *n = 0;
    for (size_t i = 0; i < count; i++) *n += v->voxel[i] > 0;
    if (!*n) return NULL;
    float *values = med_alloc(*n * sizeof *values);
    for (size_t i = 0, at = 0; i < count; i++)
        if (v->voxel[i] > 0) values[at++] = v->voxel[i];
    return values;
}

bool med_nyul_measure(const med_volume *v, double landmarks[MED_NYUL_LANDMARKS]) {
    size_t n;
    float *values = masked_values(v, &n);
    if (!values) return false;
    for (int l = 0; l < MED_NYUL_LANDMARKS; l++) landmarks[l] = med_percentile(values, n, med_nyul_percentiles[l]);
    free(values);
    return landmarks[MED_NYUL_LANDMARKS - 1] > landmarks[0];
}

void med_nyul_learn(const double landmarks[MED_NYUL_LANDMARKS], double sum[MED_NYUL_LANDMARKS]) {
    double lo = landmarks[0], range = landmarks[MED_NYUL_LANDMARKS - 1] - lo;
    for (int l = 0; l < MED_NYUL_LANDMARKS; l++) sum[l] += (landmarks[l] - lo) / range;
}

/* The last segment that starts at or below x carries on beyond the ends, where the result is clipped. */
static double map(double x, const double *from, const double *to, int n) {
    int s = 0;
    while (s < n - 2 && x >= from[s + 1]) s++;
    double width = from[s + 1] - from[s];
    double y = width > 0 ? to[s] + (x - from[s]) / width * (to[s + 1] - to[s]) : to[s + 1];
    return fmin(fmax(y, 0), 1);
}

void med_harmonise_apply(med_volume *v, const double *from, const double *to, int n) {
    size_t count = med_grid_count(v->grid);
    for (size_t i = 0; i < count; i++)
        v->voxel[i] = v->voxel[i] > 0 ? (float)fmax(map(v->voxel[i], from, to, n), 1.0 / 255) : 0;
}

void med_harmonise_minmax(med_volume *v) {
    size_t n;
    float *values = masked_values(v, &n);
    if (values) {
        double from[2] = {med_percentile(values, n, 0), med_percentile(values, n, 99.95)}, to[2] = {0, 1};
        med_harmonise_apply(v, from, to, 2);
    } else {
        memset(v->voxel, 0, med_grid_count(v->grid) * sizeof *v->voxel);
    }
    free(values);
}
