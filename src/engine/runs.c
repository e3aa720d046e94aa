/* runs.c: which calls are made part by part: sample by sample, or branch by branch.
 *
 * Samples, where a plan has several: on small planes most of the time goes into weights: one call has all samples. On big planes it goes
 * into activations: from one small plane to the next, a run of calls is made for the first sample, then for the second.
 * Branches, where an inference has one sample: calls that only one output needs, as image heads. Each is a thread's own: no waiting for each
 * other within it.
 * What lives within a run is local: it has the memory of one sample, or of one branch of as many as run at the same time. */
#include <stdlib.h>

#include "base/thread.h"
#include "engine/node.h"
#include "engine/plan_impl.h"
#include "engine/switches.h"

static int64_t count_samples(const med_plan *p) {
    for (int i = 0; i < p->n_nodes; i++) {
        const med_node *n = med_node_of(p->graph, (med_val){i});
        if (p->live[i] && n->id == MED_OP_input) return n->shape.rank ? n->shape.dim[0] : 1;
    }
    return 1;
}

static void mark_samples(med_plan *p) {
    int in[MED_MAX_READ];
    for (int i = 0; i < p->n_nodes; i++) {
        const med_node *n = med_node_of(p->graph, (med_val){i});
        p->has_samples[i] = n->id == MED_OP_input || (n->id == MED_OP_fill && n->shape.rank && n->shape.dim[0] == p->n_samples);
        for (int k = med_node_reads(n, in); k--;) p->has_samples[i] |= p->has_samples[in[k]];
    }
}

static bool is_along_samples(const med_node *n) {
    if (n->id == MED_OP_slice) return ((const med_slice_attr *)n->attr)->dim == 0;
    if (n->id == MED_OP_concat) return ((const med_concat_attr *)n->attr)->dim == 0;
    if (n->id == MED_OP_matmul) return ((const med_matmul_attr *)n->attr)->trans_a;
    return false;
}

static bool has_own(const med_plan *p, int id) {
    med_shape s = med_node_of(p->graph, (med_val){id})->shape;
    return s.rank > 0 && s.dim[0] == p->n_samples;
}

/* Whether a sample of its output depends on the same sample of its inputs only. */
static bool is_separable(const med_plan *p, int id) {
    const med_node *n = med_node_of(p->graph, (med_val){id});
    if (!(n->op->flags & MED_OP_BY_SAMPLE) || p->is_frozen[id] || is_along_samples(n) || !p->has_samples[id] || !has_own(p, id)) return false;
    if (n->id == MED_OP_matmul && p->has_samples[n->in[1].id]) return false;
    int in[MED_MAX_READ];
    for (int k = med_node_reads(n, in); k--;)
        if (p->has_samples[in[k]] && !has_own(p, in[k])) return false;
    return true;
}

/* is_big[i]: reads or writes a big plane, or numbers that come from one (means of channels, what scales are made of). */
static char *find_big(const med_plan *p) {
    char *is_big = med_alloc((size_t)p->n_nodes);
    int64_t *plane = med_alloc((size_t)p->n_nodes * sizeof *plane);
    int in[MED_MAX_READ];
    for (int i = 0; i < p->n_nodes; i++) {
        const med_node *n = med_node_of(p->graph, (med_val){i});
        int64_t own = n->shape.rank == 4 ? n->shape.dim[2] * n->shape.dim[3] : 1, read = 0;
        for (int k = med_node_reads(n, in); k--;)
            if (p->has_samples[in[k]] && plane[in[k]] > read) read = plane[in[k]];
        plane[i] = own > 1 ? own : read;
        is_big[i] = p->has_samples[i] && (own > read ? own : read) >= p->options.big_plane;
    }
    free(plane);
    return is_big;
}

/* Local: made and read within one run. */
static void find_local(med_plan *p) {
    int *made = med_alloc((size_t)p->n_nodes * sizeof *made), in[MED_MAX_READ];
    for (int i = 0; i < p->n_nodes; i++) made[i] = -1;
    for (int c = 0; c < p->n_calls; c++) {
        const med_node *n = med_node_of(p->graph, (med_val){p->call[c]});
        bool is_in_run = p->run_end[c] >= 0;
        made[p->call[c]] = p->run_end[c];
        p->is_local[p->call[c]] = is_in_run;
        if (n->side.id >= 0) made[n->side.id] = p->run_end[c], p->is_local[n->side.id] = is_in_run;
        for (int k = med_node_reads(n, in); k--;) {
            int root = med_plan_root(p, in[k]);
            if (made[root] != p->run_end[c]) p->is_local[root] = 0;
        }
    }
    for (int i = 0; i < med_graph_n_outputs(p->graph); i++) p->is_local[med_plan_root(p, med_graph_output(p->graph, i).id)] = 0;
    free(made);
}

static void find_samples(med_plan *p) {
    mark_samples(p);
    char *is_big = find_big(p);
    for (int c = p->n_calls - 1; c >= 0; c--) {
        if (!is_big[p->call[c]] || !is_separable(p, p->call[c])) continue;
        p->run_end[c] = c + 1 < p->n_calls && p->run_end[c + 1] >= 0 ? p->run_end[c + 1] : c;
    }
    free(is_big);
}

/* ---- branches ---- */

enum { NOBODY = -1, SEVERAL = -2 }; /* whom a value is for, else the number of an output */

static int join(int a, int b) { return a == NOBODY || a == b ? b : b == NOBODY ? a : SEVERAL; }

/* Per call: the only output that needs it, or SEVERAL. */
static int *find_owners(const med_plan *p) {
    int *of_value = med_alloc((size_t)p->n_nodes * sizeof *of_value), *of_call = med_alloc((size_t)p->n_calls * sizeof *of_call), in[MED_MAX_READ];
    for (int i = 0; i < p->n_nodes; i++) of_value[i] = NOBODY;
    for (int i = 0; i < med_graph_n_outputs(p->graph); i++) {
        int *of = &of_value[med_plan_root(p, med_graph_output(p->graph, i).id)];
        *of = join(*of, i);
    }
    for (int c = p->n_calls - 1; c >= 0; c--) {
        const med_node *n = med_node_of(p->graph, (med_val){p->call[c]});
        of_call[c] = n->side.id < 0 ? of_value[p->call[c]] : join(of_value[p->call[c]], of_value[n->side.id]);
        if (p->is_frozen[p->call[c]]) of_call[c] = SEVERAL; /* made once, first */
        for (int k = med_node_reads(n, in); k--;) {
            int root = med_plan_root(p, in[k]);
            of_value[root] = join(of_value[root], of_call[c]);
        }
    }
    free(of_value);
    return of_call;
}

/* branch[output]: number of its branch, or -1. As many as threads can share evenly, of about the same work. */
static int number_branches(const med_plan *p, const int *owner, int *branch) {
    int n_outputs = med_graph_n_outputs(p->graph), n = 0, n_threads = med_threads();
    double *macs = med_alloc((size_t)n_outputs * sizeof *macs), most = 0;
    for (int c = 0; c < p->n_calls; c++)
        if (owner[c] >= 0) macs[owner[c]] += med_node_macs(p->graph, med_node_of(p->graph, (med_val){p->call[c]}));
    for (int i = 0; i < n_outputs; i++) most = macs[i] > most ? macs[i] : most;
    for (int i = 0; i < n_outputs; i++) branch[i] = most > 0 && macs[i] > most / 2 ? n++ : -1;
    n -= n % n_threads;
    for (int i = 0; i < n_outputs; i++) branch[i] = branch[i] < n ? branch[i] : -1;
    free(macs);
    return n;
}

/* Moves them behind all other calls. */
static void find_branches(med_plan *p) {
    int *owner = find_owners(p), *branch = med_alloc((size_t)med_graph_n_outputs(p->graph) * sizeof *branch);
    p->n_branches = number_branches(p, owner, branch);
    p->n_slots = p->n_branches ? med_threads() : 0;
    if (p->n_branches) {
        int *key = med_alloc((size_t)p->n_calls * sizeof *key), begin = p->n_calls;
        p->branch_end = med_alloc((size_t)p->n_branches * sizeof *p->branch_end);
        for (int c = 0; c < p->n_calls; c++) {
            key[c] = owner[c] < 0 ? 0 : branch[owner[c]] + 1;
            for (int b = key[c] - 1; b >= 0 && b < p->n_branches; b++) p->branch_end[b]++;
            begin -= key[c] > 0;
        }
        for (int b = 0; b < p->n_branches; b++) p->branch_end[b] += begin;
        med_plan_order_by(p, key);
        for (int c = begin; c < p->n_calls; c++) p->run_end[c] = p->n_calls - 1;
        free(key);
    }
    free(owner);
    free(branch);
}

/* While training, gradients are outputs that must not wait for each other. */
static bool wants_branches(const med_plan *p) {
    return p->options.is_frozen && !p->options.is_reference && !p->options.no_fusion && med_threads() > 1 && med_switch_is_on(MED_SWITCH_BRANCHES);
}

void med_plan_find_runs(med_plan *p) {
    for (int c = 0; c < p->n_calls; c++) p->run_end[c] = -1;
    p->n_samples = p->options.big_plane > 0 && !p->n_hand_overs ? count_samples(p) : 1;
    if (p->n_samples > 1) find_samples(p);
    else if (!p->n_hand_overs && wants_branches(p)) find_branches(p);
    find_local(p);
}
