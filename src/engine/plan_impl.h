/* plan_impl.h: the inside of a plan, shared by plan.c (what runs), order.c (when), runs.c (part by part), layout.c (where it
 * lies), executor.c (running). */
#ifndef MED_ENGINE_PLAN_IMPL_H
#define MED_ENGINE_PLAN_IMPL_H

#include "engine/backend.h"
#include "engine/plan.h"

typedef enum med_place_kind {
    MED_PLACE_NONE,       /* not needed */
    MED_PLACE_BOUND,      /* a leaf: where the caller said */
    MED_PLACE_PERSISTENT, /* constants, frozen values, outputs of frozen nodes: own memory of the plan */
    MED_PLACE_WORKSPACE,  /* activations: shared by lifetimes */
    MED_PLACE_ALIAS       /* a view: memory of input 0 */
} med_place_kind;

typedef struct med_place {
    med_place_kind kind;
    size_t offset, n_bytes;
} med_place;

/* An output for the sink: when call `after` has run. */
typedef struct med_hand_over {
    med_val value, param;
    int after;
} med_hand_over;

struct med_workspace {
    void *data;
    size_t n_bytes;
};

struct med_plan {
    med_graph *graph;
    med_plan_options options;
    const med_backend *backend;
    size_t item_bytes;      /* 4, or 8 in reference plans */
    int n_nodes;
    char *live, *is_frozen; /* per node */
    int *call;              /* node ids in running order */
    int n_calls;
    med_hand_over *hand_over; /* in their order */
    int n_hand_overs;
    int64_t n_samples;      /* 1: every call has all there are */
    int *run_end;           /* per call: the last of the run that is made part by part; -1: not in a run */
    int n_branches, *branch_end; /* of the one run that is made branch by branch: where each ends */
    char *has_samples, *is_local; /* per node: dim 0 is samples; has the memory of one part of a run */
    int n_slots;            /* branches at the same time */
    size_t slot_bytes;      /* from the local memory of one of them to the next's */
    med_place *place;       /* per node */
    med_place *kept;        /* per node: what its kernel keeps from one run to the next, in persistent memory */
    const float **bound;    /* per node: leaves */
    char *persistent;
    size_t n_persistent, n_workspace;
    med_workspace *workspace, *own_workspace;
    bool frozen_is_done, is_profiled;
    double *seconds;        /* per node, when profiled */
    long n_runs;
};

/* Puts call[] into order and fills hand_over[]. */
void med_plan_order(med_plan *plan);
/* Sorts calls by key[position]; equal ones stay as they are. */
void med_plan_order_by(med_plan *plan, const int *key);
/* Fills run_end[], branch_end[], has_samples[], is_local[]; may change call[]. */
void med_plan_find_runs(med_plan *plan);
/* Fills place[], kept[], n_persistent, n_workspace. */
void med_plan_layout(med_plan *plan);
/* Runs every call once; leaves are in place. */
void med_plan_execute(med_plan *plan);
/* The node whose memory this value uses. */
int med_plan_root(const med_plan *plan, int id);
size_t med_plan_value_bytes(const med_plan *plan, int id);
/* Memory of a value; NULL for a leaf that is not bound. */
void *med_plan_memory(const med_plan *plan, med_val v);

#endif
