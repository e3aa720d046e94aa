/* fixture.h: shared/golden/metric: JSON files, and numbers compared by their stated tolerance. */
#ifndef MED_TESTS_METRIC_FIXTURE_H
#define MED_TESTS_METRIC_FIXTURE_H

#include <jansson.h>
#include <math.h>
#include "base/memory.h"
#include "testing.h"

/* Path below the fixtures; owned. */
static inline char *fixture_path(const char *name) {
    const char *shared = getenv("MEDLEY_SHARED");
    return med_format("%s/golden/metric/%s", shared ? shared : "", name);
}

/* NULL (the test program should return 77) where the fixtures are not there. */
static inline json_t *fixture_load(const char *name) {
    char *path = fixture_path(name);
    json_t *json = json_load_file(path, 0, NULL);
    if (!json) printf("skipped: no %s\n", path);
    free(path);
    return json;
}

/* |a-b| <= tolerance max(1,|b|); null is not defined, "inf" infinite. */
static inline void assert_number(double value, const json_t *expected, double tolerance, const char *what) {
    if (!expected) fail_msg("%s: not in the fixture", what);
    if (json_is_null(expected)) {
        if (!isnan(value)) fail_msg("%s: %.15g, expected n/a", what, value);
    } else if (json_is_string(expected)) {
        if (!isinf(value)) fail_msg("%s: %.15g, expected inf", what, value);
    } else {
        double e = json_number_value(expected);
        if (!(fabs(value - e) <= tolerance * fmax(1, fabs(e)))) fail_msg("%s: %.17g, expected %.17g", what, value, e);
    }
}

#endif
