/* canvas.h: an RGB picture to draw on: single pixels and short texts. */
#ifndef MED_IMAGE_CANVAS_H
#define MED_IMAGE_CANVAS_H

#include <stdint.h>
#include "base/status.h"

typedef struct med_canvas { /* med_canvas_free */
    int width, height;
    uint8_t *rgb; /* rows from the top */
} med_canvas;

enum { MED_TEXT_WIDTH = 4, MED_TEXT_HEIGHT = 5 }; /* of a letter with the gap behind it, in dots */

med_canvas med_canvas_create(int width, int height); /* black */
void med_canvas_free(med_canvas *c);
/* Pixels outside are ignored. */
void med_canvas_set(med_canvas *c, int x, int y, const uint8_t rgb[3]);
/* Upper left corner at x, y; a dot is `dot` pixels wide. Letters (small ones become capitals), digits and "-._/+%"; others
 * leave a gap. */
void med_canvas_text(med_canvas *c, int x, int y, int dot, const uint8_t rgb[3], const char *text);
MED_CHECK med_status med_canvas_save(const med_canvas *c, const char *path); /* as PNG */

#endif
