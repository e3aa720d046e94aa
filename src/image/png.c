/* png.c: libpng behind two functions. Its errors leave by longjmp; they become a status here. */
#include "image/png.h"

#include <png.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"

typedef struct sink {
    uint8_t *data;
    size_t n_bytes, capacity;
    char error[128];
} sink;

static void on_write(png_structp png, png_bytep bytes, png_size_t n) {
    sink *s = png_get_io_ptr(png);
    if (s->n_bytes + n > s->capacity) {
        size_t capacity = 2 * s->capacity + n + 1024;
        uint8_t *grown = realloc(s->data, capacity);
        if (!grown) png_error(png, "out of memory");
        s->data = grown;
        s->capacity = capacity;
    }
    memcpy(s->data + s->n_bytes, bytes, n);
    s->n_bytes += n;
}

static void on_flush(png_structp png) { (void)png; }

static void on_error(png_structp png, png_const_charp message) {
    sink *s = png_get_error_ptr(png);
    strncpy(s->error, message, sizeof s->error - 1);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) { (void)png, (void)message; }

/* All locals that libpng's longjmp could spoil live in the caller. */
static bool write_all(png_structp png, png_infop info, const med_picture *picture, sink *s) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_write_fn(png, s, on_write, on_flush);
    png_set_IHDR(png, info, (png_uint_32)picture->width, (png_uint_32)picture->height, 8,
                 picture->n_channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    size_t stride = (size_t)picture->width * (size_t)picture->n_channels;
    for (int y = 0; y < picture->height; y++) png_write_row(png, picture->pixels + stride * (size_t)y);
    png_write_end(png, NULL);
    return true;
}

med_status med_png_encode(const med_picture *picture, uint8_t **data, size_t *n_bytes) {
    med_assert(picture->n_channels == 1 || picture->n_channels == 3);
    sink s = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    bool is_written = info && write_all(png, info, picture, &s);
    png_destroy_write_struct(&png, &info);
    if (!is_written) {
        free(s.data);
        return med_fail(MED_EFAIL, "a picture of %d x %d cannot be written as PNG: %s", picture->width, picture->height,
                        s.error[0] ? s.error : "libpng cannot start");
    }
    *data = s.data;
    *n_bytes = s.n_bytes;
    return MED_OK;
}

med_status med_png_save(const med_picture *picture, const char *path) {
    uint8_t *data;
    size_t n_bytes;
    MED_TRY(med_png_encode(picture, &data, &n_bytes));
    med_status status = med_file_write(path, data, n_bytes);
    free(data);
    return status;
}
