/* conv_grad_weight.c: dw[o][i][t] = sum over samples and positions of dy[o][p] * x[i][p shifted by tap t].
 *
 * Vectors run along input channels: a strip of x (prologue applied) is turned to [position][CP channels], so that every
 * position is one aligned vector per tap, dy is a scalar, and no sum across lanes is ever needed. When there are fewer
 * channels than lanes, a vector holds VL/CP neighbouring taps of a row. GO outputs x GT such vectors of dw stay in
 * registers over a whole strip.
 * 3x3 kernels mostly go by conv_winograd_weight.c instead, 4x4 with stride 2 by conv_halving_weight.c. */
#include "backend/cpu/conv_halving.h"

#if MED_VL == 16
enum { GO = 8, GT = 3 };
#else
enum { GO = 4, GT = 2 };
#endif
enum { STRIP_BYTES = 384 << 10, MAX_CHUNK = 2 * VL, LEAST_CP = VL < 8 ? VL : 8 };

typedef struct weight_job {
    conv_geometry g;    /* channels: of a chunk */
    const med_call *call;
    int n, inputs, outputs;
    weight_split split;
    int cp;             /* channels side by side at a position; CP above */
    int n_sets;         /* of cp channels in a chunk, one after the other in the strip */
    int n_vectors;      /* of dw for one output: sets x rows of the kernel x vectors of taps */
    int taps_of_vector;
    ptrdiff_t *vector;  /* [n_vectors] offset in the turned strip */
} weight_job;

/* One block of dw: `no` outputs whose dy are `dy_channel` apart, `nt` vectors; acc [no][nt][VL] is added to. */
typedef struct weight_block {
    const float *dy;
    int64_t dy_channel;
    const float *x;
    const ptrdiff_t *vector;
    int rows, wo, x_pitch; /* floats from a row to the next */
    float *acc;
    int64_t acc_output;
} weight_block;

INLINE void block_body(const weight_block *b, int no, int nt, int cp) {
    vf acc[GO][4 * GT];
    UNROLL for (int o = 0; o < no; o++) {
        UNROLL for (int t = 0; t < nt; t++) acc[o][t] = vf_load(b->acc + o * b->acc_output + t * VL);
    }
    for (int r = 0; r < b->rows; r++) {
        const float *dy = b->dy + (int64_t)r * b->wo, *x = b->x + (int64_t)r * b->x_pitch;
        for (int i = 0; i < b->wo; i++, x += cp) {
            vf in[4 * GT];
            UNROLL for (int t = 0; t < nt; t++) in[t] = vf_load(x + b->vector[t]);
            UNROLL for (int o = 0; o < no; o++) {
                vf d = vf_all(dy[o * b->dy_channel + i]);
                UNROLL for (int t = 0; t < nt; t++) acc[o][t] += in[t] * d;
            }
        }
    }
    UNROLL for (int o = 0; o < no; o++) {
        UNROLL for (int t = 0; t < nt; t++) vf_store(b->acc + o * b->acc_output + t * VL, acc[o][t]);
    }
}

/* The common shapes, and one output at a time for what is left. */
static void block_3(const weight_block *b, int cp) { block_body(b, GO, 3, cp); }
static void block_2(const weight_block *b, int cp) { block_body(b, GO, 2, cp); }
static void block_1(const weight_block *b, int cp) { block_body(b, GO, 1, cp); }
static void single_8(const weight_block *b, int cp) { block_body(b, 1, 8, cp); }
static void single_1(const weight_block *b, int cp) { block_body(b, 1, 1, cp); }

static void all_blocks(const weight_job *job, weight_block b) {
    const float *dy = b.dy;
    float *acc = b.acc;
    for (int o = 0; o < job->outputs;) {
        int is_full = job->outputs - o >= GO;
        for (int v = 0; v < job->n_vectors;) {
            int left = job->n_vectors - v, nt = is_full ? (left < GT ? left : GT) : (left < 8 ? 1 : 8);
            b.dy = dy + o * b.dy_channel;
            b.acc = acc + o * b.acc_output + (int64_t)v * VL;
            b.vector = job->vector + v;
            if (is_full) (nt == 3 ? block_3 : nt == 2 ? block_2 : block_1)(&b, job->cp);
            else (nt == 8 ? single_8 : single_1)(&b, job->cp);
            v += nt;
        }
        o += is_full ? GO : 1;
    }
}

/* acc [outputs][n_vectors][VL] of a chunk to dw [outputs][inputs][taps] from channel c0 on. */
static void write_chunk(const weight_job *job, const float *acc, int c0, int n_channels, float *dw) {
    const conv_geometry *g = &job->g;
    int taps = g->kh * g->kw, set_vectors = job->n_vectors / job->n_sets, row_vectors = set_vectors / g->kh, place[MAX_TAPS];
    for (int t = 0; t < taps; t++) {
        int x = t % g->kw;
        place[t] = (t / g->kw * row_vectors + x / job->taps_of_vector) * VL + x % job->taps_of_vector * job->cp;
    }
    for (int o = 0; o < job->outputs; o++)
        for (int set = 0; set < job->n_sets; set++, acc += set_vectors * VL) {
            int n = n_channels - set * job->cp < job->cp ? n_channels - set * job->cp : job->cp;
            float *to = dw + ((int64_t)o * job->inputs + c0 + set * job->cp) * taps;
            for (int c = 0; c < n; c++)
                for (int t = 0; t < taps; t++) *to++ = acc[place[t] + c];
        }
}

static void weight_task(void *context, int index) {
    const weight_job *job = context;
    const conv_geometry *g = &job->g;
    int chunk = index % job->split.n_chunks, group = index / job->split.n_chunks;
    int c0 = chunk * g->channels, n_channels = job->inputs - c0 < g->channels ? job->inputs - c0 : g->channels;
    size_t n_acc = (size_t)job->outputs * (size_t)job->n_vectors * VL;
    size_t n_turned = (size_t)job->n_sets * (size_t)g->plane * (size_t)job->cp + STRIP_SLACK;
    size_t n_strip = (ISA(conv_strip_floats)(g) + 15) / 16 * 16; /* keeps what follows aligned */
    float *strip = med_scratch(SCRATCH_STRIP, (n_strip + n_turned) * sizeof *strip), *turned = strip + n_strip;
    float *acc = med_scratch(SCRATCH_OUT, n_acc * sizeof *acc);
    memset(acc, 0, n_acc * sizeof *acc);
    memset(turned, 0, n_turned * sizeof *turned);

    conv_geometry whole = *g; /* as conv_strip_fill counts channels of x */
    whole.channels = job->inputs;
    range strips = weight_split_strips(&job->split, group, job->n * g->n_strips);
    for (int s = (int)strips.begin; s < strips.end; s++) {
        int sample = s / g->n_strips, first = s % g->n_strips * g->rows;
        ISA(conv_strip_fill)(&whole, job->call, job->call->in[0].f32, sample, c0, n_channels, first, strip);
        for (int set = 0; set < job->n_sets; set++) {
            int n = n_channels - set * job->cp;
            ISA(turn_strip)(strip + set * job->cp * g->plane, g->plane, n < 0 ? 0 : n < job->cp ? n : job->cp, job->cp, g->plane,
                       turned + set * job->cp * g->plane);
        }
        int64_t plane = (int64_t)g->ho * g->wo;
        all_blocks(job, (weight_block){.dy = job->call->in[1].f32 + sample * job->outputs * plane + (int64_t)first * g->wo,
                                       .dy_channel = plane, .x = turned, .rows = conv_strip_rows(g, s % g->n_strips), .wo = g->wo, .x_pitch = g->pitch * job->cp,
                                       .acc = acc, .acc_output = (int64_t)job->n_vectors * VL});
    }
    write_chunk(job, acc, c0, n_channels, job->split.parts + group * job->split.n);
}

/* Offsets of the vectors of dw; returns how many. */
static int list_vectors(const weight_job *job, ptrdiff_t *vector) {
    const conv_geometry *g = &job->g;
    int n = 0;
    for (int set = 0; set < job->n_sets; set++)
        for (int y = 0; y < g->kh; y++)
            for (int x = 0; x < g->kw; x += job->taps_of_vector)
                vector[n++] = (set * g->plane + g->tap[y * g->kw + x]) * job->cp;
    return n;
}

#if MED_VL == 16
med_kernel med_cpu_conv2d_grad_weight_avx2;
#endif

void ISA(conv2d_grad_weight)(const med_call *call) {
#if MED_VL == 16
    if (call->in[0].shape.dim[1] <= VL / 2) { /* would leave half of every vector empty */
        med_cpu_conv2d_grad_weight_avx2(call);
        return;
    }
#endif
    if (ISA(conv_winograd_weight_fits)(call)) {
        ISA(conv_winograd_weight)(call);
        return;
    }
    if (ISA(conv_halving_weight_fits)(call)) {
        ISA(conv_halving_weight)(call);
        return;
    }
    med_conv_attr a = ((const med_conv_grad_attr *)call->node->attr)->conv;
    med_shape x = call->in[0].shape, y = call->in[1].shape;
    med_assert(a.kernel * a.kernel <= MAX_TAPS);
    weight_job job = {
        .g = {.h = (int)x.dim[2], .w = (int)x.dim[3], .kh = a.kernel, .kw = a.kernel, .stride_y = a.stride, .stride_x = a.stride, .pad_y = a.pad,
              .pad_x = a.pad, .is_reflect = a.mode == MED_PAD_REFLECT, .ho = (int)y.dim[2], .wo = (int)y.dim[3]},
        .call = call, .n = (int)x.dim[0], .inputs = (int)x.dim[1], .outputs = (int)y.dim[1],
    };
    job.cp = job.inputs <= LEAST_CP ? LEAST_CP : VL;
    job.taps_of_vector = a.stride == 1 ? VL / job.cp : 1;
    job.g.channels = job.inputs < MAX_CHUNK ? job.inputs : MAX_CHUNK;
    job.n_sets = (job.g.channels + job.cp - 1) / job.cp;
    ISA(conv_geometry_finish)(&job.g, 16, STRIP_BYTES);
    ptrdiff_t vector[MAX_TAPS * MAX_CHUNK / LEAST_CP];
    job.vector = vector;
    job.n_vectors = list_vectors(&job, vector);
    job.split = ISA(weight_split_create)(call, (job.inputs + job.g.channels - 1) / job.g.channels, job.n * job.g.n_strips);
    ISA(weight_split_run)(call, &job.split, weight_task, &job);
}
