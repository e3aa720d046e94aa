/* backend.h: a backend is a table of kernels; an empty slot of the CPU means the op's reference loop. */
#ifndef MED_ENGINE_BACKEND_H
#define MED_ENGINE_BACKEND_H

#include <stdbool.h>
#include "engine/node.h"

typedef struct med_backend {
    const char *name;                /* "cpu-avx512", "cpu-avx2", "cpu-portable" */
    med_kernel *kernel[MED_N_OPS];   /* f32 */
    bool writes_side[MED_N_OPS];     /* this kernel can also write norm_stats or channel_mean of its output (call->side) */
    /* Floats that the kernel can keep in call->kept for later runs, made of input 1 if that never changes; 0: none. NULL: none ever. */
    size_t (*kept_floats[MED_N_OPS])(const med_graph *g, const med_node *n);
    /* Multiply-adds on registers only, what kernels are measured against: returns flops done; *sink keeps the compiler
     * from dropping them. */
    double (*fma_peak)(long n_rounds, float *sink);
} med_backend;

/* The best table this processor can run; environment MEDLEY_ISA=avx512|avx2|portable chooses a lesser one. */
const med_backend *med_backend_cpu(void);

/* Run one call by the op's reference loop on f32 data: the definition that fast kernels are tested against. */
void med_call_reference(const med_call *call);

#endif
