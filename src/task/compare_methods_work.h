/* compare_methods_work.h: what compare_methods.c finds and compare_methods_table.c shows. */
#ifndef MED_TASK_COMPARE_METHODS_WORK_H
#define MED_TASK_COMPARE_METHODS_WORK_H

#include "task/compare_methods.h"
#include "task/score_table.h"

enum { MED_MAX_METHODS = 32 };

typedef struct med_comparison { /* one line: first minus second */
    const med_score *key;       /* facet, given, preset, metric */
    const char *first, *second;
    int n, n_dropped, n_unpaired; /* pairs; pairs with n/a or inf; cases of one method only */
    double mean_first, mean_second, mean;
    med_interval interval;
    med_wilcoxon wilcoxon;
    double p_holm, rank_correlation, hodges_lehmann;
    int family; /* comparisons with the same number are corrected together */
} med_comparison;

typedef struct med_comparing {
    const med_compare_methods_options *options;
    med_score_table *t;
    const med_score **sorted; /* its rows by key, method, case */
    int n_methods, n, n_families;
    const char *method[MED_MAX_METHODS];
    med_comparison *list;
    json_t *unpaired, *friedman;
} med_comparing;

/* Fills the report, the table for people (owned) and the CSV file where one is wanted. */
MED_CHECK med_status med_comparing_finish(const med_comparing *w, json_t *report, char **table);

#endif
