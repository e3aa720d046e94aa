/* train_schedule.h: what a training run does when: rates and weights by epoch, the order of cases, the draws of a visit,
 * and the subsets of modalities that it goes through. Pure functions of configuration, seed, epoch and case. */
#ifndef MED_TASK_TRAIN_SCHEDULE_H
#define MED_TASK_TRAIN_SCHEDULE_H

#include <stdint.h>
#include "base/modset.h"
#include "base/random.h"
#include "task/train_config.h"

/* What holds for one epoch (1..epochs). */
typedef struct med_train_phase {
    double lr, lr_disc, w_kl, w_dis; /* w_dis 0: the network does not see discriminators */
    bool trains_discriminators;
    bool restarts; /* the network's optimiser starts afresh before this epoch */
} med_train_phase;
med_train_phase med_train_phase_of(const med_train_config *c, int epoch);
/* Part of the network's rate that holds after so many steps of the run: below 1 while it warms up. */
double med_train_warmth(const med_train_config *c, long n_steps);

/* A permutation of 0..n-1. */
void med_train_order(uint64_t seed, int epoch, int n, int *order);

/* Which passes a case with these modalities gets. anchor: index, or -1 for passes "all" and "subset" only. */
typedef struct med_train_subject {
    med_modset observed;
    int anchor;
    bool is_drawn; /* the model draws what a step gives: as many steps, whether or not the anchor is there */
} med_train_subject;
/* Number of subsets S: the non-empty ones of what is observed beside the anchor. Without an anchor, of all that is
 * observed, and S = all is left out where there are others. 0: the case cannot be trained on. */
long med_train_n_subsets(med_train_subject s);
med_modset med_train_subset(med_train_subject s, long i);                   /* i = 0..n_subsets-1 */
/* What a test may give of the case: the anchor with probability 1/2, else one of the subsets above, each as likely; without
 * the anchor, one that leaves something to make. */
med_modset med_train_draw_tested(med_train_subject s, med_rng *rng);
long med_train_visit_steps(const med_train_config *c, med_train_subject s); /* steps of one visit */

/* The draws of one visit: first slice of n_slices, flip, and the subset for subsets=one. */
typedef struct med_train_draw {
    int first, n; /* n = batch, or n_slices when that is less */
    bool is_flipped;
    long subset;
} med_train_draw;
med_train_draw med_train_draw_of(const med_train_config *c, uint64_t seed, int epoch, const char *case_name,
                                 int n_slices, med_train_subject s);

#endif
