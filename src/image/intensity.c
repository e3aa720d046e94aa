/* intensity.c: percentiles, and the rules that map scanner values to the network's scale (spec/data.md 4.5). */
#include "image/intensity.h"

#include <float.h>
#include <math.h>
#include <string.h>
#include "base/log.h"

/* ---- order statistics ---- */

/* Unsigned integers in the order of the floats (-0 just below 0). */
static uint32_t order_key(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float from_order_key(uint32_t key) {
    uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The value of rank r (0: the smallest): its key's bits from the top, by three counting passes. */
static float select_rank(const float *values, size_t n, size_t r) {
    static const int shifts[] = {21, 10, 0}, widths[] = {11, 11, 10};
    uint32_t prefix = 0; /* the bits found so far, in place */
    for (int pass = 0; pass < 3; pass++) {
        uint32_t known = pass ? ~0u << shifts[pass - 1] : 0, mask = (1u << widths[pass]) - 1, bin = 0;
        size_t count[1 << 11] = {0};
        for (size_t i = 0; i < n; i++) {
            uint32_t key = order_key(values[i]);
            if (((key ^ prefix) & known) == 0) count[key >> shifts[pass] & mask]++;
        }
        for (; r >= count[bin]; bin++) r -= count[bin];
        prefix |= bin << shifts[pass];
    }
    return from_order_key(prefix);
}

/* The value behind `low` in sorted order when `low` has rank r. */
static float next_rank(const float *values, size_t n, float low, size_t r) {
    size_t n_up_to = 0;
    float above = FLT_MAX;
    for (size_t i = 0; i < n; i++)
        if (values[i] <= low)
            n_up_to++;
        else
            above = fminf(above, values[i]);
    return n_up_to > r + 1 ? low : above;
}

/* Percentile of the n_used largest of n values. */
static double percentile_of_largest(const float *values, size_t n, size_t n_used, double q) {
    double position = q * (double)(n_used - 1) / 100, whole = floor(position);
    size_t r = n - n_used + (size_t)whole;
    float low = select_rank(values, n, r);
    if (position == whole) return low;
    return low + (position - whole) * ((double)next_rank(values, n, low, r) - low);
}

double med_percentile(const float *values, size_t n, double q) { return percentile_of_largest(values, n, n, q); }

/* ---- rules ---- */

bool med_intensity_lift_negative(med_volume *v) {
    size_t n = med_grid_count(v->grid), n_zero = 0;
    float lowest = 0, least = FLT_MAX;
    for (size_t i = 0; i < n; i++) {
        float x = v->voxel[i];
        n_zero += x == 0;
        lowest = fminf(lowest, x);
        if (x > 0) least = fminf(least, x);
    }
    if (lowest == 0) return false;
    bool is_extracted = 5 * n_zero >= n; /* a fifth of the voxels: background that must stay 0 */
    if (least == FLT_MAX) least = 0;
    for (size_t i = 0; i < n; i++)
        if (!is_extracted)
            v->voxel[i] -= lowest;
        else if (v->voxel[i] < 0)
            v->voxel[i] = least;
    return true;
}

void med_intensity_to_network(med_volume *v) {
    size_t n = med_grid_count(v->grid), n_mask = 0;
    float *x = v->voxel, least = FLT_MAX;
    for (size_t i = 0; i < n; i++)
        if (x[i] > 0) {
            n_mask++;
            least = fminf(least, x[i]);
        }
    double lo = least, hi = n_mask ? percentile_of_largest(x, n, n_mask, 99.95) : lo;
    if (n_mask && hi == lo) med_warn("an image holds only one value (%g) besides its background", lo);
    double scale = hi > lo ? 511.0 / 256 / (hi - lo) : 0, shift = hi > lo ? -255.0 / 256 : 1;
    for (size_t i = 0; i < n; i++) {
        double clipped = x[i] < hi ? x[i] : hi;
        x[i] = x[i] > 0 ? (float)((clipped - lo) * scale + shift) : -1;
    }
}

void med_intensity_standardise(med_volume *v) {
    size_t n = med_grid_count(v->grid);
    float *x = v->voxel;
    double hi = med_percentile(x, n, 99.95), sum = 0, square = 0;
    for (size_t i = 0; i < n; i++) sum += fmin(x[i], hi);
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) square += (fmin(x[i], hi) - mean) * (fmin(x[i], hi) - mean);
    double scale = 3 * sqrt(square / (double)n) + 1e-8;
    for (size_t i = 0; i < n; i++) x[i] = x[i] > 0 ? (float)fmin((fmin(x[i], hi) - mean) / scale, 1) : -1;
}

med_status med_intensity_target_to_network(med_volume *v, const char *path) {
    static const float slack = 1e-4f; /* of interpolation and of integer storage */
    size_t n = med_grid_count(v->grid);
    float lo = FLT_MAX, hi = -FLT_MAX;
    for (size_t i = 0; i < n; i++) {
        lo = fminf(lo, v->voxel[i]);
        hi = fmaxf(hi, v->voxel[i]);
    }
    if (lo < -slack || hi > 1 + slack)
        return med_fail(MED_EFORMAT, "%s: values from %g to %g, expected a harmonised image within 0 to 1", path, lo,
                        hi);
    for (size_t i = 0; i < n; i++) v->voxel[i] = 2 * fminf(fmaxf(v->voxel[i], 0), 1) - 1;
    return MED_OK;
}
