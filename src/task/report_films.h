/* report_films.h: which films show a synthesis, and which a pair of masks. */
#ifndef MED_TASK_REPORT_FILMS_H
#define MED_TASK_REPORT_FILMS_H

#include "base/modset.h"
#include "task/report_pictures.h"

typedef struct med_synthesis_films { /* borrowed; all on one grid */
    const char *target;
    int n_inputs;
    const char *input_name[MED_MAX_MODS];
    const med_volume *input[MED_MAX_MODS];
    const med_volume *prediction, *truth, *sd; /* truth, sd: NULL where there is none */
} med_synthesis_films;
/* Input | synthetic | truth | difference | uncertainty. */
MED_CHECK med_status med_report_draw_synthesis(med_text *html, const med_synthesis_films *s, const med_view *view,
                                               const char *caption);

typedef struct med_mask_films { /* borrowed; label volumes and what they lie on, on one grid */
    const char *image_name;
    const med_volume *image; /* network scale; NULL: none */
    const med_volume *prediction, *reference;
} med_mask_films;
/* Image | predicted | true | errors. */
MED_CHECK med_status med_report_draw_masks(med_text *html, const med_mask_films *m, const med_view *view,
                                           const char *caption);

#endif
