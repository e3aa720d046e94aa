/* overlap.c: overlap of two masks, from three counts. */
#include "metric/overlap.h"

#include <math.h>
#include <stddef.h>

/* n/a when both are empty, else a plain ratio with 0 for 0/0. */
static double share(double part, double whole, bool is_empty) {
    if (is_empty) return NAN;
    return whole > 0 ? part / whole : 0;
}

med_overlap med_overlap_of(const med_mask_pair *pair) {
    med_overlap out = {0};
    size_t n = (size_t)pair->n[0] * (size_t)pair->n[1] * (size_t)pair->n[2];
    for (size_t v = 0; v < n; v++) {
        bool p = pair->prediction[v], r = pair->reference[v];
        out.n_pred += p;
        out.n_ref += r;
        out.n_both += p && r;
    }
    double p = (double)out.n_pred, r = (double)out.n_ref, both = (double)out.n_both;
    bool is_empty = !out.n_pred && !out.n_ref;
    out.dice = share(2 * both, p + r, is_empty);
    out.iou = share(both, p + r - both, is_empty);
    out.precision = share(both, p, is_empty);
    out.recall = share(both, r, is_empty);
    out.volume_error_mm3 = (p - r) * pair->spacing_mm[0] * pair->spacing_mm[1] * pair->spacing_mm[2];
    out.volume_error_percent = out.n_ref ? 100 * (p - r) / r : NAN;
    return out;
}
