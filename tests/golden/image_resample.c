/* Resampling against ITK (SimpleITK.Resample): eleven transforms, linear and nearest, and exact ties at the border. */
#include "../images.h"

#include <zlib.h>
#include "base/file.h"
#include "base/thread.h"
#include "image/resample.h"

/* The moving volumes are float32 in gzip behind a text header; grid and sums come from the JSON beside them. */
static med_volume *load_moving(const json_t *entry) {
    med_mapping file;
    char *path = images_path(images_text(entry, "file"));
    assert_ok(med_file_map(path, &file));
    const uint8_t *data = memmem(file.data, file.size, "\n\n", 2);
    assert_non_null(data);
    data += 2;
    med_volume *v;
    assert_ok(med_volume_create(images_grid(json_object_get(entry, "dims"), json_object_get(entry, "affine_ras")), &v));
    z_stream z = {.next_in = (uint8_t *)data,
                  .avail_in = (unsigned)(file.data + file.size - data),
                  .next_out = (uint8_t *)v->voxel,
                  .avail_out = (unsigned)(med_grid_count(v->grid) * sizeof(float))};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_out, 0);
    inflateEnd(&z);
    double sum = 0;
    for (size_t i = 0; i < med_grid_count(v->grid); i++) sum += v->voxel[i];
    assert_true(fabs(sum - images_number(entry, "sum")) < 1e-9 * fabs(sum));
    med_file_unmap(&file);
    free(path);
    return v;
}

static void check(const med_volume *moving, const json_t *reference, const json_t *entry, const char *how,
                  double tolerance) {
    med_grid grid = images_grid(json_object_get(reference, "dims"), json_object_get(reference, "affine_ras"));
    med_affine to_moving = images_grid(NULL, json_object_get(entry, "matrix_ras")).affine;
    const json_t *output = json_object_get(json_object_get(entry, "outputs"), how);
    med_volume *expected = images_load(images_text(output, "file")), *out[2];
    for (int threads = 1; threads <= 2; threads++) {
        med_threads_set(threads);
        assert_ok(med_volume_resample(moving, grid, to_moving, *how == 'l' ? MED_INTERP_LINEAR : MED_INTERP_NEAREST, 0,
                                      &out[threads - 1]));
    }
    double largest = 0, sum = 0;
    for (size_t i = 0; i < med_grid_count(grid); i++) {
        largest = fmax(largest, fabs((double)out[0]->voxel[i] - expected->voxel[i]));
        sum += expected->voxel[i];
    }
    print_message("%-42s %.3g\n", images_text(output, "file"), largest);
    assert_true(fabs(sum - images_number(output, "sum")) < 1e-9 * fabs(sum));
    assert_true(largest <= tolerance);
    assert_true(med_grid_equal(out[0]->grid, expected->grid, 1e-4)); /* float32 affine in the file */
    assert_memory_equal(out[0]->voxel, out[1]->voxel, med_grid_count(grid) * sizeof(float));
    med_volume_free(out[0]);
    med_volume_free(out[1]);
    med_volume_free(expected);
}

static void as_itk_resamples(void **state) {
    (void)state;
    json_t *list = images_json("resample.json"), *entry, *tolerances = json_object_get(list, "tolerances");
    med_volume *moving = load_moving(json_object_get(list, "moving"));
    size_t i;
    int n = 0;
    json_array_foreach (json_object_get(list, "cases"), i, entry) {
        if (!json_object_get(entry, "matrix_ras")) continue; /* a displacement field: not an affine */
        check(moving, json_object_get(list, "reference"), entry, "linear", images_number(tolerances, "linear"));
        check(moving, json_object_get(list, "reference"), entry, "nearest", 0);
        n++;
    }
    assert_int_equal(n, 11);
    med_volume_free(moving);
    json_decref(list);
}

/* c = -0.5 is inside, c = n-0.5 outside, nearest rounds halves up: all numbers exact. */
static void ties_at_the_border(void **state) {
    (void)state;
    json_t *list = images_json("resample.json"), *edge = json_object_get(list, "edge");
    med_volume *moving = load_moving(json_object_get(edge, "moving"));
    check(moving, json_object_get(edge, "reference"), edge, "linear", 0);
    check(moving, json_object_get(edge, "reference"), edge, "nearest", 0);
    med_volume_free(moving);
    json_decref(list);
}

int main(void) {
    if (!images_find()) return 77;
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_itk_resamples), cmocka_unit_test(ties_at_the_border)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
