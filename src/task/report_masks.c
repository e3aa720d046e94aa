/* report_masks.c: worst, median and best cases of an evaluation of masks, over the image that they were drawn on where that lies
 * beside the references. */
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "task/evaluate_masks.h"
#include "task/report_eval.h"
#include "task/report_films.h"

enum { MAX_CLASSES = 24 };

typedef struct drawing {
    med_mask_files masks;
    med_found_list images; /* of the reference's folder */
} drawing;

/* Ultrasound before others. NULL: the case has none. */
static const med_found *find_image(const drawing *d, const char *case_name) {
    const med_found *us = med_found_get(&d->images, case_name, "us");
    for (int i = 0; i < d->images.n && !us; i++)
        if (!strcmp(d->images.item[i].case_name, case_name)) us = &d->images.item[i];
    return us;
}

static bool is_empty(const med_volume *mask) {
    float lo, hi;
    med_volume_range(mask, &lo, &hi);
    return hi <= 0;
}

static med_status draw_pair(med_report_work *work, const med_found *image_file, const med_volume *prediction,
                            const med_volume *reference, const char *caption) {
    med_volume *image = image_file ? med_report_load_input(image_file->path, image_file->key, reference) : NULL;
    const med_volume *whole[] = {image ? image : reference};
    const med_mask_films m = {image ? image_file->key : NULL, image, prediction, reference};
    med_view view;
    med_status status = med_view_choose(is_empty(reference) ? prediction : reference, whole, 1, &view);
    if (status == MED_OK) status = med_report_draw_masks(&work->pictures, &m, &view, caption);
    med_volume_free(image);
    return status;
}

static med_status draw_case(void *context, med_report_work *work, const med_score *row, const char *caption) {
    drawing *d = context;
    const med_found *pred = med_found_get(&d->masks.pred, row->case_name, "label");
    const med_found *ref = med_found_get(&d->masks.ref, row->case_name, "label");
    med_volume *p = NULL, *r = NULL;
    if (!pred || !ref) return MED_OK;
    med_status status = med_mask_pair_load(&d->masks, pred, ref, &p, &r);
    if (status == MED_OK) status = draw_pair(work, find_image(d, row->case_name), p, r, caption);
    med_volume_free(p);
    med_volume_free(r);
    return status;
}

/* The classes of the table, "mean" apart. */
static void write_legend(med_report_work *work) {
    int labels[MAX_CLASSES], n = 0;
    for (int i = 0; i < work->scores->n && n < MAX_CLASSES; i++) {
        int label = atoi(work->scores->row[i].facet);
        bool is_new = label > 0;
        for (int l = 0; l < n && is_new; l++) is_new = labels[l] != label;
        if (is_new) labels[n++] = label;
    }
    med_text_free(&work->legend);
    med_report_label_legend(&work->legend, labels, n);
}

/* Ranked by the mean of the classes. */
med_status med_report_mask_pictures(med_report_work *work, const med_report_source *source) {
    const med_report_metric *shown[MED_MAX_REPORT_METRICS];
    const med_score *series = NULL;
    med_evaluate_options o;
    if (!med_report_metrics(work->scores, shown) || !med_report_options_of(work, source, &o)) return MED_OK;
    for (int i = source->first; i < source->end && !series; i++)
        if (!strcmp(work->scores->row[i].facet, "mean") && med_report_counts(&work->scores->row[i], shown[0], true))
            series = &work->scores->row[i];
    if (!series) return MED_OK;
    drawing d = {.images = {0}};
    write_legend(work);
    med_status status = med_mask_files_find(&o, &d.masks);
    if (status == MED_OK) status = med_found_scan(o.ref, med_found_parse_image, true, &d.images);
    char *heading = med_format("All classes%s%s, by their mean", *series->method ? ", " : "", series->method);
    if (status == MED_OK) status = med_report_draw_series(work, source, shown[0], series, heading, draw_case, &d);
    free(heading);
    med_found_free(&d.images);
    med_mask_files_free(&d.masks);
    return status;
}
