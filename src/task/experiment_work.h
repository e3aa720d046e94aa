/* experiment_work.h: what the parts of an experiment share. */
#ifndef MED_TASK_EXPERIMENT_WORK_H
#define MED_TASK_EXPERIMENT_WORK_H

#include "data/dataset.h"
#include "model/net.h"
#include "task/experiment.h"
#include "task/report_html.h"

enum { MED_MAX_ARMS = 16, MED_MAX_ARM_SETS = 4 };

typedef struct med_arm {
    char name[40], title[48]; /* as a folder, as a method */
    const med_model *model;
    int n_set;
    char set[MED_MAX_ARM_SETS][48]; /* what makes it this arm */
    /* the plan */
    long n_steps;
    int n_parameters, n_train, batch;
    double seconds, bytes; /* estimates: of one training, of its memory */
} med_arm;

typedef struct med_published { /* a figure of the paper, with the data that it is of */
    const char *arm, *facet, *metric, *data;
    double value;
} med_published;

typedef struct med_experiment_kind {
    const char *name, *title, *question, *order; /* order: as published, or why there is none */
    void (*list)(const med_net *preset, med_arm *arms, int *n);
    const med_published *published; /* ends with arm NULL; NULL: none known */
} med_experiment_kind;
MED_CHECK med_status med_experiment_find(const char *name, const med_experiment_kind **out);

typedef struct med_experiment_work {
    const med_experiment_options *options;
    const med_experiment_kind *kind;
    med_dataset *data;
    int n_arms, n_jobs, n_folds;
    med_arm arms[MED_MAX_ARMS];
    json_t *failed; /* "FOLD/ARM: message" */
} med_experiment_work;

/* OUT/foldK/ARM/LEAF (owned); leaf NULL: the folder. */
char *med_experiment_path(const med_experiment_work *w, int fold, int arm, const char *leaf);

/* Fills the arms: steps, sizes, estimates. */
MED_CHECK med_status med_experiment_plan(med_experiment_work *w);
/* What the arm's training is told by --set: its own settings, and those of the user that its model knows. */
void med_experiment_sets(const med_experiment_work *w, const med_arm *a, med_strings *out);
bool med_experiment_is_native(const med_experiment_work *w); /* --schedule native: not an equal budget */
json_t *med_experiment_plan_to_json(const med_experiment_work *w);
void med_experiment_plan_to_text(const med_experiment_work *w, med_text *text);

/* Synthesise and score the test cases of one trained arm: writes its per_case.csv. */
MED_CHECK med_status med_experiment_judge(const med_experiment_work *w, int fold, int arm);
/* The tables and the page, from all scores. */
MED_CHECK med_status med_experiment_report(const med_experiment_work *w, json_t *report, med_text *text);

#endif
