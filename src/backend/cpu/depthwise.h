/* depthwise.h: a padded plane for the depthwise kernels. */
#ifndef MED_CPU_DEPTHWISE_H
#define MED_CPU_DEPTHWISE_H

#include "backend/cpu/kernels.h"

/* A plane with k/2 zeros around it, and room for reading whole vectors behind its rows. */
typedef struct padded_plane {
    int h, w, k, pitch;
    int has_zeros; /* around it: written with the first plane */
    float *data;
} padded_plane;

/* In SCRATCH_STRIP; then as often as wanted filled with a plane x, read through `reader`. */
padded_plane ISA(depthwise_plane)(int h, int w, int k);
void ISA(depthwise_fill)(padded_plane *p, const channel_reader *reader, const float *x);

#endif
