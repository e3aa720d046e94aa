/* conv.h: what the dense convolutions share: strips of input, the tile kernel, and a convolution as a job.
 *
 * A strip holds some output rows' worth of padded input, all channels, in a thread's L2. Positions of the output are
 * numbered along rows of `pitch` (output width plus what the kernel overhangs); the input of tap t of channel c for
 * position p is strip[c * plane + tap[t] + p]. So a convolution is a sum over (channel, tap) of shifted vectors,
 * whatever kernel, stride and padding; positions behind the end of a row are computed and dropped.
 * With strides a strip is stored as stride_y*stride_x planes, one for each residue of row and column. A flat strip has a
 * plane for each column of the kernel instead: then rows of positions follow each other without anything between. */
#ifndef MED_CPU_CONV_H
#define MED_CPU_CONV_H

#include "backend/cpu/kernels.h"

enum { LINE = 16 /* floats of a cache line */, MAX_TAPS = 98, STRIP_SLACK = 4 * VL /* floats readable behind a strip */ };

/* How the columns of an input row lie in a row of a strip: residue k of the columns in the line `first[k]`, shifted, and where
 * the strip is flat also in line `second[k]`. */
typedef struct row_layout {
    int pad, whole, held; /* columns: left of the input's, of the input, all; these are padded columns */
    int pitch, phases, is_mirrored;
    int is_tiled;         /* rows of whole tiles of 4 columns with one more on both sides: as for F(4x4,3x3) */
    ptrdiff_t first[4], second[4], line; /* floats from a line to the next */
} row_layout;

typedef struct conv_geometry {
    int channels, h, w;        /* input */
    int kh, kw;                /* kernel */
    int stride_y, stride_x;
    int pad_y, pad_x;          /* above and left; below and right: as far as the output reaches */
    int is_reflect;
    int ho, wo;                /* output */
    int is_flat;
    int rows, n_strips;        /* output rows of a strip */
    int pitch, phase_rows, phases_x, phase;
    ptrdiff_t plane;           /* floats of a channel in the strip */
    int tap[MAX_TAPS];
    row_layout row;
} conv_geometry;

/* Fill in what follows from the first seven lines, with strips of at most `max_rows` rows and, where one row allows it,
 * `max_bytes`. */
void ISA(conv_geometry_finish)(conv_geometry *g, int max_rows, int max_bytes);
size_t ISA(conv_strip_floats)(const conv_geometry *g);
static inline int conv_strip_rows(const conv_geometry *g, int strip) {
    return g->ho - strip * g->rows < g->rows ? g->ho - strip * g->rows : g->rows;
}

/* Copy channels c0 .. c0+n-1 of `sample` into the strip that starts at output row `row`, reading through the call's
 * prologue. Uses SCRATCH_ROWS. call->in[0] is the input, or with `call` NULL plain `x`. */
void ISA(conv_strip_fill)(const conv_geometry *g, const med_call *call, const float *x, int sample, int c0, int n, int row,
                          float *strip);
/* One channel's padded rows from `begin` to `end` of that strip. */
void ISA(conv_strip_fill_rows)(const conv_geometry *g, const med_call *call, const float *x, int sample, int channel, int row, int begin, int end, float *plane);

/* ---- many outputs from a strip ---- */

#if MED_VL == 16
enum { OB = 8 }; /* outputs of a tile */
#else
enum { OB = 4 };
#endif
enum { NV = 3 }; /* vectors of a tile */
typedef float vo __attribute__((vector_size(4 * OB))); /* of OB outputs */
typedef float vo_any __attribute__((vector_size(4 * OB), aligned(4), may_alias));

/* Squares of OB x OB numbers side by side become their transposes: the last rounds of vf_transpose. */
#define TURN_ROUND(row, s)                                                                                             \
    UNROLL for (int i = 0; i < OB; i++) {                                                                              \
        if (i & (s)) continue;                                                                                         \
        vf a = (row)[i], b = (row)[i + (s)];                                                                           \
        (row)[i] = __builtin_shufflevector(a, b, LANES(UPPER_LANE, s));                                                \
        (row)[i + (s)] = __builtin_shufflevector(a, b, LANES(LOWER_LANE, s));                                          \
    }
INLINE void turn_squares(vf row[OB]) {
#if MED_VL == 16
    TURN_ROUND(row, 4)
#endif
    TURN_ROUND(row, 2)
    TURN_ROUND(row, 1)
}

typedef struct conv_tile {
    const float *x;        /* strip at the first position */
    ptrdiff_t plane;
    int channels, taps;
    const int *tap;
    const float *w;        /* [channels][taps][OB] */
    const float *bias;     /* [OB] */
    float *out;
    int64_t out_channel;
    int n_outputs;         /* of OB, to store */
} conv_tile;
/* `n_vectors` vectors of consecutive positions. */
void ISA(conv_tiles)(conv_tile tile, int n_vectors);

/* ---- a whole convolution ---- */

/* Where weight (output o, input i, tap t) lies: w[o*output + i*input + tap[t]]. */
typedef struct weight_order {
    int64_t output, input;
    int tap[MAX_TAPS];
} weight_order;

/* Weights of an output lie in the order in which they are used: input by input, tap by tap. */
static inline int conv_is_consecutive(const weight_order *order, int taps) {
    int is_so = order->input == taps;
    for (int t = 0; t < taps && is_so; t++) is_so = order->tap[t] == t;
    return is_so;
}

/* y[n, o, row, col] at y + n*y_sample + o*y_channel + row*y_row + col*y_col. */
typedef struct conv_job {
    conv_geometry g;      /* its first lines */
    const med_call *call; /* whose prologue input 0 is read through, or NULL */
    const float *x;
    int n, outputs;
    const float *w;
    weight_order order;
    const float *bias;    /* [outputs] or NULL */
    const float *residual; /* added to y, as contiguous; of 1x1 and 3x3 stride-1 convolutions, or NULL */
    float *kept;          /* floats of conv_winograd_kept_floats for the transformed weights, or NULL */
    bool kept_is_made;
    float *y;
    int64_t y_sample, y_channel, y_row;
    int y_col;
    med_view side;        /* statistics of the output wanted; then y is contiguous */
    double eps;
} conv_job;

/* Winograd where it pays, direct else. */
void ISA(conv_run)(const conv_job *job);
void ISA(conv_direct_run)(const conv_job *job);
int ISA(conv_winograd_fits)(const conv_job *job);
void ISA(conv_winograd_run)(const conv_job *job);
size_t ISA(conv_winograd_kept_floats)(const conv_job *job);
/* conv2d as its call has it, without a gain and what is folded into weights. */
conv_job ISA(conv_job_of)(const med_call *call);
/* conv2d with those, by conv_run of one sample after the other. */
void ISA(conv_scaled_run)(const med_call *call);
int ISA(conv_product_fits)(const conv_job *job);
void ISA(conv_product_run)(const conv_job *job);
int ISA(conv_strassen_fits)(const conv_job *job);
void ISA(conv_strassen_run)(const conv_job *job);
/* A 1x1 convolution whose input is read as it lies, in planes of whole vectors. */
int ISA(conv_is_plain)(const conv_job *job);
int ISA(conv_pointwise_fits)(const conv_job *job);
void ISA(conv_pointwise_run)(const conv_job *job);
int ISA(conv_single_fits)(const conv_job *job);
void ISA(conv_single_run)(const conv_job *job);
int ISA(conv_winograd7_fits)(const conv_job *job);
void ISA(conv_winograd7_run)(const conv_job *job);

/* conv2d_grad_input as a matrix product and a scatter, for strides. */
int ISA(conv_scatter_fits)(const med_call *call);
void ISA(conv_scatter_run)(const med_call *call);

/* A convolution is cut into at least this many tasks where its shape allows. */
enum { CONV_TASKS = 8 };

/* OB rows of n weights to columns, [n][OB]. */
void ISA(conv_pack_rows)(const float *w, int64_t row, int n, float *to);

/* Partial sums [n][outputs][strips][2] of a job with a side, NULL without; finishing writes the side and frees them. */
double *ISA(conv_parts_create)(const conv_job *job, int n_strips);
/* Whole rows of an output are written: adds the residual and sums them up. */
void ISA(conv_parts_add)(const conv_job *job, double *parts, int n_strips, int sample, int output, int strip, int row, int rows);
void ISA(conv_parts_finish)(const conv_job *job, double *parts, int n_strips);

/* ---- statistics (norm.c) ---- */

/* Sum and sum of squares by lane, of vectors that were added in float, some dozen a lane: rounding of those is random and
 * far below that of the results. */
typedef struct moments { vd sum[2], square[2]; } moments;
INLINE void moments_add(moments *m, vf sum, vf square) {
    vd s[2], q[2];
    vd_split(sum, &s[0], &s[1]);
    vd_split(square, &q[0], &q[1]);
    for (int h = 0; h < 2; h++) {
        m->sum[h] += s[h];
        m->square[h] += q[h];
    }
}
INLINE void moments_part(const moments *m, double part[2]) {
    part[0] = vd_sum(m->sum[0] + m->sum[1]);
    part[1] = vd_sum(m->square[0] + m->square[1]);
}

/* Mean and 1/sqrt(var+eps) of `count` numbers from partial sums [n_parts][2] = sum, sum of squares, added in order. */
void ISA(stats_finish)(const double *parts, int n_parts, int64_t count, double eps, float *stats);
/* Entry `index` (sample * channels + channel) of a call's side: those two, or the mean alone for a channel_mean. */
void ISA(side_write)(med_view side, int64_t index, const double *parts, int n_parts, int64_t count, double eps);
/* dst = src as `reader` sees it, plus `add` unless that is NULL; its sum and sum of squares. dst may be src. */
void ISA(read_plane)(const channel_reader *reader, const float *src, const float *add, float *dst, int64_t n, double part[2]);
/* Sum and sum of squares of n floats. */
void ISA(stats_part)(const float *x, int64_t n, double *part);

#endif
