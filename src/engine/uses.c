/* uses.c: lists of users by counting. */
#include "engine/uses.h"

#include <stdlib.h>

med_uses med_uses_find(const med_graph *g, int all) {
    int n = med_graph_n_nodes(g);
    char *live = med_graph_live(g);
    med_uses u = {med_alloc((size_t)(n + 2) * sizeof(int)), NULL};
    int in[MED_MAX_READ];
    for (int i = 0; i < n; i++)
        if (all || live[i])
            for (int k = med_node_reads(med_node_of(g, (med_val){i}), in); k--;) u.first[in[k] + 2]++;
    for (int i = 0; i < med_graph_n_outputs(g); i++) u.first[med_graph_output(g, i).id + 2]++;
    for (int i = 2; i < n + 2; i++) u.first[i] += u.first[i - 1];
    u.user = med_alloc((size_t)(u.first[n + 1] + 1) * sizeof(int));
    for (int i = 0; i < n; i++)
        if (all || live[i])
            for (int k = med_node_reads(med_node_of(g, (med_val){i}), in); k--;) u.user[u.first[in[k] + 1]++] = i;
    for (int i = 0; i < med_graph_n_outputs(g); i++) u.user[u.first[med_graph_output(g, i).id + 1]++] = -1;
    free(live);
    return u;
}

void med_uses_free(med_uses u) {
    free(u.first);
    free(u.user);
}

int med_uses_is_output(const med_uses *u, int v) {
    int is = 0;
    for (int k = u->first[v]; k < u->first[v + 1]; k++) is |= u->user[k] < 0;
    return is;
}

void med_uses_replace(med_graph *g, const med_uses *u, int v, int by) {
    for (int k = u->first[v]; k < u->first[v + 1]; k++) {
        med_node *user = med_node_mutable(g, (med_val){u->user[k]});
        for (int j = 0; j < user->n_in; j++)
            if (user->in[j].id == v) user->in[j].id = by;
    }
}
