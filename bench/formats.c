/* formats.c: seconds that the library takes, medians of 9: reading images into memory, and resampling one onto the grid of
 * another: bench_formats [FILE...] | bench_formats --resample MOVING LIKE [TRANSFORM]. Two threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/thread.h"
#include "image/resample.h"
#include "image/transform.h"
#include "image/volume.h"

enum { RUNS = 9 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void must(med_status status) {
    if (status == MED_OK) return;
    fprintf(stderr, "%s\n", med_message());
    exit(1);
}

typedef struct work {
    const char *path;
    const med_volume *moving, *like;
    med_transform *transform;
} work;

static med_volume *read_image(const work *w) {
    med_volume *v;
    must(med_volume_load(w->path, &v));
    return v;
}

static med_volume *resample(const work *w) {
    med_volume *v;
    must(med_volume_warp(w->moving, w->like->grid, w->transform, MED_INTERP_LINEAR, 0, &v));
    return v;
}

static double median(med_volume *f(const work *w), const work *w) {
    double seconds[RUNS];
    for (int r = 0; r < RUNS; r++) {
        double start = now();
        med_volume *v = f(w);
        seconds[r] = now() - start;
        med_volume_free(v);
    }
    qsort(seconds, RUNS, sizeof *seconds, compare);
    return seconds[RUNS / 2];
}

int main(int n_args, char **args) {
    med_threads_set(2);
    if (n_args > 3 && strcmp(args[1], "--resample") == 0) {
        med_volume *moving, *like;
        work w = {.transform = med_transform_create()};
        must(med_volume_load(args[2], &moving));
        must(med_volume_load_header(args[3], &like));
        if (n_args > 4) {
            med_transform_free(w.transform);
            must(med_transform_load(args[4], -1, &w.transform, NULL));
        }
        w.moving = moving, w.like = like;
        printf("%.3f\n", median(resample, &w));
        return 0;
    }
    for (int f = 1; f < n_args; f++) printf("%.3f\n", median(read_image, &(work){.path = args[f]}));
    return 0;
}
