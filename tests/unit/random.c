/* Random numbers: Random123's known answers, moments and tails, and that a number depends on nothing but its key. */
#include "testing.h"

#include <math.h>
#include "base/random.h"
#include "base/thread.h"

static void philox_known_answers(void **state) {
    (void)state;
    /* Random123-1.14 tests/kat_vectors, philox4x32 10 rounds: counter, key, result. */
    static const uint32_t kat[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6,
         0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420,
         0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        const uint32_t *k = kat[i];
        uint32_t out[4];
        med_rng_key key = {.seed = k[4] | (uint64_t)k[5] << 32, .site = k[2] | (uint64_t)k[3] << 32, .step = k[1]};
        med_philox(key, k[0], out);
        for (int j = 0; j < 4; j++) assert_int_equal(out[j], k[6 + j]);
    }
}

static void site_is_fnv1a(void **state) {
    (void)state;
    assert_true(med_site_of("") == UINT64_C(0xcbf29ce484222325));
    assert_true(med_site_of("foobar") == UINT64_C(0x85944171f73967e8));
}

/* Mean, variance, skewness, kurtosis within 5 standard errors; share beyond 1, 2, 3, 4 sigma within 5 as well. */
static void normal_moments(void **state) {
    (void)state;
    enum { COUNT = 4000000 };
    float *x = malloc(COUNT * sizeof *x);
    med_normal_fill(x, COUNT, (med_rng_key){1, med_site_of("test"), 0});
    double sum[5] = {0};
    double beyond[5] = {0};
    for (int i = 0; i < COUNT; i++) {
        double p = 1;
        for (int k = 0; k < 5; k++, p *= x[i]) sum[k] += p;
        for (int k = 1; k < 5; k++) beyond[k] += fabsf(x[i]) > (float)k;
    }
    double n = COUNT;
    assert_true(fabs(sum[1] / n) < 5 * sqrt(1 / n));
    assert_true(fabs(sum[2] / n - 1) < 5 * sqrt(2 / n));
    assert_true(fabs(sum[3] / n) < 5 * sqrt(15 / n));
    assert_true(fabs(sum[4] / n - 3) < 5 * sqrt(96 / n));
    for (int k = 1; k < 5; k++) {
        double p = erfc(k / sqrt(2));
        assert_true(fabs(beyond[k] / n - p) < 5 * sqrt(p * (1 - p) / n));
    }
    double lag = 0;
    for (int d = 1; d <= 4; d++, lag = 0) { /* neighbours are uncorrelated, also cos and sin of one angle */
        for (int i = 0; i + d < COUNT; i++) lag += (double)x[i] * x[i + d];
        assert_true(fabs(lag / n) < 5 * sqrt(1 / n));
    }
    free(x);
}

/* Our float log, sin and cos against libm in double: 4e-7 is three rounding steps at the largest values. */
static void normal_is_box_muller(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    float *x = malloc(COUNT * sizeof *x);
    med_rng_key key = {99, 5, 3};
    med_normal_fill(x, COUNT, key);
    for (int i = 0; i < COUNT; i += 2) {
        uint32_t w[4];
        med_philox(key, (uint32_t)i / 4, w);
        uint32_t u = w[i % 4], v = w[i % 4 + 1];
        double radius = sqrt(-2 * log((float)((float)(u >> 1) + 0.5f) * 0x1p-31));
        double angle = M_PI / 2 * ((v >> 30) + ((double)(v >> 6 & 0xffffff) + 0.5) / 0x1p24 - 0.5);
        assert_true(fabs(x[i] - radius * cos(angle)) < 4e-7 * (1 + radius));
        assert_true(fabs(x[i + 1] - radius * sin(angle)) < 4e-7 * (1 + radius));
    }
    free(x);
}

static void uniform_moments(void **state) {
    (void)state;
    enum { COUNT = 1000000 };
    float *x = malloc(COUNT * sizeof *x);
    med_uniform_fill(x, COUNT, (med_rng_key){2, 0, 0});
    double sum = 0, squares = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_true(x[i] >= 0 && x[i] < 1);
        sum += x[i];
        squares += (double)x[i] * x[i];
    }
    assert_true(fabs(sum / COUNT - 0.5) < 5 * sqrt(1.0 / 12 / COUNT));
    assert_true(fabs(squares / COUNT - 1.0 / 3) < 5 * sqrt(4.0 / 45 / COUNT));
    free(x);
}

static void numbers_depend_on_the_key_alone(void **state) {
    (void)state;
    enum { COUNT = 100003 };
    float *a = malloc(COUNT * sizeof *a), *b = malloc(COUNT * sizeof *b);
    med_rng_key key = {7, med_site_of("x"), 11};
    med_threads_set(1);
    med_normal_fill(a, COUNT, key);
    med_threads_set(4);
    med_normal_fill(b, COUNT, key);
    assert_memory_equal(a, b, COUNT * sizeof *a);
    for (size_t n = 1; n < 600; n += 7) { /* a shorter request is a prefix, whatever its length */
        med_normal_fill(b, n, key);
        assert_memory_equal(a, b, n * sizeof *a);
    }
    med_rng_key other[] = {{8, key.site, key.step}, {key.seed, key.site + 1, key.step}, {key.seed, key.site, 12}};
    for (int i = 0; i < 3; i++) {
        med_normal_fill(b, 16, other[i]);
        assert_memory_not_equal(a, b, 16 * sizeof *a);
    }
    free(a);
    free(b);
}

static void below_is_unbiased(void **state) {
    (void)state;
    med_rng rng = med_rng_start((med_rng_key){3, 0, 0});
    int count[7] = {0};
    enum { COUNT = 70000 };
    for (int i = 0; i < COUNT; i++) count[med_rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++) assert_true(abs(count[i] - COUNT / 7) < 5 * 93); /* sqrt(70000 * 6/49) = 93 */
    assert_int_equal(med_rng_below(&rng, 1), 0);
}

static void shuffle_is_a_permutation(void **state) {
    (void)state;
    med_rng rng = med_rng_start((med_rng_key){4, 0, 0});
    int items[50], seen[50] = {0}, n_moved = 0;
    for (int i = 0; i < 50; i++) items[i] = i;
    med_rng_shuffle(&rng, items, 50);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(seen[items[i]]++, 0);
        n_moved += items[i] != i;
    }
    assert_true(n_moved > 30);
}

static void sequential_numbers(void **state) {
    (void)state;
    med_rng rng = med_rng_start((med_rng_key){5, 0, 0});
    double sum = 0, squares = 0;
    enum { COUNT = 100000 };
    for (int i = 0; i < COUNT; i++) {
        double x = med_rng_normal(&rng), u = med_rng_range(&rng, -2, 3);
        assert_true(u >= -2 && u < 3);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / COUNT) < 5 / sqrt(COUNT));
    assert_true(fabs(squares / COUNT - 1) < 5 * sqrt(2.0 / COUNT));
}

/* The vectorised filling and the scalar code of sequential drawing give the same bits. */
static void filling_equals_drawing(void **state) {
    (void)state;
    float x[4000];
    med_rng_key key = {6, 1, 2};
    med_normal_fill(x, 4000, key);
    med_rng rng = med_rng_start(key);
    for (int i = 0; i < 4000; i += 2) assert_true(med_rng_normal(&rng) == (double)x[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers), cmocka_unit_test(site_is_fnv1a),
        cmocka_unit_test(normal_moments),       cmocka_unit_test(normal_is_box_muller),
        cmocka_unit_test(uniform_moments),      cmocka_unit_test(numbers_depend_on_the_key_alone),
        cmocka_unit_test(below_is_unbiased),    cmocka_unit_test(shuffle_is_a_permutation),
        cmocka_unit_test(sequential_numbers),   cmocka_unit_test(filling_equals_drawing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
