/* overlap.c: every number of shared/golden/metric/overlap.json, and surface distances against brute force. */
#include "metric/fixture.h"
#include "base/random.h"
#include "base/thread.h"
#include "image/mask.h"
#include "image/volume.h"
#include "metric/overlap.h"
#include "metric/summary.h"

static json_t *fixture;

/* ---- golden -------------------------------------------------------------------------------------------------- */

static med_volume *load(const char *side, const char *name) {
    char *file = med_format("overlap/%s/%s/%s-label.nii.gz", side, name, name), *path = fixture_path(file);
    med_volume *v = NULL;
    assert_ok(med_volume_load(path, &v));
    free(path);
    free(file);
    return v;
}

static uint8_t *mask_of(const med_volume *v, int label) {
    size_t n = med_grid_count(v->grid);
    uint8_t *mask = med_alloc(n);
    for (size_t i = 0; i < n; i++) mask[i] = v->voxel[i] == (float)label;
    return mask;
}

static void check_class(const med_mask_pair *pair, const json_t *e, double tolerance) {
    med_overlap o = med_overlap_of(pair);
    med_surface s;
    assert_ok(med_surface_of(pair, (double[]){1, 2}, 2, &s));
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"dice", o.dice},
                   {"iou", o.iou},
                   {"precision", o.precision},
                   {"recall", o.recall},
                   {"volume_error_mm3", o.volume_error_mm3},
                   {"volume_error_ml", o.volume_error_mm3 / 1000},
                   {"volume_error_percent", o.volume_error_percent},
                   {"assd", s.assd},
                   {"assd_mom", s.assd_mom},
                   {"hd", s.hd},
                   {"hd95", s.hd95},
                   {"hd95_max", s.hd95_max},
                   {"nsd_1mm", s.nsd[0]},
                   {"nsd_2mm", s.nsd[1]}};
    const struct {
        const char *name;
        long value;
    } counts[] = {{"n_ref", o.n_ref},
                  {"n_pred", o.n_pred},
                  {"n_both", o.n_both},
                  {"surface_ref", s.n_ref},
                  {"surface_pred", s.n_pred}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_number(numbers[i].value, json_object_get(e, numbers[i].name), tolerance, numbers[i].name);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_int_equal(counts[i].value, json_integer_value(json_object_get(e, counts[i].name)));
}

static void cases_match_golden(void **state) {
    (void)state;
    const char *name, *label;
    json_t *e, *numbers;
    json_object_foreach (json_object_get(fixture, "cases"), name, e) {
        med_volume *p = load("pred", name), *r = load("ref", name);
        double tolerance = strcmp(name, "s03") ? 1e-9 : 1e-6; /* s03 is oblique: its spacing is that of float32 norms */
        json_object_foreach (json_object_get(e, "classes"), label, numbers) {
            med_mask_pair pair = {.prediction = mask_of(p, atoi(label)), .reference = mask_of(r, atoi(label))};
            memcpy(pair.n, r->grid.n, sizeof pair.n);
            med_grid_spacing(r->grid, pair.spacing_mm);
            check_class(&pair, numbers, tolerance);
            free((void *)pair.prediction);
            free((void *)pair.reference);
        }
        med_volume_free(r);
        med_volume_free(p);
    }
}

/* The numbers of metrics.md section 5. */
static void ellipsoids_match_the_definition(void **state) {
    (void)state;
    enum { NX = 28, NY = 24, NZ = 20 };
    static uint8_t a[NX * NY * NZ], b[NX * NY * NZ];
    for (int z = 0; z < NZ; z++)
        for (int y = 0; y < NY; y++)
            for (int x = 0; x < NX; x++) {
                size_t v = (size_t)((z * NY + y) * NX + x);
                a[v] = (x - 13) * (x - 13) + (y - 11) * (y - 11) + (z - 9) * (z - 9) <= 36;
                b[v] = (x - 15) * (x - 15) + (y - 12) * (y - 12) + 1.5 * (z - 9) * (z - 9) <= 30;
            }
    med_mask_pair pair = {{NX, NY, NZ}, {0.8, 0.5, 1.0}, a, b, false};
    med_overlap o = med_overlap_of(&pair);
    med_surface s;
    assert_ok(med_surface_of(&pair, NULL, 0, &s));
    assert_true(o.n_pred == 925 && o.n_ref == 553 && o.n_both == 475 && s.n_pred == 354 && s.n_ref == 230);
    assert_true(fabs(o.dice - 0.642760487145) < 1e-12 && fabs(s.assd - 0.977488711306) < 1e-12);
    assert_true(fabs(s.assd_mom - 0.941420874000) < 1e-12 && fabs(s.hd - 2.6) < 1e-12);
    assert_true(fabs(s.hd95 - 2.135415650406) < 1e-12 && fabs(s.hd95_max - 2.135415650406) < 1e-12);
}

/* ---- by construction ----------------------------------------------------------------------------------------- */

static void a_slab_is_all_surface(void **state) {
    (void)state;
    uint8_t slab[64] = {0};
    memset(slab, 1, 32);
    med_mask_pair pair = {{4, 4, 4}, {1, 1, 1}, slab, slab, false};
    med_surface s;
    assert_ok(med_surface_of(&pair, NULL, 0, &s));
    assert_int_equal(s.n_pred, 32);
    assert_true(s.hd == 0 && s.assd == 0);
}

static void a_shifted_cube_is_as_far_as_the_shift(void **state) {
    (void)state;
    static uint8_t a[20 * 20 * 20], b[20 * 20 * 20];
    for (int k = 5; k < 11; k++)
        for (int j = 5; j < 11; j++)
            for (int i = 5; i < 11; i++) a[(k * 20 + j) * 20 + i] = b[(k * 20 + j) * 20 + i + 3] = 1;
    med_mask_pair pair = {{20, 20, 20}, {0.5, 0.5, 0.5}, a, b, false},
                  swapped = {{20, 20, 20}, {0.5, 0.5, 0.5}, b, a, false};
    med_surface s, t;
    assert_ok(med_surface_of(&pair, NULL, 0, &s));
    assert_ok(med_surface_of(&swapped, NULL, 0, &t));
    assert_true(s.hd == 1.5 && t.hd == 1.5 && s.assd == t.assd && s.hd95 == t.hd95);
}

static void fill_random(uint8_t *mask, size_t n, double share, med_rng *rng) {
    for (size_t v = 0; v < n; v++) mask[v] = med_rng_uniform(rng) < share;
}

static double brute_distance(const med_mask_pair *pair, const uint8_t *mask, const int at[3]) {
    double best = INFINITY;
    for (int k = 0; k < pair->n[2]; k++)
        for (int j = 0; j < pair->n[1]; j++)
            for (int i = 0; i < pair->n[0]; i++) {
                if (!mask[(k * pair->n[1] + j) * pair->n[0] + i]) continue;
                double x = (i - at[0]) * pair->spacing_mm[0], y = (j - at[1]) * pair->spacing_mm[1],
                       z = (k - at[2]) * pair->spacing_mm[2];
                best = fmin(best, sqrt(x * x + y * y + z * z));
            }
    return best;
}

/* Masks so sparse that every voxel is surface: the distances between the masks are those between the surfaces. */
static void distances_match_brute_force(void **state) {
    (void)state;
    med_rng rng = med_rng_start((med_rng_key){3, med_site_of("test/masks"), 0});
    for (int turn = 0; turn < 12; turn++) {
        med_mask_pair pair = {{7 + turn % 5, 9, 6 + turn % 3}, {0}, NULL, NULL, false};
        size_t n = (size_t)pair.n[0] * (size_t)pair.n[1] * (size_t)pair.n[2];
        for (int a = 0; a < 3; a++) pair.spacing_mm[a] = med_rng_range(&rng, 0.3, 3);
        uint8_t *p = med_alloc(n), *r = med_alloc(n);
        fill_random(p, n, 0.03, &rng);
        fill_random(r, n, 0.03, &rng);
        p[n / 2] = r[n / 3] = 1;
        pair.prediction = p, pair.reference = r;
        double sum = 0, most = 0;
        long count = 0;
        for (int side = 0; side < 2; side++)
            for (int v = 0; v < (int)n; v++) {
                if (!(side ? r : p)[v]) continue;
                const int at[3] = {v % pair.n[0], v / pair.n[0] % pair.n[1], v / pair.n[0] / pair.n[1]};
                double d = brute_distance(&pair, side ? p : r, at);
                sum += d, most = fmax(most, d), count++;
            }
        med_surface s;
        assert_ok(med_surface_of(&pair, NULL, 0, &s));
        assert_int_equal(s.n_pred + s.n_ref, count);
        assert_true(fabs(s.assd - sum / (double)count) < 1e-12 && fabs(s.hd - most) < 1e-12);
        free(p);
        free(r);
    }
}

static void threads_change_no_digit(void **state) {
    (void)state;
    static uint8_t p[32 * 32 * 32], r[32 * 32 * 32];
    med_rng rng = med_rng_start((med_rng_key){5, med_site_of("test/masks"), 0});
    fill_random(p, sizeof p, 0.3, &rng);
    fill_random(r, sizeof r, 0.1, &rng);
    med_mask_pair pair = {{32, 32, 32}, {0.7, 1.1, 2.3}, p, r, false};
    med_surface one, two;
    med_threads_set(1);
    assert_ok(med_surface_of(&pair, (double[]){1}, 1, &one));
    med_threads_set(3);
    assert_ok(med_surface_of(&pair, (double[]){1}, 1, &two));
    assert_true(one.assd == two.assd && one.hd95 == two.hd95 && one.hd == two.hd && one.nsd[0] == two.nsd[0]);
}

int main(void) {
    fixture = fixture_load("overlap.json");
    if (!fixture) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_match_golden),          cmocka_unit_test(ellipsoids_match_the_definition),
        cmocka_unit_test(a_slab_is_all_surface),       cmocka_unit_test(a_shifted_cube_is_as_far_as_the_shift),
        cmocka_unit_test(distances_match_brute_force), cmocka_unit_test(threads_change_no_digit),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(fixture);
    return n_failed;
}
