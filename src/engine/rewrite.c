/* rewrite.c: fusion rules. A rule edits the users of a pattern; nodes left without users are not planned. */
#include <stdlib.h>
#include <string.h>

#include "engine/rewrite.h"
#include "engine/uses.h"

static const med_node *at(const med_graph *g, int id) { return med_node_of(g, (med_val){id}); }

/* ---- what is computed alike ---- */

static uint64_t mix(uint64_t hash, const void *data, size_t n) { /* FNV-1a */
    for (size_t i = 0; i < n; i++) hash = (hash ^ ((const unsigned char *)data)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_of(const med_node *n) {
    uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), &n->id, sizeof n->id);
    return mix(mix(hash, n->in, (size_t)n->n_in * sizeof *n->in), n->attr, n->op->attr_size);
}

/* Attributes are compared by bytes: where padding between members differs, a chance is missed. */
static int is_alike(const med_node *a, const med_node *b) {
    return a->id == b->id && a->n_in == b->n_in && memcmp(a->in, b->in, (size_t)a->n_in * sizeof *a->in) == 0 &&
           med_shape_equal(a->shape, b->shape) && (a->op->attr_size == 0 || memcmp(a->attr, b->attr, a->op->attr_size) == 0);
}

static int is_as_built(const med_node *n) {
    return n->pro.stats.id < 0 && n->pro.scale.id < 0 && !n->epi.is_on && n->gain.id < 0 && n->residual.id < 0;
}

/* A table of node ids by hash; the first of a kind stands for all. Outputs keep their nodes. */
void med_rewrite_common(med_graph *g) {
    int n = med_graph_n_nodes(g), size = 1;
    while (size < 2 * n) size *= 2;
    int *table = med_alloc((size_t)size * sizeof *table), *same = med_alloc((size_t)(n + 1) * sizeof *same); /* table: id + 1 */
    for (int i = 0; i < n; i++) {
        med_node *node = med_node_mutable(g, (med_val){i});
        same[i] = i;
        for (int k = 0; k < node->n_in; k++) node->in[k].id = same[node->in[k].id];
        if (node->id == MED_OP_input || node->id == MED_OP_param || node->is_again || !is_as_built(node)) continue;
        int at = (int)(hash_of(node) & (uint64_t)(size - 1));
        while (table[at] && !is_alike(med_node_of(g, (med_val){table[at] - 1}), node)) at = (at + 1) & (size - 1);
        if (table[at]) same[i] = table[at] - 1;
        else table[at] = i + 1;
    }
    free(table);
    free(same);
}

/* Statistics that are merged with others' (group norm): a bias in them has an effect. */
static int is_merged(const med_graph *g, const med_uses *u, int stats) {
    int merged = 0;
    for (int k = u->first[stats]; k < u->first[stats + 1]; k++) merged |= u->user[k] >= 0 && at(g, u->user[k])->id == MED_OP_merge_stats;
    return merged;
}

/* What removes the mean of every channel of v: its own statistics, or normalising by them. */
static int removes_mean(const med_graph *g, const med_uses *u, int user, int v) {
    if (user < 0) return 0;
    const med_node *n = at(g, user);
    if (n->id == MED_OP_norm_stats) return !is_merged(g, u, user);
    return n->id == MED_OP_normalize && n->in[0].id == v && at(g, n->in[1].id)->id == MED_OP_norm_stats;
}

void med_rewrite_biases(med_graph *g) {
    med_uses u = med_uses_find(g, 1);
    for (int i = 0; i < med_graph_n_nodes(g); i++) {
        med_node *n = med_node_mutable(g, (med_val){i});
        if ((n->id != MED_OP_conv2d && n->id != MED_OP_depthwise2d) || n->n_in < 3) continue;
        int is_normalised = u.first[i] < u.first[i + 1];
        for (int k = u.first[i]; k < u.first[i + 1] && is_normalised; k++)
            is_normalised = removes_mean(g, &u, u.user[k], i);
        if (is_normalised) n->n_in = 2;
    }
    med_uses_free(u);
}

void med_rewrite_norm_grads(med_graph *g) {
    med_uses u = med_uses_find(g, 0);
    for (int i = 0; i < med_graph_n_nodes(g); i++) {
        const med_node *ug = at(g, i);
        if (ug->id != MED_OP_unary_grad || med_uses_count(&u, i) != 1 || u.user[u.first[i]] < 0) continue;
        med_node *ng = med_node_mutable(g, (med_val){u.user[u.first[i]]});
        const med_node *norm = at(g, ug->in[0].id);
        if (ng->id != MED_OP_normalize_grad || norm->id != MED_OP_normalize || ng->in[2].id != i) continue;
        if (norm->in[0].id != ng->in[0].id || norm->in[1].id != ng->in[1].id) continue;
        ng->attr = ug->attr; /* both are med_unary_attr */
        ng->in[2] = ug->in[1];
    }
    med_uses_free(u);
}

/* The activation behind norm_stats and normalize of node i, which nobody else reads; -1 when there is more or less. */
static int activation_behind_norm(const med_graph *g, const med_uses *u, int i) {
    if (med_uses_count(u, i) != 2) return -1;
    int a = u->user[u->first[i]], b = u->user[u->first[i] + 1];
    if (a < 0 || b < 0 || at(g, a)->id != MED_OP_norm_stats || at(g, b)->id != MED_OP_normalize) return -1;
    if (at(g, b)->in[0].id != i || at(g, b)->in[1].id != a || med_uses_only(u, a) != b) return -1;
    int act = med_uses_only(u, b);
    return act >= 0 && at(g, act)->id == MED_OP_unary ? act : -1;
}

void med_rewrite_epilogues(med_graph *g) {
    med_uses u = med_uses_find(g, 0);
    for (int i = 0; i < med_graph_n_nodes(g); i++) {
        med_node *n = med_node_mutable(g, (med_val){i});
        if (!(n->op->flags & MED_OP_EPILOGUE) || n->epi.is_on) continue;
        int act = activation_behind_norm(g, &u, i);
        if (act < 0 || med_uses_is_output(&u, act)) continue;
        const med_unary_attr *a = at(g, act)->attr;
        const med_norm_attr *norm = at(g, u.user[u.first[i]])->attr;
        n->epi = (med_epilogue){.is_on = true, .eps = norm->eps, .act = a->kind, .param = a->param};
        med_uses_replace(g, &u, act, i);
    }
    med_uses_free(u);
}

/* The prologue that computes v, and in *x what it reads; false when v is none of the pattern. */
static int match_prologue(const med_graph *g, med_val v, med_prologue *pro, med_val *x) {
    *pro = (med_prologue){.stats = MED_NONE, .scale = MED_NONE, .act = MED_UNARY_none};
    *x = v;
    const med_node *n = med_node_of(g, *x);
    if (n->id == MED_OP_mul && n->shape.rank == 4) {
        med_shape s = med_val_shape(g, n->in[1]);
        if (s.dim[0] == n->shape.dim[0] && s.dim[1] == n->shape.dim[1] && s.dim[2] == 1 && s.dim[3] == 1) {
            pro->scale = n->in[1];
            *x = n->in[0];
            n = med_node_of(g, *x);
        }
    }
    if (n->id == MED_OP_unary) {
        const med_unary_attr *a = n->attr;
        if (a->kind == MED_UNARY_silu || a->kind == MED_UNARY_relu || a->kind == MED_UNARY_leaky_relu) {
            pro->act = a->kind;
            pro->param = a->param;
            *x = n->in[0];
            n = med_node_of(g, *x);
        }
    }
    if (n->id == MED_OP_normalize) {
        pro->stats = n->in[1];
        *x = n->in[0];
    }
    return x->id != v.id;
}

/* Input k of the sum `add` is a 1x1 convolution for nobody else, and the other one is there before it, as it is. */
static int adds_to_pointwise(const med_graph *g, const med_uses *u, const med_node *add, int k) {
    const med_node *conv = at(g, add->in[k].id);
    med_prologue unused;
    med_val x, other = add->in[!k];
    if (!(conv->op->flags & MED_OP_RESIDUAL) || ((const med_conv_attr *)conv->attr)->kernel != 1 || conv->residual.id >= 0 || conv->is_again) return 0;
    return med_uses_count(u, add->in[k].id) == 1 && other.id < add->in[k].id && med_shape_equal(at(g, other.id)->shape, add->shape) &&
           med_shape_equal(conv->shape, add->shape) && !match_prologue(g, other, &unused, &x);
}

void med_rewrite_residuals(med_graph *g) {
    med_uses u = med_uses_find(g, 0);
    for (int i = 0; i < med_graph_n_nodes(g); i++) {
        const med_node *add = at(g, i);
        if (add->id != MED_OP_add || !med_uses_count(&u, i) || med_uses_is_output(&u, i)) continue;
        int k = 0;
        while (k < 2 && !adds_to_pointwise(g, &u, add, k)) k++;
        if (k == 2) continue;
        med_node_mutable(g, add->in[k])->residual = add->in[!k]; /* whose users are not asked for again: u stays right for the others */
        med_uses_replace(g, &u, i, add->in[k].id);
    }
    med_uses_free(u);
}

static int reads_through(const med_graph *g, int user, int v) {
    if (user < 0) return 0;
    const med_node *n = at(g, user);
    if (!(n->op->flags & MED_OP_PROLOGUE) || n->in[0].id != v || n->shape.rank < 2) return 0;
    if (n->id == MED_OP_add && !med_shape_equal(med_val_shape(g, n->in[1]), n->shape)) return 0;
    for (int k = 1; k < n->n_in; k++)
        if (n->in[k].id == v) return 0;
    return n->gain.id != v && n->residual.id != v;
}

/* Later nodes first: once a scale is absorbed, the activation below it loses its only other user. */
void med_rewrite_prologues(med_graph *g) {
    med_uses u = med_uses_find(g, 0);
    for (int v = med_graph_n_nodes(g) - 1; v >= 0; v--) {
        med_prologue pro;
        med_val x;
        if (at(g, v)->shape.rank != 4 || !match_prologue(g, (med_val){v}, &pro, &x)) continue;
        int begin = u.first[v], end = u.first[v + 1], all = begin < end;
        for (int k = begin; k < end && all; k++) all = reads_through(g, u.user[k], v);
        if (!all) continue;
        for (int k = begin; k < end; k++) {
            med_node *n = med_node_mutable(g, (med_val){u.user[k]});
            n->pro = pro;
            n->in[0] = x;
        }
        med_uses_free(u);
        u = med_uses_find(g, 0);
    }
    med_uses_free(u);
}
