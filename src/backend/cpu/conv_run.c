/* conv_run.c: which way a dense convolution is computed, and statistics of its output. */
#include <stdlib.h>
#include "backend/cpu/conv.h"

void ISA(conv_run)(const conv_job *job) {
    const char *wanted = getenv("MEDLEY_CONV");
    int is_direct = wanted && strcmp(wanted, "direct") == 0;
    (!is_direct && ISA(conv_winograd_fits)(job) ? ISA(conv_winograd_run) : ISA(conv_direct_run))(job);
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
        ISA(stats_finish)(parts + (size_t)i * (size_t)n_strips * 2, n_strips, (int64_t)job->g.ho * job->g.wo, job->eps, job->side.f32 + 2 * i);
    free(parts);
}
