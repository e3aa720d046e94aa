/* gradient.c: reverse-mode differentiation: walks the nodes backwards and lets each op add its gradient nodes. */
#include <stdlib.h>

#include "engine/node.h"
#include "engine/rewrite.h"

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

void med_gradients(med_graph *g, med_val scalar, const med_val *wrt, int n, med_val *grads) {
    for (int i = 0; i < n; i++) grads[i] = MED_NONE;
    if (scalar.id < 0) return;
    if (med_shape_count(med_val_shape(g, scalar)) != 1) {
        med_graph_fail(g, "gradients of a value of shape %s: only of one number", med_shape_print(med_val_shape(g, scalar)).text);
        return;
    }
    med_rewrite_biases(g);
    char *depends = mark_dependents(g, wrt, n);
    med_val *dy = med_alloc((size_t)(scalar.id + 1) * sizeof *dy);
    for (int i = 0; i <= scalar.id; i++) dy[i] = MED_NONE;
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
        node->op->grad(g, (med_val){i}, dy[i], wants, dx);
        node = med_node_of(g, (med_val){i});
        for (int k = 0; k < node->n_in; k++)
            if (wants[k]) accumulate(g, &dy[node->in[k].id], dx[k]);
    }
    for (int i = 0; i < n; i++)
        if (wrt[i].id >= 0 && wrt[i].id <= scalar.id) grads[i] = dy[wrt[i].id];
    free(dy);
    free(depends);
}
