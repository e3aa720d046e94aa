/* png.c: what is written is what libpng reads back, grey and colour. */
#include <png.h>
#include "base/file.h"
#include "base/memory.h"
#include "image/png.h"
#include "testing.h"

enum { WIDTH = 37, HEIGHT = 11 };

static void check_round_trip(int n_channels) {
    uint8_t pixels[WIDTH * HEIGHT * 3], back[WIDTH * HEIGHT * 3], *data;
    size_t n_bytes, n_pixels = (size_t)(WIDTH * HEIGHT * n_channels);
    for (size_t p = 0; p < n_pixels; p++) pixels[p] = (uint8_t)(p * 31 + p * p / 7);
    assert_ok(med_png_encode(&(med_picture){WIDTH, HEIGHT, n_channels, pixels}, &data, &n_bytes));
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(&image, data, n_bytes));
    assert_int_equal(image.width, WIDTH);
    assert_int_equal(image.height, HEIGHT);
    assert_int_equal(image.format, n_channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY);
    assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
    assert_memory_equal(back, pixels, n_pixels);
    free(data);
}

static void grey_round_trip(void **state) {
    (void)state;
    check_round_trip(1);
}

static void colour_round_trip(void **state) {
    (void)state;
    check_round_trip(3);
}

static void files_hold_the_same_bytes(void **state) {
    (void)state;
    uint8_t pixel[1] = {7}, *data;
    size_t n_bytes;
    med_picture picture = {1, 1, 1, pixel};
    char *path = med_format("/tmp/medley-png-%d.png", (int)getpid());
    med_mapping file;
    assert_ok(med_png_save(&picture, path));
    assert_ok(med_png_encode(&picture, &data, &n_bytes));
    assert_ok(med_file_map(path, &file));
    assert_int_equal(file.size, n_bytes);
    assert_memory_equal(file.data, data, n_bytes);
    med_file_unmap(&file);
    unlink(path);
    free(path);
    free(data);
}

static void impossible_sizes_are_refused(void **state) {
    (void)state;
    uint8_t pixel[1] = {7}, *data = NULL;
    size_t n_bytes;
    assert_fails(med_png_encode(&(med_picture){0, 3, 1, pixel}, &data, &n_bytes), MED_EFAIL, "0 x 3");
    assert_int_not_equal(med_png_save(&(med_picture){1, 1, 1, pixel}, "/nowhere/at/all.png"), MED_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grey_round_trip),
        cmocka_unit_test(colour_round_trip),
        cmocka_unit_test(files_hold_the_same_bytes),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
