/* Volumes through the network: slices in and out of grids of any size, noise, draws, empty slices, grids that differ. */
#include "testing.h"

#include <math.h>
#include "base/memory.h"
#include "base/random.h"
#include "base/thread.h"
#include "task/synth.h"
#include "turn.h"

static char *folder, *path;
static med_synth_model *model;
static med_net config;

static int set_up(void **state) {
    (void)state;
    folder = testing_folder();
    path = med_path_join(folder, "w.safetensors");
    static const char *const settings[] = {"modalities=us,t2,flair", "size=16,24", "base=4", "max=8",
                                           "pools=2", "nfinal=2", "nblocks=1"};
    assert_ok(med_net_preset(med_models[0], "tiny", &config));
    for (int i = 0; i < 7; i++) assert_ok(med_net_set(&config, settings[i]));
    med_weights *w;
    assert_ok(med_net_init(&config, 3, &w));
    assert_ok(med_weights_save(w, path));
    med_weights_free(w);
    assert_ok(med_synth_model_open(path, (const int[2]){0, 0}, NULL, &model));
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    med_synth_model_free(model);
    testing_remove(folder);
    free(path);
    return 0;
}

/* A scan of random values in (-1, 1) with a rim of background, by `seed`. */
static med_volume *scan(int nx, int ny, int nz, uint64_t seed) {
    med_volume *v;
    assert_ok(med_volume_create((med_grid){{nx, ny, nz}, med_affine_identity()}, &v));
    med_uniform_fill(v->voxel, med_grid_count(v->grid), (med_rng_key){seed, 1, 0});
    for (int k = 0; k < nz; k++)
        for (int j = 0; j < ny; j++)
            for (int i = 0; i < nx; i++) {
                bool is_rim = i == 0 || j == 0 || i == nx - 1 || j == ny - 1;
                float *x = med_volume_at(v, i, j, k);
                *x = is_rim ? -1 : 2 * *x - 0.999f;
            }
    return v;
}

static med_volume *run(const med_volume *us, const med_volume *t2, med_synth_options o, med_volume **sd) {
    const med_volume *inputs[MED_MAX_MODS] = {us, t2};
    med_volume *out[MED_MAX_MODS], *sds[MED_MAX_MODS];
    o.given = (us ? 1u : 0) | (t2 ? 2u : 0);
    o.target = 4;
    assert_ok(med_synth_run(model, inputs, &o, out, sd ? sds : NULL));
    assert_true(out[0] == NULL && out[1] == NULL);
    if (sd) *sd = sds[2];
    return out[2];
}

static void assert_equal_slice(const med_volume *a, int ka, const med_volume *b, int kb) {
    size_t n = (size_t)a->grid.n[0] * (size_t)a->grid.n[1];
    assert_memory_equal(a->voxel + (size_t)ka * n, b->voxel + (size_t)kb * n, n * sizeof(float));
}

/* A slice's result is the same alone and among others, whatever the groups and the threads. */
static void slices_do_not_know_each_other(void **state) {
    (void)state;
    med_synth_options o = {.temperature = 0.7, .n_samples = 2, .seed = 5};
    med_volume *a = scan(16, 24, 19, 1), *all = run(a, NULL, o, NULL), *front, *some;
    assert_ok(med_volume_create((med_grid){{16, 24, 2}, med_affine_identity()}, &front));
    memcpy(front->voxel, a->voxel, med_grid_count(front->grid) * sizeof(float));
    med_threads_set(1);
    some = run(front, NULL, o, NULL);
    med_threads_set(0);
    assert_equal_slice(all, 0, some, 0);
    assert_equal_slice(all, 1, some, 1);
    static const struct { int n_threads; bool groups, slice_by_slice; } ways[] = {
        {1, true, false}, {2, true, false}, {3, true, false}, {20, true, false}, {2, false, false}, {2, true, true}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        turn("groups", ways[i].groups);
        med_threads_set(ways[i].n_threads);
        o.slice_by_slice = ways[i].slice_by_slice;
        med_volume *same = run(a, NULL, o, NULL);
        assert_memory_equal(same->voxel, all->voxel, med_grid_count(a->grid) * sizeof(float));
        med_volume_free(same);
    }
    turn("groups", true);
    o.slice_by_slice = false;
    med_threads_set(0);
    o.seed = 6;
    med_volume *other = run(front, NULL, o, NULL);
    assert_true(memcmp(other->voxel, some->voxel, 3000) != 0);
    med_volume *const used[] = {a, all, front, some, other};
    for (int i = 0; i < 5; i++) med_volume_free(used[i]);
}

/* What lies in the grid's middle comes back at its place; cropped parts and the surroundings are background. */
static void any_size_is_put_back(void **state) {
    (void)state;
    static const int sizes[][2] = {{16, 24}, {13, 24}, {12, 17}, {19, 30}, {20, 11}, {1, 1}, {3, 50}};
    med_synth_options o = {.temperature = 0, .n_samples = 1};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int nx = sizes[s][0], ny = sizes[s][1];
        med_volume *v = scan(nx, ny, 1, s), *out, *fit, *in_grid, *back;
        if (nx == 1) *v->voxel = 0.5f;
        out = run(v, NULL, o, NULL);
        assert_true(med_grid_equal(v->grid, out->grid, 0));
        assert_ok(med_volume_fit(v, (const int[3]){16, 24, 1}, -1, &fit)); /* the rule of the rest of the program */
        in_grid = run(fit, NULL, o, NULL);
        assert_ok(med_volume_create(v->grid, &back));
        int lost_x = nx > 16 ? (nx - 16 + 1) / 2 : -((16 - nx + 1) / 2),
            lost_y = ny > 24 ? (ny - 24 + 1) / 2 : -((24 - ny + 1) / 2);
        int n_inside = 0;
        for (int j = 0; j < ny; j++)
            for (int i = 0; i < nx; i++) {
                int gi = i - lost_x, gj = j - lost_y;
                bool is_inside = gi >= 0 && gi < 16 && gj >= 0 && gj < 24;
                assert_true(*med_volume_at(out, i, j, 0) == (is_inside ? *med_volume_at(in_grid, gi, gj, 0) : -1));
                n_inside += *med_volume_at(out, i, j, 0) > -1;
            }
        if (nx > 2 && ny > 2) assert_true(n_inside > 0);
        med_volume *const used[] = {v, out, fit, in_grid, back};
        for (int i = 0; i < 5; i++) med_volume_free(used[i]);
    }
}

static void background_and_empty_slices(void **state) {
    (void)state;
    med_volume *us = scan(16, 24, 6, 1), *t2 = scan(16, 24, 6, 2), *out;
    for (int i = 0; i < 16 * 24; i++) us->voxel[2 * 16 * 24 + i] = us->voxel[5 * 16 * 24 + i] = -1;
    out = run(us, t2, (med_synth_options){.temperature = 0.5, .n_samples = 1}, NULL);
    for (size_t i = 0; i < med_grid_count(out->grid); i++) {
        bool is_outside = us->voxel[i] == -1; /* of the first given modality only */
        assert_true(is_outside == (out->voxel[i] == -1));
        assert_true(out->voxel[i] >= -1 && out->voxel[i] <= 1);
    }
    med_volume_free(out);
    for (size_t i = 0; i < med_grid_count(us->grid); i++) us->voxel[i] = -1;
    out = run(us, t2, (med_synth_options){.temperature = 0.5, .n_samples = 1}, NULL);
    for (size_t i = 0; i < med_grid_count(out->grid); i++) assert_true(out->voxel[i] == -1);
    med_volume_free(out);
    med_volume_free(us);
    med_volume_free(t2);
}

/* Mean and standard deviation of draws equal those of single draws 0..2: draw k is told by K = k+1 samples' sum. */
static void draws_are_averaged(void **state) {
    (void)state;
    enum { N = 16 * 24 * 2, K = 3 };
    med_volume *v = scan(16, 24, 2, 1), *mean[K], *sd;
    double draw[K][N];
    for (int k = 0; k < K; k++) {
        mean[k] =
            run(v, NULL, (med_synth_options){.temperature = 1, .n_samples = k + 1, .seed = 9}, k == K - 1 ? &sd : NULL);
        for (int i = 0; i < N; i++)
            draw[k][i] = (double)mean[k]->voxel[i] * (k + 1) - (k ? (double)mean[k - 1]->voxel[i] * k : 0);
    }
    double largest = 0;
    for (int i = 0; i < N; i++) {
        double m = (draw[0][i] + draw[1][i] + draw[2][i]) / 3, square = 0;
        for (int k = 0; k < K; k++) square += (draw[k][i] - m) * (draw[k][i] - m);
        assert_true(fabs(sd->voxel[i] - sqrt(square / 2)) < 2e-6); /* float rounding of the means, tripled */
        if (v->voxel[i] == -1) assert_true(sd->voxel[i] == 0);
        largest = fmax(largest, sd->voxel[i]);
    }
    assert_true(largest > 1e-3);
    med_volume_free(sd);
    med_volume *cold = run(v, NULL, (med_synth_options){.temperature = 0, .n_samples = 5, .seed = 9}, &sd);
    for (int i = 0; i < N; i++) assert_true(sd->voxel[i] == 0);
    med_volume_free(cold);
    med_volume_free(sd);
    med_volume_free(v);
    for (int k = 0; k < K; k++) med_volume_free(mean[k]);
}

static med_volume *mirrored(const med_volume *v) {
    med_volume *out;
    assert_ok(med_volume_create(v->grid, &out));
    for (int k = 0; k < v->grid.n[2]; k++)
        for (int j = 0; j < v->grid.n[1]; j++)
            for (int i = 0; i < v->grid.n[0]; i++) *med_volume_at(out, i, j, k) = *med_volume_at(v, v->grid.n[0] - 1 - i, j, k);
    return out;
}

/* With the mirrored slices averaged in, left and right are treated alike: mean of the image and of the mirrored one's. */
static void mirrored_slices_are_averaged(void **state) {
    (void)state;
    med_synth_options plain = {.n_samples = 1}, both = {.n_samples = 1, .is_mirrored = true};
    med_volume *v = scan(16, 24, 2, 1), *w = mirrored(v), *of_w = run(w, NULL, plain, NULL), *of_v = run(v, NULL, plain, NULL);
    med_volume *back = mirrored(of_w), *mean = run(v, NULL, both, NULL);
    double largest = 0;
    for (size_t i = 0; i < med_grid_count(v->grid); i++) {
        assert_float_equal(mean->voxel[i], (of_v->voxel[i] + back->voxel[i]) / 2, 1e-6);
        largest = fmax(largest, fabs(of_v->voxel[i] - back->voxel[i]));
    }
    assert_true(largest > 1e-3);
    med_volume *other = run(w, NULL, both, NULL), *other_back = mirrored(other);
    assert_memory_equal(other_back->voxel, mean->voxel, med_grid_count(v->grid) * sizeof(float));
    med_volume *all[] = {v, w, of_w, of_v, back, mean, other, other_back};
    for (int i = 0; i < 8; i++) med_volume_free(all[i]);
}

static void wrong_calls(void **state) {
    (void)state;
    med_volume *us = scan(16, 24, 2, 1), *t2 = scan(16, 24, 2, 2), *wide = scan(17, 24, 2, 3), *out[MED_MAX_MODS];
    const med_volume *inputs[MED_MAX_MODS] = {us, wide};
    med_synth_options o = {.given = 3, .target = 4, .n_samples = 1};
    assert_fails(med_synth_run(model, inputs, &o, out, NULL), MED_EUSAGE, "us has 16 x 24 x 2 voxels of 1 x 1 x 1 mm");
    assert_non_null(strstr(med_message(), "t2 has 17 x 24 x 2 voxels"));
    t2->grid.affine.m[1][3] = 0.5;
    inputs[1] = t2;
    assert_fails(med_synth_run(model, inputs, &o, out, NULL), MED_EUSAGE, "first at (0, 0.5, 0)");
    t2->grid.affine.m[1][3] = 0.01; /* rounding of an affine */
    assert_ok(med_synth_run(model, inputs, &o, out, NULL));
    med_volume_free(out[2]);
    inputs[1] = NULL;
    assert_fails(med_synth_run(model, inputs, &o, out, NULL), MED_EUSAGE, "t2 is given, but there is no image");
    o.given = 0;
    assert_fails(med_synth_run(model, inputs, &o, out, NULL), MED_EUSAGE, "at least one given");
    o = (med_synth_options){.given = 1, .target = 8, .n_samples = 1};
    assert_fails(med_synth_run(model, inputs, &o, out, NULL), MED_EUSAGE, "of the model");
    med_volume_free(us);
    med_volume_free(t2);
    med_volume_free(wide);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(slices_do_not_know_each_other),
        TEST(any_size_is_put_back),
        TEST(background_and_empty_slices),
        TEST(draws_are_averaged),
        TEST(mirrored_slices_are_averaged),
        TEST(wrong_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
