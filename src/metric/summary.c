/* summary.c: NaN and infinite scores are counted, never averaged. */
#include "metric/summary.h"

#include <math.h>

med_summary med_summarise(const double *values, int n_values) {
    med_summary s = {.mean = NAN, .sd = NAN};
    double sum = 0, squares = 0;
    for (int i = 0; i < n_values; i++) {
        if (isnan(values[i]))
            s.n_na++;
        else if (isinf(values[i]))
            s.n_inf++;
        else
            sum += values[i], s.n++;
    }
    if (!s.n) return s;
    s.mean = sum / s.n;
    for (int i = 0; i < n_values; i++)
        if (isfinite(values[i])) squares += (values[i] - s.mean) * (values[i] - s.mean);
    if (s.n > 1) s.sd = sqrt(squares / (s.n - 1));
    return s;
}
