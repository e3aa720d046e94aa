/* score_table.h: scores in long form, one row per case and metric: what `medley evaluate` writes to per_case.csv, reads
 * back to compare methods, and sums up in tables. */
#ifndef MED_TASK_SCORE_TABLE_H
#define MED_TASK_SCORE_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/status.h"
#include "metric/statistics.h"
#include "metric/summary.h"

/* What is judged decides the columns:
 * images        case,modality,given,method,group,preset,metric,value,n_slices,n_inf,n_na,seen_in_training
 * segmentation  case,class,method,group,metric,value
 * registration  case,pair,method,group,metric,value
 * The last two end with seen_in_training as well where that is known of any row. */
typedef enum med_score_kind { MED_SCORE_IMAGES, MED_SCORE_SEGMENTATION, MED_SCORE_REGISTRATION } med_score_kind;
extern const char *const med_score_facets[3]; /* "modality", "class", "pair" */

typedef enum med_seen {
    MED_SEEN_UNKNOWN,
    MED_SEEN_NO,
    MED_SEEN_YES,
    MED_SEEN_HARMONISATION, /* not by the model, but the grey scale of the targets was learnt from it too */
    MED_N_SEEN,
} med_seen;
extern const char *const med_seen_names[MED_N_SEEN]; /* "unknown", "no", "yes", "harmonisation" */
static inline bool med_seen_is_biased(med_seen seen) { return seen == MED_SEEN_YES || seen == MED_SEEN_HARMONISATION; }

typedef struct med_score { /* texts borrowed; "" for none */
    const char *case_name, *facet, *given, *method, *group, *preset, *metric;
    double value; /* NaN: n/a */
    int n_slices, n_inf, n_na;
    int slice; /* -1: of the whole case */
    med_seen seen;
} med_score;

typedef struct med_score_table { /* owned; med_score_table_free */
    med_score_kind kind;
    int n, capacity;
    med_score *row; /* texts belong to the table */
    struct med_arena *texts;
} med_score_table;

med_score_table *med_score_table_create(med_score_kind kind);
void med_score_table_free(med_score_table *t);
void med_score_table_add(med_score_table *t, const med_score *score); /* texts are copied */

/* Rows of cases, or of slices with a column "slice". */
MED_CHECK med_status med_score_table_save(const med_score_table *t, const char *path, bool is_by_slice);
char *med_score_table_path(const char *path); /* per_case.csv of a folder; a file is itself. Owned */
/* What a method is called that its rows do not name: the folder's name, or the file's without its ending. Owned. */
char *med_score_table_method(const char *path);
/* Rows of a per_case.csv are added. The kind of the first file becomes the table's when `t` is empty. Rows without a method
 * get `method` (NULL: that of the path). MED_EFORMAT: columns missing, not a number, a row twice (named by its key). */
MED_CHECK med_status med_score_table_load(med_score_table *t, const char *path, const char *method);

/* Distinct cases; with `seen_only` those of a row that the model has seen in training. */
int med_score_n_cases(const med_score_table *t, bool seen_only);
/* Rows of the same facet, inputs and method. */
bool med_score_same_series(const med_score *a, const med_score *b);

/* ---- summaries over cases ---- */

typedef struct med_score_rules {
    bool includes_seen; /* count cases that the model has seen in training */
    bool is_na_kept;    /* one n/a makes the mean n/a */
    bool is_bca, no_interval;
    uint64_t seed;
} med_score_rules;

typedef struct med_score_cell { /* one line of the summary: all rows of the same facet, given, method, preset, metric */
    med_score key;              /* group "": all cases */
    bool is_grouped;            /* only the cases of key.group */
    med_summary summary;
    med_interval interval;
    int n_seen; /* seen in training and left out */
} med_score_cell;

/* All cases first, then each group where there are groups. Owned array; texts are the table's. */
med_score_cell *med_score_summarise(const med_score_table *t, const med_score_rules *rules, int *n_cells);
/* Cells of the same series and group: the lines under one heading. */
bool med_score_same_heading(const med_score_cell *a, const med_score_cell *b);
json_t *med_score_cells_to_json(const med_score_table *t, const med_score_cell *cells, int n_cells);
/* The table for people; owned. */
char *med_score_cells_to_text(const med_score_table *t, const med_score_cell *cells, int n_cells);

bool med_score_is_share(const char *metric);          /* printed in percent */
bool med_score_is_count(const char *metric);          /* a size, not a score: in files, not in tables for people */
bool med_score_is_reconstruction(const med_score *s); /* the target was among the model's inputs */
/* "n/a", "inf", "87.1%", or four digits or so. */
void med_score_format(char out[32], const char *metric, double value);
void med_score_print_number(FILE *to, int width, const char *metric, double value);

#endif
