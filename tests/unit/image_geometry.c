/* Affines, orientation codes, and moves of voxels that must not change where a voxel lies in the patient. */
#include "../images.h"

/* Rounding of a few products of numbers up to 500: 1e-10 mm. */
static const double EXACT_MM = 1e-10;

static float distinct(int i, int j, int k) { return (float)(1 + i + 100 * j + 10000 * k); }

static void inverse_undoes(void **state) {
    (void)state;
    med_affine a = images_oblique_grid(1, 1, 1, true).affine, inverse;
    assert_true(med_affine_invert(a, &inverse));
    images_assert_affine(med_affine_multiply(inverse, a), med_affine_identity(), 1e-12);
    images_assert_affine(med_affine_multiply(a, inverse), med_affine_identity(), EXACT_MM);
    assert_true(fabs(med_affine_determinant(a) + 0.9 * 0.5 * 2.5) < 1e-12);
    for (int r = 0; r < 3; r++) a.m[r][2] = 2 * a.m[r][0];
    assert_false(med_affine_invert(a, &inverse));
    a.m[1][1] = NAN;
    assert_false(med_affine_invert(a, &inverse));
}

static void spacing_and_corners(void **state) {
    (void)state;
    med_grid a = images_oblique_grid(4, 5, 6, false), b = a;
    double spacing[3];
    med_grid_spacing(a, spacing);
    assert_true(fabs(spacing[0] - 0.9) < 1e-12 && fabs(spacing[1] - 0.5) < 1e-12 && fabs(spacing[2] - 2.5) < 1e-12);
    b.affine.m[2][3] += 0.25;
    assert_true(fabs(med_grid_corner_distance(a, b) - 0.25) < EXACT_MM);
    assert_true(med_grid_equal(a, b, 0.26));
    assert_false(med_grid_equal(a, b, 0.24));
    b = a;
    b.n[1]++;
    assert_false(med_grid_equal(a, b, 100));
}

static void orientation_codes(void **state) {
    (void)state;
    char code[4];
    med_grid grid = {{2, 2, 2}, med_affine_identity()};
    med_grid_orientation(grid, code);
    assert_string_equal(code, "RAS");
    grid.affine = (med_affine){{{0, 0, -2, 0}, {-1, 0, 0, 0}, {0, -3, 0, 0}, {0, 0, 0, 1}}};
    med_grid_orientation(grid, code);
    assert_string_equal(code, "PIL");
    grid = images_oblique_grid(2, 2, 2, true);
    med_grid_orientation(grid, code);
    assert_string_equal(code, "LAS");
    /* both first axes are nearest to R: only together they find their place */
    grid.affine = (med_affine){{{0.8, 0.75, 0, 0}, {0.1, 0.66, 0.6, 0}, {0.59, 0.05, 0.8, 0}, {0, 0, 0, 1}}};
    med_grid_orientation(grid, code);
    assert_string_equal(code, "RAS");
    med_volume *v = images_make(images_oblique_grid(2, 2, 2, false), distinct), *out;
    assert_fails(med_volume_reorient(v, "RRS", &out), MED_EUSAGE, "'RRS'");
    assert_fails(med_volume_reorient(v, "RA", &out), MED_EUSAGE, "three letters");
    assert_fails(med_volume_reorient(v, "ras", &out), MED_EUSAGE, "three letters");
    med_volume_free(v);
}

/* Every voxel of `b` must be the voxel of `a` at the same place (or `outside`, where there is none). */
static size_t assert_same_places(const med_volume *a, const med_volume *b, float outside) {
    med_affine inverse;
    assert_true(med_affine_invert(a->grid.affine, &inverse));
    size_t n_shared = 0;
    for (int k = 0; k < b->grid.n[2]; k++)
        for (int j = 0; j < b->grid.n[1]; j++)
            for (int i = 0; i < b->grid.n[0]; i++) {
                double x[3] = {i, j, k};
                int from[3];
                bool is_inside = true;
                med_affine_apply(b->grid.affine, x, x);
                med_affine_apply(inverse, x, x);
                for (int axis = 0; axis < 3; axis++) {
                    from[axis] = (int)lround(x[axis]);
                    assert_true(fabs(x[axis] - from[axis]) < 1e-9);
                    is_inside = is_inside && from[axis] >= 0 && from[axis] < a->grid.n[axis];
                }
                float expected = is_inside ? *med_volume_at(a, from[0], from[1], from[2]) : outside;
                assert_true(*med_volume_at(b, i, j, k) == expected);
                n_shared += is_inside;
            }
    return n_shared;
}

static void reorient_keeps_places(void **state) {
    (void)state;
    static const char *const codes[] = {"RAS", "LPS", "SRA", "AIL", "IPR", "PLS"};
    for (int handed = 0; handed < 2; handed++)
        for (size_t c = 0; c < sizeof codes / sizeof *codes; c++) {
            med_volume *v = images_make(images_oblique_grid(3, 4, 5, handed), distinct), *turned, *back;
            char old[4], code[4];
            snprintf(v->description, sizeof v->description, "kept");
            med_grid_orientation(v->grid, old);
            assert_ok(med_volume_reorient(v, codes[c], &turned));
            med_grid_orientation(turned->grid, code);
            assert_string_equal(code, codes[c]);
            assert_string_equal(turned->description, "kept");
            assert_int_equal(assert_same_places(v, turned, -1), 60);
            assert_ok(med_volume_reorient(turned, old, &back));
            assert_true(med_grid_equal(v->grid, back->grid, EXACT_MM));
            assert_memory_equal(v->voxel, back->voxel, 60 * sizeof(float));
            med_volume_free(v);
            med_volume_free(turned);
            med_volume_free(back);
        }
}

/* 201 -> 192 drops 5 and 4, 187 -> 192 pads 3 and 2 (spec/data.md 4.2). */
static void fit_rule(void **state) {
    (void)state;
    static const struct {
        int from, to, first; /* index in the new volume of the old one's first voxel */
    } rows[] = {{201, 192, -5}, {187, 192, 3}, {200, 192, -4}, {188, 192, 2}, {192, 192, 0}, {1, 2, 1}, {2, 1, -1}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        med_volume *v = images_make(images_oblique_grid(rows[r].from, 3, 2, false), distinct), *out;
        assert_ok(med_volume_fit(v, (const int[3]){rows[r].to, 3, 2}, -7, &out));
        for (int i = 0; i < rows[r].to; i++) {
            int from = i - rows[r].first;
            assert_true(*med_volume_at(out, i, 1, 1) == (from < 0 || from >= rows[r].from ? -7 : distinct(from, 1, 1)));
        }
        assert_same_places(v, out, -7);
        med_volume_free(v);
        med_volume_free(out);
    }
}

static void fit_all_axes_and_back(void **state) {
    (void)state;
    med_volume *v = images_make(images_oblique_grid(5, 6, 7, true), distinct), *out, *back;
    assert_ok(med_volume_fit(v, (const int[3]){8, 3, 9}, 0, &out));
    assert_int_equal(assert_same_places(v, out, 0), 5 * 3 * 7);
    med_volume_free(out);
    assert_ok(med_volume_fit(v, (const int[3]){9, 11, 12}, 0, &out)); /* grow, then cut: the same voxels */
    assert_ok(med_volume_fit(out, v->grid.n, 0, &back));
    assert_true(med_grid_equal(v->grid, back->grid, EXACT_MM));
    assert_memory_equal(v->voxel, back->voxel, med_grid_count(v->grid) * sizeof(float));
    med_volume_free(v);
    med_volume_free(out);
    med_volume_free(back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inverse_undoes),    cmocka_unit_test(spacing_and_corners),
        cmocka_unit_test(orientation_codes), cmocka_unit_test(reorient_keeps_places),
        cmocka_unit_test(fit_rule),          cmocka_unit_test(fit_all_axes_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
