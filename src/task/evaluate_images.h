/* evaluate_images.h: one prediction at work: what evaluate_images.c, evaluate_pair.c and evaluate_draws.c share. */
#ifndef MED_TASK_EVALUATE_IMAGES_H
#define MED_TASK_EVALUATE_IMAGES_H

#include "data/dataset.h"
#include "metric/preset.h"
#include "task/evaluate_work.h"
#include "task/lpips_weights.h"

enum { MED_MAX_PRESETS = 8 };

typedef struct med_image_judge {
    med_evaluation e;
    int n_presets;
    const med_preset *preset[MED_MAX_PRESETS];
    med_found_list pred, ref;
    med_dataset *data;     /* REF when it is a data set with a manifest */
    med_found_list *draws; /* one per folder of draws */
    med_seen_index *seen;
    med_lpips_file *lpips; /* NULL: no weights, n/a */
    int n_identical;
} med_image_judge;

typedef struct med_file_scale { /* of the values in a file */
    double lo, hi;
    bool is_assumed; /* nobody said: values far outside are an error */
} med_file_scale;

typedef struct med_image_pair {
    const med_found *pred, *ref;
    json_t *sidecar;                    /* NULL: none */
    med_volume *prediction, *reference; /* network scale, one grid */
    med_file_scale scale;               /* of the prediction's files */
    med_score base;                     /* the columns that all its rows share */
    char *given;
} med_image_pair;

/* Check the options and find the files; free also on failure. */
MED_CHECK med_status med_image_judge_open(const med_evaluate_options *o, med_image_judge *j);
void med_image_judge_free(med_image_judge *j);

/* Load both sides at network scale and learn what the rows have in common: given, group, seen in training. A copy of the
 * reference or of its input is given as made from itself, and warned about. Free also on failure. */
MED_CHECK med_status med_image_pair_load(med_image_judge *j, const med_found *pred, const med_found *ref,
                                         med_image_pair *p);
void med_image_pair_free(med_image_pair *p);
/* A file of that scale at network scale, turned (without interpolation) like `like` where that is not NULL. */
MED_CHECK med_status med_image_load_scaled(const char *path, const med_file_scale *s, const med_volume *like,
                                           med_volume **out);

/* Diversity and calibration of the folders of draws: rows of preset "draws". Without folders nothing. */
MED_CHECK med_status med_image_judge_draws(med_image_judge *j, const med_image_pair *p);

#endif
