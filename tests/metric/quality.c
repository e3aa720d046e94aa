/* quality.c: image metrics against the golden numbers of the spec (scikit-image) and their limiting cases. */
#include <math.h>
#include "metric/metric.h"
#include "metric/ssim_window.h"
#include "metric/summary.h"
#include "testing.h"

enum { ROWS = 32, COLS = 40 };
static double a[ROWS * COLS], b[ROWS * COLS];

static int fill_pattern(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) {
            a[i * COLS + j] = (7 * i + 13 * j + i * j % 29) % 256;
            b[i * COLS + j] = (7 * i + 11 * j + i * j % 31 + 5) % 256;
        }
    return 0;
}

static med_slice_pair pattern(void) {
    return (med_slice_pair){.rows = ROWS, .cols = COLS, .prediction = a, .reference = b, .range = 255};
}

/* The golden numbers have 9 to 12 decimals, rounded. */
static void assert_close(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.15g, expected %.15g within %g", value, expected, tolerance);
}

static void pixel_scores_match_golden(void **state) {
    (void)state;
    med_slice_pair p = pattern();
    assert_close(med_metric_l1.score(&p), 58.396093750, 1e-9);
    assert_close(med_metric_mse.score(&p), 7807.227343750, 1e-9);
    assert_close(med_metric_psnr.score(&p), 9.205835348145, 1e-9);
}

static void ssim_windows_match_golden(void **state) {
    (void)state;
    static const struct {
        med_ssim_window window;
        double expected;
    } rows[] = {
        {{7, 7, 0, true}, 0.367129291963},      {{7, 7, 0, false}, 0.367242021819},
        {{11, 11, 1.5, false}, 0.347820555643}, {{11, 11, 1.5, true}, 0.347741918261},
        {{9, 9, 0, true}, 0.329265284205},      {{1, 7, 0, true}, 0.457292545265},
        {{7, 1, 0, true}, 0.485845770780},
    };
    med_slice_pair p = pattern();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_close(med_ssim(&p, &rows[i].window), rows[i].expected, 1e-9);
    assert_close(med_metric_ssim.score(&p), 0.367129291963, 1e-9);
    assert_close(med_metric_ssim_gaussian.score(&p), 0.347820555643, 1e-9);
    assert_close(med_metric_ssim_rows.score(&p), 0.457292545265, 1e-9);
}

static void equal_images_are_perfect(void **state) {
    (void)state;
    med_slice_pair p = pattern();
    p.prediction = b;
    assert_true(med_metric_psnr.score(&p) == INFINITY);
    assert_close(med_metric_ssim.score(&p), 1, 1e-12);
    double flat[ROWS * COLS] = {0};
    p.prediction = p.reference = flat;
    assert_close(med_metric_ssim.score(&p), 1, 0);
}

static void a_range_of_zero_follows_the_formula(void **state) {
    (void)state;
    double flat[ROWS * COLS] = {0};
    med_slice_pair p = pattern();
    p.range = 0;
    assert_true(med_metric_psnr.score(&p) == -INFINITY);
    p.prediction = p.reference = flat;
    assert_true(isnan(med_metric_psnr.score(&p)));
    assert_true(isnan(med_metric_ssim.score(&p)));
}

/* A mask changes the result exactly as cutting the slice does: uniform windows see whole pixels only. */
static void a_mask_equals_a_cut(void **state) {
    (void)state;
    enum { TOP = 3, LEFT = 5, H = 20, W = 25 };
    uint8_t mask[ROWS * COLS] = {0};
    double ca[H * W], cb[H * W];
    for (int i = 0; i < H; i++)
        for (int j = 0; j < W; j++) {
            mask[(i + TOP) * COLS + j + LEFT] = 1;
            ca[i * W + j] = a[(i + TOP) * COLS + j + LEFT];
            cb[i * W + j] = b[(i + TOP) * COLS + j + LEFT];
        }
    med_slice_pair masked = pattern(), cut = {.rows = H, .cols = W, .prediction = ca, .reference = cb, .range = 255};
    masked.mask = mask;
    for (int i = 0; med_metrics[i]; i++)
        assert_close(med_metrics[i]->score(&masked), med_metrics[i]->score(&cut), 1e-12);
    assert_int_equal(med_ssim_count(&masked, &(med_ssim_window){.rows = 11, .cols = 11}), (H - 10) * (W - 10));
}

static void no_pixel_is_not_defined(void **state) {
    (void)state;
    uint8_t mask[ROWS * COLS] = {0};
    med_slice_pair p = pattern(), tiny = {.rows = 6, .cols = 6, .prediction = a, .reference = b, .range = 255};
    p.mask = mask;
    for (int i = 0; med_metrics[i]; i++) assert_true(isnan(med_metrics[i]->score(&p)));
    assert_true(isnan(med_metric_ssim.score(&tiny)));
}

static void metrics_are_found_by_name(void **state) {
    (void)state;
    for (int i = 0; med_metrics[i]; i++) assert_ptr_equal(med_metric_find(med_metrics[i]->name), med_metrics[i]);
    assert_null(med_metric_find("beauty"));
}

static void summaries_count_what_they_leave_out(void **state) {
    (void)state;
    med_summary s = med_summarise((double[]){1, INFINITY, 2, NAN, 6}, 5);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.n_inf, 1);
    assert_int_equal(s.n_na, 1);
    assert_close(s.mean, 3, 1e-15);
    assert_close(s.sd, sqrt(7), 1e-15);
    assert_true(isnan(med_summarise((double[]){4}, 1).sd));
    assert_true(isnan(med_summarise(NULL, 0).mean));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixel_scores_match_golden), cmocka_unit_test(ssim_windows_match_golden),
        cmocka_unit_test(equal_images_are_perfect),  cmocka_unit_test(a_range_of_zero_follows_the_formula),
        cmocka_unit_test(a_mask_equals_a_cut),       cmocka_unit_test(no_pixel_is_not_defined),
        cmocka_unit_test(metrics_are_found_by_name), cmocka_unit_test(summaries_count_what_they_leave_out),
    };
    return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
