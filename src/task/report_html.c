/* report_html.c: the writer under the report's page. The style sheet lives in report_style.c. */
#include "task/report_html.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "task/report_style.h"

void med_text_free(med_text *text) {
    free(text->data);
    *text = (med_text){0};
}

/* Room for n more bytes and the NUL; false once the text has failed. */
static bool reserve(med_text *text, size_t n) {
    if (text->status != MED_OK) return false;
    if (text->n + n + 1 <= text->capacity) return true;
    size_t capacity = 2 * text->capacity + n + 4096;
    char *grown = realloc(text->data, capacity);
    if (!grown) {
        text->status = med_fail(MED_ENOMEM, "the report's page needs %zu bytes of memory", capacity);
        return false;
    }
    text->data = grown;
    text->capacity = capacity;
    return true;
}

static void add_bytes(med_text *text, const char *bytes, size_t n) {
    if (!reserve(text, n)) return;
    memcpy(text->data + text->n, bytes, n);
    text->n += n;
    text->data[text->n] = 0;
}

void med_text_put(med_text *text, const char *plain) { add_bytes(text, plain, strlen(plain)); }

void med_text_append(med_text *text, const med_text *other) {
    if (text->status == MED_OK) text->status = other->status;
    if (other->n) add_bytes(text, other->data, other->n);
}

void med_text_add(med_text *text, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n >= 0 && reserve(text, (size_t)n)) {
        vsnprintf(text->data + text->n, (size_t)n + 1, format, again);
        text->n += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void med_text_escape(med_text *text, const char *plain) {
    for (const char *c = plain; *c; c++) {
        switch (*c) {
        case '&': med_text_put(text, "&amp;"); break;
        case '<': med_text_put(text, "&lt;"); break;
        case '>': med_text_put(text, "&gt;"); break;
        case '"': med_text_put(text, "&quot;"); break;
        case '\'': med_text_put(text, "&#39;"); break;
        default: add_bytes(text, c, 1);
        }
    }
}

static void add_base64(med_text *text, const uint8_t *bytes, size_t n) {
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!reserve(text, (n + 2) / 3 * 4)) return;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t word = (uint32_t)bytes[i] << 16;
        if (i + 1 < n) word |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < n) word |= bytes[i + 2];
        char *out = text->data + text->n;
        out[0] = digit[word >> 18];
        out[1] = digit[word >> 12 & 63];
        out[2] = i + 1 < n ? digit[word >> 6 & 63] : '=';
        out[3] = i + 2 < n ? digit[word & 63] : '=';
        text->n += 4;
    }
    text->data[text->n] = 0;
}

static void add_png(med_text *text, const uint8_t *png, size_t n_bytes, const char *alt, double width_percent,
                    double height_per_width) {
    med_text_add(text, "<img style=\"width:%.2f%%;aspect-ratio:1/%.4f\" alt=\"", width_percent, height_per_width);
    med_text_escape(text, alt);
    med_text_put(text, "\" src=\"data:image/png;base64,");
    add_base64(text, png, n_bytes);
    med_text_put(text, "\">");
}

void med_html_picture(med_text *text, const med_picture *picture, const char *alt, double width_percent,
                      double height_per_width) {
    uint8_t *png;
    size_t n_bytes;
    if (text->status != MED_OK) return;
    text->status = med_png_encode(picture, &png, &n_bytes);
    if (text->status != MED_OK) return;
    add_png(text, png, n_bytes, alt, width_percent, height_per_width);
    free(png);
}

static double big_endian(const uint8_t *b) { return ((b[0] * 256.0 + b[1]) * 256 + b[2]) * 256 + b[3]; }

/* A PNG begins with its signature and the chunk IHDR: length, name, width, height. */
med_status med_html_png(med_text *text, const uint8_t *png, size_t n_bytes, const char *alt) {
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    enum { WIDTH_AT = 16, HEIGHT_AT = 20, HEADER = 24 };
    if (n_bytes < HEADER || memcmp(png, signature, sizeof signature) != 0 || big_endian(png + WIDTH_AT) < 1)
        return med_fail(MED_EFORMAT, "not a PNG file");
    add_png(text, png, n_bytes, alt, 100, big_endian(png + HEIGHT_AT) / big_endian(png + WIDTH_AT));
    return MED_OK;
}

void med_html_open(med_text *text, const char *title) {
    med_text_put(text, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    med_text_escape(text, title);
    med_text_put(text, "</title>\n<style>\n");
    med_text_put(text, med_report_style);
    med_text_put(text, "</style>\n</head>\n<body>\n<main>\n");
}

void med_html_close(med_text *text) { med_text_put(text, "</main>\n</body>\n</html>\n"); }
