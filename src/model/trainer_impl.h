/* trainer_impl.h: the inside of a trainer, shared by trainer.c (the step) and step_plan.c (plans and lanes). */
#ifndef MED_MODEL_TRAINER_IMPL_H
#define MED_MODEL_TRAINER_IMPL_H

#include "engine/plan.h"
#include "model/trainer.h"
#include "model/update.h"

/* A part of a step, ready to run on some slices. */
typedef struct med_step_plan {
    struct med_step_plan *next;
    med_trainer *trainer;
    med_step_key key;
    med_graph *graph;
    med_step_graph values;
    med_plan *plan;
    med_val *grad;   /* per graph parameter */
    med_slot **slot; /* per graph parameter; NULL: a statistic */
    float share, w_kl, w_dis;
} med_step_plan;

/* Pieces that are computed at the same time have one each. */
typedef struct med_lane {
    med_workspace *workspace;
    float *noise[MED_MAX_NOISE]; /* of whichever plan runs: drawn anew for every run */
    size_t noise_bytes[MED_MAX_NOISE];
    med_step_plan *plans, *current;
    med_status status;
    char message[600]; /* messages belong to threads: kept here */
} med_lane;

struct med_trainer {
    med_net net;
    med_trainer_options options;
    med_weights *weights, *discriminators;
    med_weights *average; /* moving average of weights; NULL: none */
    med_updater updater;
    bool is_at_once; /* every parameter is updated as soon as its gradient is there */
    bool is_dry;     /* the step at work */
    int n_lanes;
    med_lane *lanes;
    size_t n_activation_bytes; /* of one lane */
};

/* A parameter of the network, or of its discriminators. */
const med_tensor *med_trainer_parameter(const med_trainer *t, const char *name);
/* The sink of plans: `context` is the step plan. */
med_sink med_trainer_take_gradient;

/* The lane's plan for this key, made when it is first needed; without `plan` where the part has no loss. */
MED_CHECK med_status med_lane_find_plan(med_trainer *t, med_lane *l, med_step_key key, med_step_plan **out);
void med_lane_free(med_lane *l); /* its members */

#endif
