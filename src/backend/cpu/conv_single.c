/* conv_single.c: 7x7 convolutions to one output, the last of an image head.
 *
 * One output has too few accumulators for a tile's; so some vectors go down the rows of a strip: every row of input belongs to seven
 * rows of output, which are under way at the same time. A task is a strip. Where multiply-adds are slow (portable vectors), conv_winograd7.c
 * is faster. */
#include "backend/cpu/conv.h"

enum { K = 7, WIDE = VL == 16 ? 3 : 1 /* vectors beside each other */, STRIP_BYTES = 384 << 10 };

typedef struct single {
    const conv_job *job;
    conv_geometry g;
} single;

/* Adds what row r of the input gives to the output rows r - 6 .. r, of which `rows` are there; row o is acc[o % 7]. */
INLINE void add_row(const single *s, const float *x, int u, int r, int rows, int is_inside, int nv, vf acc[K][WIDE]) {
    const float *w = s->job->w;
    for (int c = 0; c < s->g.channels; c++, x += s->g.plane, w += K * K)
        UNROLL for (int t = 0; t < K; t++) {
            vf in[WIDE];
            UNROLL for (int v = 0; v < nv; v++) in[v] = vf_load(x + t + v * VL);
            UNROLL for (int j = 0; j < K; j++) {
                if (!is_inside && (r < j || r - j >= rows)) continue;
                vf weight = vf_all(w[j * K + t]);
                UNROLL for (int v = 0; v < nv; v++) acc[(u - j + K) % K][v] += in[v] * weight;
            }
        }
}

/* nv vectors of columns of a strip. */
INLINE void columns(const single *s, const float *x, int rows, int n_columns, int nv, float *y) {
    vf acc[K][WIDE], bias = vf_all(s->job->bias ? s->job->bias[0] : 0);
    UNROLL for (int k = 0; k < K; k++) {
        UNROLL for (int v = 0; v < nv; v++) acc[k][v] = bias;
    }
    for (int r = 0; r < rows + K - 1; r += K)
        UNROLL for (int u = 0; u < K; u++, x += s->g.pitch) {
            if (r + u >= rows + K - 1) break;
            UNROLL for (int v = 0; v < nv; v++) acc[u][v] = bias;
            int is_inside = r + u >= K - 1 && r + u < rows;
            if (is_inside) add_row(s, x, u, r + u, rows, 1, nv, acc);
            else add_row(s, x, u, r + u, rows, 0, nv, acc);
            int o = r + u - (K - 1);
            for (int v = 0; o >= 0 && v < nv && v * VL < n_columns; v++) vf_put(y + o * s->job->y_row, v * VL, n_columns, acc[(u + 1) % K][v]);
        }
}
static void wide_columns(const single *s, const float *x, int rows, int n, float *y) { columns(s, x, rows, n, WIDE, y); }
static void narrow_columns(const single *s, const float *x, int rows, int n, float *y) { columns(s, x, rows, n, 1, y); }

static void strip_task(void *context, int index) {
    const single *s = context;
    const conv_job *job = s->job;
    int sample = index / s->g.n_strips, strip_index = index % s->g.n_strips, first = strip_index * s->g.rows, rows = conv_strip_rows(&s->g, strip_index);
    float *strip = med_scratch(SCRATCH_STRIP, ISA(conv_strip_floats)(&s->g) * sizeof *strip);
    ISA(conv_strip_fill)(&s->g, job->call, job->x, sample, 0, s->g.channels, first, strip);
    float *y = job->y + sample * job->y_sample + first * job->y_row;
    for (int i = 0, n; i < job->g.wo; i += n) {
        n = job->g.wo - i > VL ? WIDE * VL : VL;
        (n > VL ? wide_columns : narrow_columns)(s, strip + i, rows, job->g.wo - i, y + i);
    }
}

int ISA(conv_single_fits)(const conv_job *job) {
    const conv_geometry *g = &job->g;
    return VL > 4 && job->outputs == 1 && g->kh == K && g->kw == K && g->stride_y == 1 && g->stride_x == 1 && job->y_col == 1 && !job->side.data && !job->residual &&
           conv_is_consecutive(&job->order, K * K);
}

void ISA(conv_single_run)(const conv_job *job) {
    single s = {.job = job, .g = job->g};
    ISA(conv_geometry_finish)(&s.g, (s.g.ho + CONV_TASKS - 1) / CONV_TASKS, STRIP_BYTES);
    med_parallel(job->n * s.g.n_strips, strip_task, &s);
}
