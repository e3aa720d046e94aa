/* kernels.h: names and the few helpers that the kernels share. Every symbol carries its instruction set. */
#ifndef MED_CPU_KERNELS_H
#define MED_CPU_KERNELS_H

#include <stddef.h>
#include "backend/cpu/vec.h"
#include "base/thread.h"
#include "engine/backend.h"

#define MED_PASTE_(a, b) a##_##b
#define MED_PASTE(a, b) MED_PASTE_(a, b)
#define ISA(name) MED_PASTE(med_cpu_##name, MED_ISA)

#define OP(name) med_kernel ISA(name);
#include "engine/op/ops.def"
#undef OP

size_t ISA(conv2d_kept_floats)(const med_graph *g, const med_node *n);
double ISA(fma_peak)(long n_rounds, float *sink);

/* How a thread's scratch slots are used: the first five by the caller of med_parallel, the others inside tasks. */
enum { SCRATCH_WEIGHTS, SCRATCH_SHARED, SCRATCH_PADDED, SCRATCH_TALL, SCRATCH_FEW, SCRATCH_STRIP, SCRATCH_ROWS, SCRATCH_OUT };

/* Element-wise work is cut into blocks of this many floats. */
enum { BLOCK = 1 << 14 };
static inline int n_blocks(int64_t n) { return (int)((n + BLOCK - 1) / BLOCK); }
typedef struct range { int64_t begin, end; } range;
static inline range block_range(int block, int64_t n) {
    int64_t begin = (int64_t)block * BLOCK;
    return (range){begin, begin + BLOCK < n ? begin + BLOCK : n};
}
/* body(call, block) for all blocks of n elements. */
static inline void over_blocks(const med_call *call, int64_t n, med_task_fn *body) {
    med_parallel(n_blocks(n), body, (void *)call);
}

/* How one channel of input 0 is read: act((x - mean) * rstd) * scale. */
typedef struct channel_reader {
    med_unary_kind act;
    float mean, rstd, scale, param;
    float outside; /* what padding with zeros stands for: the mean, where the norm is folded into weights */
    int is_plain;  /* x itself */
} channel_reader;
/* `index` = sample * channels + channel. */
channel_reader ISA(channel_reader)(const med_call *call, int64_t index);
/* dst may be src. */
void ISA(read_channel)(const channel_reader *reader, const float *src, float *dst, int64_t n);

#endif
