/* plan.h: turn a graph into one buffer and a list of kernel calls, and run it.
 *
 * Planning rewrites (fusion rules in rewrite.h), drops what no output needs, packs activations by liveness into one
 * allocation. Running allocates nothing. */
#ifndef MED_ENGINE_PLAN_H
#define MED_ENGINE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/graph.h"

typedef struct med_plan med_plan;

/* Activation memory that several plans share when only one of them runs at a time; grows to the largest. */
typedef struct med_workspace med_workspace;
med_workspace *med_workspace_create(void);
void med_workspace_free(med_workspace *w); /* after its plans; NULL is fine */
void med_workspace_release(med_workspace *w); /* no memory until a plan runs again */

/* Takes an output marked by med_output_for, in the same order in every run; its memory is used for something else afterwards. */
typedef void med_sink(void *context, const med_plan *plan, med_val value, med_val param);

typedef struct med_plan_options {
    med_workspace *workspace; /* borrowed; NULL: the plan has its own */
    bool is_reference;   /* everything in double by the reference loops (doctor, tests) */
    bool is_frozen;      /* parameters never change between runs: what depends on them alone is computed in the first */
    bool no_fusion;      /* leave the graph as built (tests compare both) */
    int64_t big_plane;   /* of several samples (dim 0 of all inputs) those whose planes have this many positions are computed one after
                            the other, all others together in each op; 0: all together. Values stay the same */
    med_sink *sink;      /* needed where the graph has such outputs */
    void *sink_context;
} med_plan_options;

/* The graph is borrowed, rewritten in place, and must outlive the plan. Reports the graph's first error. */
MED_CHECK med_status med_plan_create(med_graph *g, med_plan_options options, med_plan **out);
void med_plan_free(med_plan *plan); /* NULL is fine */

/* Bytes of the activation buffer; number of kernel calls. */
size_t med_plan_bytes(const med_plan *plan);
int med_plan_n_calls(const med_plan *plan);

/* Point a leaf at memory (borrowed, f32, must stay while running). In reference plans the values are converted at each run. */
void med_plan_bind(med_plan *plan, med_val leaf, const float *data);
/* MED_EUSAGE names a leaf that was not bound. */
MED_CHECK med_status med_plan_run(med_plan *plan);
/* Value of an output after a run (in the sink: of those that are there), as f32 / as double (copied; n = element count). */
void med_plan_read(const med_plan *plan, med_val output, float *to);
void med_plan_read_f64(const med_plan *plan, med_val output, double *to);
/* sum[i] += value of an output. */
void med_plan_add(const med_plan *plan, med_val output, float *sum);
/* Borrowed pointer to an output's f32 memory, valid until the next run; NULL in reference plans. */
const float *med_plan_data(const med_plan *plan, med_val output);

/* Time per run by op, convolutions also by kernel and stride, for `medley bench`: counted from the moment it is switched on. */
void med_plan_profile(med_plan *plan, bool is_on);
/* Of one run; bytes: inputs and outputs, each once a call. */
enum { MED_OP_LABEL = 40 };
typedef struct med_op_time { char op[MED_OP_LABEL]; int n_calls; double seconds, gflop, bytes; } med_op_time;
int med_plan_times(const med_plan *plan, med_op_time *out, int max); /* longest first; returns how many */

#endif
