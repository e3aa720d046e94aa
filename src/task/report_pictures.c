/* report_pictures.c: volumes -> planes -> PNG, with scale bar, colour bars and legend.
 *
 * Volumes are turned so that axes run to the patient's Left, Posterior, Superior; then the picture's x and y are axes
 * of the volume and only superior has to be flipped to the top. Oblique grids are shown on their nearest axes. */
#include "task/report_pictures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/memory.h"

enum { MARGIN_VOX = 2 };
#define ORIENTATION "LPS"

static const struct {
    const char *name, *left;
    int across, down, through;
    bool is_down_flipped;
} planes[3] = {
    {"axial", "R", 0, 1, 2, false},
    {"coronal", "R", 0, 2, 1, true},
    {"sagittal", "A", 1, 2, 0, true},
};

/* ---- the view ------------------------------------------------------------------------------------------------ */

typedef struct box {
    int lo[3], hi[3];
} box;

static void grow_box(const med_volume *v, box *b) {
    for (int k = 0; k < v->grid.n[2]; k++)
        for (int j = 0; j < v->grid.n[1]; j++)
            for (int i = 0; i < v->grid.n[0]; i++) {
                if (!(*med_volume_at(v, i, j, k) > -1)) continue;
                int at[3] = {i, j, k};
                for (int a = 0; a < 3; a++) {
                    if (at[a] < b->lo[a]) b->lo[a] = at[a];
                    if (at[a] > b->hi[a]) b->hi[a] = at[a];
                }
            }
}

static bool centroid(const med_volume *label, int at[3]) {
    double sum[3] = {0}, n = 0;
    for (int k = 0; k < label->grid.n[2]; k++)
        for (int j = 0; j < label->grid.n[1]; j++)
            for (int i = 0; i < label->grid.n[0]; i++)
                if (*med_volume_at(label, i, j, k) > 0) sum[0] += i, sum[1] += j, sum[2] += k, n++;
    for (int a = 0; a < 3 && n; a++) at[a] = (int)lround(sum[a] / n);
    return n > 0;
}

med_status med_view_choose(const med_volume *label, const med_volume *const volumes[], int n_volumes, med_view *out) {
    box b = {.lo = {1 << 30, 1 << 30, 1 << 30}, .hi = {-1, -1, -1}};
    int size[3] = {0};
    for (int v = 0; v < n_volumes; v++) {
        med_volume *turned;
        MED_TRY(med_volume_reorient(volumes[v], ORIENTATION, &turned));
        grow_box(turned, &b);
        for (int a = 0; a < 3; a++) size[a] = turned->grid.n[a];
        med_volume_free(turned);
    }
    for (int a = 0; a < 3; a++) {
        bool is_empty = b.hi[a] < 0;
        int lo = is_empty || b.lo[a] < MARGIN_VOX ? 0 : b.lo[a] - MARGIN_VOX;
        int hi = is_empty || b.hi[a] + MARGIN_VOX >= size[a] ? size[a] - 1 : b.hi[a] + MARGIN_VOX;
        out->lo[a] = lo;
        out->n[a] = hi - lo + 1;
        out->at[a] = (lo + hi) / 2;
    }
    out->is_at_label = false;
    if (!label) return MED_OK;
    med_volume *turned;
    MED_TRY(med_volume_reorient(label, ORIENTATION, &turned));
    out->is_at_label = centroid(turned, out->at);
    med_volume_free(turned);
    return MED_OK;
}

/* ---- colours ------------------------------------------------------------------------------------------------- */

static uint8_t to_byte(double t) { return (uint8_t)(255 * fmin(fmax(t, 0), 1) + 0.5); }

/* t in [-1,1]: pale blue, blue, black, orange, pale orange. */
static void difference_colour(double t, uint8_t rgb[3]) {
    static const double deep[2][3] = {{0.10, 0.36, 0.95}, {0.88, 0.33, 0.07}},
                        pale[2][3] = {{0.72, 0.88, 1}, {1, 0.87, 0.62}};
    int side = t > 0;
    double s = fmin(fabs(t), 1);
    for (int c = 0; c < 3; c++)
        rgb[c] =
            to_byte(s < 0.5 ? 2 * s * deep[side][c] : deep[side][c] + (2 * s - 1) * (pale[side][c] - deep[side][c]));
}

/* t in [0,1]: black, violet, red, yellow. */
static void uncertainty_colour(double t, uint8_t rgb[3]) {
    static const double stop[4][3] = {{0, 0, 0}, {0.36, 0.10, 0.57}, {0.90, 0.30, 0.22}, {0.99, 0.95, 0.60}};
    double s = 3 * fmin(fmax(t, 0), 1);
    int from = s < 1 ? 0 : s < 2 ? 1 : 2;
    for (int c = 0; c < 3; c++) rgb[c] = to_byte(stop[from][c] + (s - from) * (stop[from + 1][c] - stop[from][c]));
}

static const double label_colours[][3] = {{0.90, 0.22, 0.21}, {0.20, 0.70, 0.35}, {0.25, 0.55, 0.98},
                                          {0.98, 0.75, 0.18}, {0.72, 0.40, 0.90}, {0.20, 0.78, 0.80},
                                          {0.95, 0.52, 0.20}, {0.90, 0.45, 0.70}};
static const struct {
    const char *name;
    double colour[3];
} errors[MED_N_ERRORS] = {[MED_ERROR_EXTRA] = {"predicted, not true", {0.98, 0.55, 0.15}},
                          [MED_ERROR_MISSED] = {"true, not predicted", {0.25, 0.55, 0.98}},
                          [MED_ERROR_CLASS] = {"another class", {0.95, 0.90, 0.35}}};

static const double *colour_of_label(int label) {
    return label_colours[(label - 1) % (int)(sizeof label_colours / sizeof *label_colours)];
}

/* A label's colour over the darkened image; the image alone where there is none. */
static void label_colour(const med_film *film, int label, const med_volume *below, const int at[3], uint8_t rgb[3]) {
    double grey = below ? 0.8 * (*med_volume_at(below, at[0], at[1], at[2]) + 1) / 2 : 0.12;
    const double *colour = !label                          ? NULL
                           : film->kind == MED_FILM_LABELS ? colour_of_label(label)
                                                           : errors[label].colour;
    for (int c = 0; c < 3; c++) rgb[c] = to_byte(colour ? 0.4 * grey + 0.6 * colour[c] : grey);
}

static void swatch(med_text *html, const double colour[3], const char *name) {
    med_text_add(html, "<span><i style=\"background:rgb(%d,%d,%d)\"></i>%s</span>", to_byte(colour[0]),
                 to_byte(colour[1]), to_byte(colour[2]), name);
}

void med_report_label_legend(med_text *html, const int *labels, int n_labels) {
    med_text_put(html, "<div class=\"legend\">");
    for (int l = 0; l < n_labels; l++) {
        char name[24];
        snprintf(name, sizeof name, "class %d", labels[l]);
        swatch(html, colour_of_label(labels[l]), name);
    }
    for (int e = 1; e < MED_N_ERRORS; e++) swatch(html, errors[e].colour, errors[e].name);
    med_text_put(html, "</div>\n");
}

static void bar_to_html(med_text *html, const char *title, med_film_kind kind, double lo, double hi) {
    uint8_t pixels[3 * 256 * 12];
    med_picture picture = {256, 12, kind == MED_FILM_GREY ? 1 : 3, pixels};
    for (int p = 0; p < 256 * 12; p++) {
        double t = p % 256 / 255.;
        if (kind == MED_FILM_DIFFERENCE)
            difference_colour(2 * t - 1, pixels + 3 * p);
        else if (kind == MED_FILM_UNCERTAINTY)
            uncertainty_colour(t, pixels + 3 * p);
        else
            pixels[p] = (uint8_t)(p % 256);
    }
    med_text_add(html, "<div class=\"bar\">%s", title);
    med_html_picture(html, &picture, title, 100, 12. / 256);
    med_text_add(html, "<div><span>%g</span><span>%g</span><span>%+g</span></div></div>\n", lo, (lo + hi) / 2, hi);
}

void med_report_colour_bars(med_text *html, bool with_uncertainty) {
    med_text_put(html, "<div class=\"bars\">\n");
    bar_to_html(html, "grey value", MED_FILM_GREY, -1, 1);
    bar_to_html(html, "difference: synthetic minus truth", MED_FILM_DIFFERENCE, -MED_DIFFERENCE_WINDOW,
                MED_DIFFERENCE_WINDOW);
    if (with_uncertainty)
        bar_to_html(html, "uncertainty: standard deviation of draws", MED_FILM_UNCERTAINTY, 0, MED_UNCERTAINTY_WINDOW);
    med_text_put(html, "</div>\n");
}

/* ---- figures ------------------------------------------------------------------------------------------------- */

typedef struct figure {
    const med_film *films; /* as turned */
    int n_films;
    const med_view *view;
    double spacing_mm[3], widest_mm;
} figure;

static void pixel_of(const med_film *film, const int at[3], uint8_t *out) {
    double y = *med_volume_at(film->volume, at[0], at[1], at[2]);
    if (film->kind == MED_FILM_UNCERTAINTY) {
        uncertainty_colour(y / MED_UNCERTAINTY_WINDOW, out);
        return;
    }
    if (film->kind == MED_FILM_LABELS || film->kind == MED_FILM_ERRORS) {
        label_colour(film, (int)y, film->other, at, out);
        return;
    }
    if (film->kind != MED_FILM_DIFFERENCE) {
        *out = to_byte((y + 1) / 2);
        return;
    }
    double truth = *med_volume_at(film->other, at[0], at[1], at[2]);
    difference_colour(truth > -1 ? (y - truth) / MED_DIFFERENCE_WINDOW : 0, out);
}

/* The longest of these that takes at most a third of the widest picture; drawn in the corner of a film. */
static void scale_bar(const figure *f, med_text *html) {
    static const int lengths_mm[] = {100, 50, 20, 10, 5, 2, 1};
    for (size_t i = 0; i < sizeof lengths_mm / sizeof *lengths_mm; i++) {
        if (3 * lengths_mm[i] > f->widest_mm) continue;
        med_text_add(html, "<div class=\"scale\" style=\"width:%.2f%%\">%d mm</div>",
                     100 * lengths_mm[i] / f->widest_mm, lengths_mm[i]);
        return;
    }
}

static void film_to_html(const figure *f, const med_film *film, int p, const char *alt, med_text *html) {
    int across = planes[p].across, down = planes[p].down, width = f->view->n[across], height = f->view->n[down];
    int n_channels = film->kind >= MED_FILM_DIFFERENCE ? 3 : 1, at[3];
    uint8_t *pixels = med_alloc((size_t)width * (size_t)height * (size_t)n_channels);
    at[planes[p].through] = f->view->at[planes[p].through];
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            at[across] = f->view->lo[across] + x;
            at[down] = f->view->lo[down] + (planes[p].is_down_flipped ? height - 1 - y : y);
            pixel_of(film, at, pixels + ((size_t)y * (size_t)width + (size_t)x) * (size_t)n_channels);
        }
    double width_mm = width * f->spacing_mm[across], height_mm = height * f->spacing_mm[down];
    med_html_picture(html, &(med_picture){width, height, n_channels, pixels}, alt, 100 * width_mm / f->widest_mm,
                     height_mm / width_mm);
    free(pixels);
}

static void plane_to_html(const figure *f, int p, const char *caption, med_text *html) {
    med_text_add(html, "<div class=\"plane\"><span>%s</span>%s</div>", planes[p].name, planes[p].left);
    for (int c = 0; c < f->n_films; c++) {
        med_text_put(html, "<div class=\"film\">");
        char *alt = med_format("%s, %s plane: %s", f->films[c].title, planes[p].name, caption);
        if (f->films[c].volume) film_to_html(f, &f->films[c], p, alt, html);
        if (!c && p == 2) scale_bar(f, html);
        free(alt);
        med_text_put(html, "</div>\n");
    }
}

static void figure_to_html(const figure *f, const char *caption, med_text *html) {
    med_text_put(html, "<figure class=\"planes\"><div class=\"films\" ");
    med_text_add(html, "style=\"grid-template-columns:auto repeat(%d,1fr);max-width:%dpx\">\n<div></div>", f->n_films,
                 50 + f->n_films * 220);
    for (int c = 0; c < f->n_films; c++) {
        med_text_put(html, f->films[c].kind == MED_FILM_MADE ? "<div class=\"head made\">" : "<div class=\"head\">");
        med_text_escape(html, f->films[c].title);
        med_text_put(html, "</div>");
    }
    for (int p = 0; p < 3; p++) plane_to_html(f, p, caption, html);
    med_text_put(html, "</div><figcaption>");
    med_text_escape(html, caption);
    med_text_put(html, "</figcaption></figure>\n");
}

static med_status turn(const med_volume *v, med_volume **out) {
    *out = NULL;
    return v ? med_volume_reorient(v, ORIENTATION, out) : MED_OK;
}

med_status med_report_figure(med_text *html, const med_film *films, int n_films, const med_view *view,
                             const char *caption) {
    med_film *turned = med_alloc(sizeof(med_film) * (size_t)n_films);
    med_volume **owned = med_alloc(sizeof(med_volume *) * 2 * (size_t)n_films);
    figure f = {.films = turned, .n_films = n_films, .view = view};
    med_status status = MED_OK;
    for (int c = 0; c < n_films && status == MED_OK; c++) {
        status = turn(films[c].volume, &owned[2 * c]);
        if (status == MED_OK) status = turn(films[c].other, &owned[2 * c + 1]);
        turned[c] = (med_film){films[c].title, films[c].kind, owned[2 * c], owned[2 * c + 1]};
        if (owned[2 * c]) med_grid_spacing(owned[2 * c]->grid, f.spacing_mm);
    }
    for (int p = 0; p < 3; p++)
        f.widest_mm = fmax(f.widest_mm, view->n[planes[p].across] * f.spacing_mm[planes[p].across]);
    if (status == MED_OK) figure_to_html(&f, caption, html);
    for (int v = 0; v < 2 * n_films; v++) med_volume_free(owned[v]);
    free(owned);
    free(turned);
    return status;
}
