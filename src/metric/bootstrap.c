/* bootstrap.c: 95 % intervals of a mean by resampling cases (Efron 1979; BCa: Efron 1987). */
#include <math.h>
#include <stdlib.h>
#include "base/memory.h"
#include "base/random.h"
#include "metric/statistics.h"
#include "metric/summary.h"

static double mean_of(const double *values, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += values[i];
    return sum / n;
}

/* MED_BOOTSTRAP_DRAWS means of n values drawn with replacement, ascending. Owned. */
static double *resample(const double *values, int n, uint64_t seed) {
    double *means = med_alloc(sizeof(double) * MED_BOOTSTRAP_DRAWS);
    med_rng rng = med_rng_start((med_rng_key){seed, med_site_of("metric/bootstrap"), 0});
    for (int b = 0; b < MED_BOOTSTRAP_DRAWS; b++) {
        double sum = 0;
        for (int i = 0; i < n; i++) sum += values[med_rng_below(&rng, (uint32_t)n)];
        means[b] = sum / n;
    }
    med_sort_doubles(means, MED_BOOTSTRAP_DRAWS);
    return means;
}

double med_jackknife_acceleration(const double *values, int n) {
    double mean = mean_of(values, n), cubes = 0, squares = 0;
    for (int i = 0; i < n; i++) {
        double d = (values[i] - mean) / (n - 1); /* mean of all left-out means minus the one without i */
        squares += d * d;
        cubes += d * d * d;
    }
    return squares > 0 ? cubes / (6 * pow(squares, 1.5)) : 0;
}

/* Where in the sorted means, in percent, BCa looks for the quantile of z. */
static double bca_percent(double z, double z0, double acceleration) {
    return 100 * med_normal_cdf(z0 + (z0 + z) / (1 - acceleration * (z0 + z)));
}

static double bias(const double *means, double estimate) {
    double below = 0, slack = 1e-12 * fmax(fabs(means[0]), fabs(means[MED_BOOTSTRAP_DRAWS - 1]));
    for (int b = 0; b < MED_BOOTSTRAP_DRAWS; b++)
        below += means[b] < estimate - slack ? 1 : means[b] <= estimate + slack ? 0.5 : 0;
    double share = fmin(fmax(below, 0.5), MED_BOOTSTRAP_DRAWS - 0.5) / MED_BOOTSTRAP_DRAWS;
    return med_normal_quantile(share);
}

med_interval med_bootstrap_mean(const double *values, int n, uint64_t seed, bool is_bca) {
    if (n < MED_BOOTSTRAP_MIN) return (med_interval){NAN, NAN};
    double *means = resample(values, n, seed), low = 2.5, high = 97.5;
    if (is_bca) {
        double z0 = bias(means, mean_of(values, n)), a = med_jackknife_acceleration(values, n);
        double z = med_normal_quantile(0.975);
        low = bca_percent(-z, z0, a);
        high = bca_percent(z, z0, a);
    }
    med_interval out = {med_percentile_sorted(means, MED_BOOTSTRAP_DRAWS, low),
                        med_percentile_sorted(means, MED_BOOTSTRAP_DRAWS, high)};
    free(means);
    return out;
}
