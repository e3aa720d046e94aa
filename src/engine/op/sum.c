/* sum: scale * sum of all elements -> [1]. reduce: sums over the axes that are 1 in `like`. broadcast: the reverse.
 * Gradients: of a sum, the scalar repeated; reduce and broadcast are each other's. */
#include "engine/node.h"

static med_status infer_sum(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n, (void)in;
    *out = med_shape_1(1);
    return MED_OK;
}

static med_status check_fits(med_shape small, med_shape big) {
    int fits = small.rank == big.rank;
    for (int d = 0; d < big.rank && fits; d++) fits = small.dim[d] == big.dim[d] || small.dim[d] == 1;
    return fits ? MED_OK : med_fail(MED_EUSAGE, "%s does not repeat to %s", med_shape_print(small).text, med_shape_print(big).text);
}

static med_status infer_reduce(const med_node *n, const med_shape *in, med_shape *out) {
    *out = ((const med_like_attr *)n->attr)->like;
    return check_fits(*out, in[0]);
}

static med_status infer_broadcast(const med_node *n, const med_shape *in, med_shape *out) {
    *out = ((const med_like_attr *)n->attr)->like;
    return check_fits(in[0], *out);
}

static int64_t small_index(med_shape big, med_shape small, int64_t i) {
    int64_t index = 0, step = 1;
    for (int d = big.rank - 1; d >= 0; d--) {
        if (small.dim[d] != 1) index += i % big.dim[d] * step;
        i /= big.dim[d];
        step *= small.dim[d];
    }
    return index;
}

static void reference_sum(const med_call *c) {
    double sum = 0;
    for (int64_t i = 0, n = med_shape_count(c->in[0].shape); i < n; i++) sum += c->in[0].f64[i];
    c->out.f64[0] = sum * ((const med_sum_attr *)c->node->attr)->scale;
}

static void reference_reduce(const med_call *c) {
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++) c->out.f64[i] = 0;
    for (int64_t i = 0, n = med_shape_count(c->in[0].shape); i < n; i++)
        c->out.f64[small_index(c->in[0].shape, c->out.shape, i)] += c->in[0].f64[i];
}

static void reference_broadcast(const med_call *c) {
    for (int64_t i = 0, n = med_shape_count(c->out.shape); i < n; i++)
        c->out.f64[i] = c->in[0].f64[small_index(c->out.shape, c->in[0].shape, i)];
}

static med_val broadcast_to(med_graph *g, med_val x, med_shape like) {
    med_like_attr attr = {like};
    return med_node_add(g, MED_OP_broadcast, &x, 1, &attr);
}

static void grad_sum(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    if (!wants[0]) return;
    med_shape like = med_val_shape(g, n->in[0]), ones = like;
    for (int d = 0; d < ones.rank; d++) ones.dim[d] = 1;
    med_val scaled = med_scale_shift(g, dy, ((const med_sum_attr *)n->attr)->scale, 0);
    dx[0] = broadcast_to(g, med_reshape(g, scaled, ones), like);
}

static void grad_reduce(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    if (wants[0]) dx[0] = broadcast_to(g, dy, med_val_shape(g, n->in[0]));
}

static void grad_broadcast(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    med_like_attr attr = {med_val_shape(g, n->in[0])};
    if (wants[0]) dx[0] = med_node_add(g, MED_OP_reduce, &dy, 1, &attr);
}

const med_op med_op_sum = {.name = "sum", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_sum_attr), .infer = infer_sum,
    .grad = grad_sum, .reference = reference_sum};
const med_op med_op_reduce = {.name = "reduce", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_like_attr),
    .infer = infer_reduce, .grad = grad_reduce, .reference = reference_reduce};
const med_op med_op_broadcast = {.name = "broadcast", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_like_attr),
    .infer = infer_broadcast, .grad = grad_broadcast, .reference = reference_broadcast};

med_val med_sum(med_graph *g, med_val x, double scale) {
    med_sum_attr attr = {scale};
    return med_node_add(g, MED_OP_sum, &x, 1, &attr);
}

med_val med_mean(med_graph *g, med_val x) { return med_sum(g, x, 1.0 / (double)med_shape_count(med_val_shape(g, x))); }
