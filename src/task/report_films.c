/* report_films.c: rows of films for the two kinds of results that have pictures. */
#include "task/report_films.h"

#include <stdlib.h>
#include "base/memory.h"

enum { MAX_FILMS = MED_MAX_MODS + 4 };

typedef struct row { /* titles are owned */
    int n;
    med_film film[MAX_FILMS];
    char *title[MAX_FILMS];
} row;

/* Takes the title; without a volume there is no film. */
static void add(row *r, char *title, med_film_kind kind, const med_volume *volume, const med_volume *other) {
    if (!volume) {
        free(title);
        return;
    }
    r->title[r->n] = title;
    r->film[r->n++] = (med_film){title, kind, volume, other};
}

static med_status draw(med_text *html, row *r, const med_view *view, const char *caption) {
    med_status status = med_report_figure(html, r->film, r->n, view, caption);
    for (int i = 0; i < r->n; i++) free(r->title[i]);
    return status;
}

med_status med_report_draw_synthesis(med_text *html, const med_synthesis_films *s, const med_view *view,
                                     const char *caption) {
    row r = {.n = 0};
    for (int i = 0; i < s->n_inputs; i++)
        add(&r, med_format("input %s", s->input_name[i]), MED_FILM_GREY, s->input[i], NULL);
    add(&r, med_format("synthetic %s", s->target), MED_FILM_MADE, s->prediction, NULL);
    add(&r, med_format("true %s", s->target), MED_FILM_GREY, s->truth, NULL);
    if (s->truth) add(&r, med_strdup("difference"), MED_FILM_DIFFERENCE, s->prediction, s->truth);
    add(&r, med_strdup("uncertainty"), MED_FILM_UNCERTAINTY, s->sd, NULL);
    return draw(html, &r, view, caption);
}

static int error_of(float prediction, float reference) {
    if (prediction == reference) return 0;
    return reference == 0 ? MED_ERROR_EXTRA : prediction == 0 ? MED_ERROR_MISSED : MED_ERROR_CLASS;
}

med_status med_report_draw_masks(med_text *html, const med_mask_films *m, const med_view *view, const char *caption) {
    row r = {.n = 0};
    med_volume *errors;
    MED_TRY(med_volume_create(m->reference->grid, &errors));
    for (size_t i = 0; i < med_grid_count(errors->grid); i++)
        errors->voxel[i] = (float)error_of(m->prediction->voxel[i], m->reference->voxel[i]);
    add(&r, med_strdup(m->image_name ? m->image_name : ""), MED_FILM_GREY, m->image, NULL);
    add(&r, med_strdup("predicted"), MED_FILM_LABELS, m->prediction, m->image);
    add(&r, med_strdup("true"), MED_FILM_LABELS, m->reference, m->image);
    add(&r, med_strdup("errors"), MED_FILM_ERRORS, errors, m->image);
    med_status status = draw(html, &r, view, caption);
    med_volume_free(errors);
    return status;
}
