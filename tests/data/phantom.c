/* Phantom heads: repeatable, consistent between their images, varied, and with the physics they claim. */
#include "data/phantom.h"
#include <math.h>
#include "base/modset.h"
#include "base/thread.h"
#include "data/phantom_parts.h"
#include "testing.h"

static med_phantom_config small(void) {
    return (med_phantom_config){.size = {48, 48, 24},
                                .spacing_mm = 2.5,
                                .n_mods = 4,
                                .mods = {"us", "t2", "cet1", "flair"},
                                .missing = 0.4,
                                .is_cut_to_fan = true,
                                .seed = 11};
}

static med_phantom_case *draw(const med_phantom_config *config, int index) {
    med_phantom_case *c;
    assert_ok(med_phantom_case_create(config, index, &c));
    return c;
}

static void assert_same_voxels(const med_volume *a, const med_volume *b) {
    assert_memory_equal(a->voxel, b->voxel, med_grid_count(a->grid) * sizeof(float));
    assert_memory_equal(&a->grid, &b->grid, sizeof a->grid);
}

static void threads_and_other_modalities_change_nothing(void **state) {
    (void)state;
    med_phantom_config config = small(), fewer;
    for (int i = 0; i < 3; i++) config.size[i] = i < 2 ? 32 : 12;
    fewer = config;
    fewer.n_mods = 2;
    fewer.mods[0] = "flair";
    fewer.mods[1] = "us";
    med_threads_set(1);
    med_phantom_case *a = draw(&config, 2);
    med_threads_set(3);
    med_phantom_case *b = draw(&config, 2), *c = draw(&fewer, 2), *other = draw(&config, 3);
    for (int j = 0; j < 4; j++) {
        assert_same_voxels(a->acquired[j], b->acquired[j]);
        if (j > 0) assert_same_voxels(a->target[j], b->target[j]);
    }
    assert_same_voxels(a->label, b->label);
    assert_same_voxels(a->acquired[3], c->acquired[0]);
    assert_same_voxels(a->acquired[0], c->acquired[1]);
    assert_int_equal(a->n_landmarks, b->n_landmarks);
    assert_memory_not_equal(a->acquired[0]->voxel, other->acquired[0]->voxel, 1000 * sizeof(float));
    config.seed++;
    med_phantom_case *reseeded = draw(&config, 2);
    assert_memory_not_equal(&a->label->grid, &reseeded->label->grid, sizeof(med_grid));
    med_phantom_case *all[] = {a, b, c, other, reseeded};
    for (int i = 0; i < 5; i++) med_phantom_case_free(all[i]);
}

static void images_of_a_case_fit_together(void **state) {
    (void)state;
    for (int is_cut = 0; is_cut < 2; is_cut++)
        for (int index = 0; index < 4; index++) {
            med_phantom_config config = small();
            config.is_cut_to_fan = is_cut;
            med_phantom_case *c = draw(&config, index);
            size_t n = med_grid_count(c->fov->grid), n_fan = 0, n_brain = 0;
            for (size_t i = 0; i < n; i++) {
                bool is_fan = c->fov->voxel[i] == 1;
                n_fan += is_fan;
                assert_true(is_fan || c->fov->voxel[i] == 0);
                float us = c->acquired[0]->voxel[i], label = c->label->voxel[i];
                assert_true(is_fan ? us >= 1 && us <= 255 && us == rintf(us) : us == 0);
                assert_true(label == 0 || label == 1 || label == 2 || label == 4);
                if (is_cut && !is_fan) assert_true(label == 0);
                bool is_brain = c->acquired[1]->voxel[i] > 0;
                n_brain += is_brain;
                if (is_cut) assert_true(!is_brain || is_fan);
                if (label > 0) assert_true(is_brain);
                for (int j = 1; j < 4; j++) {
                    float acquired = c->acquired[j]->voxel[i], target = c->target[j]->voxel[i];
                    assert_true((acquired > 0) == is_brain && acquired < 32767 && acquired == rintf(acquired));
                    assert_true(is_brain ? target >= 0.999f / 255 && target <= 1 : target == 0);
                }
            }
            /* The fan fills 45 % of a square, a little less where it leaves the volume; most of it shows brain. */
            assert_in_range(100 * n_fan / n, 38, 47);
            assert_true(n_brain > (is_cut ? n_fan * 7 / 10 : n_fan));
            med_phantom_case_free(c);
        }
}

/* The count of spec/sweep.md 2.1 for the default probe. */
static void fan_is_the_default_probe(void **state) {
    (void)state;
    float y0 = 8;
    phantom_probe probe = {.radius = 58, .depth = 130, .half_angle = (float)(M_PI / 6), .x0 = 95.5f, .y0 = &y0};
    int n = 0;
    float range, angle;
    for (int y = 0; y < 192; y++)
        for (int x = 0; x < 192; x++) n += phantom_probe_polar(&probe, 0, (float)x, (float)y, &range, &angle);
    assert_int_equal(n, 16732);
}

static void modalities_go_missing_at_the_rate_asked_for(void **state) {
    (void)state;
    med_phantom_config config = small();
    for (int i = 0; i < 3; i++) config.size[i] = 8;
    int n = 400, n_missing[4] = {0};
    for (int index = 0; index < n; index++) {
        med_phantom_case *c = draw(&config, index);
        assert_true(med_modset_has(c->observed, 0));
        assert_true(med_modset_count(c->observed) >= 2);
        for (int j = 0; j < 4; j++) n_missing[j] += !med_modset_has(c->observed, j);
        med_phantom_case_free(c);
    }
    /* P - P^3/3 = 0.379, since the last MR is kept; 4 standard deviations of 400 draws: 0.097. */
    for (int j = 1; j < 4; j++) assert_in_range(n_missing[j], (int)(n * 0.282), (int)(n * 0.476));
    config.missing = 1;
    med_modset kept = 0;
    for (int index = 0; index < 12; index++) {
        med_phantom_case *c = draw(&config, index);
        assert_int_equal(med_modset_count(c->observed), 2);
        kept |= c->observed;
        med_phantom_case_free(c);
    }
    assert_int_equal(kept, 15);
}

static void heads_vary(void **state) {
    (void)state;
    med_phantom_config config = small();
    config.size[0] = config.size[1] = 32;
    config.size[2] = 16;
    config.spacing_mm = 3.5;
    double smallest = 1e9, largest = 0, low = 1e9, high = 0;
    const char *kinds[N_TUMOUR_KINDS] = {NULL};
    int n_kinds = 0;
    for (int index = 0; index < 24; index++) {
        med_phantom_case *c = draw(&config, index);
        size_t n = med_grid_count(c->label->grid), n_tumour = 0, n_brain = 0;
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            n_tumour += c->label->voxel[i] > 0;
            n_brain += c->acquired[1]->voxel[i] > 0;
            sum += (double)c->acquired[1]->voxel[i];
        }
        double ml = (double)n_tumour * 3.5 * 3.5 * 3.5 / 1000, mean = sum / (double)n_brain;
        smallest = fmin(smallest, ml);
        largest = fmax(largest, ml);
        low = fmin(low, mean);
        high = fmax(high, mean);
        int k = 0;
        while (k < n_kinds && strcmp(kinds[k], c->tumour) != 0) k++;
        if (k == n_kinds) kinds[n_kinds++] = c->tumour;
        assert_in_range(c->n_landmarks, 6, MED_PHANTOM_LANDMARKS);
        assert_string_equal(c->landmark[0].name, "tumour");
        med_phantom_case_free(c);
    }
    assert_true(smallest > 0.5 && largest < 200 && largest > 3 * smallest);
    assert_true(high > 3 * low); /* units of the scanner */
    assert_int_equal(n_kinds, N_TUMOUR_KINDS);
}

/* Mean of an image over the voxels that are nearly all of one tissue. */
static double mean_in(const phantom_scene *s, const float *image, phantom_tissue tissue) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->is_fan[i] && s->part[tissue][i] > 230) {
            sum += (double)image[i];
            n++;
        }
    return n > 20 ? sum / (double)n : NAN;
}

/* Harmonised MR has the same white and grey matter in every head; ultrasound shows fluid dark, and dura and tumour brighter
 * than white matter. */
static void contrasts(void **state) {
    (void)state;
    med_phantom_config config = small();
    config.size[0] = config.size[1] = 80;
    config.spacing_mm = 1.5;
    for (int index = 0; index < 5; index++) {
        phantom_scene s;
        assert_ok(phantom_scene_create(&config, index, &s));
        float *us = malloc(3 * s.count * sizeof *us), *acquired = us + s.count, *target = us + 2 * s.count;
        phantom_us_setting setting = phantom_us_setting_of(&s);
        assert_ok(phantom_us_envelope(&s, &setting, us));
        phantom_us_compress(&s, &setting, us);
        phantom_mr_draw(&s, "t2", (phantom_mr_volumes){acquired, target});
        assert_float_equal(mean_in(&s, target, T_WHITE), 0.37, 0.03);
        assert_float_equal(mean_in(&s, target, T_GREY), 0.58, 0.03);
        double white = mean_in(&s, us, T_WHITE), fluid = mean_in(&s, us, T_VENTRICLE), solid = mean_in(&s, us, T_SOLID);
        assert_in_range((int)white, 60, 150);
        if (!isnan(fluid))
            if (!(fluid < white - 20)) fail_msg("case %d: fluid %g, white %g", index, fluid, white);
        if (!isnan(solid)) assert_true(solid > white + 8);
        free(us);
        phantom_scene_free(&s);
    }
}

/* Speckle of homogeneous tissue: the envelope is Rayleigh distributed, mean/std = sqrt(pi / (4 - pi)) = 1.913, everywhere
 * in the fan. About 2500 independent speckles a block: the ratio is known to 2 %; 5 % allows for the noise of the few
 * large ones. */
static void speckle_is_fully_developed(void **state) {
    (void)state;
    enum { N = 192, SLICES = 24 };
    size_t count = (size_t)N * N * SLICES;
    uint8_t *full = malloc(count), *none = calloc(count, 1);
    memset(full, 255, count);
    float y0[SLICES], *image = malloc(count * sizeof *image);
    for (int k = 0; k < SLICES; k++) y0[k] = 8;
    phantom_scene s = {
        .seed = 3, .n = {N, N, SLICES}, .count = count, .spacing_mm = 0.5f, .is_brain = full, .is_fan = full};
    s.probe = (phantom_probe){.radius = 58, .depth = 130, .half_angle = (float)(M_PI / 6), .x0 = 95.5f, .y0 = y0};
    for (int t = 0; t < N_TISSUES; t++) s.part[t] = t == T_WHITE ? full : none;
    phantom_us_setting setting = phantom_us_setting_of(&s);
    assert_int_equal(setting.n_looks, 1);
    setting.attenuation_db_per_cm = 0;
    setting.acoustics.scatter_db[T_WHITE] = 0;
    setting.noise_db = -200;
    assert_ok(phantom_us_envelope(&s, &setting, image));
    for (int row = 30; row < 110; row += 33) {
        double sum = 0, squares = 0;
        int n = 0;
        for (int k = 0; k < SLICES; k++)
            for (int y = row; y < row + 20; y++)
                for (int x = 76; x < 116; x++, n++) {
                    double v = (double)image[((size_t)k * N + (size_t)y) * N + (size_t)x];
                    sum += v;
                    squares += v * v;
                }
        double mean = sum / n, std = sqrt(squares / n - mean * mean);
        if (fabs(mean / std - 1.913) > 0.1) fail_msg("rows from %d: mean/std %.3f", row, mean / std);
    }
    free(full);
    free(none);
    free(image);
}

static void wrong_settings(void **state) {
    (void)state;
    med_phantom_config config = small();
    med_phantom_case *c;
    config.mods[1] = "ct";
    assert_fails(med_phantom_case_create(&config, 0, &c), MED_EUSAGE, "modality 'ct'");
    config.mods[1] = "flair";
    assert_fails(med_phantom_check(&config), MED_EUSAGE, "'flair' is named twice");
    config.n_mods = 1;
    assert_fails(med_phantom_check(&config), MED_EUSAGE, "at least one MR");
    config = small();
    config.size[2] = 7;
    assert_fails(med_phantom_check(&config), MED_EUSAGE, "size 48,48,7");
    config = small();
    config.spacing_mm = NAN;
    assert_fails(med_phantom_check(&config), MED_EUSAGE, "spacing");
    config = small();
    config.missing = 1.5;
    assert_fails(med_phantom_check(&config), MED_EUSAGE, "missing 1.5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_other_modalities_change_nothing),
        cmocka_unit_test(images_of_a_case_fit_together),
        cmocka_unit_test(fan_is_the_default_probe),
        cmocka_unit_test(modalities_go_missing_at_the_rate_asked_for),
        cmocka_unit_test(heads_vary),
        cmocka_unit_test(contrasts),
        cmocka_unit_test(speckle_is_fully_developed),
        cmocka_unit_test(wrong_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
