/* attention: y_i = sum_j p_ij v_j, p_ij = softmax_j(q_i . k_j / sqrt(d)), in `heads` parts of d = C / heads channels (Vaswani et
 * al. 2017). Tokens are the pixels of [N,C,H,W]. The fast kernel goes through rows in tiles: memory grows with tokens, not
 * with their square.
 *
 * Gradient, with dp_ij = dy_i . v_j and r_i = sum_j p_ij dp_ij = y_i . dy_i:
 *     ds_ij = p_ij (dp_ij - r_i) / sqrt(d),   dq_i = sum_j ds_ij k_j,   dk_j = sum_i ds_ij q_i,   dv_j = sum_i p_ij dy_i.
 * attention_grad computes p again and writes [dq | dk | dv], channels side by side. */
#include <math.h>
#include <stdlib.h>

#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    int heads = ((const med_attention_attr *)n->attr)->heads;
    if (in[0].rank != 4 || !med_shape_equal(in[0], in[1]) || !med_shape_equal(in[0], in[2]) || heads < 1 || in[0].dim[1] % heads)
        return med_fail(MED_EUSAGE, "queries %s, keys %s, values %s in %d heads", med_shape_print(in[0]).text,
                        med_shape_print(in[1]).text, med_shape_print(in[2]).text, heads);
    *out = in[0];
    return MED_OK;
}

static med_status infer_grad(const med_node *n, const med_shape *in, med_shape *out) {
    MED_TRY(infer(n, in, out));
    out->dim[1] *= 3;
    return MED_OK;
}

/* p_i. of one head; channels of q and k lie `tokens` apart. */
static void weights_of(const double *q, const double *k, int64_t d, int64_t tokens, int64_t i, double *p) {
    double most = -INFINITY, sum = 0;
    for (int64_t j = 0; j < tokens; j++) {
        p[j] = 0;
        for (int64_t c = 0; c < d; c++) p[j] += q[c * tokens + i] * k[c * tokens + j];
        p[j] /= sqrt((double)d);
        most = fmax(most, p[j]);
    }
    for (int64_t j = 0; j < tokens; j++) sum += p[j] = exp(p[j] - most);
    for (int64_t j = 0; j < tokens; j++) p[j] /= sum;
}

static void reference(const med_call *c) {
    med_shape s = c->out.shape;
    int64_t tokens = s.dim[2] * s.dim[3], heads = ((const med_attention_attr *)c->node->attr)->heads, d = s.dim[1] / heads;
    double *p = med_alloc((size_t)tokens * sizeof *p);
    for (int64_t h = 0; h < s.dim[0] * heads; h++) {
        int64_t at = h * d * tokens;
        for (int64_t i = 0; i < tokens; i++) {
            weights_of(c->in[0].f64 + at, c->in[1].f64 + at, d, tokens, i, p);
            for (int64_t k = 0; k < d; k++) {
                const double *v = c->in[2].f64 + at + k * tokens;
                double sum = 0;
                for (int64_t j = 0; j < tokens; j++) sum += p[j] * v[j];
                c->out.f64[at + k * tokens + i] = sum;
            }
        }
    }
    free(p);
}

typedef struct head_grad {
    const double *q, *k, *v, *dy;
    double *dq, *dk, *dv;
    int64_t d, tokens;
} head_grad;

/* What query i adds. p: its weights. */
static void grad_query(const head_grad *g, int64_t i, const double *p, double *dp) {
    double r = 0;
    for (int64_t j = 0; j < g->tokens; j++) {
        dp[j] = 0;
        for (int64_t c = 0; c < g->d; c++) dp[j] += g->dy[c * g->tokens + i] * g->v[c * g->tokens + j];
        r += p[j] * dp[j];
    }
    for (int64_t c = 0; c < g->d; c++) {
        int64_t row = c * g->tokens;
        for (int64_t j = 0; j < g->tokens; j++) {
            double ds = p[j] * (dp[j] - r) / sqrt((double)g->d);
            g->dq[row + i] += ds * g->k[row + j];
            g->dk[row + j] += ds * g->q[row + i];
            g->dv[row + j] += p[j] * g->dy[row + i];
        }
    }
}

static void reference_grad(const med_call *c) {
    med_shape s = c->in[0].shape;
    int64_t tokens = s.dim[2] * s.dim[3], heads = ((const med_attention_attr *)c->node->attr)->heads, d = s.dim[1] / heads;
    double *p = med_alloc((size_t)(2 * tokens) * sizeof *p);
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++) c->out.f64[i] = 0;
    for (int64_t n = 0; n < s.dim[0]; n++)
        for (int64_t h = 0; h < heads; h++) {
            int64_t at = (n * s.dim[1] + h * d) * tokens, third = s.dim[1] * tokens;
            double *dq = c->out.f64 + 3 * n * third + h * d * tokens;
            head_grad g = {c->in[0].f64 + at, c->in[1].f64 + at, c->in[2].f64 + at, c->in[3].f64 + at, dq, dq + third, dq + 2 * third, d, tokens};
            for (int64_t i = 0; i < tokens; i++) {
                weights_of(g.q, g.k, d, tokens, i, p);
                grad_query(&g, i, p, p + tokens);
            }
        }
    free(p);
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    int64_t C = n->shape.dim[1];
    med_val all = med_node_add(g, MED_OP_attention_grad, (med_val[]){n->in[0], n->in[1], n->in[2], dy}, 4, n->attr);
    for (int i = 0; i < 3; i++)
        if (wants[i]) dx[i] = med_slice(g, all, 1, i * C, C);
}

const med_op med_op_attention = {.name = "attention", .min_in = 3, .max_in = 3, .attr_size = sizeof(med_attention_attr),
    .flags = MED_OP_BY_SAMPLE, .infer = infer, .grad = grad, .reference = reference};
const med_op med_op_attention_grad = {.name = "attention_grad", .min_in = 4, .max_in = 4, .attr_size = sizeof(med_attention_attr),
    .infer = infer_grad, .reference = reference_grad};

med_val med_attention(med_graph *g, med_val q, med_val k, med_val v, int heads) {
    med_attention_attr attr = {heads};
    return med_node_add(g, MED_OP_attention, (med_val[]){q, k, v}, 3, &attr);
}
