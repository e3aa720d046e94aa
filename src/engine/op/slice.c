/* slice: part of one axis. place: zeros with x put at `start` of an axis of full size. concat: a then b along an axis.
 * Gradients: slice and place are each other's; concat's are slices. */
#include "engine/node.h"

typedef struct split { int64_t outer, inner; } split; /* sizes before and after the axis */

static split around(med_shape s, int dim) {
    split k = {1, 1};
    for (int d = 0; d < dim; d++) k.outer *= s.dim[d];
    for (int d = dim + 1; d < s.rank; d++) k.inner *= s.dim[d];
    return k;
}

static med_status infer_slice(const med_node *n, const med_shape *in, med_shape *out) {
    const med_slice_attr *a = n->attr;
    if (a->dim < 0 || a->dim >= in[0].rank || a->start < 0 || a->size < 1 || a->start + a->size > in[0].dim[a->dim])
        return med_fail(MED_EUSAGE, "%d from %d of axis %d of %s", (int)a->size, (int)a->start, (int)a->dim, med_shape_print(in[0]).text);
    *out = in[0];
    out->dim[a->dim] = a->size;
    return MED_OK;
}

static med_status infer_place(const med_node *n, const med_shape *in, med_shape *out) {
    const med_slice_attr *a = n->attr;
    if (a->dim < 0 || a->dim >= in[0].rank || a->start < 0 || a->start + in[0].dim[a->dim] > a->size)
        return med_fail(MED_EUSAGE, "%s at %d of axis %d of size %d", med_shape_print(in[0]).text, (int)a->start, (int)a->dim, (int)a->size);
    *out = in[0];
    out->dim[a->dim] = a->size;
    return MED_OK;
}

static med_status infer_concat(const med_node *n, const med_shape *in, med_shape *out) {
    int dim = ((const med_concat_attr *)n->attr)->dim;
    med_shape b = in[1];
    if (dim < 0 || dim >= in[0].rank || b.rank != in[0].rank)
        return med_fail(MED_EUSAGE, "%s and %s along axis %d", med_shape_print(in[0]).text, med_shape_print(in[1]).text, dim);
    b.dim[dim] = in[0].dim[dim];
    if (!med_shape_equal(in[0], b))
        return med_fail(MED_EUSAGE, "%s and %s along axis %d", med_shape_print(in[0]).text, med_shape_print(in[1]).text, dim);
    *out = in[0];
    out->dim[dim] += in[1].dim[dim];
    return MED_OK;
}

/* Copy `n` rows along the axis between two tensors that agree elsewhere. */
static void copy_rows(split k, const double *from, int64_t from_size, int64_t from_start, double *to, int64_t to_size,
                      int64_t to_start, int64_t n) {
    for (int64_t o = 0; o < k.outer; o++)
        for (int64_t i = 0; i < n * k.inner; i++)
            to[(o * to_size + to_start) * k.inner + i] = from[(o * from_size + from_start) * k.inner + i];
}

static void reference_slice(const med_call *c) {
    const med_slice_attr *a = c->node->attr;
    copy_rows(around(c->out.shape, a->dim), c->in[0].f64, c->in[0].shape.dim[a->dim], a->start, c->out.f64, a->size, 0, a->size);
}

static void reference_place(const med_call *c) {
    const med_slice_attr *a = c->node->attr;
    int64_t n = c->in[0].shape.dim[a->dim];
    for (int64_t i = 0, all = med_shape_count(c->out.shape); i < all; i++) c->out.f64[i] = 0;
    copy_rows(around(c->out.shape, a->dim), c->in[0].f64, n, 0, c->out.f64, a->size, a->start, n);
}

static void reference_concat(const med_call *c) {
    int dim = ((const med_concat_attr *)c->node->attr)->dim;
    int64_t na = c->in[0].shape.dim[dim], nb = c->in[1].shape.dim[dim];
    copy_rows(around(c->out.shape, dim), c->in[0].f64, na, 0, c->out.f64, na + nb, 0, na);
    copy_rows(around(c->out.shape, dim), c->in[1].f64, nb, 0, c->out.f64, na + nb, na, nb);
}

static void grad_slice(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    med_slice_attr a = *(const med_slice_attr *)n->attr;
    a.size = med_val_shape(g, n->in[0]).dim[a.dim];
    if (wants[0]) dx[0] = med_node_add(g, MED_OP_place, &dy, 1, &a);
}

static void grad_place(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    const med_slice_attr *a = n->attr;
    if (wants[0]) dx[0] = med_slice(g, dy, a->dim, a->start, med_val_shape(g, n->in[0]).dim[a->dim]);
}

static void grad_concat(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    const med_node *n = med_node_of(g, self);
    int dim = ((const med_concat_attr *)n->attr)->dim;
    int64_t na = med_val_shape(g, n->in[0]).dim[dim], nb = med_val_shape(g, n->in[1]).dim[dim];
    if (wants[0]) dx[0] = med_slice(g, dy, dim, 0, na);
    if (wants[1]) dx[1] = med_slice(g, dy, dim, na, nb);
}

const med_op med_op_slice = {.name = "slice", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_slice_attr),
    .flags = MED_OP_BY_SAMPLE, .infer = infer_slice, .grad = grad_slice, .reference = reference_slice};
const med_op med_op_place = {.name = "place", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_slice_attr),
    .infer = infer_place, .grad = grad_place, .reference = reference_place};
const med_op med_op_concat = {.name = "concat", .min_in = 2, .max_in = 2, .attr_size = sizeof(med_concat_attr),
    .flags = MED_OP_BY_SAMPLE, .infer = infer_concat, .grad = grad_concat, .reference = reference_concat};

med_val med_slice(med_graph *g, med_val x, int dim, int64_t start, int64_t size) {
    med_slice_attr attr = {dim, start, size};
    return med_node_add(g, MED_OP_slice, &x, 1, &attr);
}

med_val med_pad(med_graph *g, med_val x, int dim, int64_t start, int64_t size) {
    med_slice_attr attr = {dim, start, size};
    return med_node_add(g, MED_OP_place, &x, 1, &attr);
}

med_val med_concat(med_graph *g, med_val a, med_val b, int dim) {
    med_concat_attr attr = {dim};
    return med_node_add(g, MED_OP_concat, (med_val[]){a, b}, 2, &attr);
}
