/* prepare.c: volumes brought to slices keep every voxel at its place in the world. */
#include "testing.h"

#include <math.h>

#include "task/prepare_slices.h"

static void assert_close(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.17g, expected %.17g within %g", value, expected, tolerance);
}

/* Axes point L, P, S; voxel value = 100 x + 10 y + z in RAS millimetres, so the value tells the place. */
static med_volume *create(void) {
    med_grid g = {.n = {6, 4, 5}, .affine = med_affine_identity()};
    g.affine.m[0][0] = -1;
    g.affine.m[0][3] = 30;
    g.affine.m[1][1] = -1;
    g.affine.m[1][3] = 20;
    g.affine.m[2][3] = 7;
    med_volume *v;
    assert_ok(med_volume_create(g, &v));
    for (int k = 0; k < 5; k++)
        for (int j = 0; j < 4; j++)
            for (int i = 0; i < 6; i++) *med_volume_at(v, i, j, k) = (float)(100 * (30 - i) + 10 * (20 - j) + 7 + k);
    return v;
}

static void assert_values_in_place(const med_volume *v) {
    for (int k = 0; k < v->grid.n[2]; k++)
        for (int j = 0; j < v->grid.n[1]; j++)
            for (int i = 0; i < v->grid.n[0]; i++) {
                double at[3] = {i, j, k}, world[3];
                med_affine_apply(v->grid.affine, at, world);
                assert_close((double)*med_volume_at(v, i, j, k), 100 * world[0] + 10 * world[1] + world[2], 1e-3);
            }
}

static void orientation_cut_and_means_keep_places(void **state) {
    (void)state;
    med_volume *v = create(), *out;
    char code[4];
    med_slices_options o = {.orientation = "RAS", .from = 1, .to = 3, .shrink = {2, 2, 0}};
    assert_ok(med_prepare_slices(v, &o, &out));
    assert_int_equal(out->grid.n[0], 3);
    assert_int_equal(out->grid.n[1], 2);
    assert_int_equal(out->grid.n[2], 3);
    med_grid_orientation(out->grid, code);
    assert_string_equal(code, "RAS");
    assert_values_in_place(out);
    med_volume_free(out);
    o = (med_slices_options){.fit = {4, 2, 0}, .to = -1};
    assert_ok(med_prepare_slices(v, &o, &out));
    assert_int_equal(out->grid.n[0], 4);
    assert_int_equal(out->grid.n[2], 5);
    med_grid_orientation(out->grid, code);
    assert_string_equal(code, "LPS");
    assert_values_in_place(out);
    med_volume_free(out);
    o = (med_slices_options){.from = 1, .to = -1, .every = 2};
    assert_ok(med_prepare_slices(v, &o, &out));
    assert_int_equal(out->grid.n[2], 2);
    assert_values_in_place(out);
    med_volume_free(out);
    med_volume_free(v);
}

static void padding_is_zero(void **state) {
    (void)state;
    med_volume *v = create(), *out;
    med_slices_options o = {.fit = {8, 4, 5}, .to = -1};
    assert_ok(med_prepare_slices(v, &o, &out));
    assert_true(*med_volume_at(out, 0, 0, 0) == 0 && *med_volume_at(out, 7, 3, 4) == 0);
    assert_true(*med_volume_at(out, 1, 0, 0) == *med_volume_at(v, 0, 0, 0));
    med_volume_free(out);
    med_volume_free(v);
}

static void what_is_not_there_is_refused(void **state) {
    (void)state;
    med_volume *v = create(), *out;
    med_slices_options o = {.from = 2, .to = 5};
    assert_fails(med_prepare_slices(v, &o, &out), MED_EUSAGE, "0 to 4");
    o = (med_slices_options){.from = 3, .to = 2};
    assert_fails(med_prepare_slices(v, &o, &out), MED_EUSAGE, "slices 3 to 2");
    o = (med_slices_options){.to = -1, .shrink = {7, 1, 1}};
    assert_fails(med_prepare_slices(v, &o, &out), MED_EUSAGE, "7 voxels");
    o = (med_slices_options){.to = -1, .orientation = "RAX"};
    assert_fails(med_prepare_slices(v, &o, &out), MED_EUSAGE, "RAX");
    assert_null(out);
    med_volume_free(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orientation_cut_and_means_keep_places),
        cmocka_unit_test(padding_is_zero),
        cmocka_unit_test(what_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
