/* spline.c: coefficients by a recursive filter along each axis, in double along the line and float32 between the axes. */
#include "image/spline.h"

#include <math.h>
#include <string.h>
#include "base/thread.h"

/* Pole of the cubic filter, and how many terms its start needs in double: |pole|^29 < 1e-16. */
#define POLE (sqrt(3.0) - 2.0)
enum { HORIZON = 29 };

/* In place. */
static void filter_line(double *x, int n) {
    if (n == 1) return;
    double gain = (1 - POLE) * (1 - 1 / POLE), sum = x[0], power = POLE;
    for (int i = 0; i < n; i++) x[i] *= gain;
    sum = x[0];
    for (int i = 1; i < HORIZON; i++, power *= POLE) { /* the mirrored line before its start */
        int at = i % (2 * n - 2);
        sum += power * x[at < n ? at : 2 * n - 2 - at];
    }
    x[0] = sum;
    for (int i = 1; i < n; i++) x[i] += POLE * x[i - 1];
    x[n - 1] = POLE / (POLE * POLE - 1) * (x[n - 1] + POLE * x[n - 2]);
    for (int i = n - 2; i >= 0; i--) x[i] = POLE * (x[i + 1] - x[i]);
}

typedef struct job {
    med_volume *v;
    int axis;
} job;

/* One plane's lines along axis 0 or 1 (a task is a k), or along axis 2 (a task is a j). */
static void filter_task(void *context, int task) {
    const job *w = context;
    const int *n = w->v->grid.n;
    int n_lines = w->axis == 0 ? n[1] : n[0];
    size_t stride[3] = {1, (size_t)n[0], (size_t)n[0] * (size_t)n[1]};
    double *line = med_scratch(0, (size_t)n[w->axis] * sizeof *line);
    float *plane = w->v->voxel + (size_t)task * stride[w->axis == 2 ? 1 : 2];
    for (int l = 0; l < n_lines; l++) {
        float *at = plane + (size_t)l * stride[w->axis == 0 ? 1 : 0];
        for (int i = 0; i < n[w->axis]; i++) line[i] = at[(size_t)i * stride[w->axis]];
        filter_line(line, n[w->axis]);
        for (int i = 0; i < n[w->axis]; i++) at[(size_t)i * stride[w->axis]] = (float)line[i];
    }
}

med_status med_spline_coefficients(const med_volume *v, med_volume **out) {
    MED_TRY(med_volume_alloc(v->grid, out));
    memcpy((*out)->voxel, v->voxel, med_grid_count(v->grid) * sizeof(float));
    for (int axis = 0; axis < 3; axis++) {
        job w = {*out, axis};
        med_parallel(v->grid.n[axis == 2 ? 1 : 2], filter_task, &w);
    }
    return MED_OK;
}

static int mirror(int i, int n) {
    if (n == 1) return 0;
    i = i < 0 ? -i : i;
    i %= 2 * n - 2;
    return i < n ? i : 2 * n - 2 - i;
}

static void weights(double t, double w[4]) {
    double u = 1 - t;
    w[0] = u * u * u / 6;
    w[1] = 2.0 / 3 - t * t * (2 - t) / 2;
    w[2] = 2.0 / 3 - u * u * (2 - u) / 2;
    w[3] = t * t * t / 6;
}

float med_spline_sample(const med_volume *v, const double c[3]) {
    int at[3][4];
    double w[3][4], sum = 0;
    for (int a = 0; a < 3; a++) {
        int whole = (int)floor(c[a]);
        weights(c[a] - whole, w[a]);
        for (int s = 0; s < 4; s++) at[a][s] = mirror(whole - 1 + s, v->grid.n[a]);
    }
    for (int z = 0; z < 4; z++)
        for (int y = 0; y < 4; y++) {
            const float *row = med_volume_at(v, 0, at[1][y], at[2][z]);
            double along =
                w[0][0] * row[at[0][0]] + w[0][1] * row[at[0][1]] + w[0][2] * row[at[0][2]] + w[0][3] * row[at[0][3]];
            sum += w[2][z] * w[1][y] * along;
        }
    return (float)sum;
}
