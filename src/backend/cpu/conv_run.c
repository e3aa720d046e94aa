/* conv_run.c: which way a dense convolution is computed, and statistics of its output. */
#include <stdlib.h>
#include "backend/cpu/conv_halving.h"
#include "engine/switches.h"

/* Few outputs would use few of OB accumulators of a tile. So some rows of each take the place of outputs: their kernels are the
 * same, each a row further down in a kernel that much taller, and as many rows are a step. Rows are put in order at the end. */
static void run_rows_as_outputs(const conv_job *job) {
    conv_job rows = *job;
    conv_geometry *g = &rows.g;
    int n = OB / job->outputs, all = n * job->outputs, taps = g->kh * g->kw, tall = g->kh + n - 1, row = tall * g->kw;
    float *w = med_scratch(SCRATCH_TALL, (size_t)(all * g->channels * row) * sizeof *w), *to = w, bias[OB];
    memset(w, 0, (size_t)(all * g->channels * row) * sizeof *w);
    for (int k = 0; k < all; k++) {
        int o = k / n, r = k % n;
        for (int i = 0; i < g->channels; i++, to += row)
            for (int t = 0; t < taps; t++) to[r * g->kw + t] = job->w[o * job->order.output + i * job->order.input + job->order.tap[t]];
        bias[k] = job->bias ? job->bias[o] : 0;
    }
    g->kh = tall;
    g->stride_y = n;
    g->ho /= n;
    rows.w = w;
    rows.order = (weight_order){.output = (int64_t)g->channels * row, .input = row};
    for (int t = 0; t < row; t++) rows.order.tap[t] = t;
    rows.bias = bias;
    rows.outputs = all;
    rows.y_channel = (int64_t)g->ho * g->wo;
    rows.y_row = g->wo;
    rows.y_col = 1;
    rows.y_sample = all * rows.y_channel;
    rows.y = med_scratch(SCRATCH_FEW, (size_t)(job->n * rows.y_sample) * sizeof *rows.y);
    ISA(conv_direct_run)(&rows);
    for (int64_t k = 0; k < (int64_t)job->n * all * g->ho; k++) {
        int64_t line = k % g->ho, output = k / g->ho % all, sample = k / g->ho / all;
        float *y = job->y + sample * job->y_sample + output / n * job->y_channel + (line * n + output % n) * job->y_row;
        for (int i = 0; i < g->wo; i++) y[i * job->y_col] = rows.y[k * g->wo + i];
    }
}

static int has_few_outputs(const conv_job *job) {
    const conv_geometry *g = &job->g;
    int n = OB / job->outputs;
    return n > 1 && g->kh >= 3 && g->stride_y == 1 && g->ho % n == 0 && (g->kh + n - 1) * g->kw <= MAX_TAPS && !job->side.data && !job->residual;
}

void ISA(conv_run)(const conv_job *job) {
    int is_on = job->kept || med_switch_is_on(MED_SWITCH_WINOGRAD);
    if (ISA(conv_single_fits)(job)) {
        ISA(conv_single_run)(job);
    } else if (is_on && ISA(conv_winograd7_fits)(job)) {
        ISA(conv_winograd7_run)(job);
    } else if (ISA(conv_halving_fits)(job)) {
        ISA(conv_halving_run)(job);
    } else if (ISA(conv_pointwise_fits)(job)) {
        ISA(conv_pointwise_run)(job);
    } else if (has_few_outputs(job)) {
        run_rows_as_outputs(job);
    } else if (is_on && ISA(conv_winograd_fits)(job)) {
        ISA(conv_winograd_run)(job);
    } else if (ISA(conv_strassen_fits)(job)) {
        ISA(conv_strassen_run)(job);
    } else {
        (ISA(conv_product_fits)(job) ? ISA(conv_product_run) : ISA(conv_direct_run))(job);
    }
}

double *ISA(conv_parts_create)(const conv_job *job, int n_strips) {
    return job->side.data ? med_alloc((size_t)job->n * (size_t)job->outputs * (size_t)n_strips * 2 * sizeof(double)) : NULL;
}

void ISA(conv_parts_add)(const conv_job *job, double *parts, int n_strips, int sample, int output, int strip, int row, int rows) {
    int64_t first = sample * job->y_sample + output * job->y_channel + row * job->y_row, n = (int64_t)rows * job->g.wo;
    float *y = job->y + first;
    static const channel_reader as_it_is = {.act = MED_UNARY_none, .rstd = 1, .scale = 1, .is_plain = 1};
    double unused[2], *part = parts ? parts + (((int64_t)sample * job->outputs + output) * n_strips + strip) * 2 : unused;
    if (job->residual) ISA(read_plane)(&as_it_is, y, job->residual + first, y, n, part);
    else if (parts) ISA(stats_part)(y, n, part);
}

void ISA(conv_parts_finish)(const conv_job *job, double *parts, int n_strips) {
    for (int i = 0; parts && i < job->n * job->outputs; i++)
        ISA(side_write)(job->side, i, parts + (size_t)i * (size_t)n_strips * 2, n_strips, (int64_t)job->g.ho * job->g.wo, job->eps);
    free(parts);
}
