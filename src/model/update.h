/* update.h: what training keeps beside every parameter, gradient and moments, and what it makes of gradients: norms, steps of the
 * optimisers. Of the network and of its discriminators, called disc/... . */
#ifndef MED_MODEL_UPDATE_H
#define MED_MODEL_UPDATE_H

#include <stdbool.h>
#include "engine/weights.h"
#include "nn/optimizer.h"

enum { MED_OF_NETWORK, MED_OF_DISCRIMINATORS };

bool med_is_discriminator(const char *name);

/* One parameter. */
typedef struct med_slot {
    const char *name;
    int of; /* network or discriminators */
    int64_t n;
    float *value, *gradient, *m, *v; /* gradient NULL: it is not kept */
    double square;                   /* sum of squares of its gradient */
} med_slot;

typedef struct med_updater {
    int n;
    med_slot *slot;                 /* parameters of the network, then of the discriminators */
    med_weights *gradients, *state; /* the state as it is saved: "opt/steps", "opt/m/NAME", "opt/v/NAME" */
    int64_t *steps;                 /* of the network's optimiser, the discriminators' */
    const char *spoiled;            /* first parameter whose gradient is not finite, since med_updater_clear; or NULL */
} med_updater;

/* For `weights` and `discriminators`, which must outlive it. */
MED_CHECK med_status med_updater_init(med_updater *u, const med_weights *weights, const med_weights *discriminators, bool keeps_gradients);
void med_updater_free(med_updater *u); /* its members; all zero is fine */
med_slot *med_updater_find(const med_updater *u, const char *name); /* NULL: a statistic, or unknown */

/* Gradients, squares and `spoiled` before a step. */
void med_updater_clear(med_updater *u);
/* Looks at a gradient, kept or not: its square, and whether it is finite. */
void med_updater_look(med_updater *u, med_slot *s, const float *gradient);
/* Norm of all gradients looked at as one vector, summed in the order of slots. */
double med_updater_norm(const med_updater *u, int of);
/* Multiplies the gradients that are kept. */
void med_updater_scale(med_updater *u, int of, double factor);
/* A step of the optimiser for one parameter, before steps[] counts it. */
void med_updater_step(const med_updater *u, med_slot *s, const med_optimizer_config *o, const float *gradient);
/* Zero moments and step count. */
void med_updater_restart(med_updater *u, int of);

#endif
