/* otsu.c: one histogram, one pass over its bins. */
#include <math.h>
#include "image/mask.h"

enum { BINS = 256 };

double med_otsu_threshold(const float *values, size_t n) {
    double lo = values[0], hi = values[0], count[BINS] = {0}, n_total = (double)n, sum_total = 0;
    for (size_t i = 0; i < n; i++) {
        lo = fmin(lo, values[i]);
        hi = fmax(hi, values[i]);
    }
    if (!(hi > lo)) return lo;
    for (size_t i = 0; i < n; i++) {
        int bin = (int)((values[i] - lo) / (hi - lo) * BINS);
        count[bin < BINS ? bin : BINS - 1]++;
    }
    for (int b = 0; b < BINS; b++) sum_total += b * count[b];
    double n_below = 0, sum_below = 0, best = -1;
    int at = 0;
    for (int b = 0; b < BINS - 1; b++) {
        n_below += count[b];
        sum_below += b * count[b];
        double n_above = n_total - n_below, gap = sum_below / n_below - (sum_total - sum_below) / n_above;
        double between = n_below * n_above * gap * gap;
        if (between > best * (1 + 1e-12)) { /* a gap in the histogram gives equal values: the first counts */
            best = between;
            at = b;
        }
    }
    return lo + (at + 0.5) * (hi - lo) / BINS;
}
