/* conv_transpose2d: y = the x for which conv2d with these weights would have had this gradient: every input pixel paints its
 * kernel at h*stride - pad (Dumoulin & Visin 2016). x [N,Ci,H,W], w [Ci,Co,k,k], as PyTorch's ConvTranspose2d stores them;
 * y [N,Co,H',W'], H' = (H-1)*stride - 2*pad + k + out_pad.
 *
 * It is a convolution's gradient by its input, so it is that node, and its gradients are the convolution itself (by x) and its
 * gradient by the weights: conv2d.c has them. */
#include "engine/node.h"

static med_status check(const med_graph *g, med_val x, med_val w, med_conv_attr a, int out_pad) {
    med_shape xs = med_val_shape(g, x), ws = med_val_shape(g, w);
    if (xs.rank != 4 || ws.rank != 4 || ws.dim[0] != xs.dim[1] || ws.dim[2] != a.kernel || ws.dim[3] != a.kernel)
        return med_fail(MED_EUSAGE, "transposed weights %s do not fit input %s with kernel %d", med_shape_print(ws).text,
                        med_shape_print(xs).text, a.kernel);
    if (a.mode != MED_PAD_ZERO || out_pad < 0 || out_pad >= a.stride || a.kernel + out_pad <= 2 * a.pad)
        return med_fail(MED_EUSAGE, "transposed convolution with kernel %d, stride %d, padding %d, %d more", a.kernel, a.stride,
                        a.pad, out_pad);
    return MED_OK;
}

med_val med_conv_transpose2d(med_graph *g, med_val x, med_val w, med_val b, med_conv_attr attr, int out_pad) {
    if (x.id < 0 || w.id < 0) return MED_NONE;
    if (check(g, x, w, attr, out_pad) != MED_OK) {
        med_graph_fail(g, "%s", med_message());
        return MED_NONE;
    }
    med_shape xs = med_val_shape(g, x), ws = med_val_shape(g, w);
    int64_t more = attr.kernel - 2 * attr.pad + out_pad;
    med_conv_grad_attr a = {attr, med_shape_4(xs.dim[0], ws.dim[1], (xs.dim[2] - 1) * attr.stride + more, (xs.dim[3] - 1) * attr.stride + more)};
    med_val y = med_node_add(g, MED_OP_conv2d_grad_input, (med_val[]){x, w}, 2, &a);
    return b.id < 0 ? y : med_add(g, y, med_reshape(g, b, med_shape_4(1, ws.dim[1], 1, 1)));
}
