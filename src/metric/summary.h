/* summary.h: mean, spread and percentiles of scores, some of which may be missing or infinite. */
#ifndef MED_METRIC_SUMMARY_H
#define MED_METRIC_SUMMARY_H

typedef struct med_summary {
    double mean, sd;         /* over the finite values; sd divides by n-1; NaN for too few */
    int n, n_na, n_inf;      /* finite values; NaN (not defined); infinite (PSNR of equal images) */
    double median, q25, q75; /* NaN for none */
    double min, max;
} med_summary;

med_summary med_summarise(const double *values, int n_values);

/* Percentile q (0..100) of n >= 1 ascending values: position (n-1) q/100, linear between neighbours. */
double med_percentile_sorted(const double *sorted, int n, double q);
void med_sort_doubles(double *values, int n);

#endif
