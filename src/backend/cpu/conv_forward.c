/* conv_forward.c: conv2d: any square kernel, stride and padding; prologue on x, statistics of y. */
#include "backend/cpu/conv.h"
#include "engine/switches.h"

/* What follows from shapes. */
static conv_job shaped_job(med_conv_attr a, med_shape x, med_shape y) {
    int inputs = (int)x.dim[1], outputs = (int)y.dim[1], taps = a.kernel * a.kernel;
    med_assert(taps <= MAX_TAPS);
    conv_job job = {
        .g = {.channels = inputs, .h = (int)x.dim[2], .w = (int)x.dim[3], .kh = a.kernel, .kw = a.kernel, .stride_y = a.stride, .stride_x = a.stride,
              .pad_y = a.pad, .pad_x = a.pad, .is_reflect = a.mode == MED_PAD_REFLECT, .ho = (int)y.dim[2], .wo = (int)y.dim[3]},
        .n = (int)x.dim[0], .outputs = outputs, .order = {.output = (int64_t)inputs * taps, .input = taps},
        .y_sample = outputs * y.dim[2] * y.dim[3], .y_channel = y.dim[2] * y.dim[3], .y_row = y.dim[3], .y_col = 1,
    };
    for (int t = 0; t < taps; t++) job.order.tap[t] = t;
    return job;
}

conv_job ISA(conv_job_of)(const med_call *call) {
    conv_job job = shaped_job(*(const med_conv_attr *)call->node->attr, call->in[0].shape, call->out.shape);
    job.call = call;
    job.x = call->in[0].f32;
    job.w = call->in[1].f32;
    job.bias = call->n_in > 2 ? call->in[2].f32 : NULL;
    job.y = call->out.f32;
    job.residual = call->residual.f32;
    job.side = call->side;
    job.eps = call->side_eps;
    job.kept = call->kept;
    job.kept_is_made = call->kept_is_made;
    return job;
}

void ISA(conv2d)(const med_call *call) {
    if (call->gain.data || call->node->pro.is_folded) {
        ISA(conv_scaled_run)(call);
    } else {
        conv_job job = ISA(conv_job_of)(call);
        ISA(conv_run)(&job);
    }
}

/* Of Winograd's weights. */
size_t ISA(conv2d_kept_floats)(const med_graph *g, const med_node *n) {
    conv_job job = shaped_job(*(const med_conv_attr *)n->attr, med_val_shape(g, n->in[0]), n->shape);
    bool is_plain = n->gain.id < 0 && !n->pro.is_folded && med_switch_is_on(MED_SWITCH_WINOGRAD);
    return is_plain && ISA(conv_winograd_fits)(&job) ? ISA(conv_winograd_kept_floats)(&job) : 0;
}
