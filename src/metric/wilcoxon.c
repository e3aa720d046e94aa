/* wilcoxon.c: Wilcoxon's signed-rank test of paired differences, its effect sizes, and Holm's correction for families
 * of tests (Wilcoxon 1945; Pratt 1959; Holm 1979; Hodges and Lehmann 1963). */
#include <math.h>
#include <stdlib.h>
#include "base/memory.h"
#include "base/status.h"
#include "metric/statistics.h"
#include "metric/summary.h"

static const double tie_share = 1e-12;

/* ---- signed ranks -------------------------------------------------------------------------------------------- */

typedef struct signed_ranks {
    int n_zeros;
    double plus, minus, ties; /* ties: sum of t^3 - t over the groups of non-zero differences */
} signed_ranks;

/* Ranks of |d|; zeros are left out, or with `pratt` ranked and then left out. */
static signed_ranks rank_signs(const double *d, int n, bool is_pratt) {
    signed_ranks out = {0};
    double *size = med_alloc(sizeof(double) * 2 * (size_t)(n + 1)), *rank = size + n, largest = 0;
    int n_ranked = 0;
    for (int i = 0; i < n; i++) largest = fmax(largest, fabs(d[i]));
    double tolerance = tie_share * largest;
    for (int i = 0; i < n; i++) out.n_zeros += fabs(d[i]) <= tolerance;
    for (int i = 0; i < n; i++)
        if (is_pratt || fabs(d[i]) > tolerance) size[n_ranked++] = fabs(d[i]) <= tolerance ? 0 : fabs(d[i]);
    out.ties = med_midranks(size, n_ranked, tolerance, rank);
    for (int i = 0, at = 0; i < n; i++) {
        bool is_zero = fabs(d[i]) <= tolerance;
        if (!is_zero) *(d[i] > 0 ? &out.plus : &out.minus) += rank[at];
        at += is_pratt || !is_zero;
    }
    if (is_pratt) out.ties -= (double)out.n_zeros * out.n_zeros * out.n_zeros - out.n_zeros;
    free(size);
    return out;
}

/* ---- distributions ------------------------------------------------------------------------------------------- */

double med_wilcoxon_cdf(int n, double w) {
    med_assert(n >= 0 && n <= MED_WILCOXON_EXACT_MAX);
    enum { MAX_SUM = MED_WILCOXON_EXACT_MAX * (MED_WILCOXON_EXACT_MAX + 1) / 2 };
    double count[MAX_SUM + 1] = {1}, below = 0; /* count[s]: sign patterns with W+ = s; up to 2^50, exact in double */
    int top = 0;
    for (int rank = 1; rank <= n; rank++) {
        top += rank;
        for (int s = top; s >= rank; s--) count[s] += count[s - rank];
    }
    for (int s = 0; s <= top && s <= w; s++) below += count[s];
    return ldexp(below, -n);
}

static double normal_p(const signed_ranks *r, int n, const med_wilcoxon_options *o) {
    double n_ranked = o->is_pratt ? n : n - r->n_zeros, z = o->is_pratt ? r->n_zeros : 0;
    double mean = (n_ranked * (n_ranked + 1) - z * (z + 1)) / 4;
    double variance = (n_ranked * (n_ranked + 1) * (2 * n_ranked + 1) - z * (z + 1) * (2 * z + 1)) / 24 - r->ties / 48;
    double off = fabs(fmin(r->plus, r->minus) - mean);
    if (variance <= 0) return NAN;
    if (o->is_corrected) off = fmax(0, off - 0.5);
    return erfc(off / sqrt(2 * variance));
}

med_wilcoxon med_wilcoxon_test(const double *difference, int n, const med_wilcoxon_options *options) {
    signed_ranks r = rank_signs(difference, n, options->is_pratt);
    med_wilcoxon out = {.n_pairs = n, .n_zeros = r.n_zeros, .n = n - r.n_zeros, .has_ties = r.ties > 0};
    out.w_plus = r.plus;
    out.w_minus = r.minus;
    out.w = fmin(r.plus, r.minus);
    out.is_too_few = out.n < MED_WILCOXON_FEW;
    out.is_exact = out.n && out.n <= MED_WILCOXON_EXACT_MAX && !r.n_zeros && !out.has_ties;
    out.p_normal = normal_p(&r, n, options);
    out.p_exact = out.is_exact ? fmin(1, 2 * med_wilcoxon_cdf(out.n, out.w)) : NAN;
    out.p = out.is_exact ? out.p_exact : out.p_normal;
    return out;
}

/* ---- effect sizes -------------------------------------------------------------------------------------------- */

double med_rank_biserial(const double *difference, int n) {
    signed_ranks r = rank_signs(difference, n, false);
    return r.plus + r.minus > 0 ? (r.plus - r.minus) / (r.plus + r.minus) : NAN;
}

double med_hodges_lehmann(const double *difference, int n) {
    if (n < 1) return NAN;
    int n_averages = n * (n + 1) / 2, at = 0;
    double *average = med_alloc(sizeof(double) * (size_t)n_averages);
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++) average[at++] = (difference[i] + difference[j]) / 2;
    med_sort_doubles(average, n_averages);
    double median = med_percentile_sorted(average, n_averages, 50);
    free(average);
    return median;
}

/* ---- families ------------------------------------------------------------------------------------------------ */

void med_holm(const double *p, int n, double *adjusted) {
    int n_tests = 0;
    double floor_p = 0;
    bool *is_done = med_alloc(sizeof(bool) * (size_t)(n + 1));
    for (int i = 0; i < n; i++) {
        adjusted[i] = NAN;
        is_done[i] = isnan(p[i]);
        n_tests += !is_done[i];
    }
    for (int left = n_tests; left > 0; left--) {
        int least = -1;
        for (int i = 0; i < n; i++)
            if (!is_done[i] && (least < 0 || p[i] < p[least])) least = i;
        is_done[least] = true;
        floor_p = fmax(floor_p, fmin(1, left * p[least]));
        adjusted[least] = floor_p;
    }
    free(is_done);
}
