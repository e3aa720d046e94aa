/* synth_model.h: the network for a subset of inputs, ready to run, in as many copies as slices run at the same time. */
#ifndef MED_TASK_SYNTH_MODEL_H
#define MED_TASK_SYNTH_MODEL_H

#include "engine/plan.h"
#include "model/net.h"
#include "task/synth.h"

/* Slices that are computed as a group, and the planes of which one is computed after the other: from 48 x 48 on
 * activations weigh more than weights (spec/cpu.md, section 5). */
enum { MED_SYNTH_GROUP = 4, MED_SYNTH_BIG_PLANE = 32 * 32 };

/* One slice, or a group of them, through the network. */
typedef struct med_synth_pass {
    struct med_synth_pass *next;
    med_modset given, target;
    double temperature;
    int n_slices;
    med_graph *graph;
    med_plan *plan;
    med_inference values;
    float *image[MED_MAX_MODS]; /* [n_slices,H,W] of every given modality */
    float *noise[MED_MAX_NOISE];
} med_synth_pass;

/* Make the passes of n slices of lanes 0 .. n_lanes-1: each lane has its own memory and may run beside the others. */
MED_CHECK med_status med_synth_model_prepare(med_synth_model *m, const med_synth_options *o, int n_slices, int n_lanes);
/* A prepared one. */
med_synth_pass *med_synth_model_pass(const med_synth_model *m, const med_synth_options *o, int n_slices, int lane);

#endif
