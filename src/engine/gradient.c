/* gradient.c: reverse-mode differentiation: walks the nodes backwards and lets each op add its gradient nodes. Cheap values that
 * these read are computed again for them, from what lies in memory for their own gradients anyway. */
#include <stdlib.h>

#include "engine/node.h"
#include "engine/rewrite.h"
#include "engine/switches.h"

/* depends[i]: node i is one of `wrt` or uses one that is. */
static char *mark_dependents(const med_graph *g, const med_val *wrt, int n_wrt) {
    int n = med_graph_n_nodes(g);
    char *depends = med_alloc((size_t)n);
    for (int i = 0; i < n_wrt; i++)
        if (wrt[i].id >= 0) depends[wrt[i].id] = 1;
    for (int i = 0; i < n; i++) {
        const med_node *node = med_node_of(g, (med_val){i});
        for (int k = 0; k < node->n_in && !depends[i]; k++) depends[i] = depends[node->in[k].id];
    }
    return depends;
}

static void accumulate(med_graph *g, med_val *total, med_val part) {
    if (part.id < 0) return;
    *total = total->id < 0 ? part : med_add(g, *total, part);
}

/* ---- computing again ---- */

typedef struct repetition {
    med_graph *g;
    const char *depends;
    int n;          /* nodes of the way forward */
    med_val *again; /* per node of it; MED_NONE: not repeated */
} repetition;

/* Element by element, from an input that its own gradient keeps; or dropout of such. */
static bool is_cheap(const repetition *r, med_val v) {
    if (v.id >= r->n || !r->depends[v.id]) return false;
    const med_node *n = med_node_of(r->g, v);
    if (n->id == MED_OP_mul) return med_node_of(r->g, n->in[1])->id == MED_OP_input && is_cheap(r, n->in[0]);
    return n->id == MED_OP_unary || n->id == MED_OP_normalize || n->id == MED_OP_layer_norm;
}

static med_val repeat(repetition *r, med_val v) {
    if (!is_cheap(r, v)) return v;
    if (r->again[v.id].id >= 0) return r->again[v.id];
    const med_node *n = med_node_of(r->g, v);
    med_val in[MED_MAX_IN];
    for (int k = 0; k < n->n_in; k++) in[k] = repeat(r, n->in[k]);
    r->again[v.id] = med_node_add(r->g, n->id, in, n->n_in, n->attr);
    med_node_mutable(r->g, r->again[v.id])->is_again = true;
    return r->again[v.id];
}

/* Lets the gradient of node i read repeated values: made before its nodes, as inputs precede users. Those that nobody reads are not
 * planned. */
static void differentiate(repetition *r, int i, med_val dy, const char *wants, med_val *dx) {
    const med_node *node = med_node_of(r->g, (med_val){i});
    if (r->again) {
        repeat(r, (med_val){i});
        for (int k = 0; k < node->n_in; k++) repeat(r, node->in[k]);
    }
    int first = med_graph_n_nodes(r->g);
    node->op->grad(r->g, (med_val){i}, dy, wants, dx);
    for (int j = first; j < med_graph_n_nodes(r->g) && r->again; j++) {
        med_node *n = med_node_mutable(r->g, (med_val){j});
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k].id < r->n && r->again[n->in[k].id].id >= 0) n->in[k] = r->again[n->in[k].id];
    }
}

static med_val *none_of(int n) {
    med_val *all = med_alloc((size_t)n * sizeof *all);
    for (int i = 0; i < n; i++) all[i] = MED_NONE;
    return all;
}

void med_gradients(med_graph *g, med_val scalar, const med_val *wrt, int n, med_val *grads) {
    for (int i = 0; i < n; i++) grads[i] = MED_NONE;
    if (scalar.id < 0) return;
    if (med_shape_count(med_val_shape(g, scalar)) != 1) {
        med_graph_fail(g, "gradients of a value of shape %s: only of one number", med_shape_print(med_val_shape(g, scalar)).text);
        return;
    }
    med_rewrite_biases(g);
    char *depends = mark_dependents(g, wrt, n);
    med_val *dy = none_of(scalar.id + 1);
    repetition r = {g, depends, scalar.id + 1, med_switch_is_on(MED_SWITCH_RECOMPUTE) ? none_of(scalar.id + 1) : NULL};
    dy[scalar.id] = med_fill(g, med_val_shape(g, scalar), 1);

    for (int i = scalar.id; i >= 0; i--) {
        const med_node *node = med_node_of(g, (med_val){i});
        if (dy[i].id < 0 || !depends[i] || (node->op->flags & MED_OP_LEAF)) continue;
        if (!node->op->grad) {
            med_graph_fail(g, "%s has no gradient", node->op->name);
            break;
        }
        char wants[MED_MAX_IN];
        med_val dx[MED_MAX_IN];
        for (int k = 0; k < node->n_in; k++) {
            wants[k] = depends[node->in[k].id];
            dx[k] = MED_NONE;
        }
        differentiate(&r, i, dy[i], wants, dx);
        node = med_node_of(g, (med_val){i});
        for (int k = 0; k < node->n_in; k++)
            if (wants[k]) accumulate(g, &dy[node->in[k].id], dx[k]);
    }
    for (int i = 0; i < n; i++)
        if (wrt[i].id >= 0 && wrt[i].id <= scalar.id) grads[i] = dy[wrt[i].id];
    free(r.again);
    free(dy);
    free(depends);
}
