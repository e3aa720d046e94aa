/* plan.c: what runs: rewrites, what the outputs need, statistics that convolutions write on the side. */
#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/thread.h"
#include "engine/plan_impl.h"
#include "engine/rewrite.h"
#include "engine/switches.h"

enum { HUGE_PAGE = 2 << 20 };

med_workspace *med_workspace_create(void) { return med_alloc(sizeof(med_workspace)); }

void med_workspace_release(med_workspace *w) {
    free(w->data);
    *w = (med_workspace){0};
}

void med_workspace_free(med_workspace *w) {
    if (w) med_workspace_release(w);
    free(w);
}

static med_status reserve(med_workspace *w, size_t n_bytes) {
    if (w->n_bytes >= n_bytes) return MED_OK;
    free(w->data);
    size_t rounded = (n_bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    w->n_bytes = 0;
    w->data = aligned_alloc(HUGE_PAGE, rounded);
    if (!w->data) return med_fail(MED_ENOMEM, "not enough memory for activations: %.1f MB asked for", (double)rounded / 1e6);
    madvise(w->data, rounded, MADV_HUGEPAGE);
    w->n_bytes = rounded;
    return MED_OK;
}

static void mark_frozen(med_plan *p) {
    for (int i = 0; i < p->n_nodes; i++) {
        const med_node *n = med_node_of(p->graph, (med_val){i});
        if (n->op->flags & MED_OP_LEAF) {
            p->is_frozen[i] = n->id != MED_OP_input;
            continue;
        }
        p->is_frozen[i] = p->options.is_frozen;
        for (int k = 0; k < n->n_in; k++) p->is_frozen[i] &= p->is_frozen[n->in[k].id];
    }
}

static bool reads_prologue(const med_node *n) {
    return n->pro.stats.id >= 0 || n->pro.scale.id >= 0 || n->pro.act != MED_UNARY_none;
}

/* A kernel that can write the statistics or the means of its output does so: their own nodes are then not called. */
static void attach_sides(med_plan *p, char *is_side) {
    for (int i = 0; i < p->n_nodes; i++) {
        const med_node *n = med_node_of(p->graph, (med_val){i});
        if (!p->live[i] || (n->id != MED_OP_norm_stats && n->id != MED_OP_channel_mean)) continue;
        med_node *from = med_node_mutable(p->graph, n->in[0]);
        if (!p->backend->writes_side[from->id] || from->side.id >= 0 || reads_prologue(n)) continue;
        if (from->id == MED_OP_add && !med_shape_equal(med_val_shape(p->graph, from->in[1]), from->shape)) continue;
        from->side = (med_val){i};
        is_side[i] = 1;
    }
}

static void collect_calls(med_plan *p) {
    char *is_side = med_alloc((size_t)p->n_nodes);
    if (!p->options.is_reference && !p->options.no_fusion && med_switch_is_on(MED_SWITCH_SIDES)) attach_sides(p, is_side);
    for (int i = 0; i < p->n_nodes; i++) {
        const med_node *n = med_node_of(p->graph, (med_val){i});
        if (p->live[i] && !is_side[i] && !(n->op->flags & (MED_OP_LEAF | MED_OP_VIEW))) p->call[p->n_calls++] = i;
    }
    free(is_side);
}

static void fill_constants(med_plan *p) {
    for (int i = 0; i < p->n_nodes; i++) {
        const med_node *n = med_node_of(p->graph, (med_val){i});
        if (!p->live[i] || n->id != MED_OP_fill) continue;
        void *to = med_plan_memory(p, (med_val){i});
        double value = ((const med_fill_attr *)n->attr)->value;
        for (int64_t k = 0, count = med_shape_count(n->shape); k < count; k++)
            if (p->options.is_reference) ((double *)to)[k] = value;
            else ((float *)to)[k] = (float)value;
    }
}

med_status med_plan_create(med_graph *g, med_plan_options options, med_plan **out) {
    *out = NULL;
    MED_TRY(med_graph_status(g));
    if (!options.is_reference && !options.no_fusion) {
        if (med_switch_is_on(MED_SWITCH_COMMON)) med_rewrite_common(g);
        if (med_switch_is_on(MED_SWITCH_BIASES)) med_rewrite_biases(g);
        if (med_switch_is_on(MED_SWITCH_NORM_GRADS)) med_rewrite_norm_grads(g);
        if (med_switch_is_on(MED_SWITCH_EPILOGUES)) med_rewrite_epilogues(g);
        if (med_switch_is_on(MED_SWITCH_SQUEEZES)) med_rewrite_squeezes(g);
        if (med_switch_is_on(MED_SWITCH_RESIDUALS)) med_rewrite_residuals(g);
        if (med_switch_is_on(MED_SWITCH_PROLOGUES)) med_rewrite_prologues(g);
        if (med_switch_is_on(MED_SWITCH_FOLDS)) med_rewrite_folds(g);
    }
    med_plan *p = med_alloc(sizeof *p);
    p->graph = g;
    p->options = options;
    p->backend = med_backend_cpu();
    p->item_bytes = options.is_reference ? sizeof(double) : sizeof(float);
    p->n_nodes = med_graph_n_nodes(g);
    size_t n = (size_t)p->n_nodes;
    p->live = med_graph_live(g);
    p->is_frozen = med_alloc(n);
    p->call = med_alloc(n * sizeof *p->call);
    p->run_end = med_alloc(n * sizeof *p->run_end);
    p->has_samples = med_alloc(n);
    p->is_local = med_alloc(n);
    p->place = med_alloc(n * sizeof *p->place);
    p->kept = med_alloc(n * sizeof *p->kept);
    p->bound = med_alloc(n * sizeof *p->bound);
    p->seconds = med_alloc(n * sizeof *p->seconds);
    mark_frozen(p);
    collect_calls(p);
    med_plan_order(p);
    med_plan_find_runs(p);
    med_plan_layout(p);
    p->workspace = options.workspace ? options.workspace : (p->own_workspace = med_workspace_create());
    med_status status = med_buffer_alloc(p->n_persistent, "constants", (void **)&p->persistent);
    if (status != MED_OK) {
        med_plan_free(p);
        return status;
    }
    fill_constants(p);
    *out = p;
    return MED_OK;
}

void med_plan_free(med_plan *p) {
    if (!p) return;
    free(p->live);
    free(p->is_frozen);
    free(p->call);
    free(p->hand_over);
    free(p->run_end);
    free(p->branch_end);
    free(p->has_samples);
    free(p->is_local);
    free(p->place);
    free(p->kept);
    free(p->bound);
    free(p->seconds);
    free(p->persistent);
    med_workspace_free(p->own_workspace);
    free(p);
}

size_t med_plan_bytes(const med_plan *p) { return p->n_workspace + p->n_persistent; }
int med_plan_n_calls(const med_plan *p) { return p->n_calls; }

void med_plan_bind(med_plan *p, med_val leaf, const float *data) {
    if (leaf.id >= 0) p->bound[leaf.id] = data;
}

void *med_plan_memory(const med_plan *p, med_val v) {
    med_place place = p->place[v.id];
    switch (place.kind) {
    case MED_PLACE_BOUND: return (void *)(uintptr_t)p->bound[v.id];
    case MED_PLACE_PERSISTENT: return p->persistent + place.offset;
    case MED_PLACE_WORKSPACE: return (char *)p->workspace->data + place.offset;
    case MED_PLACE_ALIAS: return med_plan_memory(p, med_node_of(p->graph, v)->in[0]);
    default: return NULL;
    }
}

const float *med_plan_data(const med_plan *p, med_val output) { return p->options.is_reference ? NULL : med_plan_memory(p, output); }

void med_plan_read_f64(const med_plan *p, med_val output, double *to) {
    const void *from = med_plan_memory(p, output);
    for (int64_t i = 0, n = med_shape_count(med_val_shape(p->graph, output)); i < n; i++)
        to[i] = p->options.is_reference ? ((const double *)from)[i] : (double)((const float *)from)[i];
}

void med_plan_read(const med_plan *p, med_val output, float *to) {
    const void *from = med_plan_memory(p, output);
    for (int64_t i = 0, n = med_shape_count(med_val_shape(p->graph, output)); i < n; i++)
        to[i] = p->options.is_reference ? (float)((const double *)from)[i] : ((const float *)from)[i];
}

typedef struct addition {
    const void *from;
    bool is_double;
    int64_t n;
    float *sum;
} addition;

enum { ADD_CHUNK = 1 << 16 };

static void add_chunk(void *context, int task) {
    const addition *a = context;
    int64_t begin = (int64_t)task * ADD_CHUNK, end = begin + ADD_CHUNK < a->n ? begin + ADD_CHUNK : a->n;
    if (a->is_double)
        for (int64_t i = begin; i < end; i++) a->sum[i] += (float)((const double *)a->from)[i];
    else
        for (int64_t i = begin; i < end; i++) a->sum[i] += ((const float *)a->from)[i];
}

void med_plan_add(const med_plan *p, med_val output, float *sum) {
    addition a = {med_plan_memory(p, output), p->options.is_reference, med_shape_count(med_val_shape(p->graph, output)), sum};
    med_parallel((int)((a.n + ADD_CHUNK - 1) / ADD_CHUNK), add_chunk, &a);
}

/* Leaves are converted for the reference loops; a leaf that is needed and not bound is named. */
static med_status prepare_leaves(med_plan *p) {
    for (int i = 0; i < p->n_nodes; i++) {
        const med_node *n = med_node_of(p->graph, (med_val){i});
        if (!p->live[i] || (n->id != MED_OP_input && n->id != MED_OP_param)) continue;
        if (!p->bound[i]) return med_fail(MED_EUSAGE, "%s %s has no data", n->op->name, n->name);
        if (!p->options.is_reference) continue;
        double *to = med_plan_memory(p, (med_val){i});
        for (int64_t k = 0, count = med_shape_count(n->shape); k < count; k++) to[k] = p->bound[i][k];
    }
    return MED_OK;
}

med_status med_plan_run(med_plan *p) {
    MED_TRY(prepare_leaves(p));
    MED_TRY(reserve(p->workspace, p->n_workspace));
    med_plan_execute(p);
    p->frozen_is_done = true;
    return MED_OK;
}
