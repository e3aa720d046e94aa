/* rewrite_conv.c: rules for 3x3 convolutions whose weights can take factors of their channels, another for every sample. */
#include "engine/rewrite.h"
#include "engine/uses.h"

static const med_node *at(const med_graph *g, med_val v) { return med_node_of(g, v); }

static bool takes_factors(const med_node *n) {
    const med_conv_attr *a = n->attr;
    return (n->op->flags & MED_OP_GAIN) && a->kernel == 3 && a->stride == 1 && a->pad == 1 && a->mode == MED_PAD_ZERO;
}

/* conv, the mean of its channels, conv * factors; all for nobody else. */
typedef struct squeeze {
    const med_node *conv;
    med_val mean, factors;
} squeeze;

static bool is_factors_of(const med_graph *g, const med_node *mul) {
    med_shape of = mul->shape, s = med_val_shape(g, mul->in[1]);
    return of.rank == 4 && med_shape_equal(s, med_shape_4(of.dim[0], of.dim[1], 1, 1));
}

/* Whether input k of the sum `add` is one. */
static bool find_squeeze(const med_graph *g, const med_uses *u, const med_node *add, int k, squeeze *out) {
    const med_node *mul = at(g, add->in[k]);
    if (mul->id != MED_OP_mul || !is_factors_of(g, mul) || med_uses_count(u, add->in[k].id) != 1) return false;
    med_val conv = mul->in[0];
    if (!takes_factors(at(g, conv)) || med_uses_count(u, conv.id) != 2) return false;
    const int *user = u->user + u->first[conv.id]; /* the mean is made before what is multiplied by factors of it */
    if (user[0] < 0 || user[1] != add->in[k].id || at(g, (med_val){user[0]})->id != MED_OP_channel_mean) return false;
    *out = (squeeze){at(g, conv), {user[0]}, mul->in[1]};
    return med_shape_equal(med_val_shape(g, add->in[!k]), add->shape);
}

void med_rewrite_squeezes(med_graph *g) {
    med_uses u = med_uses_find(g, 0);
    for (int i = 0; i < med_graph_n_nodes(g); i++) {
        const med_node *add = at(g, (med_val){i});
        squeeze s;
        if (add->id != MED_OP_add || !med_uses_count(&u, i)) continue;
        int k = 0;
        while (k < 2 && !find_squeeze(g, &u, add, k, &s)) k++;
        if (k == 2) continue;
        med_val other = add->in[!k];
        med_node_become(g, s.mean, MED_OP_conv2d_mean, s.conv->in, s.conv->n_in, s.conv->attr);
        med_node_become(g, (med_val){i}, MED_OP_conv2d, s.conv->in, s.conv->n_in, s.conv->attr);
        med_node *sum = med_node_mutable(g, (med_val){i});
        sum->gain = s.factors;
        sum->residual = other;
    }
    med_uses_free(u);
}

void med_rewrite_folds(med_graph *g) {
    for (int i = 0; i < med_graph_n_nodes(g); i++) {
        med_node *n = med_node_mutable(g, (med_val){i});
        const med_prologue *pro = &n->pro;
        if (!takes_factors(n) || pro->stats.id < 0 || pro->act != MED_UNARY_none || pro->scale.id >= 0) continue;
        n->pro.is_folded = at(g, pro->stats)->id == MED_OP_norm_stats; /* a gain of other norms may be 0: no mean then */
    }
}
