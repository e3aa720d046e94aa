/* evaluate_work.h: what the three kinds of `medley evaluate` share: finding and pairing files, groups, failures, output. */
#ifndef MED_TASK_EVALUATE_WORK_H
#define MED_TASK_EVALUATE_WORK_H

#include "task/evaluate.h"

/* ---- files ---- */

enum { MED_FOUND_NAME = 256 };
typedef struct med_found { /* one file; key: modality, "label", "us-to-t2", ... */
    char case_name[MED_FOUND_NAME], key[MED_FOUND_NAME];
    char *path; /* owned by the list */
} med_found;
typedef struct med_found_list { /* owned; by case, then key; no two of the same */
    int n;
    med_found *item;
} med_found_list;

/* Split a file name into case and key; false: not a file of this kind. */
typedef bool med_found_parse(const char *name, med_found *out);
/* `path` itself when it is a file, else its files and those in its folders. MED_EINPUT: nothing there, or two files of one
 * key (unless `first_wins`). */
MED_CHECK med_status med_found_scan(const char *path, med_found_parse *parse, bool first_wins, med_found_list *out);
void med_found_free(med_found_list *list);
const med_found *med_found_get(const med_found_list *list, const char *case_name, const char *key); /* NULL: none */
/* Cases of `list` that `others` has no file of, as med_evaluation_only_in lists them. */
void med_found_missing(const med_found_list *list, const med_found_list *others, json_t *cases);
/* Name without one of these endings (NULL-terminated); false: another ending. */
bool med_found_stem(const char *name, const char *const *endings, char stem[MED_FOUND_NAME]);
/* The same for the ending of an image (.nii.gz, .nii, .nrrd, .nhdr, .mha, .mhd); false: another ending. */
bool med_found_image_stem(const char *name, char stem[MED_FOUND_NAME]);
/* CASE-MOD.nii.gz, as a data set names images; false for labels, fields of view, targets, standard deviations. */
med_found_parse med_found_parse_image;

/* What `medley synth` wrote beside an image: CASE-MOD.json. *out NULL: there is none. */
MED_CHECK med_status med_sidecar_load(const char *image, json_t **out);

/* ---- the work ---- */

typedef struct med_evaluation {
    const med_evaluate_options *options;
    med_score_table *cases, *slices; /* slices NULL: none */
    json_t *failed, *only_in_pred, *only_in_ref, *warnings, *notes;
    med_score_table *groups; /* opaque: case -> group, kept as rows */
    int n_pairs;             /* that there are to judge */
    med_status first_failure;
    char *first_message; /* owned */
} med_evaluation;

MED_CHECK med_status med_evaluation_start(const med_evaluate_options *o, med_score_kind kind, med_evaluation *e);
/* Record a failed pair; with one pair in all its status comes back, else MED_OK. */
MED_CHECK med_status med_evaluation_failed(med_evaluation *e, const char *case_name, const char *key,
                                           med_status status);
void med_evaluation_only_in(json_t *list, const char *case_name, const char *key); /* key "": the case */
void med_evaluation_warn(med_evaluation *e, const char *format, ...) MED_PRINTF(2, 3);
const char *med_evaluation_group(const med_evaluation *e, const char *case_name); /* "" none */
/* Summarise, write, fill the report. `kind` names summary.json's "kind". */
MED_CHECK med_status med_evaluation_finish(med_evaluation *e, const char *kind, json_t *report, char **table);
void med_evaluation_free(med_evaluation *e);

/* "LO,HI" with LO < HI. MED_EUSAGE names the option. */
MED_CHECK med_status med_evaluation_range(const char *option, const char *text, double range[2]);

/* ---- has the model seen the case? ---- */

typedef struct med_seen_index med_seen_index; /* owned: metadata of weights and hashes of data sets, each read once */
med_seen_index *med_seen_index_create(const med_evaluate_options *o);
void med_seen_index_free(med_seen_index *index);
/* From the sidecar of a prediction (NULL: none): the weights' training cases and data hash against the data set's hash. */
med_seen med_seen_of(med_seen_index *index, med_evaluation *e, const json_t *sidecar, const char *case_name);

#endif
