/* statistics.h: tests, effect sizes and intervals over cases. Sums in double, fixed order; random numbers by Philox, so
 * that the same seed gives the same interval everywhere. Callers drop missing and infinite values first. */
#ifndef MED_METRIC_STATISTICS_H
#define MED_METRIC_STATISTICS_H

#include <stdbool.h>
#include <stdint.h>

/* ---- paired differences ---- */

enum { MED_WILCOXON_EXACT_MAX = 50, MED_WILCOXON_FEW = 6 };

typedef struct med_wilcoxon_options {
    bool is_pratt;     /* rank zeros too, then drop their ranks; false: drop zeros first */
    bool is_corrected; /* continuity correction of 0.5 in the normal approximation */
} med_wilcoxon_options;

typedef struct med_wilcoxon {
    int n_pairs, n_zeros, n; /* n = n_pairs - n_zeros */
    bool has_ties;           /* among the non-zero differences */
    bool is_exact;           /* p = p_exact: n <= 50, no ties, no zeros; else p = p_normal */
    bool is_too_few;         /* n < 6: p cannot reach 0.05 */
    double w_plus, w_minus, w;
    double p, p_exact, p_normal; /* two-sided; NaN where not defined */
} med_wilcoxon;

/* Signed-rank test. Absolute differences closer than 1e-12 of the largest are ties, and those below it zeros: decimal
 * data would otherwise tie or not by rounding. */
med_wilcoxon med_wilcoxon_test(const double *difference, int n, const med_wilcoxon_options *options);
/* P(W+ <= w) for n <= 50 untied differences: counts of the 2^n signs. */
double med_wilcoxon_cdf(int n, double w);
/* (W+ - W-) / (n(n+1)/2) over the non-zero differences: matched-pairs rank correlation; NaN when all are zero. */
double med_rank_biserial(const double *difference, int n);
/* Median of (d_i + d_j)/2, i <= j, zeros kept; NaN for none. */
double med_hodges_lehmann(const double *difference, int n);

/* p[n] -> adjusted[n], Holm's step-down over the family; NaN stays NaN and is not counted in the family. */
void med_holm(const double *p, int n, double *adjusted);

/* ---- intervals ---- */

enum { MED_BOOTSTRAP_DRAWS = 10000, MED_BOOTSTRAP_MIN = 5 };

typedef struct med_interval {
    double low, high; /* NaN for fewer than 5 values */
} med_interval;

/* 95 % interval of the mean by resampling the values, which are cases (mean the runs of a case first): percentile method,
 * or bias-corrected and accelerated (jackknife acceleration; z0 counts ties half). */
med_interval med_bootstrap_mean(const double *values, int n, uint64_t seed, bool is_bca);
double med_jackknife_acceleration(const double *values, int n); /* of the mean */

/* ---- several methods, correlation ---- */

typedef struct med_friedman {
    double chi2, p;
    int df;
} med_friedman;
/* values[case * n_methods + method]; with tie correction; mean_rank[n_methods] may be NULL. */
med_friedman med_friedman_test(const double *values, int n_cases, int n_methods, double *mean_rank);

double med_pearson(const double *x, const double *y, int n); /* NaN where one is constant */
double med_spearman(const double *x, const double *y, int n);

/* ---- parts ---- */

/* Ranks 1..n with the mean rank for ties (values within `tolerance` of their neighbour); returns sum of t^3 - t over the
 * tied groups of size t. */
double med_midranks(const double *values, int n, double tolerance, double *rank);
double med_normal_cdf(double z);
double med_normal_quantile(double p);       /* 0 < p < 1 */
double med_chi2_survival(double x, int df); /* P(X > x) */

#endif
