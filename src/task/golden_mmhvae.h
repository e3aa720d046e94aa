/* golden_mmhvae.h: a fixture of MMHVAE being run: shared by its forward and its training part. */
#ifndef MED_TASK_GOLDEN_MMHVAE_H
#define MED_TASK_GOLDEN_MMHVAE_H

#include "model/mmhvae_objective.h"
#include "model/trainer.h"
#include "task/golden_fixture.h"

typedef struct med_golden_run {
    med_golden *f;
    med_mmhvae_config config;
    int n; /* slices */
    bool is_paper, is_variant;
    bool is_mhvae;        /* the release of MHVAE: its names, no mask, losses as sums over N H W M */
    med_weights *weights; /* our names */
} med_golden_run;

/* What the fixture's losses and gradients are to be divided by. */
double med_golden_scale(const med_golden_run *r);
med_net med_golden_net(const med_golden_run *r);
/* Our name of a parameter of the fixture, and back (owned, NULL: none). */
char *med_golden_our_name(const med_golden_run *r, const char *name);
char *med_golden_release_name(const med_golden_run *r, const char *ours);

static const double med_golden_kl_relative = 1e-5;

/* The fixture's parameters under our names (owned). */
MED_CHECK med_status med_golden_parameters(const med_golden_run *r, med_weights **out);
/* The steps under "train": histories, gradients of step 0, parameters after all steps. */
MED_CHECK med_status med_golden_training(med_golden_run *r);

#endif
