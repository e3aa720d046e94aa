/* canvas.c: pixels, and letters of 3 x 5 dots: a glyph is five octal digits, one per row, their bits from left to right. */
#include "image/canvas.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "image/png.h"

static const uint16_t glyphs[128] = {
    ['A'] = 025755, ['B'] = 065656, ['C'] = 034443, ['D'] = 065556, ['E'] = 074647, ['F'] = 074644, ['G'] = 034553,
    ['H'] = 055755, ['I'] = 072227, ['J'] = 011152, ['K'] = 055655, ['L'] = 044447, ['M'] = 057755, ['N'] = 065555,
    ['O'] = 025552, ['P'] = 065644, ['Q'] = 025563, ['R'] = 065655, ['S'] = 034216, ['T'] = 072222, ['U'] = 055557,
    ['V'] = 055552, ['W'] = 055775, ['X'] = 055255, ['Y'] = 055222, ['Z'] = 071247, ['0'] = 075557, ['1'] = 026227,
    ['2'] = 061247, ['3'] = 061216, ['4'] = 055711, ['5'] = 074616, ['6'] = 034652, ['7'] = 071222, ['8'] = 025252,
    ['9'] = 025316, ['-'] = 000700, ['.'] = 000002, ['_'] = 000007, ['/'] = 011244, ['+'] = 002720, ['%'] = 051245,
};

med_canvas med_canvas_create(int width, int height) {
    return (med_canvas){width, height, med_alloc(3 * (size_t)width * (size_t)height)};
}

void med_canvas_free(med_canvas *c) {
    free(c->rgb);
    *c = (med_canvas){0};
}

void med_canvas_set(med_canvas *c, int x, int y, const uint8_t rgb[3]) {
    if (x < 0 || y < 0 || x >= c->width || y >= c->height) return;
    memcpy(c->rgb + 3 * ((size_t)y * (size_t)c->width + (size_t)x), rgb, 3);
}

static void draw_dot(med_canvas *c, int x, int y, int dot, const uint8_t rgb[3]) {
    for (int dy = 0; dy < dot; dy++)
        for (int dx = 0; dx < dot; dx++) med_canvas_set(c, x + dx, y + dy, rgb);
}

void med_canvas_text(med_canvas *c, int x, int y, int dot, const uint8_t rgb[3], const char *text) {
    for (; *text; text++, x += MED_TEXT_WIDTH * dot) {
        unsigned glyph = glyphs[toupper((unsigned char)*text) & 127];
        for (int row = 0; row < 5; row++)
            for (int column = 0; column < 3; column++)
                if (glyph >> (3 * (4 - row) + 2 - column) & 1)
                    draw_dot(c, x + column * dot, y + row * dot, dot, rgb);
    }
}

med_status med_canvas_save(const med_canvas *c, const char *path) {
    return med_png_save(&(med_picture){c->width, c->height, 3, c->rgb}, path);
}
