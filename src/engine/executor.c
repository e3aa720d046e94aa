/* executor.c: calls the kernels of a plan in order; an op without a fast kernel runs its reference loop in double. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"
#include "engine/plan_impl.h"

/* What a call is made for. */
typedef struct part {
    int sample;   /* or ALL_SAMPLES */
    size_t shift; /* of its local memory */
    int n_beside; /* parts at the same time, this one with them: its share of the run's time */
} part;
enum { ALL_SAMPLES = -1 };
static const part whole = {ALL_SAMPLES, 0, 1};

static med_view view_of(const med_plan *p, med_val v, part of) {
    med_view view = {.data = NULL};
    if (v.id < 0) return view;
    view.data = med_plan_memory(p, v);
    view.shape = med_node_of(p->graph, v)->shape;
    bool is_local = p->is_local[med_plan_root(p, v.id)], is_cut = of.sample != ALL_SAMPLES && p->has_samples[v.id];
    if (is_cut) view.shape.dim[0] = 1;
    if (is_local) view.data = (char *)view.data + of.shift;
    else if (is_cut) view.data = (char *)view.data + (size_t)(of.sample * med_shape_count(view.shape)) * p->item_bytes;
    return view;
}

/* a = act((x - mean) * rstd) * scale in double, as a prologue reads input 0. */
static void apply_prologue(const med_call *c, double *x) {
    med_shape s = c->in[0].shape;
    int64_t plane = s.dim[2] * s.dim[3];
    for (int64_t m = 0; m < s.dim[0] * s.dim[1]; m++)
        for (int64_t i = m * plane; i < (m + 1) * plane; i++) {
            if (c->stats.data) x[i] = (x[i] - c->stats.f32[2 * m]) * c->stats.f32[2 * m + 1];
            if (c->node->pro.act != MED_UNARY_none) x[i] = med_unary_table[c->node->pro.act].f(x[i], c->node->pro.param);
            if (c->scale.data) x[i] *= c->scale.f32[m];
        }
}

/* y = act((y - mean) * rstd) in double by the statistics of each plane. */
static void apply_epilogue(const med_call *c, double *y) {
    const med_epilogue *e = &c->node->epi;
    med_shape s = c->out.shape;
    int64_t plane = s.dim[2] * s.dim[3];
    for (int64_t m = 0; m < s.dim[0] * s.dim[1]; m++, y += plane) {
        double sum = 0, square = 0;
        for (int64_t i = 0; i < plane; i++) sum += y[i];
        double mean = sum / (double)plane;
        for (int64_t i = 0; i < plane; i++) square += (y[i] - mean) * (y[i] - mean);
        double rstd = 1 / sqrt(square / (double)plane + e->eps);
        for (int64_t i = 0; i < plane; i++) y[i] = med_unary_table[e->act].f((y[i] - mean) * rstd, e->param);
    }
}

static double *to_double(med_view v) {
    int64_t n = med_shape_count(v.shape);
    double *d = med_alloc((size_t)n * sizeof *d);
    for (int64_t i = 0; i < n; i++) d[i] = v.f32[i];
    return d;
}

/* The definition of an op on f32 data: convert, run the reference loop, convert back. */
void med_call_reference(const med_call *c) {
    med_call wide = *c;
    for (int i = 0; i < c->n_in; i++) wide.in[i].f64 = to_double(c->in[i]);
    if (c->n_in > 0 && c->in[0].shape.rank == 4) apply_prologue(c, wide.in[0].f64);
    int64_t n = med_shape_count(c->out.shape);
    wide.out.f64 = med_alloc((size_t)n * sizeof(double));
    c->node->op->reference(&wide);
    if (c->node->epi.is_on) apply_epilogue(c, wide.out.f64);
    int64_t plane = c->gain.data ? c->out.shape.dim[2] * c->out.shape.dim[3] : 1;
    for (int64_t i = 0; c->gain.data && i < n; i++) wide.out.f64[i] *= c->gain.f32[i / plane];
    for (int64_t i = 0; c->residual.data && i < n; i++) wide.out.f64[i] += c->residual.f32[i];
    for (int64_t i = 0; i < n; i++) c->out.f32[i] = (float)wide.out.f64[i];
    for (int i = 0; i < c->n_in; i++) free(wide.in[i].f64);
    free(wide.out.f64);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void execute_call(med_plan *p, int id, part of) {
    const med_node *n = med_node_of(p->graph, (med_val){id});
    med_call c = {.node = n, .n_in = n->n_in, .out = view_of(p, (med_val){id}, of), .stats = view_of(p, n->pro.stats, of),
                  .scale = view_of(p, n->pro.scale, of), .gain = view_of(p, n->gain, of), .residual = view_of(p, n->residual, of), .side = view_of(p, n->side, of)};
    if (p->kept[id].n_bytes) {
        c.kept = (float *)(p->persistent + p->kept[id].offset);
        c.kept_is_made = p->frozen_is_done;
    }
    for (int i = 0; i < n->n_in; i++) c.in[i] = view_of(p, n->in[i], of);
    if (c.side.data && c.side.shape.rank == 3) c.side_eps = ((const med_norm_attr *)med_node_of(p->graph, n->side)->attr)->eps;
    double start = p->is_profiled ? now() : 0;
    med_kernel *kernel = p->options.is_reference ? n->op->reference : p->backend->kernel[n->id];
    if (kernel) kernel(&c);
    else med_call_reference(&c);
    if (p->is_profiled) p->seconds[id] += (now() - start) / of.n_beside;
}

typedef struct branches {
    med_plan *plan;
    int begin;
    atomic_int next;
} branches;

/* A thread's memory, and one branch after the other until all are taken. */
static void slot_task(void *context, int slot) {
    branches *b = context;
    med_plan *p = b->plan;
    for (int i; (i = atomic_fetch_add(&b->next, 1)) < p->n_branches;)
        for (int c = i ? p->branch_end[i - 1] : b->begin; c < p->branch_end[i]; c++)
            execute_call(p, p->call[c], (part){ALL_SAMPLES, (size_t)slot * p->slot_bytes, p->n_slots});
}

/* Call k, or the run that it begins; returns the last one made. */
static int execute(med_plan *p, int k) {
    int end = p->run_end[k];
    if (end < 0) {
        if (!(p->is_frozen[p->call[k]] && p->frozen_is_done)) execute_call(p, p->call[k], whole);
        return k;
    }
    if (p->n_branches) {
        branches b = {.plan = p, .begin = k};
        med_parallel(p->n_slots, slot_task, &b);
        return end;
    }
    for (int sample = 0; sample < p->n_samples; sample++)
        for (int c = k; c <= end; c++) execute_call(p, p->call[c], (part){sample, 0, 1});
    return end;
}

void med_plan_execute(med_plan *p) {
    int next = 0;
    for (int k = 0; k <= p->n_calls; k++) { /* at the end: what no call makes */
        if (k < p->n_calls) k = execute(p, k);
        for (; next < p->n_hand_overs && p->hand_over[next].after <= k; next++)
            p->options.sink(p->options.sink_context, p, p->hand_over[next].value, p->hand_over[next].param);
    }
    p->n_runs++;
}

void med_plan_profile(med_plan *p, bool is_on) {
    p->is_profiled = is_on;
    memset(p->seconds, 0, (size_t)p->n_nodes * sizeof *p->seconds);
    p->n_runs = 0;
}

static int slower_first(const void *a, const void *b) {
    double d = ((const med_op_time *)b)->seconds - ((const med_op_time *)a)->seconds;
    return d > 0 ? 1 : d < 0 ? -1 : 0;
}

static double bytes_of(const med_plan *p, const med_node *n) {
    double count = (double)med_shape_count(n->shape);
    for (int k = 0; k < n->n_in; k++) count += (double)med_shape_count(med_val_shape(p->graph, n->in[k]));
    return count * (double)p->item_bytes;
}

/* "relu", "conv2d 3x3", "conv2d_grad_input 4x4/2". */
static void label_of(const med_node *n, char label[MED_OP_LABEL]) {
    const med_conv_attr *conv = n->id == MED_OP_conv2d ? n->attr : NULL;
    if (n->id == MED_OP_conv2d_grad_input || n->id == MED_OP_conv2d_grad_weight) conv = &((const med_conv_grad_attr *)n->attr)->conv;
    int at = snprintf(label, MED_OP_LABEL, "%s", n->op->name);
    if (conv) at += snprintf(label + at, (size_t)(MED_OP_LABEL - at), " %dx%d", conv->kernel, conv->kernel);
    if (conv && conv->stride > 1) snprintf(label + at, (size_t)(MED_OP_LABEL - at), "/%d", conv->stride);
}

int med_plan_times(const med_plan *p, med_op_time *out, int max) {
    int n_out = 0;
    for (int k = 0; k < p->n_calls; k++) {
        const med_node *n = med_node_of(p->graph, (med_val){p->call[k]});
        char label[MED_OP_LABEL];
        label_of(n, label);
        int i = 0;
        while (i < n_out && strcmp(out[i].op, label) != 0) i++;
        if (i == n_out) {
            if (n_out == max) continue;
            out[n_out] = (med_op_time){.n_calls = 0};
            strcpy(out[n_out++].op, label);
        }
        out[i].n_calls++;
        out[i].seconds += p->seconds[p->call[k]] / (double)(p->n_runs ? p->n_runs : 1);
        out[i].bytes += bytes_of(p, n);
        out[i].gflop += 2e-9 * med_node_macs(p->graph, n);
    }
    qsort(out, (size_t)n_out, sizeof *out, slower_first);
    return n_out;
}
