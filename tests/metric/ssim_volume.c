/* ssim_volume.c: SSIM of volumes against plain loops over windows. */
#include "metric/ssim_volume.h"
#include <math.h>
#include "base/random.h"
#include "base/thread.h"
#include "testing.h"

static med_volume *random_volume(int n0, int n1, int n2, uint64_t seed) {
    med_volume *v;
    med_rng rng = med_rng_start((med_rng_key){seed, med_site_of("test/volume"), 0});
    assert_ok(med_volume_create((med_grid){{n0, n1, n2}, med_affine_identity()}, &v));
    for (size_t i = 0; i < med_grid_count(v->grid); i++) v->voxel[i] = (float)med_rng_range(&rng, -0.99, 1);
    return v;
}

/* One window with its first voxel at (i,j,k); NaN when it leaves the field of view. */
static double window(const med_volume *x, const med_volume *y, int i, int j, int k) {
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0, n = 343;
    for (int c = 0; c < 7; c++)
        for (int b = 0; b < 7; b++)
            for (int a = 0; a < 7; a++) {
                double u = *med_volume_at(x, i + a, j + b, k + c), v = *med_volume_at(y, i + a, j + b, k + c);
                if (!(v > -1)) return NAN;
                mx += u / n, my += v / n;
            }
    for (int c = 0; c < 7; c++)
        for (int b = 0; b < 7; b++)
            for (int a = 0; a < 7; a++) {
                double u = *med_volume_at(x, i + a, j + b, k + c) - mx, v = *med_volume_at(y, i + a, j + b, k + c) - my;
                xx += u * u / (n - 1), yy += v * v / (n - 1), xy += u * v / (n - 1);
            }
    double c1 = 0.02 * 0.02, c2 = 0.06 * 0.06;
    return (2 * mx * my + c1) * (2 * xy + c2) / ((mx * mx + my * my + c1) * (xx + yy + c2));
}

static double plain(const med_volume *x, const med_volume *y) {
    double sum = 0, n = 0;
    for (int k = 0; k + 7 <= x->grid.n[2]; k++)
        for (int j = 0; j + 7 <= x->grid.n[1]; j++)
            for (int i = 0; i + 7 <= x->grid.n[0]; i++) {
                double s = window(x, y, i, j, k);
                if (!isnan(s)) sum += s, n++;
            }
    return sum / n;
}

static void it_matches_the_definition(void **state) {
    (void)state;
    med_volume *x = random_volume(13, 11, 27, 1), *y = random_volume(13, 11, 27, 2);
    double whole = plain(x, y);
    assert_true(fabs(med_ssim_volume(x, y, 2, -1) - whole) <= 1e-12);
    *med_volume_at(y, 2, 3, 20) = -1; /* every window that holds it is left out */
    double less = plain(x, y), got = med_ssim_volume(x, y, 2, -1);
    assert_true(less != whole && fabs(got - less) <= 1e-12);
    med_threads_set(3);
    assert_true(med_ssim_volume(x, y, 2, -1) == got);
    med_threads_set(0);
    assert_true(fabs(med_ssim_volume(y, y, 2, -1) - 1) <= 1e-12);
    med_volume_free(y);
    med_volume_free(x);
}

static void no_window_is_not_defined(void **state) {
    (void)state;
    med_volume *x = random_volume(13, 11, 6, 1);
    assert_true(isnan(med_ssim_volume(x, x, 2, -1)));
    med_volume_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_matches_the_definition),
        cmocka_unit_test(no_window_is_not_defined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
