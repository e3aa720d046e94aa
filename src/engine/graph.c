/* graph.c: nodes in creation order (every input precedes its user), scopes, leaves, the first error. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/node.h"

enum { MAX_SCOPE = 256, MAX_DEPTH = 16 };

struct med_graph {
    med_arena *arena;
    med_node **node;
    int n_nodes, capacity;
    char scope[MAX_SCOPE];
    size_t scope_end[MAX_DEPTH]; /* length of the scope before each push */
    int depth;
    med_status status;
    char *message;
    struct {
        med_val value, param;
    } *output; /* param: none, or of an output that is handed over */
    int n_outputs;
    med_val *param;
    int n_params;
};

static void *grow(void *items, int n, size_t item_bytes) { /* doubles at powers of two */
    if (n & (n - 1)) return items;
    items = realloc(items, (n ? 2 * (size_t)n : 1) * item_bytes);
    med_assert(items != NULL);
    return items;
}

med_graph *med_graph_create(void) {
    med_graph *g = med_alloc(sizeof *g);
    g->arena = med_arena_create();
    return g;
}

void med_graph_free(med_graph *g) {
    if (!g) return;
    med_arena_free(g->arena);
    free(g->node);
    free(g->output);
    free(g->param);
    free(g->message);
    free(g);
}

void med_graph_fail(med_graph *g, const char *format, ...) {
    if (g->status != MED_OK) return;
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int n = vasprintf(&text, format, args);
    va_end(args);
    med_assert(n >= 0);
    g->message = g->scope[0] ? med_format("%s: %s", g->scope, text) : med_strdup(text);
    g->status = MED_EUSAGE;
    free(text);
}

med_status med_graph_status(const med_graph *g) {
    return g->status == MED_OK ? MED_OK : med_fail(g->status, "%s", g->message);
}

int med_node_reads(const med_node *n, int *list) {
    int k = 0;
    for (int i = 0; i < n->n_in; i++) list[k++] = n->in[i].id;
    if (n->pro.stats.id >= 0) list[k++] = n->pro.stats.id;
    if (n->pro.scale.id >= 0) list[k++] = n->pro.scale.id;
    if (n->gain.id >= 0) list[k++] = n->gain.id;
    if (n->residual.id >= 0) list[k++] = n->residual.id;
    return k;
}

char *med_graph_live(const med_graph *g) {
    char *live = med_alloc((size_t)g->n_nodes);
    int in[MED_MAX_READ];
    for (int i = 0; i < med_graph_n_outputs(g); i++) live[med_graph_output(g, i).id] = 1;
    for (int i = g->n_nodes - 1; i >= 0; i--)
        if (live[i])
            for (int k = med_node_reads(g->node[i], in); k--;) live[in[k]] = 1;
    return live;
}

int med_graph_n_nodes(const med_graph *g) { return g->n_nodes; }
int med_graph_n_params(const med_graph *g) { return g->n_params; }
med_val med_graph_param(const med_graph *g, int i) { return g->param[i]; }
int med_graph_n_outputs(const med_graph *g) { return g->n_outputs; }
med_val med_graph_output(const med_graph *g, int i) { return g->output[i].value; }
med_val med_graph_output_param(const med_graph *g, int i) { return g->output[i].param; }
const med_node *med_node_of(const med_graph *g, med_val v) { return g->node[v.id]; }
med_node *med_node_mutable(med_graph *g, med_val v) { return g->node[v.id]; }
const char *med_val_name(const med_graph *g, med_val v) { return v.id < 0 ? "none" : g->node[v.id]->name; }
med_shape med_val_shape(const med_graph *g, med_val v) { return v.id < 0 ? (med_shape){0} : g->node[v.id]->shape; }

void med_output_for(med_graph *g, med_val v, med_val param) {
    if (v.id < 0) return;
    g->output = grow(g->output, g->n_outputs, sizeof *g->output);
    g->output[g->n_outputs].value = v;
    g->output[g->n_outputs++].param = param;
}

void med_output(med_graph *g, med_val v) { med_output_for(g, v, MED_NONE); }

void med_scope_push(med_graph *g, const char *format, ...) {
    med_assert(g->depth < MAX_DEPTH);
    size_t n = strlen(g->scope);
    g->scope_end[g->depth++] = n;
    if (n && n + 1 < sizeof g->scope) g->scope[n++] = '/';
    va_list args;
    va_start(args, format);
    int added = vsnprintf(g->scope + n, sizeof g->scope - n, format, args);
    va_end(args);
    med_assert(added >= 0 && n + (size_t)added < sizeof g->scope);
}

void med_scope_pop(med_graph *g) {
    med_assert(g->depth > 0);
    g->scope[g->scope_end[--g->depth]] = 0;
}

static med_val append(med_graph *g, med_node *n) {
    g->node = grow(g->node, g->n_nodes, sizeof(med_node *));
    g->node[g->n_nodes] = n;
    return (med_val){g->n_nodes++};
}

static med_node *new_node(med_graph *g, med_op_id id, const med_val *in, int n_in, const void *attr, const char *name) {
    med_node *n = med_arena_alloc(g->arena, sizeof *n);
    *n = med_node_alone(id, n_in, NULL);
    n->in = med_arena_alloc(g->arena, (size_t)(n_in ? n_in : 1) * sizeof(med_val));
    if (n_in) memcpy(n->in, in, (size_t)n_in * sizeof(med_val));
    if (n->op->attr_size) {
        void *copy = med_arena_alloc(g->arena, n->op->attr_size);
        memcpy(copy, attr, n->op->attr_size);
        n->attr = copy;
    }
    n->name = name;
    return n;
}

void med_node_become(med_graph *g, med_val v, med_op_id op, const med_val *in, int n_in, const void *attr) {
    med_node *old = g->node[v.id], *n = new_node(g, op, in, n_in, attr, old->name);
    n->shape = old->shape;
    for (int i = 0; i < n_in; i++) med_assert(in[i].id < v.id);
    *old = *n;
}

med_val med_node_add(med_graph *g, med_op_id id, const med_val *in, int n_in, const void *attr) {
    const med_op *op = med_ops[id];
    while (n_in > op->min_in && in[n_in - 1].id < 0) n_in--; /* optional inputs at the end */
    med_shape shapes[MED_MAX_IN];
    med_assert(n_in <= MED_MAX_IN);
    for (int i = 0; i < n_in; i++) {
        if (in[i].id < 0) {
            med_graph_fail(g, "%s: input %d is missing", op->name, i);
            return MED_NONE;
        }
        shapes[i] = g->node[in[i].id]->shape;
    }
    if (n_in < op->min_in || n_in > op->max_in) {
        med_graph_fail(g, "%s takes %d to %d inputs, got %d", op->name, op->min_in, op->max_in, n_in);
        return MED_NONE;
    }
    med_node *n = new_node(g, id, in, n_in, attr, med_arena_format(g->arena, "%s", g->scope));
    if (op->infer(n, shapes, &n->shape) != MED_OK) {
        med_graph_fail(g, "%s: %s", op->name, med_message());
        return MED_NONE;
    }
    return append(g, n);
}

static med_val leaf(med_graph *g, med_op_id id, const char *name, med_shape shape) {
    for (int i = 0; i < shape.rank; i++)
        if (shape.dim[i] < 1) {
            med_graph_fail(g, "%s: shape %s has an empty axis", name, med_shape_print(shape).text);
            return MED_NONE;
        }
    med_node *n = new_node(g, id, NULL, 0, NULL, name);
    n->shape = shape;
    return append(g, n);
}

med_val med_input(med_graph *g, const char *name, med_shape shape) {
    for (int i = 0; i < g->n_nodes; i++) {
        const med_node *old = g->node[i];
        if (old->id == MED_OP_input && strcmp(old->name, name) == 0 && med_shape_equal(old->shape, shape)) return (med_val){i};
    }
    return leaf(g, MED_OP_input, med_arena_format(g->arena, "%s", name), shape);
}

med_val med_param(med_graph *g, const char *name, med_shape shape) {
    char *full = med_arena_format(g->arena, "%s%s%s", g->scope, g->scope[0] ? "/" : "", name);
    for (int i = 0; i < g->n_params; i++) {
        const med_node *old = g->node[g->param[i].id];
        if (strcmp(old->name, full) != 0) continue;
        if (med_shape_equal(old->shape, shape)) return g->param[i];
        med_graph_fail(g, "%s is asked for as %s and as %s", full, med_shape_print(old->shape).text, med_shape_print(shape).text);
        return MED_NONE;
    }
    med_val v = leaf(g, MED_OP_param, full, shape);
    if (v.id < 0) return v;
    g->param = grow(g->param, g->n_params, sizeof *g->param);
    g->param[g->n_params++] = v;
    return v;
}

med_val med_fill(med_graph *g, med_shape shape, double value) {
    med_fill_attr attr = {value, shape};
    return med_node_add(g, MED_OP_fill, NULL, 0, &attr);
}
