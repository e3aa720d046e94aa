/* compare_methods.h: paired differences between methods from their per_case.csv: `medley compare-methods`. */
#ifndef MED_TASK_COMPARE_METHODS_H
#define MED_TASK_COMPARE_METHODS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/option.h"

typedef struct med_compare_methods_options {
    int n_files;
    char **files;          /* per_case.csv of one method or more each, or the folder with it */
    const char *reference; /* a method's name, or a file given: all others against it; NULL: every pair */
    const char *out;       /* CSV file; NULL: none */
    med_strings metrics;   /* empty: all but counts */
    bool includes_seen, is_pratt, is_corrected, is_bca;
    uint64_t seed;
} med_compare_methods_options;

/* For each facet, given, preset and metric: first minus second, bootstrap interval of the mean difference, Wilcoxon's p,
 * Holm's p over the comparisons of one metric of one preset, rank correlation, Hodges-Lehmann shift; Friedman's test for
 * three methods or more. Cases that one of the two lacks are listed in report["unpaired"], never dropped in silence.
 * MED_EUSAGE: fewer than two methods, no such reference. */
MED_CHECK med_status med_compare_methods(const med_compare_methods_options *o, json_t *report, char **table);

#endif
