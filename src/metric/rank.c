/* rank.c: ranks with ties, and what is computed from them: rank correlation and Friedman's test. */
#include <math.h>
#include <stdlib.h>
#include "base/memory.h"
#include "metric/statistics.h"

typedef struct placed {
    double value;
    int at;
} placed;

static int by_value(const void *a, const void *b) {
    const placed *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return x->at - y->at;
}

double med_midranks(const double *values, int n, double tolerance, double *rank) {
    placed *order = med_alloc(sizeof *order * (size_t)(n + 1));
    double ties = 0;
    for (int i = 0; i < n; i++) order[i] = (placed){values[i], i};
    qsort(order, (size_t)n, sizeof *order, by_value);
    for (int first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && order[end].value - order[end - 1].value <= tolerance;) end++;
        double t = end - first;
        ties += t * t * t - t;
        for (int i = first; i < end; i++) rank[order[i].at] = (first + 1 + end) / 2.0;
    }
    free(order);
    return ties;
}

double med_pearson(const double *x, const double *y, int n) {
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < n; i++) mx += x[i], my += y[i];
    mx /= n, my /= n;
    for (int i = 0; i < n; i++) {
        double a = x[i] - mx, b = y[i] - my;
        xx += a * a, yy += b * b, xy += a * b;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

double med_spearman(const double *x, const double *y, int n) {
    double *ranks = med_alloc(sizeof(double) * 2 * (size_t)(n + 1));
    med_midranks(x, n, 0, ranks);
    med_midranks(y, n, 0, ranks + n);
    double r = med_pearson(ranks, ranks + n, n);
    free(ranks);
    return r;
}

med_friedman med_friedman_test(const double *values, int n_cases, int n_methods, double *mean_rank) {
    double n = n_cases, k = n_methods, ties = 0, squares = 0;
    double *sums = med_alloc(sizeof(double) * 2 * (size_t)n_methods), *rank = sums + n_methods;
    for (int i = 0; i < n_cases; i++) {
        ties += med_midranks(values + (size_t)i * (size_t)n_methods, n_methods, 0, rank);
        for (int m = 0; m < n_methods; m++) sums[m] += rank[m];
    }
    for (int m = 0; m < n_methods; m++) squares += sums[m] * sums[m];
    for (int m = 0; mean_rank && m < n_methods; m++) mean_rank[m] = sums[m] / n;
    double correction = 1 - ties / (n * k * (k * k - 1));
    med_friedman out = {.chi2 = (12 / (n * k * (k + 1)) * squares - 3 * n * (k + 1)) / correction, .df = n_methods - 1};
    if (n_cases < 1 || n_methods < 2 || correction <= 0) out.chi2 = NAN;
    out.p = med_chi2_survival(out.chi2, out.df);
    free(sums);
    return out;
}
