/* conv2d_mean: the mean of every plane of conv2d(x, w, b) -> [N,C,1,1], for who needs no more of it (set by a rewrite). */
#include <stdlib.h>

#include "engine/node.h"

extern const med_op med_op_conv2d;

static med_status infer(const med_node *n, const med_shape *in, med_shape *out) {
    const med_conv_attr *a = n->attr;
    if (a->stride != 1 || a->kernel % 2 == 0 || a->pad != a->kernel / 2 || a->mode != MED_PAD_ZERO)
        return med_fail(MED_EUSAGE, "kernel %d, stride %d, padding %d: expected an odd kernel, stride 1, zeros around that keep the size", a->kernel, a->stride, a->pad);
    MED_TRY(med_op_conv2d.infer(n, in, out));
    out->dim[2] = out->dim[3] = 1;
    return MED_OK;
}

static void reference(const med_call *c) {
    med_shape in[MED_MAX_IN];
    for (int k = 0; k < c->n_in; k++) in[k] = c->in[k].shape;
    med_call conv = *c;
    med_status status = med_op_conv2d.infer(c->node, in, &conv.out.shape);
    med_assert(status == MED_OK);
    int64_t plane = conv.out.shape.dim[2] * conv.out.shape.dim[3], n = med_shape_count(c->out.shape);
    conv.out.f64 = med_alloc((size_t)(n * plane) * sizeof(double));
    med_op_conv2d.reference(&conv);
    for (int64_t m = 0; m < n; m++) {
        double sum = 0;
        for (int64_t i = 0; i < plane; i++) sum += conv.out.f64[m * plane + i];
        c->out.f64[m] = sum / (double)plane;
    }
    free(conv.out.f64);
}

const med_op med_op_conv2d_mean = {.name = "conv2d_mean", .min_in = 2, .max_in = 3, .attr_size = sizeof(med_conv_attr),
    .flags = MED_OP_BY_SAMPLE | MED_OP_PROLOGUE, .infer = infer, .reference = reference};
