/* shape.c: shapes as text. */
#include "engine/shape.h"

#include <stdio.h>

med_shape_text med_shape_print(med_shape s) {
    med_shape_text t = {""};
    int n = 0;
    for (int d = 0; d < s.rank && n < (int)sizeof t.text; d++)
        n += snprintf(t.text + n, sizeof t.text - (size_t)n, d ? "x%lld" : "%lld", (long long)s.dim[d]);
    return t;
}
