/* conv_grad_weight.c: dw[o][i][t] = sum over samples and positions of dy[o][p] * x[i][p shifted by tap t].
 *
 * Vectors run along positions; WB outputs x WC columns (a column is an input channel and tap) of partial sums stay in
 * registers and are added across lanes at the end of a block of positions. dy is laid out with the pitch of the strip
 * of x, zeros in the junk positions, a block at a time in L1. Tasks: groups of strips times chunks of input channels;
 * groups have partial results, added in order. */
#include <stdlib.h>
#include "backend/cpu/conv.h"

#if MED_VL == 16 || defined(__aarch64__)
enum { WB = 4, WC = 6 };
#else
enum { WB = 2, WC = 4 };
#endif
enum { MAX_GROUPS = 8, CHUNK = 16, BLOCK_POSITIONS = 1024 };

typedef struct weight_job {
    conv_geometry g;      /* channels: of a chunk */
    const med_call *call;
    const float *dy;
    int n, inputs, outputs, n_groups, n_chunks;
    float *parts;         /* [n_groups][outputs][inputs][taps] */
} weight_job;

INLINE float lane_sum(vf v) {
    float sum[VL];
    memcpy(sum, &v, sizeof v);
    for (int n = VL / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++) sum[i] += sum[i + n];
    return sum[0];
}

/* dw[b][c] += sum_p dy[b][p] * x[column[c] + p]; rows of dy are `length` apart, a multiple of VL. */
static void weight_tile(const float *dy, int length, const float *x, const ptrdiff_t *column, int n_rows, int n_columns,
                        float *dw, int64_t dw_row) {
    vf acc[WB][WC];
    UNROLL for (int b = 0; b < WB; b++) {
        UNROLL for (int c = 0; c < WC; c++) acc[b][c] = vf_all(0);
    }
    const float *in[WC];
    for (int c = 0; c < WC; c++) in[c] = x + column[c < n_columns ? c : 0];
    for (int p = 0; p < length; p += VL) {
        vf d[WB];
        UNROLL for (int b = 0; b < WB; b++) d[b] = vf_load(dy + b * length + p);
        UNROLL for (int c = 0; c < WC; c++) {
            vf v = vf_load(in[c] + p);
            UNROLL for (int b = 0; b < WB; b++) acc[b][c] += d[b] * v;
        }
    }
    for (int b = 0; b < n_rows; b++)
        for (int c = 0; c < n_columns; c++) dw[b * dw_row + c] += lane_sum(acc[b][c]);
}

/* `rows` rows of WB channels of dy from `row` on, with the strip's pitch. */
static void lay_out_dy(const weight_job *job, const float *dy, int n_channels, int row, int rows, int length, float *to) {
    const conv_geometry *g = &job->g;
    memset(to, 0, (size_t)(WB * length) * sizeof *to);
    for (int b = 0; b < n_channels; b++)
        for (int r = 0; r < rows; r++)
            memcpy(to + b * length + r * g->pitch, dy + ((int64_t)b * g->ho + row + r) * g->wo, (size_t)g->wo * sizeof *to);
}

/* All of the chunk's columns against one block of rows. */
static void weight_block(const weight_job *job, const float *dy, const float *x, int row, int rows, int n_channels, float *dw) {
    const conv_geometry *g = &job->g;
    int taps = g->kh * g->kw, n_columns = n_channels * taps;
    int length = (rows * g->pitch + VL - 1) / VL * VL;
    float *block = med_scratch(SCRATCH_OUT, (size_t)(WB * length) * sizeof *block);
    for (int o = 0; o < job->outputs; o += WB) {
        int n_rows = job->outputs - o < WB ? job->outputs - o : WB;
        lay_out_dy(job, dy + (int64_t)o * g->ho * g->wo, n_rows, row, rows, length, block);
        for (int j = 0; j < n_columns; j += WC) {
            ptrdiff_t column[WC] = {0};
            int n = n_columns - j < WC ? n_columns - j : WC;
            for (int c = 0; c < n; c++) column[c] = (j + c) / taps * g->plane + g->tap[(j + c) % taps];
            weight_tile(block, length, x, column, n_rows, n, dw + (int64_t)o * job->inputs * taps + j, (int64_t)job->inputs * taps);
        }
    }
}

static void weight_task(void *context, int index) {
    const weight_job *job = context;
    const conv_geometry *g = &job->g;
    int chunk = index % job->n_chunks, group = index / job->n_chunks, taps = g->kh * g->kw;
    int c0 = chunk * g->channels, n_channels = job->inputs - c0 < g->channels ? job->inputs - c0 : g->channels;
    int64_t dw_size = (int64_t)job->outputs * job->inputs * taps;
    float *dw = job->parts + group * dw_size + (int64_t)c0 * taps;
    for (int o = 0; o < job->outputs; o++)
        memset(dw + (int64_t)o * job->inputs * taps, 0, (size_t)(n_channels * taps) * sizeof *dw);

    conv_geometry whole = *g; /* as conv_strip_fill counts channels of x */
    whole.channels = job->inputs;
    float *strip = med_scratch(SCRATCH_STRIP, ISA(conv_strip_floats)(g) * sizeof *strip);
    int block_rows = BLOCK_POSITIONS / g->pitch > 0 ? BLOCK_POSITIONS / g->pitch : 1;
    int n_strips = job->n * g->n_strips;
    for (int s = group * n_strips / job->n_groups; s < (group + 1) * n_strips / job->n_groups; s++) {
        int sample = s / g->n_strips, first = s % g->n_strips * g->rows;
        int end = first + g->rows < g->ho ? first + g->rows : g->ho;
        ISA(conv_strip_fill)(&whole, job->call, job->call->in[0].f32, sample, c0, n_channels, first, strip);
        const float *dy = job->dy + (int64_t)sample * job->outputs * g->ho * g->wo;
        for (int row = first; row < end; row += block_rows) {
            int rows = end - row < block_rows ? end - row : block_rows;
            weight_block(job, dy, strip + (row - first) * g->pitch, row, rows, n_channels, dw);
        }
    }
}

static void add_parts(void *context, int block) {
    const weight_job *job = context;
    int64_t n = (int64_t)job->outputs * job->inputs * job->g.kh * job->g.kw, begin = (int64_t)block * BLOCK;
    int64_t end = begin + BLOCK < n ? begin + BLOCK : n;
    float *dw = job->call->out.f32;
    for (int64_t i = begin; i < end; i++) {
        float sum = job->parts[i];
        for (int k = 1; k < job->n_groups; k++) sum += job->parts[k * n + i];
        dw[i] = sum;
    }
}

void ISA(conv2d_grad_weight)(const med_call *call) {
    med_conv_attr a = ((const med_conv_grad_attr *)call->node->attr)->conv;
    med_shape x = call->in[0].shape, y = call->in[1].shape;
    med_assert(a.kernel * a.kernel <= MAX_TAPS);
    weight_job job = {
        .g = {.h = (int)x.dim[2], .w = (int)x.dim[3], .kh = a.kernel, .kw = a.kernel, .stride = a.stride, .pad_y = a.pad,
              .pad_x = a.pad, .is_reflect = a.mode == MED_PAD_REFLECT, .ho = (int)y.dim[2], .wo = (int)y.dim[3]},
        .call = call, .dy = call->in[1].f32, .n = (int)x.dim[0], .inputs = (int)x.dim[1], .outputs = (int)y.dim[1],
    };
    job.g.channels = job.inputs < CHUNK ? job.inputs : CHUNK;
    job.n_chunks = (job.inputs + job.g.channels - 1) / job.g.channels;
    ISA(conv_geometry_finish)(&job.g, 24);
    int n_strips = job.n * job.g.n_strips;
    job.n_groups = (MAX_GROUPS + job.n_chunks - 1) / job.n_chunks;
    if (job.n_groups > n_strips) job.n_groups = n_strips;
    int64_t n = med_shape_count(call->out.shape);
    job.parts = job.n_groups == 1 ? call->out.f32 : med_scratch(SCRATCH_SHARED, (size_t)(n * job.n_groups) * sizeof(float));
    med_parallel(job.n_groups * job.n_chunks, weight_task, &job);
    if (job.n_groups > 1) med_parallel(n_blocks(n), add_parts, &job);
}
