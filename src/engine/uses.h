/* uses.h: who reads what in a graph, for rewrites. */
#ifndef MED_ENGINE_USES_H
#define MED_ENGINE_USES_H

#include "engine/node.h"

/* Users of every node, as lists in one array: those of v are user[first[v] .. first[v+1]). Outputs count as user -1. */
typedef struct med_uses {
    int *first, *user;
} med_uses;

/* Of live nodes. `all`: also of nodes that no output needs yet (while gradients are being built there are no outputs). */
med_uses med_uses_find(const med_graph *g, int all);
void med_uses_free(med_uses u);

static inline int med_uses_count(const med_uses *u, int v) { return u->first[v + 1] - u->first[v]; }
/* The only user of v, or -1. */
static inline int med_uses_only(const med_uses *u, int v) { return med_uses_count(u, v) == 1 ? u->user[u->first[v]] : -1; }
int med_uses_is_output(const med_uses *u, int v);
/* Users of v read `by` instead as an input; u is as it was. v is no output. */
void med_uses_replace(med_graph *g, const med_uses *u, int v, int by);

#endif
