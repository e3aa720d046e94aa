/* order.c: when calls run, and when outputs are handed over. Any order that respects inputs gives the same values; this one keeps
 * little in memory. */
#include <stdlib.h>

#include "engine/node.h"
#include "engine/plan_impl.h"

typedef struct turn {
    int key, position;
} turn;

static int by_turn(const void *a, const void *b) {
    const turn *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->position > y->position) - (x->position < y->position);
}

void med_plan_order_by(med_plan *p, const int *key) {
    turn *turns = med_alloc((size_t)p->n_calls * sizeof *turns);
    int *call = med_alloc((size_t)p->n_calls * sizeof *call);
    for (int c = 0; c < p->n_calls; c++) turns[c] = (turn){key[c], c};
    qsort(turns, (size_t)p->n_calls, sizeof *turns, by_turn);
    for (int c = 0; c < p->n_calls; c++) call[c] = p->call[turns[c].position];
    for (int c = 0; c < p->n_calls; c++) p->call[c] = call[c];
    free(turns);
    free(call);
}

/* What does not depend on a later input or parameter runs before what does: so the gradients of one pass of a training step free its
 * activations before the next pass makes its own. */
static void sort_by_last_leaf(med_plan *p) {
    int *last = med_alloc((size_t)p->n_nodes * sizeof *last), *key = med_alloc((size_t)p->n_calls * sizeof *key), in[MED_MAX_READ];
    for (int i = 0; i < p->n_nodes; i++) {
        const med_node *n = med_node_of(p->graph, (med_val){i});
        last[i] = n->id == MED_OP_input || n->id == MED_OP_param ? i : 0;
        for (int k = med_node_reads(n, in); k--;) last[i] = last[in[k]] > last[i] ? last[in[k]] : last[i];
    }
    for (int c = 0; c < p->n_calls; c++) key[c] = last[p->call[c]];
    med_plan_order_by(p, key);
    free(last);
    free(key);
}

/* Whether its outputs take more memory than what it reads, leaves aside. */
static bool grows(const med_plan *p, const med_node *n, int id) {
    int in[MED_MAX_READ];
    size_t read = 0, written = med_plan_value_bytes(p, id) + (n->side.id >= 0 ? med_plan_value_bytes(p, n->side.id) : 0);
    for (int k = med_node_reads(n, in); k--;) {
        int root = med_plan_root(p, in[k]);
        if (!(med_node_of(p->graph, (med_val){root})->op->flags & MED_OP_LEAF)) read += med_plan_value_bytes(p, root);
    }
    return written > read;
}

/* What is larger than its inputs waits for its first user (the first of several gradients of a shared weight, say, for the second), and
 * so does what is computed again. From the last call to the first, as users may wait themselves; equal keys keep makers before users. */
static void let_some_wait(med_plan *p) {
    int *first = med_alloc((size_t)p->n_nodes * sizeof *first), *key = med_alloc((size_t)p->n_calls * sizeof *key), in[MED_MAX_READ];
    for (int i = 0; i < p->n_nodes; i++) first[i] = p->n_calls;
    for (int c = p->n_calls - 1; c >= 0; c--) {
        const med_node *n = med_node_of(p->graph, (med_val){p->call[c]});
        int user = first[p->call[c]];
        if (n->side.id >= 0 && first[n->side.id] < user) user = first[n->side.id];
        key[c] = user < p->n_calls && (n->is_again || grows(p, n, p->call[c])) ? user : c;
        for (int k = med_node_reads(n, in); k--;) {
            int root = med_plan_root(p, in[k]);
            if (key[c] < first[root]) first[root] = key[c];
        }
    }
    med_plan_order_by(p, key);
    free(first);
    free(key);
}

static int by_place(const void *a, const void *b) {
    const med_hand_over *x = a, *y = b;
    return x->after != y->after ? (x->after > y->after) - (x->after < y->after) : (x->param.id > y->param.id) - (x->param.id < y->param.id);
}

/* After the call that makes it, the last reader of its parameter, and everything that is kept. */
static void place_hand_overs(med_plan *p) {
    int *made = med_alloc((size_t)p->n_nodes * sizeof *made), *read = med_alloc((size_t)p->n_nodes * sizeof *read), in[MED_MAX_READ], kept = 0;
    for (int c = 0; c < p->n_calls; c++) {
        const med_node *n = med_node_of(p->graph, (med_val){p->call[c]});
        made[p->call[c]] = c;
        if (n->side.id >= 0) made[n->side.id] = c;
        for (int k = med_node_reads(n, in); k--;) read[med_plan_root(p, in[k])] = c;
    }
    int n_outputs = med_graph_n_outputs(p->graph);
    p->hand_over = med_alloc((size_t)n_outputs * sizeof *p->hand_over);
    for (int i = 0; i < n_outputs; i++) {
        med_val value = med_graph_output(p->graph, i), param = med_graph_output_param(p->graph, i);
        int from = made[med_plan_root(p, value.id)];
        if (param.id < 0) kept = from > kept ? from : kept;
        else p->hand_over[p->n_hand_overs++] = (med_hand_over){value, param, from > read[param.id] ? from : read[param.id]};
    }
    for (int i = 0; i < p->n_hand_overs; i++)
        if (p->hand_over[i].after < kept) p->hand_over[i].after = kept;
    qsort(p->hand_over, (size_t)p->n_hand_overs, sizeof *p->hand_over, by_place);
    med_assert(p->options.sink || !p->n_hand_overs);
    free(made);
    free(read);
}

/* What is computed in the first run only has memory of its own and need not stand between others. */
static void put_frozen_first(med_plan *p) {
    int *key = med_alloc((size_t)p->n_calls * sizeof *key);
    for (int c = 0; c < p->n_calls; c++) key[c] = !p->is_frozen[p->call[c]];
    med_plan_order_by(p, key);
    free(key);
}

void med_plan_order(med_plan *p) {
    sort_by_last_leaf(p);
    let_some_wait(p);
    put_frozen_first(p);
    place_hand_overs(p);
}
