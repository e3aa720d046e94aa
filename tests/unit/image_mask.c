/* Masks against their definitions, computed the long way on small random volumes; and label resampling. */
#include "../images.h"

#include "base/random.h"
#include "base/thread.h"
#include "image/mask.h"
#include "image/resample.h"

enum { N0 = 13, N1 = 9, N2 = 37, N = N0 * N1 * N2 }; /* more than two slabs of 16 planes */
static const int size[3] = {N0, N1, N2};

static void fill_random(uint8_t *mask, double share, int seed) {
    med_rng rng = med_rng_start((med_rng_key){(uint64_t)seed, 1, 0});
    for (int i = 0; i < N; i++) mask[i] = med_rng_uniform(&rng) < share ? (uint8_t)(1 + i % 3) : 0;
}

static bool are_neighbours(int a, int b, int connectivity) {
    int d[3] = {abs(a % N0 - b % N0), abs(a / N0 % N1 - b / N0 % N1), abs(a / (N0 * N1) - b / (N0 * N1))};
    int most = connectivity == 6 ? 1 : connectivity == 18 ? 2 : 3;
    return d[0] <= 1 && d[1] <= 1 && d[2] <= 1 && d[0] + d[1] + d[2] <= most;
}

/* The first voxel without a label starts a part and spreads. */
static int label_slowly(const uint8_t *mask, int connectivity, int32_t *label) {
    static int queue[N];
    int n_parts = 0;
    memset(label, 0, N * sizeof *label);
    for (int start = 0; start < N; start++) {
        if (!mask[start] || label[start]) continue;
        int n_queued = 0;
        queue[n_queued++] = start;
        label[start] = ++n_parts;
        for (int q = 0; q < n_queued; q++)
            for (int dk = -1; dk <= 1; dk++)
                for (int dj = -1; dj <= 1; dj++)
                    for (int di = -1; di <= 1; di++) {
                        int other = queue[q] + di + N0 * (dj + N1 * dk);
                        if (other < 0 || other >= N || !mask[other] || label[other] ||
                            !are_neighbours(queue[q], other, connectivity))
                            continue;
                        label[other] = n_parts;
                        queue[n_queued++] = other;
                    }
    }
    return n_parts;
}

static void connected_parts(void **state) {
    (void)state;
    static uint8_t mask[N];
    static int32_t label[N], expected[N];
    for (int c = 0; c < 12; c++) {
        int connectivity = (const int[3]){6, 18, 26}[c % 3], n_parts;
        fill_random(mask, (const double[4]){0.05, 0.2, 0.35, 0.9}[c / 3], c);
        med_threads_set(1 + c % 2);
        assert_ok(med_mask_label(mask, size, connectivity, label, &n_parts));
        assert_int_equal(n_parts, label_slowly(mask, connectivity, expected));
        assert_memory_equal(label, expected, sizeof label);
        int sizes[N] = {0}, largest = 1;
        for (int i = 0; i < N; i++) sizes[label[i]]++;
        for (int p = 2; p <= n_parts; p++)
            if (sizes[p] > sizes[largest]) largest = p;
        uint8_t kept[N];
        memcpy(kept, mask, sizeof kept);
        assert_ok(med_mask_keep_largest(kept, size, connectivity));
        for (int i = 0; i < N; i++) assert_int_equal(kept[i], label[i] == largest ? mask[i] : 0);
    }
}

static bool is_on_border(int i, bool in_plane) {
    int x = i % N0, y = i / N0 % N1, z = i / (N0 * N1);
    return x == 0 || x == N0 - 1 || y == 0 || y == N1 - 1 || (!in_plane && (z == 0 || z == N2 - 1));
}

static void holes(void **state) {
    (void)state;
    static uint8_t mask[N], filled[N], background[N];
    static int32_t label[N];
    for (int in_plane = 0; in_plane < 2; in_plane++) {
        fill_random(mask, in_plane ? 0.5 : 0.7, 40 + in_plane);
        memcpy(filled, mask, sizeof mask);
        assert_ok(in_plane ? med_mask_fill_plane_holes(filled, size) : med_mask_fill_holes(filled, size));
        for (int i = 0; i < N; i++) background[i] = !mask[i];
        int n_filled = 0;
        for (int k = 0; k < (in_plane ? N2 : 1); k++) { /* planes one by one, or all at once */
            bool touches[N + 1] = {false};
            int plane[3] = {N0, N1, in_plane ? 1 : N2}, n_parts, first = k * N0 * N1, n = N0 * N1 * plane[2];
            assert_ok(med_mask_label(background + first, plane, 6, label, &n_parts));
            for (int i = 0; i < n; i++)
                if (is_on_border(first + i, in_plane)) touches[label[i]] = true;
            for (int i = 0; i < n; i++) {
                bool is_hole = label[i] && !touches[label[i]];
                n_filled += is_hole;
                assert_int_equal(filled[first + i], is_hole ? 1 : mask[first + i]);
            }
        }
        assert_true(n_filled > 10);
    }
}

static void distances(void **state) {
    (void)state;
    static uint8_t mask[N];
    static float found[N];
    const double spacing[3] = {0.5, 1.25, 3};
    fill_random(mask, 0.01, 7);
    assert_ok(med_mask_distance(mask, size, spacing, found));
    for (int i = 0; i < N; i++) {
        double nearest = INFINITY;
        for (int j = 0; j < N; j++) {
            if (!mask[j]) continue;
            double x = spacing[0] * (i % N0 - j % N0), y = spacing[1] * (i / N0 % N1 - j / N0 % N1);
            double z = spacing[2] * (i / (N0 * N1) - j / (N0 * N1));
            nearest = fmin(nearest, x * x + y * y + z * z);
        }
        /* the envelope decides in double which parabola is the lowest: off by its rounding at most */
        if (!(fabs(found[i] - sqrt(nearest)) <= 1e-6 * (1 + sqrt(nearest))))
            fail_msg("voxel %d: %g, expected %g", i, found[i], sqrt(nearest));
    }
    memset(mask, 0, sizeof mask);
    assert_ok(med_mask_distance(mask, size, spacing, found));
    assert_true(isinf(found[0]) && isinf(found[N - 1]));
}

/* The definition: within-class variance is smallest where the variance between the classes is largest. */
static void otsu(void **state) {
    (void)state;
    enum { COUNT = 5000, BINS = 256 };
    float x[COUNT];
    med_rng rng = med_rng_start((med_rng_key){3, 2, 0});
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(i % 3 ? 100 + 20 * med_rng_normal(&rng) : 220 + 30 * med_rng_normal(&rng));
    double lo = x[0], hi = x[0], best = INFINITY, expected = 0;
    for (int i = 0; i < COUNT; i++) lo = fmin(lo, x[i]), hi = fmax(hi, x[i]);
    for (int b = 0; b < BINS - 1; b++) {
        double n[2] = {0}, sum[2] = {0}, square[2] = {0};
        for (int i = 0; i < COUNT; i++) {
            int bin = (int)((x[i] - lo) / (hi - lo) * BINS);
            if (bin == BINS) bin--;
            n[bin > b]++;
            sum[bin > b] += bin;
            square[bin > b] += (double)bin * bin;
        }
        double within = square[0] - sum[0] * sum[0] / n[0] + square[1] - sum[1] * sum[1] / n[1];
        if (within < best * (1 - 1e-12)) {
            best = within;
            expected = lo + (b + 0.5) * (hi - lo) / BINS;
        }
    }
    assert_true(fabs(med_otsu_threshold(x, COUNT) - expected) < 1e-9);
    assert_true(expected > 130 && expected < 190);
    for (int i = 0; i < COUNT; i++) x[i] = 7;
    assert_true(med_otsu_threshold(x, COUNT) == 7);
}

/* ---- labels ---- */

/* Indicators interpolated one by one, then the largest: as spec/data.md 4.2 step 4 says it. */
static void labels_by_the_largest_indicator(void **state) {
    (void)state;
    const float values[4] = {0, 1, 2, 7};
    med_grid from = images_oblique_grid(9, 8, 7, false), to = images_oblique_grid(17, 15, 6, true);
    for (int r = 0; r < 3; r++)
        to.affine.m[r][3] = from.affine.m[r][3] + from.affine.m[r][0] * 7.3 - from.affine.m[r][1] * 0.7;
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 2; c++) to.affine.m[r][c] *= 0.6;
    med_volume *label, *indicator, *share[4], *out;
    assert_ok(med_volume_create(from, &label));
    assert_ok(med_volume_create(from, &indicator));
    med_rng rng = med_rng_start((med_rng_key){9, 9, 0});
    for (size_t i = 0; i < med_grid_count(from); i++) label->voxel[i] = values[med_rng_below(&rng, 4)];
    med_transform *identity = med_transform_create();
    for (int v = 0; v < 4; v++) {
        for (size_t i = 0; i < med_grid_count(from); i++) indicator->voxel[i] = label->voxel[i] == values[v];
        assert_ok(med_volume_warp(indicator, to, identity, MED_INTERP_LINEAR, 0, &share[v]));
    }
    assert_ok(med_volume_warp_label(label, to, identity, &out));
    int n_inside = 0;
    for (size_t i = 0; i < med_grid_count(to); i++) {
        int best = 0;
        for (int v = 1; v < 4; v++)
            if (share[v]->voxel[i] > share[best]->voxel[i] + 1e-6f) best = v;
        n_inside += share[best]->voxel[i] > 0;
        if (out->voxel[i] != values[best]) fail_msg("voxel %zu: %g, expected %g", i, out->voxel[i], values[best]);
    }
    assert_true(n_inside > 300);
    for (int v = 0; v < 4; v++) med_volume_free(share[v]);
    med_volume_free(label);
    med_volume_free(indicator);
    med_volume_free(out);
    med_transform_free(identity);
}

/* Half way between two values the lower one stays, on either side and on both axes. */
static void ties_go_to_the_lowest(void **state) {
    (void)state;
    med_grid grid = {{4, 2, 1}, med_affine_identity()}, half = grid;
    const float values[8] = {5, 2, 0, 9, 5, 2, 0, 9};
    half.affine.m[0][3] = 0.5;
    med_volume *label, *out;
    assert_ok(med_volume_create(grid, &label));
    memcpy(label->voxel, values, sizeof values);
    med_transform *identity = med_transform_create();
    assert_ok(med_volume_warp_label(label, half, identity, &out));
    const float expected[4] = {2, 0, 0, 0}; /* the last lies outside: 3.5 */
    assert_memory_equal(out->voxel, expected, sizeof expected);
    med_volume_free(label);
    med_volume_free(out);
    med_transform_free(identity);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connected_parts),
        cmocka_unit_test(holes),
        cmocka_unit_test(distances),
        cmocka_unit_test(otsu),
        cmocka_unit_test(labels_by_the_largest_indicator),
        cmocka_unit_test(ties_go_to_the_lowest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
