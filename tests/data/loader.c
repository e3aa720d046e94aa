/* Windows of slices have the values of the files, in the network's order, cut, padded and mirrored as the header says. */
#include "data/loader.h"
#include "data/folders.h"

static float target_ramp(int i, int j, int k) { return (float)(1 + i + 7 * j + 40 * k) / 200; }

static med_dataset *open_pair(const char *f) {
    folder_image(f, "a-us.nii.gz", folder_size, folder_ramp);
    folder_image(f, "a-t2.nii.gz", folder_size, folder_ramp);
    folder_image(f, "a-t2.target.nii.gz", folder_size, target_ramp);
    folder_image(f, "b-us.nii.gz", (int[]){9, 3, 11}, folder_ramp);
    med_dataset *d;
    assert_ok(med_dataset_open(f, &d));
    return d;
}

static med_loader *load(const med_dataset *d, int height, int width, size_t budget) {
    med_loader *l;
    assert_ok(med_loader_create(d, (int[]){0, 1}, 2,
                                &(med_loader_config){.height = height, .width = width, .memory_bytes = budget}, &l));
    return l;
}

/* 6 x 5 onto 8 x 4: two rows of background (one at each end), one column cut at the low end (the larger half). */
static void values_and_place(void **state) {
    (void)state;
    const char *f = testing_folder();
    med_dataset *d = open_pair(f);
    med_loader *l = load(d, 8, 4, 0);
    assert_true(med_loader_is_float(l));
    assert_int_equal(med_loader_n_cases(l), 2);
    assert_string_equal(med_loader_name(l, 1), "b");
    assert_int_equal(med_loader_observed(l, 0), 3);
    assert_int_equal(med_loader_observed(l, 1), 1);
    assert_int_equal(med_loader_n_slices(l, 0), 4);
    float x[2][8][4];
    med_loader_read(l, (med_window){0, 1, 2, false}, 1, true, &x[0][0][0]);
    for (int s = 0; s < 2; s++)
        for (int h = 0; h < 8; h++)
            for (int w = 0; w < 4; w++) {
                bool is_inside = h >= 1 && h < 7;
                float expected = is_inside ? 2 * target_ramp(h - 1, w + 1, s + 1) - 1 : -1;
                assert_float_equal(x[s][h][w], expected, 1e-6);
            }
    med_volume *v;
    assert_ok(med_case_load_input(&d->cases[0], "t2", &v));
    med_loader_read(l, (med_window){0, 3, 1, true}, 1, false, &x[0][0][0]); /* mirrored: rows 7..0 */
    for (int h = 1; h < 7; h++) assert_true(x[0][7 - h][0] == *med_volume_at(v, h - 1, 1, 3));
    med_volume_free(v);
    med_loader_read(l, (med_window){0, 0, 2, false}, 0, true, &x[0][0][0]); /* us: the target is the input */
    float y[2][8][4];
    med_loader_read(l, (med_window){0, 0, 2, false}, 0, false, &y[0][0][0]);
    assert_memory_equal(x, y, sizeof x);
    med_loader_free(l);
    med_dataset_free(d);
    testing_remove(f);
}

/* 16 bits: half a step of 2/65535 and float rounding; background stays exactly -1. */
static void sixteen_bits(void **state) {
    (void)state;
    const char *f = testing_folder();
    med_dataset *d = open_pair(f);
    size_t n_values = 8 * 8 * (3 * 4 + 11);
    med_loader *exact = load(d, 8, 8, 4 * n_values), *packed = load(d, 8, 8, 4 * n_values - 1), *none;
    assert_true(med_loader_is_float(exact));
    assert_false(med_loader_is_float(packed));
    assert_int_equal(med_loader_bytes(exact), 4 * n_values);
    assert_int_equal(med_loader_bytes(packed), 2 * n_values);
    float x[4][8][8], y[4][8][8];
    med_loader_read(exact, (med_window){0, 0, 4, false}, 1, false, &x[0][0][0]);
    med_loader_read(packed, (med_window){0, 0, 4, false}, 1, false, &y[0][0][0]);
    for (int i = 0; i < 4 * 64; i++) {
        assert_float_equal((&x[0][0][0])[i], (&y[0][0][0])[i], 1.6e-5);
        if ((&x[0][0][0])[i] == -1) assert_true((&y[0][0][0])[i] == -1);
    }
    med_loader_free(exact);
    med_loader_free(packed);
    assert_fails(med_loader_create(d, (int[]){0, 1}, 2,
                                   &(med_loader_config){.height = 8, .width = 8, .memory_bytes = 2 * n_values - 1},
                                   &none),
                 MED_ENOMEM, "the budget is");
    assert_null(none);
    med_dataset_free(d);
    testing_remove(f);
}

static void bad_cases_are_named(void **state) {
    (void)state;
    const char *f = testing_folder();
    folder_image(f, "a-us.nii.gz", folder_size, folder_ramp);
    folder_image(f, "a-t2.nii.gz", (int[]){6, 5, 3}, folder_ramp);
    med_dataset *d;
    med_loader *l;
    assert_ok(med_dataset_open(f, &d));
    med_loader_config config = {.height = 8, .width = 8};
    assert_fails(med_loader_create(d, (int[]){0}, 1, &config, &l), MED_EFORMAT, "a-t2.nii.gz: 6 x 5 x 3 voxels");
    folder_text(f, "a-t2.nii.gz", "not an image");
    assert_fails(med_loader_create(d, (int[]){0}, 1, &config, &l), MED_EFORMAT, "a-t2.nii.gz");
    med_dataset_free(d);
    testing_remove(f);
}

/* Two scans of one head stored along other axes come out alike. */
static void orientation(void **state) {
    (void)state;
    const char *f = testing_folder();
    med_volume *v, *turned;
    assert_ok(med_volume_create((med_grid){{6, 5, 4}, med_affine_identity()}, &v));
    for (int i = 0; i < 120; i++) v->voxel[i] = (float)(1 + i);
    assert_ok(med_volume_reorient(v, "IPL", &turned));
    char *a = med_path_join(f, "a-t2.nii.gz"), *b = med_path_join(f, "b-t2.nii.gz");
    assert_ok(med_volume_save(v, a, MED_VOXEL_F32));
    assert_ok(med_volume_save(turned, b, MED_VOXEL_F32));
    med_dataset *d;
    med_loader *l;
    assert_ok(med_dataset_open(f, &d));
    assert_ok(med_loader_create(d, (int[]){0, 1}, 2,
                                &(med_loader_config){.height = 6, .width = 5, .orientation = "RAS"}, &l));
    assert_int_equal(med_loader_bytes(l), 2 * 120 * 4);
    float x[120], y[120];
    med_loader_read(l, (med_window){0, 0, 4, false}, 0, false, x);
    med_loader_read(l, (med_window){1, 0, 4, false}, 0, false, y);
    assert_memory_equal(x, y, sizeof x);
    med_loader_free(l);
    med_dataset_free(d);
    med_volume_free(v);
    med_volume_free(turned);
    free(a);
    free(b);
    testing_remove(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_place),
        cmocka_unit_test(sixteen_bits),
        cmocka_unit_test(bad_cases_are_named),
        cmocka_unit_test(orientation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
