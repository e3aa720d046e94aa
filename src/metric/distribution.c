/* distribution.c: the normal and the chi-square distribution, to near double precision. */
#include <math.h>
#include "metric/statistics.h"

double med_normal_cdf(double z) { return 0.5 * erfc(-z / M_SQRT2); }

/* A start good to 4.5e-4 (Abramowitz and Stegun 26.2.23), then Halley's steps on the distribution itself. */
double med_normal_quantile(double p) {
    double tail = p < 0.5 ? p : 1 - p, t = sqrt(-2 * log(tail));
    double z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    if (p < 0.5) z = -z;
    for (int step = 0; step < 4; step++) {
        double error = (med_normal_cdf(z) - p) * sqrt(2 * M_PI) * exp(z * z / 2);
        z -= error / (1 + z * error / 2);
    }
    return z;
}

/* Lower incomplete gamma ratio by its series; for x < a + 1. */
static double gamma_series(double a, double x) {
    double term = 1 / a, sum = term;
    for (int n = 1; n < 1000 && term > sum * 1e-17; n++) sum += term *= x / (a + n);
    return sum * exp(-x + a * log(x) - lgamma(a));
}

/* Upper incomplete gamma ratio by its continued fraction (modified Lentz); for x >= a + 1. */
static double gamma_fraction(double a, double x) {
    const double tiny = 1e-300;
    double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
    for (int i = 1; i < 1000; i++) {
        double an = -i * (i - a);
        b += 2;
        d = an * d + b;
        if (fabs(d) < tiny) d = tiny;
        c = b + an / c;
        if (fabs(c) < tiny) c = tiny;
        d = 1 / d;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-16) break;
    }
    return h * exp(-x + a * log(x) - lgamma(a));
}

double med_chi2_survival(double x, int df) {
    if (isnan(x)) return NAN;
    if (x <= 0) return 1;
    double a = df / 2.0, half = x / 2;
    return half < a + 1 ? 1 - gamma_series(a, half) : gamma_fraction(a, half);
}
