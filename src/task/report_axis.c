/* report_axis.c */
#include "task/report_axis.h"

#include <math.h>

void med_axis_widen(double *lo, double *hi, double share) {
    double size = fmax(fabs(*lo), fabs(*hi)), span = *hi - *lo;
    double margin = span > 1e-6 * size ? share * span : size > 0 ? 0.1 * size : 0.1;
    *lo -= margin, *hi += margin;
}

int med_axis_ticks(double lo, double hi, int about, double tick[MED_MAX_TICKS]) {
    if (!(hi > lo) || !isfinite(hi - lo)) return 0;
    double power = pow(10, floor(log10((hi - lo) / about))), rest = (hi - lo) / about / power;
    double step = power * (rest < 1.5 ? 1 : rest < 3.5 ? 2 : rest < 7.5 ? 5 : 10);
    double first = ceil(lo / step), last = floor(hi / step + 1e-9);
    int n = 0;
    for (; n < MED_MAX_TICKS && first + n <= last; n++) tick[n] = (first + n) * step; /* by number: a sum may stand still */
    return n;
}
