/* conv_run.c: which way a dense convolution is computed, and statistics of its output. */
#include <stdlib.h>
#include "backend/cpu/conv_halving.h"
#include "engine/switches.h"

/* One output would use one of OB accumulators of a tile. So OB rows of it take the place of outputs: their kernels are
 * the same, each a row further down in a kernel of kh + OB - 1 rows, and OB rows are a step. */
static void run_rows_as_outputs(const conv_job *job, int output) {
    conv_job rows = *job;
    conv_geometry *g = &rows.g;
    int taps = g->kh * g->kw, tall = g->kh + OB - 1;
    float *w = med_scratch(SCRATCH_TALL, (size_t)(OB * g->channels * tall * g->kw) * sizeof *w), *to = w;
    memset(w, 0, (size_t)(OB * g->channels * tall * g->kw) * sizeof *w);
    for (int r = 0; r < OB; r++)
        for (int i = 0; i < g->channels; i++, to += tall * g->kw)
            for (int t = 0; t < taps; t++)
                to[r * g->kw + t] = job->w[output * job->order.output + i * job->order.input + job->order.tap[t]];
    float bias[OB];
    for (int r = 0; r < OB; r++) bias[r] = job->bias ? job->bias[output] : 0;

    rows.w = w;
    rows.order = (weight_order){.output = (int64_t)g->channels * tall * g->kw, .input = (int64_t)tall * g->kw};
    for (int t = 0; t < tall * g->kw; t++) rows.order.tap[t] = t;
    rows.bias = bias;
    rows.outputs = OB;
    rows.y += output * job->y_channel;
    rows.y_channel = job->y_row;
    rows.y_row = OB * job->y_row;
    g->kh = tall;
    g->stride_y = OB;
    g->ho /= OB;
    ISA(conv_direct_run)(&rows);
}

static int has_few_outputs(const conv_job *job) {
    const conv_geometry *g = &job->g;
    return job->outputs <= 2 && g->kh >= 3 && g->stride_y == 1 && g->ho % OB == 0 && (g->kh + OB - 1) * g->kw <= MAX_TAPS && !job->side.data;
}

void ISA(conv_run)(const conv_job *job) {
    int is_on = med_switch_is_on(MED_SWITCH_WINOGRAD);
    if (is_on && ISA(conv_winograd7_fits)(job)) {
        ISA(conv_winograd7_run)(job);
    } else if (ISA(conv_halving_fits)(job)) {
        ISA(conv_halving_run)(job);
    } else if (has_few_outputs(job)) {
        for (int o = 0; o < job->outputs; o++) run_rows_as_outputs(job, o);
    } else if (is_on && ISA(conv_winograd_fits)(job)) {
        ISA(conv_winograd_run)(job);
    } else {
        (ISA(conv_product_fits)(job) ? ISA(conv_product_run) : ISA(conv_direct_run))(job);
    }
}

double *ISA(conv_parts_create)(const conv_job *job, int n_strips) {
    return job->side.data ? med_alloc((size_t)job->n * (size_t)job->outputs * (size_t)n_strips * 2 * sizeof(double)) : NULL;
}

void ISA(conv_parts_add)(const conv_job *job, double *parts, int n_strips, int sample, int output, int strip, int row, int rows) {
    if (!parts) return;
    const float *y = job->y + sample * job->y_sample + output * job->y_channel + row * job->y_row;
    ISA(stats_part)(y, (int64_t)rows * job->g.wo, parts + (((int64_t)sample * job->outputs + output) * n_strips + strip) * 2);
}

void ISA(conv_parts_finish)(const conv_job *job, double *parts, int n_strips) {
    for (int i = 0; parts && i < job->n * job->outputs; i++)
        ISA(side_write)(job->side, i, parts + (size_t)i * (size_t)n_strips * 2, n_strips, (int64_t)job->g.ho * job->g.wo, job->eps);
    free(parts);
}
