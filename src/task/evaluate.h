/* evaluate.h: judge images, masks and registrations against references, and a network by itself: `medley evaluate`. */
#ifndef MED_TASK_EVALUATE_H
#define MED_TASK_EVALUATE_H

#include "base/option.h"
#include "task/score_table.h"

typedef struct med_evaluate_options {
    const char *pred, *ref; /* folders (cases in folders or flat), or one file each */
    const char *out;        /* folder for per_case.csv, summary.json, ...; NULL: none */
    const char *method;     /* tag of all rows; NULL: none */
    const char *group;      /* CSV file with columns case, group; NULL: none */
    bool is_strict;         /* a case in one folder only is an error */
    bool ignores_affine, includes_seen, is_bca;
    const char *weights; /* of the judged model, where the sidecars' path no longer holds; NULL: as they say */
    const char *data;    /* the data set whose hash is compared with the model's; NULL: the sidecar's, else REF */
    uint64_t seed;
    const char *command_line;
    /* images */
    med_strings presets; /* empty: strict */
    const char *range;   /* "LO,HI" of the files; NULL: the sidecar's, else 0,1 */
    const char
        *reference_range; /* the same of REF alone; NULL: a data set's own scale, a sidecar's, else `range`, else 0,1 */
    med_strings given;    /* what the model was given, where there is no sidecar */
    const char *aggregate; /* "cases" or "slices" */
    med_strings draws;     /* folders with further draws of the same images */
    const char *lpips;     /* weights of medley weights import lpips; NULL: n/a */
    const char *ssim;      /* "3d": of the whole volume as well; else "2d" */
    /* segmentation */
    med_strings labels;         /* empty: all that occur */
    med_strings nsd;            /* tolerances in mm */
    const char *empty;          /* both masks empty: "skip" (n/a), "one", "nan" (n/a, and so is the mean) */
    const char *empty_distance; /* one mask empty: NULL n/a, "diagonal" of the volume, or a number of mm */
    const char *fov;            /* restrict both masks to this mask: a file, or a folder with CASE-fov.nii.gz */
    const char *resample_to;    /* "reference" or "none" */
    bool is_slicewise;
    /* consistency: pred is the weights, ref the data */
    const char *from;    /* NULL: us, or the network's first modality */
    med_strings through; /* empty: all others */
    const char *part;    /* of the splits */
    int fold, n_samples;
    double temperature;
} med_evaluate_options;

/* Fill `report` (cells, failed, only_in_pred, only_in_ref, ...), write the files, and give the table for people (owned).
 * A single case that cannot be judged is its own error; of many it is listed and the rest goes on: MED_EFAIL at the end. */
MED_CHECK med_status med_evaluate_images(const med_evaluate_options *o, json_t *report, char **table);
MED_CHECK med_status med_evaluate_segmentation(const med_evaluate_options *o, json_t *report, char **table);
MED_CHECK med_status med_evaluate_registration(const med_evaluate_options *o, json_t *report, char **table);
/* There and back (us -> t2 -> us) for every case of a part that has the scan to start from. */
MED_CHECK med_status med_evaluate_consistency(const med_evaluate_options *o, json_t *report, char **table);

/* Every formula in use; owned. */
char *med_evaluate_explain(void);

#endif
