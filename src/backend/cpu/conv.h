/* conv.h: what the dense convolutions share: strips of input and the tile kernel.
 *
 * A strip holds some output rows' worth of padded input, all channels, in a thread's L2. Positions of the output are
 * numbered along rows of `pitch` (output width plus what the kernel overhangs); the input of tap t of channel c for
 * position p is strip[c * plane + tap[t] + p]. So a convolution is a sum over (channel, tap) of shifted vectors,
 * whatever kernel, stride and padding; positions behind the end of a row are computed and dropped.
 * With stride s the strip is stored as s*s planes, one for each residue of row and column. */
#ifndef MED_CPU_CONV_H
#define MED_CPU_CONV_H

#include "backend/cpu/kernels.h"

enum { MAX_TAPS = 81, STRIP_BYTES = 384 << 10, STRIP_SLACK = 4 * VL /* floats readable behind a strip */ };

typedef struct conv_geometry {
    int channels, h, w;        /* input */
    int kh, kw, stride;        /* kernel; every tap of it */
    int pad_y, pad_x;          /* above and left; below and right: as far as the output reaches */
    int is_reflect;
    int ho, wo;                /* output */
    int rows, n_strips;        /* output rows of a strip */
    int pitch, phase_rows;
    ptrdiff_t plane;           /* floats of a channel in the strip */
    int tap[MAX_TAPS];
} conv_geometry;

/* Fill in what follows from the first five lines, with strips of at most `max_rows` rows (and less than STRIP_BYTES
 * for `channels` channels where possible). */
void ISA(conv_geometry_finish)(conv_geometry *g, int max_rows);
size_t ISA(conv_strip_floats)(const conv_geometry *g);

/* Copy channels c0 .. c0+n-1 of `sample` into the strip that starts at output row `row`, reading through the call's
 * prologue. Uses SCRATCH_ROWS. call->in[0] is the input, or with `call` NULL plain `x`. */
void ISA(conv_strip_fill)(const conv_geometry *g, const med_call *call, const float *x, int sample, int c0, int n, int row,
                          float *strip);

/* ---- many outputs from a strip ---- */

#if MED_VL == 16 || defined(__aarch64__)
enum { OB = 8 }; /* outputs of a tile */
#else
enum { OB = 4 };
#endif
enum { NV = 3 }; /* vectors of a tile */

/* One dense convolution: y[n, o, row, col] at y + n*y_sample + o*y_channel + row*y_row + col*y_col. */
typedef struct conv_job {
    conv_geometry g;
    const med_call *call; /* whose prologue input 0 is read through, or NULL */
    const float *x;
    int n, outputs;
    const float *weights; /* packed: [outputs/OB][channels][kh*kw][OB], zeros where there is no output */
    const float *bias;    /* [outputs] or NULL */
    float *y;
    int64_t y_sample, y_channel, y_row;
    int y_col;
    med_view side; /* statistics of the output wanted; then y is contiguous */
    double eps;
} conv_job;
void ISA(conv_run)(const conv_job *job);

/* Where weight (output o, input i, tap t) lies: w[o*output + i*input + tap[t]]. */
typedef struct weight_order {
    int64_t output, input;
    int tap[MAX_TAPS];
} weight_order;
static inline size_t conv_packed_floats(int outputs, int inputs, int taps) {
    return (size_t)((outputs + OB - 1) / OB) * OB * (size_t)inputs * (size_t)taps;
}
void ISA(conv_pack)(const float *w, const weight_order *order, int outputs, int inputs, int taps, float *to);

/* Mean and 1/sqrt(var+eps) of `count` numbers from partial sums [n_parts][2] = sum, sum of squares, added in order. */
void ISA(stats_finish)(const double *parts, int n_parts, int64_t count, double eps, float *stats);
/* Sum and sum of squares of n floats. */
void ISA(stats_part)(const float *x, int64_t n, double *part);

#endif
