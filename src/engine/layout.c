/* layout.c: where every value lies. Activations share one buffer: a block is taken when its node runs and given back
 * after the last node that reads it; the smallest free block that fits is taken. What a run of calls that are made part by part
 * shares with others is there from its begin to its end. */
#include <stdlib.h>
#include <string.h>

#include "engine/node.h"
#include "engine/plan_impl.h"
#include "engine/switches.h"

enum { ALIGN = 64 };

typedef struct block { size_t offset, size; } block;
typedef struct free_list {
    block *item; /* by offset, never adjacent */
    int n, capacity;
    size_t top;  /* end of the buffer so far */
} free_list;

static void insert_block(free_list *f, int at, block b) {
    if (f->n == f->capacity) {
        f->capacity = f->capacity ? 2 * f->capacity : 64;
        f->item = realloc(f->item, (size_t)f->capacity * sizeof *f->item);
        med_assert(f->item != NULL);
    }
    memmove(f->item + at + 1, f->item + at, (size_t)(f->n - at) * sizeof *f->item);
    f->item[at] = b;
    f->n++;
}

static void remove_block(free_list *f, int at) {
    memmove(f->item + at, f->item + at + 1, (size_t)(--f->n - at) * sizeof *f->item);
}

static size_t take(free_list *f, size_t size) {
    int best = -1;
    for (int i = 0; i < f->n; i++)
        if (f->item[i].size >= size && (best < 0 || f->item[i].size < f->item[best].size)) best = i;
    if (best >= 0) {
        size_t offset = f->item[best].offset;
        f->item[best].offset += size;
        f->item[best].size -= size;
        if (f->item[best].size == 0) remove_block(f, best);
        return offset;
    }
    size_t offset = f->top;
    if (f->n && f->item[f->n - 1].offset + f->item[f->n - 1].size == f->top) { /* extend the free end */
        offset = f->item[f->n - 1].offset;
        remove_block(f, f->n - 1);
    }
    f->top = offset + size;
    return offset;
}

static void give_back(free_list *f, block b) {
    int i = 0;
    while (i < f->n && f->item[i].offset < b.offset) i++;
    insert_block(f, i, b);
    if (i + 1 < f->n && f->item[i].offset + f->item[i].size == f->item[i + 1].offset) {
        f->item[i].size += f->item[i + 1].size;
        remove_block(f, i + 1);
    }
    if (i > 0 && f->item[i - 1].offset + f->item[i - 1].size == f->item[i].offset) {
        f->item[i - 1].size += f->item[i].size;
        remove_block(f, i);
    }
}

int med_plan_root(const med_plan *p, int id) {
    const med_node *n = med_node_of(p->graph, (med_val){id});
    return n->op->flags & MED_OP_VIEW ? med_plan_root(p, n->in[0].id) : id;
}

/* Position until which a value that call c makes or reads has to be there. */
static int until(const med_plan *p, int root, int c) { return p->run_end[c] >= 0 && !p->is_local[root] ? p->run_end[c] : c; }

/* Last position in the running order that reads each root; n_calls = never given back (outputs); above it: given back after
 * hand-over last - n_calls - 1. */
static int *last_uses(const med_plan *p) {
    int *last = med_alloc((size_t)p->n_nodes * sizeof(int)), in[MED_MAX_READ];
    for (int i = 0; i < p->n_nodes; i++) last[i] = -1;
    for (int c = 0; c < p->n_calls; c++)
        for (int k = med_node_reads(med_node_of(p->graph, (med_val){p->call[c]}), in); k--;) {
            int root = med_plan_root(p, in[k]);
            last[root] = until(p, root, c);
        }
    for (int i = 0; i < p->n_hand_overs; i++) {
        int *of = &last[med_plan_root(p, p->hand_over[i].value.id)];
        if (*of <= p->hand_over[i].after || *of > p->n_calls) *of = p->n_calls + 1 + i;
    }
    for (int i = 0; i < med_graph_n_outputs(p->graph); i++)
        if (med_graph_output_param(p->graph, i).id < 0) last[med_plan_root(p, med_graph_output(p->graph, i).id)] = p->n_calls;
    return last;
}

size_t med_plan_value_bytes(const med_plan *p, int id) {
    size_t n = (size_t)med_shape_count(med_node_of(p->graph, (med_val){id})->shape) * p->item_bytes;
    if (p->is_local[id]) n /= (size_t)p->n_samples;
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static med_place take_persistent(med_plan *p, size_t n_bytes) {
    med_place place = {MED_PLACE_PERSISTENT, p->n_persistent, n_bytes};
    p->n_persistent += (n_bytes + ALIGN - 1) / ALIGN * ALIGN;
    return place;
}

static void place_persistent(med_plan *p, int id) { p->place[id] = take_persistent(p, med_plan_value_bytes(p, id)); }

/* What kernels make of weights that never change. */
static void place_kept(med_plan *p, int id) {
    const med_node *n = med_node_of(p->graph, (med_val){id});
    if (!p->options.is_frozen || p->options.is_reference || !p->backend->kept_floats[n->id] || !p->is_frozen[n->in[1].id]) return;
    size_t n_floats = p->backend->kept_floats[n->id](p->graph, n);
    if (n_floats) p->kept[id] = take_persistent(p, n_floats * sizeof(float));
}

static bool may_overwrite(const med_plan *p, const med_node *n) {
    bool is_fast = !p->options.is_reference && p->backend->kernel[n->id];
    return is_fast && (n->op->flags & MED_OP_OVERWRITE);
}

/* An in-place op takes over an input of its own shape that nobody reads later. */
static bool place_on_input(med_plan *p, int id, int position, int *last) {
    const med_node *n = med_node_of(p->graph, (med_val){id});
    int n_candidates = n->op->flags & MED_OP_INPLACE ? n->n_in : may_overwrite(p, n) ? 1 : 0;
    for (int k = 0; k < n_candidates; k++) {
        int root = med_plan_root(p, n->in[k].id);
        if (last[root] != position || p->place[root].kind != MED_PLACE_WORKSPACE || p->is_local[root] != p->is_local[id]) continue;
        if (!med_shape_equal(med_node_of(p->graph, n->in[k])->shape, n->shape)) continue;
        p->place[id] = p->place[root];
        last[root] = -2; /* its block lives on under a new name */
        return true;
    }
    return false;
}

/* Of all values; of those of one branch, whose offsets begin anew. */
typedef struct free_lists {
    free_list all, branch;
    size_t branch_top; /* of all branches */
} free_lists;

static free_list *list_of(const med_plan *p, free_lists *f, int root) { return p->is_local[root] && p->n_branches ? &f->branch : &f->all; }

static void begin_branch(free_lists *f) {
    if (f->branch.top > f->branch_top) f->branch_top = f->branch.top;
    f->branch.n = 0;
    f->branch.top = 0;
}

static void place_output(med_plan *p, free_lists *f, int id, int position, int *last) {
    if (p->is_frozen[id]) {
        place_persistent(p, id);
    } else if (!place_on_input(p, id, position, last)) {
        size_t n_bytes = med_plan_value_bytes(p, id);
        p->place[id] = (med_place){MED_PLACE_WORKSPACE, take(list_of(p, f, id), n_bytes), n_bytes};
    }
}

/* Branches at the same time have memory of their own, behind all other. */
static void place_branches(med_plan *p, free_lists *f) {
    begin_branch(f);
    p->slot_bytes = f->branch_top;
    p->n_workspace = f->all.top + (size_t)p->n_slots * p->slot_bytes;
    for (int i = 0; i < p->n_nodes; i++)
        if (p->is_local[i] && p->n_branches) p->place[i].offset += f->all.top;
}

static void give_back_value(const med_plan *p, free_lists *f, int root, int *last) {
    if (p->place[root].kind != MED_PLACE_WORKSPACE) return;
    give_back(list_of(p, f, root), (block){p->place[root].offset, p->place[root].n_bytes});
    last[root] = -2; /* once */
}

/* What call c makes, as far as it is local, or not. */
static void place_outputs(med_plan *p, free_lists *f, int c, bool is_local, int position, int *last) {
    int id = p->call[c], side = med_node_of(p->graph, (med_val){id})->side.id;
    if (side >= 0 && p->is_local[side] == is_local) place_output(p, f, side, position, last);
    if (p->is_local[id] == is_local) place_output(p, f, id, position, last);
}

static void give_back_inputs(const med_plan *p, free_lists *f, int c, int position, int *last) {
    int in[MED_MAX_READ];
    for (int k = med_node_reads(med_node_of(p->graph, (med_val){p->call[c]}), in); k--;) {
        int root = med_plan_root(p, in[k]);
        if (last[root] == position) give_back_value(p, f, root, last);
    }
}

void med_plan_layout(med_plan *p) {
    for (int i = 0; i < p->n_nodes; i++) {
        const med_node *n = med_node_of(p->graph, (med_val){i});
        if (!p->live[i]) continue;
        if (n->op->flags & MED_OP_VIEW) p->place[i] = (med_place){MED_PLACE_ALIAS, 0, 0};
        else if (n->id == MED_OP_fill || (p->options.is_reference && (n->op->flags & MED_OP_LEAF))) place_persistent(p, i);
        else if (n->op->flags & MED_OP_LEAF) p->place[i] = (med_place){MED_PLACE_BOUND, 0, 0};
    }
    if (med_switch_is_on(MED_SWITCH_POINTS))
        for (int c = 0; c < p->n_calls; c++) place_kept(p, p->call[c]);
    free_lists f = {.branch_top = 0};
    int *last = last_uses(p), next = 0, begin = 0, branch = 0;
    for (int c = 0; c < p->n_calls; c++) {
        int end = p->run_end[c] < 0 ? c : p->run_end[c];
        if (c == 0 || p->run_end[c] < 0 || p->run_end[c - 1] != end) {
            begin = c;
            for (int k = begin; k <= end; k++) place_outputs(p, &f, k, false, c, last);
        }
        if (branch < p->n_branches && c == p->branch_end[branch]) begin_branch(&f), branch++;
        place_outputs(p, &f, c, true, c, last);
        for (int k = c == end ? begin : c; k <= c; k++) give_back_inputs(p, &f, k, c, last);
        if (last[p->call[c]] == -1) give_back_value(p, &f, p->call[c], last); /* written, never read */
        for (; next < p->n_hand_overs && p->hand_over[next].after <= c; next++) {
            int root = med_plan_root(p, p->hand_over[next].value.id);
            if (last[root] == p->n_calls + 1 + next) give_back_value(p, &f, root, last);
        }
    }
    place_branches(p, &f);
    free(f.all.item);
    free(f.branch.item);
    free(last);
}
