/* synth_model.h: the network for a subset of inputs, ready to run, in as many copies as slices run at the same time. */
#ifndef MED_TASK_SYNTH_MODEL_H
#define MED_TASK_SYNTH_MODEL_H

#include "engine/plan.h"
#include "model/net.h"
#include "task/synth.h"

/* One slice through the network. */
typedef struct med_synth_pass {
    struct med_synth_pass *next;
    med_modset given, target;
    double temperature;
    med_graph *graph;
    med_plan *plan;
    med_inference values;
    float *image[MED_MAX_MODS]; /* [H,W] of every given modality */
    float *noise[MED_MAX_NOISE];
} med_synth_pass;

/* Make the passes of lanes 0 .. n-1: each lane has its own memory and may run beside the others. */
MED_CHECK med_status med_synth_model_prepare(med_synth_model *m, const med_synth_options *o, int n_lanes);
/* A prepared one. */
med_synth_pass *med_synth_model_pass(const med_synth_model *m, const med_synth_options *o, int lane);

#endif
