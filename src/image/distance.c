/* distance.c: Euclidean distances axis by axis: along each line the lower envelope of parabolas over the squared
 * distances found so far. */
#include <math.h>
#include <stdlib.h>
#include "base/memory.h"
#include "base/thread.h"
#include "image/mask.h"

/* A parabola of the envelope: it is the lowest from `from` on. */
typedef struct parabola {
    double at, height, from;
} parabola;

/* d[i] = min over j of f[j] + (spacing * (i - j))^2, in place; infinite entries are no parabolas. */
static void transform_line(double *d, int n, double spacing, parabola *hull) {
    int top = -1;
    for (int i = 0; i < n; i++) {
        if (isinf(d[i])) continue;
        double at = i * spacing, from = -INFINITY;
        for (; top >= 0; top--) {
            const parabola *p = &hull[top];
            from = (d[i] + at * at - p->height - p->at * p->at) / (2 * (at - p->at));
            if (from > p->from) break;
            from = -INFINITY;
        }
        hull[++top] = (parabola){at, d[i], from};
    }
    if (top < 0) return;
    for (int i = 0, p = 0; i < n; i++) {
        double x = i * spacing;
        while (p < top && hull[p + 1].from < x) p++;
        d[i] = (x - hull[p].at) * (x - hull[p].at) + hull[p].height;
    }
}

typedef struct job {
    double *squared;
    int n[3], axis;
    double spacing;
} job;

/* The lines of one plane: of axis 2 for axes 0 and 1, of axis 1 for axis 2. */
static void line_task(void *context, int task) {
    const job *w = context;
    size_t stride[3] = {1, (size_t)w->n[0], (size_t)w->n[0] * (size_t)w->n[1]};
    int n = w->n[w->axis], across = w->axis == 0 ? 1 : 0, plane = w->axis == 2 ? 1 : 2;
    double *line = med_scratch(0, (size_t)n * sizeof *line);
    parabola *hull = med_scratch(1, (size_t)n * sizeof *hull);
    for (int l = 0; l < w->n[across]; l++) {
        double *at = w->squared + (size_t)task * stride[plane] + (size_t)l * stride[across];
        for (int i = 0; i < n; i++) line[i] = at[(size_t)i * stride[w->axis]];
        transform_line(line, n, w->spacing, hull);
        for (int i = 0; i < n; i++) at[(size_t)i * stride[w->axis]] = line[i];
    }
}

void med_mask_squared_distance(const uint8_t *mask, const int n[3], const double spacing_mm[3], double *out) {
    size_t count = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
    for (size_t i = 0; i < count; i++) out[i] = mask[i] ? 0 : INFINITY;
    for (int axis = 0; axis < 3; axis++) {
        job w = {out, {n[0], n[1], n[2]}, axis, spacing_mm[axis]};
        med_parallel(n[axis == 2 ? 1 : 2], line_task, &w);
    }
}

med_status med_mask_distance(const uint8_t *mask, const int n[3], const double spacing_mm[3], float *out) {
    size_t count = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
    void *buffer;
    MED_TRY(med_buffer_alloc(count * sizeof(double), "distances", &buffer));
    double *squared = buffer;
    med_mask_squared_distance(mask, n, spacing_mm, squared);
    for (size_t i = 0; i < count; i++) out[i] = (float)sqrt(squared[i]);
    free(buffer);
    return MED_OK;
}
