/* conv_weight.h: what the two ways to a weight gradient share: vectors along channels, partial results by groups. */
#ifndef MED_CPU_CONV_WEIGHT_H
#define MED_CPU_CONV_WEIGHT_H

#include "backend/cpu/conv.h"

/* Turn n (<= cp) channels of a strip to [position][cp], zeros for the missing ones. */
void ISA(turn_strip)(const float *strip, ptrdiff_t plane, int n, int cp, ptrdiff_t n_positions, float *to);

/* The work is cut into groups of strips times chunks of input channels. Every group has its own dw, all of which are
 * added in order. */
typedef struct weight_split {
    int n_groups, n_chunks;
    int64_t n;    /* elements of dw */
    float *parts; /* [n_groups][n]; the output itself when there is one group */
} weight_split;
weight_split ISA(weight_split_create)(const med_call *call, int n_chunks, int n_strips);
void ISA(weight_split_run)(const med_call *call, const weight_split *split, med_task_fn *body, void *context);
/* Strips [begin, end) of a group. */
static inline range weight_split_strips(const weight_split *split, int group, int n_strips) {
    return (range){(int64_t)group * n_strips / split->n_groups, (int64_t)(group + 1) * n_strips / split->n_groups};
}

int ISA(conv_winograd_weight_fits)(const med_call *call);
void ISA(conv_winograd_weight)(const med_call *call);

#endif
