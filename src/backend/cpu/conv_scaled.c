/* conv_scaled.c: a convolution with factors of its channels, another for every sample: 1/std of inputs (a norm that is folded into
 * weights), gains of outputs. They go into a copy of the weights.
 *
 * Outside the image a folded input is its mean, which the norm takes to 0. What the means add to an output everywhere goes off its
 * bias. */
#include "backend/cpu/conv.h"

typedef struct scaling {
    const conv_job *job;
    const float *stats, *gain; /* [inputs][2], [outputs] of the sample, or NULL */
    float *w, *bias;           /* [outputs][inputs][taps], [outputs] */
} scaling;

static void output_task(void *context, int o) {
    const scaling *s = context;
    const conv_job *job = s->job;
    int taps = job->g.kh * job->g.kw;
    float gain = s->gain ? s->gain[o] : 1, *to = s->w + (int64_t)o * job->g.channels * taps;
    const float *from = job->w + (int64_t)o * job->g.channels * taps;
    double shift = 0;
    for (int i = 0; i < job->g.channels; i++, from += taps, to += taps) {
        float factor = gain * (s->stats ? s->stats[2 * i + 1] : 1), sum = 0;
        for (int t = 0; t < taps; t++) {
            to[t] = from[t] * factor;
            sum += to[t];
        }
        if (s->stats) shift += (double)sum * (double)s->stats[2 * i];
    }
    s->bias[o] = (float)((job->bias ? (double)job->bias[o] * (double)gain : 0) - shift);
}

/* The call and the job of one sample of them. */
static void cut_sample(const conv_job *job, int sample, med_call *call, conv_job *one) {
    int64_t channels = job->g.channels, outputs = job->outputs;
    *call = *job->call;
    if (call->stats.data) call->stats.f32 += 2 * sample * channels;
    if (call->scale.data) call->scale.f32 += sample * channels;
    *one = *job;
    one->call = call;
    one->n = 1;
    one->x += sample * channels * job->g.h * job->g.w;
    one->y += sample * job->y_sample;
    if (one->residual) one->residual += sample * job->y_sample;
    if (one->side.data) one->side.f32 += sample * outputs * (job->side.shape.rank == 3 ? 2 : 1);
}

void ISA(conv_scaled_run)(const conv_job *job) {
    const med_call *all = job->call;
    size_t n_weights = (size_t)job->outputs * (size_t)(job->g.channels * job->g.kh * job->g.kw);
    float *w = med_scratch(SCRATCH_PADDED, (n_weights + (size_t)job->outputs) * sizeof *w);
    for (int sample = 0; sample < job->n; sample++) {
        med_call call;
        conv_job one;
        cut_sample(job, sample, &call, &one);
        scaling s = {.job = job, .stats = all->node->pro.is_folded ? call.stats.f32 : NULL,
                     .gain = all->gain.data ? all->gain.f32 + (int64_t)sample * job->outputs : NULL, .w = w, .bias = w + n_weights};
        med_parallel(job->outputs, output_task, &s);
        one.w = w;
        one.bias = s.bias;
        ISA(conv_run)(&one);
    }
}
