/* conv_mean.c: conv2d_mean from sums of the input: every weight meets all of a channel but the lines that it leaves out at its
 * border. */
#include "backend/cpu/conv.h"

typedef struct conv_mean {
    const med_call *call;
    int channels, h, w, kernel, outputs;
    double *met; /* [n][channels][kernel * kernel]: sums of what a weight meets */
} conv_mean;

typedef struct lines { int begin, end; } lines;

/* Of n lines those that a weight `offset` lines away from the middle never meets. */
static lines left_out(int offset, int n) {
    int count = offset < 0 ? -offset : offset;
    if (count > n) count = n;
    return offset > 0 ? (lines){0, count} : (lines){n - count, n};
}

static double rectangle(const float *plane, int width, lines rows, lines columns) {
    double sum = 0;
    for (int y = rows.begin; y < rows.end; y++)
        for (int x = columns.begin; x < columns.end; x++) sum += (double)plane[y * width + x];
    return sum;
}

static void plane_task(void *context, int index) {
    const conv_mean *c = context;
    channel_reader reader = ISA(channel_reader)(c->call, index);
    int n = c->h * c->w, middle = c->kernel / 2;
    float *plane = med_scratch(SCRATCH_STRIP, (size_t)n * sizeof *plane);
    double all[2], *met = c->met + index * c->kernel * c->kernel;
    ISA(read_plane)(&reader, c->call->in[0].f32 + (int64_t)index * n, NULL, plane, n, all);
    const lines every_row = {0, c->h}, every_column = {0, c->w};
    for (int t = 0; t < c->kernel * c->kernel; t++) {
        lines rows = left_out(t / c->kernel - middle, c->h), columns = left_out(t % c->kernel - middle, c->w);
        met[t] = all[0] - rectangle(plane, c->w, rows, every_column) - rectangle(plane, c->w, every_row, columns) + rectangle(plane, c->w, rows, columns);
    }
}

static void output_task(void *context, int index) {
    enum { HALF = VL / 2 };
    const conv_mean *c = context;
    int o = index % c->outputs, n = c->channels * c->kernel * c->kernel, k = 0;
    const float *w = c->call->in[1].f32 + (int64_t)o * n;
    const double *met = c->met + (int64_t)(index / c->outputs) * n;
    vd sum = {0};
    double rest = 0;
    for (; k + HALF <= n; k += HALF) {
        vd m;
        memcpy(&m, met + k, sizeof m);
        sum += vd_load(w + k) * m;
    }
    for (; k < n; k++) rest += (double)w[k] * met[k];
    c->call->out.f32[index] = (float)((vd_sum(sum) + rest) / (c->h * c->w) + (c->call->n_in > 2 ? (double)c->call->in[2].f32[o] : 0));
}

void ISA(conv2d_mean)(const med_call *call) {
    med_shape x = call->in[0].shape;
    conv_mean c = {.call = call, .channels = (int)x.dim[1], .h = (int)x.dim[2], .w = (int)x.dim[3],
                   .kernel = ((const med_conv_attr *)call->node->attr)->kernel, .outputs = (int)call->out.shape.dim[1]};
    int n = (int)x.dim[0];
    c.met = med_scratch(SCRATCH_SHARED, (size_t)(n * c.channels * c.kernel * c.kernel) * sizeof *c.met);
    med_parallel(n * c.channels, plane_task, &c);
    med_parallel(n * c.outputs, output_task, &c);
}
