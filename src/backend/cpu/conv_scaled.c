/* conv_scaled.c: a convolution with factors of its channels, another for every sample: 1/std of inputs (a norm that is folded into
 * weights), gains of outputs. They go into a copy of the weights.
 *
 * Outside the image a folded input is its mean, which the norm takes to 0. What the means add to an output everywhere goes off its
 * bias. */
#include "backend/cpu/conv.h"

typedef struct scaling {
    const med_call *call; /* of one sample */
    int taps;
    float *w, *bias;      /* [outputs][inputs][taps], [outputs] */
} scaling;

static void output_task(void *context, int o) {
    const scaling *s = context;
    const med_call *call = s->call;
    int inputs = (int)call->in[0].shape.dim[1];
    const float *stats = call->node->pro.is_folded ? call->stats.f32 : NULL, *from = call->in[1].f32 + (int64_t)o * inputs * s->taps;
    float gain = call->gain.data ? call->gain.f32[o] : 1, *to = s->w + (int64_t)o * inputs * s->taps;
    double shift = 0;
    for (int i = 0; i < inputs; i++, from += s->taps, to += s->taps) {
        float factor = gain * (stats ? stats[2 * i + 1] : 1), sum = 0;
        for (int t = 0; t < s->taps; t++) {
            to[t] = from[t] * factor;
            sum += to[t];
        }
        if (stats) shift += (double)sum * (double)stats[2 * i];
    }
    s->bias[o] = (float)((call->n_in > 2 ? (double)call->in[2].f32[o] * (double)gain : 0) - shift);
}

static med_view sample_of(med_view all, int sample) {
    if (!all.data) return all;
    all.shape.dim[0] = 1;
    all.f32 += sample * med_shape_count(all.shape);
    return all;
}

void ISA(conv_scaled_run)(const med_call *call) {
    med_shape weights = call->in[1].shape;
    size_t n_weights = (size_t)med_shape_count(weights), n_outputs = (size_t)weights.dim[0];
    float *w = med_scratch(SCRATCH_PADDED, (n_weights + n_outputs) * sizeof *w), *bias = w + n_weights;
    for (int k = 0; k < call->out.shape.dim[0]; k++) {
        med_call one = *call;
        one.in[0] = sample_of(call->in[0], k);
        one.stats = sample_of(call->stats, k);
        one.scale = sample_of(call->scale, k);
        one.gain = sample_of(call->gain, k);
        one.residual = sample_of(call->residual, k);
        one.out = sample_of(call->out, k);
        one.side = sample_of(call->side, k);
        scaling s = {&one, (int)(weights.dim[2] * weights.dim[3]), w, bias};
        med_parallel((int)n_outputs, output_task, &s);
        conv_job job = ISA(conv_job_of)(&one);
        job.w = w;
        job.bias = bias;
        ISA(conv_run)(&job);
    }
}
