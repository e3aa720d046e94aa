/* landmark_error.h: how far landmarks lie apart before and after a registration (target registration error). */
#ifndef MED_METRIC_LANDMARK_ERROR_H
#define MED_METRIC_LANDMARK_ERROR_H

#include "image/transform.h"
#include "metric/summary.h"

typedef struct med_landmark_pair {
    double fixed[3], moving[3]; /* RAS mm */
    double before, after;       /* |fixed - moving|, |T(fixed) - moving|; filled by med_landmark_errors */
} med_landmark_pair;

typedef struct med_landmark_errors {
    med_summary before, after;
    double rigid_fit_mean, rigid_fit_rms; /* what the best rigid map of these points leaves; NaN below 3 points */
} med_landmark_errors;

/* to_moving: fixed to moving. */
med_landmark_errors med_landmark_errors_of(med_landmark_pair *pairs, int n, const med_transform *to_moving);

#endif
