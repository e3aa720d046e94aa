/* report_pictures.h: three orthogonal planes of several volumes side by side, as HTML.
 *
 * Radiological convention: the patient's right is on the left of axial and coronal pictures, anterior on the left of
 * sagittal ones, superior and anterior at the top. Greys show [-1,1]; differences run from blue over black to orange,
 * standard deviations from black over violet to yellow; labels have a colour each, over the image they belong to. */
#ifndef MED_TASK_REPORT_PICTURES_H
#define MED_TASK_REPORT_PICTURES_H

#include "image/volume.h"
#include "task/report_html.h"

#define MED_DIFFERENCE_WINDOW 0.5 /* differences beyond +-this share the end colours */

#define MED_UNCERTAINTY_WINDOW 0.5 /* the same for standard deviations */

enum { MED_ERROR_EXTRA = 1, MED_ERROR_MISSED, MED_ERROR_CLASS, MED_N_ERRORS };

/* Where the planes cut and which box is shown; indices of the grid turned to LPS. */
typedef struct med_view {
    int at[3], lo[3], n[3];
    bool is_at_label;
} med_view;

/* Cut through the centroid of the label (voxels > 0) where there is one, else through the middle of the box around
 * everything above -1 in the volumes; show that box with a margin. All volumes on one grid. */
MED_CHECK med_status med_view_choose(const med_volume *label, const med_volume *const volumes[], int n_volumes,
                                     med_view *out);

typedef enum med_film_kind {
    MED_FILM_GREY,
    MED_FILM_MADE, /* grey, headed as synthetic */
    MED_FILM_DIFFERENCE,
    MED_FILM_UNCERTAINTY, /* standard deviation over the draws */
    MED_FILM_LABELS,      /* over `other`, where that is not NULL */
    MED_FILM_ERRORS       /* MED_ERROR_..., in the same way */
} med_film_kind;

typedef struct med_film { /* one column of a figure */
    const char *title;
    med_film_kind kind;
    const med_volume *volume, *other; /* difference: volume - other where other > -1 */
} med_film;

/* A figure: one column per film, one row per plane, caption (plain text) below. */
MED_CHECK med_status med_report_figure(med_text *html, const med_film *films, int n_films, const med_view *view,
                                       const char *caption);
/* Colour bars with their numbers. */
void med_report_colour_bars(med_text *html, bool with_uncertainty);
/* What the colours of these labels and of errors mean. */
void med_report_label_legend(med_text *html, const int *labels, int n_labels);

#endif
