/* report_html.h: text that grows, HTML escapes, pictures as data URIs, and the frame of the report's page. */
#ifndef MED_TASK_REPORT_HTML_H
#define MED_TASK_REPORT_HTML_H

#include <stddef.h>
#include "base/status.h"
#include "image/png.h"

/* A text under construction; zero-initialise, free with med_text_free. The first failure stays in `status` and later
 * additions do nothing, so only the end has to be checked. */
typedef struct med_text {
    char *data; /* NUL-terminated once something was added */
    size_t n, capacity;
    med_status status;
} med_text;

void med_text_free(med_text *text);
void med_text_add(med_text *text, const char *format, ...) MED_PRINTF(2, 3);
void med_text_put(med_text *text, const char *plain);    /* as it is */
void med_text_escape(med_text *text, const char *plain); /* & < > " ' become entities */
void med_text_append(med_text *text, const med_text *other);

/* <img> with the picture inside; width_percent of its box, height_per_width in millimetres; pixels stay crisp. */
void med_html_picture(med_text *text, const med_picture *picture, const char *alt, double width_percent,
                      double height_per_width);

/* The same with the bytes of a PNG file, as wide as its box, and as high as its pixels ask. MED_EFORMAT: no PNG. */
MED_CHECK med_status med_html_png(med_text *text, const uint8_t *png, size_t n_bytes, const char *alt);

void med_html_open(med_text *text, const char *title); /* <!doctype html> ... <main> with the style sheet */
void med_html_close(med_text *text);

#endif
