/* summary.c: NaN and infinite scores are counted, never averaged. */
#include "metric/summary.h"

#include <math.h>
#include <stdlib.h>
#include "base/memory.h"

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void med_sort_doubles(double *values, int n) { qsort(values, (size_t)n, sizeof *values, ascending); }

double med_percentile_sorted(const double *sorted, int n, double q) {
    double at = (n - 1) * q / 100;
    int below = (int)floor(at);
    if (below >= n - 1) return sorted[n - 1];
    return sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]);
}

med_summary med_summarise(const double *values, int n_values) {
    med_summary s = {.mean = NAN, .sd = NAN, .median = NAN, .q25 = NAN, .q75 = NAN, .min = NAN, .max = NAN};
    double *finite = med_alloc(sizeof(double) * (size_t)(n_values + 1)), sum = 0, squares = 0;
    for (int i = 0; i < n_values; i++) {
        if (isnan(values[i]))
            s.n_na++;
        else if (isinf(values[i]))
            s.n_inf++;
        else
            sum += finite[s.n++] = values[i];
    }
    if (s.n) {
        s.mean = sum / s.n;
        for (int i = 0; i < s.n; i++) squares += (finite[i] - s.mean) * (finite[i] - s.mean);
        if (s.n > 1) s.sd = sqrt(squares / (s.n - 1));
        med_sort_doubles(finite, s.n);
        s.median = med_percentile_sorted(finite, s.n, 50);
        s.q25 = med_percentile_sorted(finite, s.n, 25);
        s.q75 = med_percentile_sorted(finite, s.n, 75);
        s.min = finite[0];
        s.max = finite[s.n - 1];
    }
    free(finite);
    return s;
}
