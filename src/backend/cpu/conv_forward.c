/* conv_forward.c: conv2d: any square kernel, stride and padding; prologue on x, statistics of y. */
#include "backend/cpu/conv.h"

void ISA(conv2d)(const med_call *call) {
    med_conv_attr a = *(const med_conv_attr *)call->node->attr;
    med_shape x = call->in[0].shape, y = call->out.shape;
    int inputs = (int)x.dim[1], outputs = (int)y.dim[1], taps = a.kernel * a.kernel;
    med_assert(taps <= MAX_TAPS);
    conv_job job = {
        .g = {.channels = inputs, .h = (int)x.dim[2], .w = (int)x.dim[3], .kh = a.kernel, .kw = a.kernel, .stride_y = a.stride, .stride_x = a.stride,
              .pad_y = a.pad, .pad_x = a.pad, .is_reflect = a.mode == MED_PAD_REFLECT, .ho = (int)y.dim[2], .wo = (int)y.dim[3]},
        .call = call, .x = call->in[0].f32, .n = (int)x.dim[0], .outputs = outputs,
        .w = call->in[1].f32, .order = {.output = (int64_t)inputs * taps, .input = taps},
        .bias = call->n_in > 2 ? call->in[2].f32 : NULL,
        .y = call->out.f32, .y_sample = outputs * y.dim[2] * y.dim[3], .y_channel = y.dim[2] * y.dim[3],
        .y_row = y.dim[3], .y_col = 1, .residual = call->residual.f32, .side = call->side, .eps = call->side_eps,
    };
    for (int t = 0; t < taps; t++) job.order.tap[t] = t;
    ISA(conv_run)(&job);
}
