/* depthwise.h: a padded plane for the depthwise kernels. */
#ifndef MED_CPU_DEPTHWISE_H
#define MED_CPU_DEPTHWISE_H

#include "backend/cpu/kernels.h"

/* A plane with k/2 zeros around it, and room for reading whole vectors behind its rows and DW_ROWS rows more. */
enum { DW_ROWS = 4 };
typedef struct padded_plane {
    int h, w, k, pitch;
    float *data;
} padded_plane;

/* Into SCRATCH_STRIP, read through `reader`. */
padded_plane ISA(depthwise_pad)(const channel_reader *reader, const float *x, int h, int w, int k);

#endif
