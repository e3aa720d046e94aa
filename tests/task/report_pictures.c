/* report_pictures.c: the patient's right is on the picture's left, however the volume is stored. */
#include <math.h>
#include <png.h>
#include "base/memory.h"
#include "task/report_films.h"
#include "testing.h"

enum { NI = 20, NJ = 26, NK = 9 };

/* Grey brain of -0.5 in a background of -1, RAS order, 1 x 1 x 3 mm; a bright corner at the right, anterior, superior end
 * of the middle planes. */
static med_volume *head(void) {
    med_grid grid = {{NI, NJ, NK}, {{{1, 0, 0, -10}, {0, 1, 0, -13}, {0, 0, 3, -12}, {0, 0, 0, 1}}}};
    med_volume *v;
    assert_ok(med_volume_create(grid, &v));
    for (int k = 0; k < NK; k++)
        for (int j = 0; j < NJ; j++)
            for (int i = 0; i < NI; i++) {
                bool is_brain = i >= 3 && i < NI - 3 && j >= 3 && j < NJ - 3;
                bool is_corner = (i > NI - 6) + (j > NJ - 6) + (k > NK - 3) >= 2;
                *med_volume_at(v, i, j, k) = !is_brain ? -1 : is_corner ? 1 : -0.5f;
            }
    return v;
}

static int digit_of(char c) {
    const char *all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
               *at = c ? strchr(all, c) : NULL;
    return at ? (int)(at - all) : -1;
}

/* The n-th picture of the page, decoded; its pixels are owned. */
static uint8_t *picture(const char *html, int n, png_image *image) {
    const char *mark = "base64,", *at = html;
    for (int i = 0; i <= n; i++) {
        at = strstr(at, mark);
        assert_non_null(at);
        at += strlen(mark);
    }
    uint8_t *png = med_alloc(strlen(at)), *pixels;
    size_t n_bytes = 0;
    unsigned bits = 0, n_bits = 0;
    for (; digit_of(*at) >= 0; at++) {
        bits = bits << 6 | (unsigned)digit_of(*at);
        n_bits += 6;
        if (n_bits >= 8) png[n_bytes++] = (uint8_t)(bits >> (n_bits -= 8));
    }
    *image = (png_image){.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(image, png, n_bytes));
    pixels = med_alloc(PNG_IMAGE_SIZE(*image));
    assert_true(png_image_finish_read(image, NULL, pixels, 0, NULL));
    free(png);
    return pixels;
}

static void draw(const med_volume *v, const med_volume *other, const med_view *view, med_text *html) {
    const med_film film = {"head", other ? MED_FILM_DIFFERENCE : MED_FILM_GREY, v, other};
    assert_ok(med_report_figure(html, &film, 1, view, "a head"));
}

/* Mean grey of a quarter: 0 top left, 1 top right, 2 bottom left, 3 bottom right. */
static double quarter(const uint8_t *pixels, const png_image *image, int which) {
    double sum = 0, n = 0;
    int w = (int)image->width / 2, h = (int)image->height / 2;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++, n++)
            sum += pixels[(y + (which & 2 ? (int)image->height - h : 0)) * (int)image->width + x +
                          (which & 1 ? (int)image->width - w : 0)];
    return sum / n;
}

static void right_anterior_superior_is_top_left(void **state) {
    (void)state;
    med_volume *v = head();
    med_view view;
    med_text html = {0};
    assert_ok(med_view_choose(NULL, (const med_volume *const *)&v, 1, &view));
    assert_false(view.is_at_label);
    draw(v, NULL, &view, &html);
    for (int p = 0; p < 3; p++) {
        png_image image;
        uint8_t *pixels = picture(html.data, p, &image);
        for (int q = 1; q < 4; q++) assert_true(quarter(pixels, &image, 0) > quarter(pixels, &image, q) + 5);
        free(pixels);
    }
    /* The brain's box with 2 voxels of margin, all slices: 18 x 24 x 9 of 1 x 1 x 3 mm. */
    assert_non_null(strstr(html.data, "width:75.00%;aspect-ratio:1/1.3333"));  /* axial 18 x 24 mm */
    assert_non_null(strstr(html.data, "width:75.00%;aspect-ratio:1/1.5000"));  /* coronal 18 x 27 mm */
    assert_non_null(strstr(html.data, "width:100.00%;aspect-ratio:1/1.1250")); /* sagittal 24 x 27 mm */
    med_text_free(&html);
    med_volume_free(v);
}

static void storage_order_does_not_matter(void **state) {
    (void)state;
    static const char *const codes[] = {"LPS", "PIR", "SAL", "ASR"};
    med_volume *v = head();
    med_view view;
    med_text html = {0};
    assert_ok(med_view_choose(NULL, (const med_volume *const *)&v, 1, &view));
    draw(v, NULL, &view, &html);
    for (int c = 0; c < 4; c++) {
        med_volume *turned;
        med_view other;
        med_text same = {0};
        assert_ok(med_volume_reorient(v, codes[c], &turned));
        assert_ok(med_view_choose(NULL, (const med_volume *const *)&turned, 1, &other));
        draw(turned, NULL, &other, &same);
        assert_string_equal(same.data, html.data);
        med_text_free(&same);
        med_volume_free(turned);
    }
    med_text_free(&html);
    med_volume_free(v);
}

static void planes_go_through_the_label(void **state) {
    (void)state;
    med_volume *v = head(), *label;
    med_view view;
    assert_ok(med_volume_create(v->grid, &label));
    for (int d = -1; d <= 1; d++) *med_volume_at(label, 15 + d, 6, 2) = 4;
    assert_ok(med_view_choose(label, (const med_volume *const *)&v, 1, &view));
    assert_true(view.is_at_label);
    assert_int_equal(view.at[0], NI - 1 - 15); /* counted to the left and to the back */
    assert_int_equal(view.at[1], NJ - 1 - 6);
    assert_int_equal(view.at[2], 2);
    med_volume_free(label);
    med_volume_free(v);
}

static void differences_are_black_where_equal(void **state) {
    (void)state;
    med_volume *v = head(), *brighter = head();
    med_view view;
    med_text html = {0};
    png_image image;
    for (size_t p = 0; p < med_grid_count(v->grid); p++) brighter->voxel[p] += 0.25f;
    assert_ok(med_view_choose(NULL, (const med_volume *const *)&v, 1, &view));
    draw(v, v, &view, &html);
    draw(brighter, v, &view, &html);
    draw(v, brighter, &view, &html);
    static const int expected[3][3] = {{0, 0, 0}, {224, 84, 18}, {26, 92, 242}}; /* black, orange, blue */
    for (int d = 0; d < 3; d++) {
        uint8_t *pixels = picture(html.data, 3 * d, &image), *middle = pixels + 3 * (12 * image.width + 12);
        assert_int_equal(image.format, PNG_FORMAT_RGB);
        for (int c = 0; c < 3; c++) assert_int_equal(middle[c], expected[d][c]);
        if (d < 2) assert_true(!pixels[0] && !pixels[1] && !pixels[2]); /* outside the truth's field of view */
        free(pixels);
    }
    med_text_free(&html);
    med_volume_free(brighter);
    med_volume_free(v);
}

static const uint8_t *pixel(const uint8_t *pixels, const png_image *image, int x, int y) {
    return pixels + 3 * ((size_t)y * image->width + (size_t)x);
}

/* The right half is class 1 in the reference, the left of it (in the picture: more to the right) in the prediction too. */
static void errors_have_their_colours(void **state) {
    (void)state;
    med_volume *image = head(), *truth, *made;
    med_view view;
    med_text html = {0};
    png_image png;
    assert_ok(med_volume_create(image->grid, &truth));
    assert_ok(med_volume_create(image->grid, &made));
    for (int k = 0; k < NK; k++)
        for (int j = 0; j < NJ; j++) {
            *med_volume_at(truth, 6, j, k) = *med_volume_at(made, 6, j, k) = 1;
            *med_volume_at(truth, 7, j, k) = 1;                                    /* missed */
            *med_volume_at(made, 8, j, k) = 1;                                     /* extra */
            *med_volume_at(truth, 9, j, k) = 1, *med_volume_at(made, 9, j, k) = 2; /* another class */
        }
    assert_ok(med_view_choose(truth, (const med_volume *const *)&image, 1, &view));
    const med_mask_films m = {"us", image, made, truth};
    assert_ok(med_report_draw_masks(&html, &m, &view, "masks"));
    uint8_t *pixels = picture(html.data, 3, &png); /* axial: image, predicted, true, errors */
    int y = (int)png.height / 2, right = view.lo[0] + view.n[0] - 1, at[4];
    for (int c = 0; c < 4; c++) at[c] = (int)png.width - 1 - (right - (NI - 1 - (6 + c)));
    const uint8_t *good = pixel(pixels, &png, at[0], y), *missed = pixel(pixels, &png, at[1], y),
                  *extra = pixel(pixels, &png, at[2], y), *other = pixel(pixels, &png, at[3], y);
    assert_true(good[0] == good[1] && good[1] == good[2] && good[0] > 0);              /* the image alone */
    assert_true(missed[2] > missed[0] + 50);                                           /* blue */
    assert_true(extra[0] > extra[2] + 50 && extra[0] > extra[1] + 20);                 /* orange */
    assert_true(other[0] > other[2] + 50 && abs(other[0] - other[1]) < 20);            /* yellow */
    assert_non_null(strstr(html.data, "class=\"scale\" style=\"width:20.83%\">5 mm")); /* of the widest, 24 mm */
    free(pixels);
    med_text_free(&html);
    med_volume_free(made);
    med_volume_free(truth);
    med_volume_free(image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_anterior_superior_is_top_left), cmocka_unit_test(storage_order_does_not_matter),
        cmocka_unit_test(planes_go_through_the_label),         cmocka_unit_test(differences_are_black_where_equal),
        cmocka_unit_test(errors_have_their_colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
