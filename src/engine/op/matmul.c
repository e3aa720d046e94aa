/* matmul: y = op(a) op(b), op transposing when asked. y[m,n] = sum_k a[m,k] b[k,n].
 * Gradients are matmuls: da = dy b', db = a' dy, with transposes moved to where the inputs had them. */
#include "engine/node.h"

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    med_matmul_attr t = *(const med_matmul_attr *)n->attr;
    if (in[0].rank != 2 || in[1].rank != 2 || in[0].dim[!t.trans_a] != in[1].dim[!!t.trans_b])
        return med_fail(MED_EUSAGE, "%s%s times %s%s", med_shape_print(in[0]).text, t.trans_a ? "'" : "",
                        med_shape_print(in[1]).text, t.trans_b ? "'" : "");
    *out = med_shape_2(in[0].dim[!!t.trans_a], in[1].dim[!t.trans_b]);
    return MED_OK;
}

static void grad(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    med_matmul_attr t = *(const med_matmul_attr *)n->attr;
    med_val a = n->in[0], b = n->in[1];
    if (wants[0]) dx[0] = t.trans_a ? med_matmul(g, b, dy, t.trans_b, 1) : med_matmul(g, dy, b, 0, !t.trans_b);
    if (wants[1]) dx[1] = t.trans_b ? med_matmul(g, dy, a, 1, t.trans_a) : med_matmul(g, a, dy, !t.trans_a, 0);
}

static void reference(const med_call *c) {
    med_matmul_attr t = *(const med_matmul_attr *)c->node->attr;
    int64_t M = c->out.shape.dim[0], N = c->out.shape.dim[1], K = c->in[0].shape.dim[!t.trans_a];
    for (int64_t m = 0; m < M; m++)
        for (int64_t n = 0; n < N; n++) {
            double sum = 0;
            for (int64_t k = 0; k < K; k++)
                sum += c->in[0].f64[t.trans_a ? k * M + m : m * K + k] * c->in[1].f64[t.trans_b ? n * K + k : k * N + n];
            c->out.f64[m * N + n] = sum;
        }
}

const med_op med_op_matmul = {.name = "matmul", .min_in = 2, .max_in = 2, .attr_size = sizeof(med_matmul_attr),
    .flags = MED_OP_BY_SAMPLE, .infer = infer, .grad = grad, .reference = reference};

med_val med_matmul(med_graph *g, med_val a, med_val b, int trans_a, int trans_b) {
    med_matmul_attr attr = {!!trans_a, !!trans_b};
    return med_node_add(g, MED_OP_matmul, (med_val[]){a, b}, 2, &attr);
}
