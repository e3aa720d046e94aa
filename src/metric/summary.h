/* summary.h: mean and spread of scores, some of which may be missing or infinite. */
#ifndef MED_METRIC_SUMMARY_H
#define MED_METRIC_SUMMARY_H

typedef struct med_summary {
    double mean, sd;    /* over the finite values; sd divides by n-1; NaN for too few */
    int n, n_na, n_inf; /* finite values; NaN (not defined); infinite (PSNR of equal images) */
} med_summary;

med_summary med_summarise(const double *values, int n_values);

#endif
