/* contact_sheet.c: planes of volumes beside each other, with outlines. The grid's axes are taken as the nearest of Left,
 * Posterior, Superior, so that nothing is interpolated and voxels are shown as they are. */
#include "task/contact_sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "image/canvas.h"

enum { PANEL = 256, GAP = 6, DOT = 3, HEAD = 3 * GAP + 2 * MED_TEXT_HEIGHT * DOT, SIDE = 2 * GAP + 3 * DOT, MARGIN_VOX = 4, LEGEND = 13 };
static const uint8_t TEXT[3] = {200, 200, 200}, FOV[3] = {0, 190, 190}, LABEL[3] = {255, 200, 0};

static const struct {
    const char *left;
    int across, down, through;
    bool is_down_flipped;
} planes[3] = {{"R", 0, 1, 2, false}, {"R", 0, 2, 1, true}, {"A", 1, 2, 0, true}};

typedef struct view { /* positions p count along Left, Posterior, Superior */
    const med_sheet *sheet;
    int axis[3]; /* of the grid, for L, P, S */
    bool is_flipped[3];
    int n[3], at[3], lo[3], hi[3], column; /* column: of the picture, in pixels */
    double spacing_mm[3], mm_per_pixel;
} view;

/* ---- geometry ---- */

static void turn(view *v, med_grid grid) {
    char code[4];
    double spacing[3];
    med_grid_orientation(grid, code);
    med_grid_spacing(grid, spacing);
    for (int k = 0; k < 3; k++) {
        int a = med_orientation_axis(code[k]);
        v->axis[a] = k;
        v->is_flipped[a] = code[k] != "LPS"[a];
        v->n[a] = grid.n[k];
        v->spacing_mm[a] = spacing[k];
    }
}

static float value_at(const view *v, const med_volume *volume, const int p[3]) {
    int index[3];
    for (int a = 0; a < 3; a++) index[v->axis[a]] = v->is_flipped[a] ? v->n[a] - 1 - p[a] : p[a];
    return *med_volume_at(volume, index[0], index[1], index[2]);
}

/* Lowest and highest index of what is above `limit`, and the mean index; false: nothing is. */
static bool find_extent(const med_volume *v, float limit, int lo[3], int hi[3], double mean[3]) {
    double sum[3] = {0}, n = 0;
    for (int k = 0; k < v->grid.n[2]; k++)
        for (int j = 0; j < v->grid.n[1]; j++) {
            const float *row = med_volume_at(v, 0, j, k);
            for (int i = 0; i < v->grid.n[0]; i++) {
                if (!(row[i] > limit)) continue;
                const int at[3] = {i, j, k};
                for (int a = 0; a < 3; a++) {
                    lo[a] = at[a] < lo[a] ? at[a] : lo[a];
                    hi[a] = at[a] > hi[a] ? at[a] : hi[a];
                    sum[a] += at[a];
                }
                n++;
            }
        }
    for (int a = 0; a < 3 && n > 0; a++) mean[a] = sum[a] / n;
    return n > 0;
}

static int to_view(const view *v, int a, int index) { return v->is_flipped[a] ? v->n[a] - 1 - index : index; }

static int pixels_along(const view *v, int a) {
    return (int)fmax(1, rint((v->hi[a] - v->lo[a] + 1) * v->spacing_mm[a] / v->mm_per_pixel));
}

/* The box around everything, and the planes. */
static void choose_view(const med_sheet *s, view *v) {
    int lo[3] = {1 << 30, 1 << 30, 1 << 30}, hi[3] = {-1, -1, -1}, unused[2][3] = {{0}};
    double mean[3];
    *v = (view){.sheet = s};
    turn(v, s->columns[0].volume->grid);
    for (int c = 0; c < s->n_columns; c++) find_extent(s->columns[c].volume, -1, lo, hi, mean);
    bool has_label = s->label && find_extent(s->label, 0, unused[0], unused[1], mean);
    double widest = 0;
    for (int a = 0; a < 3; a++) {
        int k = v->axis[a], ends[2] = {to_view(v, a, hi[k] < 0 ? 0 : lo[k]), to_view(v, a, hi[k] < 0 ? v->n[a] - 1 : hi[k])};
        v->lo[a] = (ends[0] < ends[1] ? ends[0] : ends[1]) - MARGIN_VOX;
        v->hi[a] = (ends[0] < ends[1] ? ends[1] : ends[0]) + MARGIN_VOX;
        v->lo[a] = v->lo[a] < 0 ? 0 : v->lo[a];
        v->hi[a] = v->hi[a] < v->n[a] ? v->hi[a] : v->n[a] - 1;
        v->at[a] = has_label ? to_view(v, a, (int)lround(mean[k])) : (v->lo[a] + v->hi[a]) / 2;
        widest = fmax(widest, (v->hi[a] - v->lo[a] + 1) * v->spacing_mm[a]);
    }
    v->mm_per_pixel = widest / PANEL;
    v->column = GAP + (int)fmax(pixels_along(v, planes[0].across), pixels_along(v, planes[2].across));
}

/* ---- panels ---- */

typedef struct panel {
    const view *v;
    int plane, x0, y0, width, height;
} panel;

static float sample(const panel *p, const med_volume *volume, int x, int y) {
    const view *v = p->v;
    int at[3], across = planes[p->plane].across, down = planes[p->plane].down, through = planes[p->plane].through;
    if (planes[p->plane].is_down_flipped) y = p->height - 1 - y;
    at[across] = v->lo[across] + x * (v->hi[across] - v->lo[across] + 1) / p->width;
    at[down] = v->lo[down] + y * (v->hi[down] - v->lo[down] + 1) / p->height;
    at[through] = v->at[through];
    return value_at(v, volume, at);
}

static void draw_grey(const panel *p, const med_volume *volume, med_canvas *c) {
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            uint8_t grey = (uint8_t)(127.5f * (fminf(fmaxf(sample(p, volume, x, y), -1), 1) + 1) + 0.5f);
            med_canvas_set(c, p->x0 + x, p->y0 + y, (const uint8_t[3]){grey, grey, grey});
        }
}

/* Pixels inside that have a neighbour outside. */
static void draw_outline(const panel *p, const med_volume *mask, const uint8_t rgb[3], med_canvas *c) {
    if (!mask) return;
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            if (!(sample(p, mask, x, y) > 0)) continue;
            bool is_inner = x > 0 && y > 0 && x + 1 < p->width && y + 1 < p->height && sample(p, mask, x - 1, y) > 0 &&
                            sample(p, mask, x + 1, y) > 0 && sample(p, mask, x, y - 1) > 0 && sample(p, mask, x, y + 1) > 0;
            if (!is_inner) med_canvas_set(c, p->x0 + x, p->y0 + y, rgb);
        }
}

static void draw_head(const view *v, med_canvas *c) {
    const med_sheet *s = v->sheet;
    int x = SIDE + MED_TEXT_WIDTH * DOT * ((int)strlen(s->title) + 2);
    med_canvas_text(c, SIDE, GAP, DOT, TEXT, s->title);
    if (s->fov) med_canvas_text(c, x, GAP, DOT, FOV, "FOV");
    if (s->label) med_canvas_text(c, x + 5 * MED_TEXT_WIDTH * DOT, GAP, DOT, LABEL, "LABEL");
    for (int m = 0; m < s->n_columns; m++)
        med_canvas_text(c, SIDE + m * v->column, 2 * GAP + MED_TEXT_HEIGHT * DOT, DOT, TEXT, s->columns[m].title);
}

med_status med_contact_sheet_save(const med_sheet *s, const char *path) {
    view v;
    choose_view(s, &v);
    int height = HEAD, y0 = HEAD;
    for (int p = 0; p < 3; p++) height += pixels_along(&v, planes[p].down) + GAP;
    int width = SIDE + s->n_columns * v.column, least = SIDE + MED_TEXT_WIDTH * DOT * ((int)strlen(s->title) + LEGEND);
    med_canvas c = med_canvas_create(width > least ? width : least, height);
    draw_head(&v, &c);
    for (int p = 0; p < 3; p++) {
        panel at = {&v, p, SIDE, y0, pixels_along(&v, planes[p].across), pixels_along(&v, planes[p].down)};
        med_canvas_text(&c, GAP, y0 + at.height / 2, DOT, TEXT, planes[p].left);
        for (int m = 0; m < s->n_columns; m++, at.x0 += v.column) {
            draw_grey(&at, s->columns[m].volume, &c);
            draw_outline(&at, s->fov, FOV, &c);
            draw_outline(&at, s->label, LABEL, &c);
        }
        y0 += at.height + GAP;
    }
    med_status status = med_canvas_save(&c, path);
    med_canvas_free(&c);
    return status;
}
