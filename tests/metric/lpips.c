/* lpips.c: the perceptual distance with random weights against plain loops in double and against the Python package, and
 * what must hold of any distance. */
#include "metric/lpips.h"
#include <math.h>
#include "base/memory.h"
#include "base/random.h"
#include "testing.h"

enum { MAX_SIDE = 48 };

typedef struct trunk { /* random weights; owned */
    med_lpips m;
    float *owned[2 * MED_LPIPS_MAX_CONVS + MED_LPIPS_TAPS];
    int n_owned;
} trunk;

static float *random_weights(trunk *t, long n, double lo, double hi, med_rng *rng) {
    float *w = med_alloc(sizeof(float) * (size_t)n);
    for (long i = 0; i < n; i++) w[i] = (float)med_rng_range(rng, lo, hi);
    t->owned[t->n_owned++] = w;
    return w;
}

/* Of a size that keeps the features of every layer alive. */
static void fill_trunk(const med_lpips_trunk *net, trunk *t) {
    med_rng rng = med_rng_start((med_rng_key){5, med_site_of("test/lpips"), 0});
    *t = (trunk){.m = {.trunk = net}};
    for (int l = 0, tap = 0; l < net->n_convs; l++) {
        const med_lpips_conv *c = &net->conv[l];
        long n = (long)c->n_in * c->size * c->size;
        double a = sqrt(6.0 / (double)n);
        t->m.weight[l] = random_weights(t, c->n_out * n, -a, a, &rng);
        t->m.bias[l] = random_weights(t, c->n_out, -0.1, 0.1, &rng);
        if (c->is_tap) t->m.head[tap++] = random_weights(t, c->n_out, 0, 1, &rng);
    }
}

static void trunk_free(trunk *t) {
    for (int i = 0; i < t->n_owned; i++) free(t->owned[i]);
}

static double x[MAX_SIDE * MAX_SIDE], y[MAX_SIDE * MAX_SIDE];

static void fill_slices(void) {
    med_rng rng = med_rng_start((med_rng_key){6, med_site_of("test/slices"), 0});
    for (int p = 0; p < MAX_SIDE * MAX_SIDE; p++) {
        x[p] = med_rng_range(&rng, -1, 1);
        y[p] = 0.7 * x[p] + 0.3 * med_rng_range(&rng, -1, 1);
    }
}

/* ---- the definition ------------------------------------------------------------------------------------------ */

typedef struct features {
    int n, rows, cols;
    double *at;
} features;

static double value(const features *f, int c, int i, int j) {
    return i < 0 || j < 0 || i >= f->rows || j >= f->cols ? 0 : f->at[((long)c * f->rows + i) * f->cols + j];
}

static features plain_pool(features in, int size) {
    features out = {in.n, (in.rows - size) / 2 + 1, (in.cols - size) / 2 + 1, NULL};
    out.at = med_alloc(sizeof(double) * (size_t)(out.n * out.rows * out.cols));
    for (int c = 0, at = 0; c < out.n; c++)
        for (int i = 0; i < out.rows; i++)
            for (int j = 0; j < out.cols; j++, at++) {
                out.at[at] = -INFINITY;
                for (int a = 0; a < size; a++)
                    for (int b = 0; b < size; b++) out.at[at] = fmax(out.at[at], value(&in, c, 2 * i + a, 2 * j + b));
            }
    free(in.at);
    return out;
}

static features plain_conv(features in, const med_lpips_conv *k, const float *w, const float *bias) {
    features out = {k->n_out, (in.rows + 2 * k->pad - k->size) / k->stride + 1,
                    (in.cols + 2 * k->pad - k->size) / k->stride + 1, NULL};
    out.at = med_alloc(sizeof(double) * (size_t)(out.n * out.rows * out.cols));
    for (int o = 0, at = 0; o < out.n; o++)
        for (int i = 0; i < out.rows; i++)
            for (int j = 0; j < out.cols; j++, at++) {
                double sum = bias[o];
                for (int c = 0; c < in.n; c++)
                    for (int a = 0; a < k->size; a++)
                        for (int b = 0; b < k->size; b++)
                            sum += (double)w[((o * in.n + c) * k->size + a) * k->size + b] *
                                   value(&in, c, i * k->stride - k->pad + a, j * k->stride - k->pad + b);
                out.at[at] = fmax(0, sum);
            }
    free(in.at);
    return out;
}

static features plain_colours(int rows, int cols, const double *grey) {
    static const double shift[3] = {-0.030, -0.088, -0.188}, scale[3] = {0.458, 0.448, 0.450};
    features f = {3, rows, cols, med_alloc(sizeof(double) * 3 * (size_t)(rows * cols))};
    for (int c = 0; c < 3; c++)
        for (int p = 0; p < rows * cols; p++) f.at[c * rows * cols + p] = (grey[p] - shift[c]) / scale[c];
    return f;
}

static double plain_tap(const features *a, const features *b, const float *head) {
    double total = 0;
    for (int i = 0; i < a->rows; i++)
        for (int j = 0; j < a->cols; j++) {
            double na = 0, nb = 0;
            for (int c = 0; c < a->n; c++) na += pow(value(a, c, i, j), 2), nb += pow(value(b, c, i, j), 2);
            na = sqrt(na) + 1e-10, nb = sqrt(nb) + 1e-10;
            for (int c = 0; c < a->n; c++) total += head[c] * pow(value(a, c, i, j) / na - value(b, c, i, j) / nb, 2);
        }
    return total / (a->rows * a->cols);
}

static double plain_distance(const med_lpips *m, int rows, int cols) {
    features a = plain_colours(rows, cols, x), b = plain_colours(rows, cols, y);
    double sum = 0;
    for (int l = 0, tap = 0; l < m->trunk->n_convs; l++) {
        const med_lpips_conv *c = &m->trunk->conv[l];
        if (c->pool) a = plain_pool(a, c->pool), b = plain_pool(b, c->pool);
        a = plain_conv(a, c, m->weight[l], m->bias[l]);
        b = plain_conv(b, c, m->weight[l], m->bias[l]);
        if (c->is_tap) sum += plain_tap(&a, &b, m->head[tap++]);
    }
    free(a.at);
    free(b.at);
    return sum;
}

/* ---- tests --------------------------------------------------------------------------------------------------- */

/* Single precision sums of up to 4608 products: 1e-5. */
static void check_trunk(const med_lpips_trunk *net, int rows, int cols) {
    trunk t;
    fill_trunk(net, &t);
    double expected = plain_distance(&t.m, rows, cols), got = med_lpips_distance(&t.m, rows, cols, x, y);
    assert_true(expected > 1e-3);
    if (!(fabs(got - expected) <= 1e-5 * expected)) fail_msg("%s: %.9g, expected %.9g", net->name, got, expected);
    assert_true(med_lpips_distance(&t.m, rows, cols, y, x) == got); /* symmetric */
    assert_true(med_lpips_distance(&t.m, rows, cols, x, x) == 0);
    assert_true(isnan(med_lpips_distance(&t.m, net->smallest - 1, 40, x, y)));
    trunk_free(&t);
}

static void alexnet_matches_the_definition(void **state) {
    (void)state;
    check_trunk(&med_lpips_alex, 31, 31);
    check_trunk(&med_lpips_alex, 47, 40);
}

static void vgg_matches_the_definition(void **state) {
    (void)state;
    check_trunk(&med_lpips_vgg, 17, 20);
}

/* ---- the Python package -------------------------------------------------------------------------------------- */

/* med_hashed_fill with seed 0, as in bench/peer/perceptual.py. Takes the name. */
static float *named_weights(trunk *t, char *name, double scale, long n, bool is_positive) {
    float *w = med_alloc(sizeof(float) * (size_t)n);
    med_hashed_fill(w, (size_t)n, name, 0, scale);
    for (long i = 0; i < n && is_positive; i++) w[i] = fabsf(w[i]);
    free(name);
    t->owned[t->n_owned++] = w;
    return w;
}

static void fill_named(const med_lpips_trunk *net, trunk *t) {
    *t = (trunk){.m = {.trunk = net}};
    for (int l = 0, tap = 0; l < net->n_convs; l++) {
        const med_lpips_conv *c = &net->conv[l];
        long n = (long)c->n_in * c->size * c->size;
        char *weight = med_format("features.%d.weight", c->index), *bias = med_format("features.%d.bias", c->index);
        t->m.weight[l] = named_weights(t, weight, sqrt(6.0 / (double)n), c->n_out * n, false);
        t->m.bias[l] = named_weights(t, bias, 0.1, c->n_out, false);
        if (!c->is_tap) continue;
        t->m.head[tap] = named_weights(t, med_format("lin%d", tap), 1, c->n_out, true);
        tap++;
    }
}

/* `expected`: what the package lpips 0.1.4 gives in double for these weights (bench/peer/perceptual.py numbers). */
static void check_package(const med_lpips_trunk *net, int rows, int cols, double expected) {
    trunk t;
    size_t n = (size_t)(rows * cols);
    double *first = med_alloc(sizeof(double) * 2 * n), *second = first + n;
    float *fx = med_alloc(sizeof(float) * 2 * n), *fy = fx + n;
    fill_named(net, &t);
    med_hashed_fill(fx, n, "x", 0, 1);
    med_hashed_fill(fy, n, "y", 0, 1);
    for (size_t p = 0; p < n; p++) {
        first[p] = fx[p];
        second[p] = 0.7 * first[p] + 0.3 * fy[p];
    }
    double got = med_lpips_distance(&t.m, rows, cols, first, second);
    if (!(fabs(got - expected) <= 3e-6 * expected)) fail_msg("%s: %.12g, expected %.12g", net->name, got, expected);
    free(first);
    free(fx);
    trunk_free(&t);
}

static void distances_are_those_of_the_package(void **state) {
    (void)state;
    check_package(&med_lpips_alex, 47, 40, 0.138256338197);
    check_package(&med_lpips_vgg, 20, 33, 0.159730055536);
}

int main(void) {
    fill_slices();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alexnet_matches_the_definition),
        cmocka_unit_test(vgg_matches_the_definition),
        cmocka_unit_test(distances_are_those_of_the_package),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
