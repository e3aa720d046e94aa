/* bench_op: time of the CPU kernels at the layer shapes of the paper preset, 192 x 192, and their share of the FMA peak.
 *
 *   bench_op [-t THREADS] [-n SAMPLES] [TEXT]     only rows whose name contains TEXT
 * MEDLEY_ISA chooses the instruction set. Times are the least of several runs: other programs only make them longer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "base/thread.h"
#include "engine/backend.h"

typedef struct layer {
    int kernel, stride, inputs, outputs, size; /* outputs 0: depthwise; size of the input */
    med_pad_mode mode;
    int count; /* forward, us -> 4 outputs */
} layer;

static const layer layers[] = {
    {3, 1, 1, 16, 192, 0, 1},    {3, 1, 16, 16, 192, 0, 4},    {3, 1, 32, 16, 192, 0, 1},   {3, 1, 16, 96, 192, 0, 1},
    {5, 1, 96, 0, 192, 0, 1},    {1, 1, 96, 16, 192, 0, 1},    {1, 1, 16, 16, 192, 0, 2},   {3, 1, 8, 8, 192, 1, 48},
    {7, 1, 8, 8, 192, 1, 4},     {7, 1, 8, 1, 192, 1, 4},      {3, 2, 16, 32, 192, 0, 1},   {3, 1, 32, 32, 96, 0, 4},
    {3, 1, 64, 32, 96, 0, 1},    {3, 1, 32, 192, 96, 0, 1},    {5, 1, 192, 0, 96, 0, 1},    {1, 1, 192, 32, 96, 0, 1},
    {1, 1, 32, 32, 96, 0, 2},    {3, 2, 32, 64, 96, 0, 1},     {3, 1, 64, 64, 48, 0, 4},    {3, 1, 128, 64, 48, 0, 1},
    {3, 1, 64, 384, 48, 0, 1},   {5, 1, 384, 0, 48, 0, 1},     {1, 1, 384, 64, 48, 0, 1},   {1, 1, 64, 64, 48, 0, 2},
    {3, 2, 64, 128, 48, 0, 1},   {3, 1, 128, 128, 24, 0, 3},   {3, 1, 256, 128, 24, 0, 1},  {3, 1, 128, 768, 24, 0, 1},
    {5, 1, 768, 0, 24, 0, 1},    {1, 1, 768, 128, 24, 0, 1},   {1, 1, 128, 128, 24, 0, 2},  {3, 1, 64, 128, 24, 0, 1},
    {3, 2, 128, 128, 24, 0, 1},  {3, 1, 128, 128, 12, 0, 3},   {3, 1, 256, 128, 12, 0, 1},  {3, 1, 128, 768, 12, 0, 1},
    {5, 1, 768, 0, 12, 0, 1},    {1, 1, 768, 128, 12, 0, 1},   {3, 2, 128, 128, 12, 0, 1},  {3, 1, 128, 128, 6, 0, 4},
    {3, 1, 256, 128, 6, 0, 1},   {3, 1, 128, 768, 6, 0, 1},    {1, 1, 768, 128, 6, 0, 1},   {3, 2, 128, 128, 6, 0, 1},
    {3, 1, 128, 128, 3, 0, 2},
};

#define PEAK(isa) double med_cpu_fma_peak_##isa(long n_rounds, float *sink);
PEAK(portable)
#if defined(__x86_64__) && !defined(MEDLEY_NO_INTRINSICS)
PEAK(avx2)
PEAK(avx512)
#endif

/* With one thread its processor time, which other programs cannot lengthen much; else time by the clock. */
static clockid_t clock_used = CLOCK_MONOTONIC;

static double now(void) {
    struct timespec t;
    clock_gettime(clock_used, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef double peak_fn(long, float *);
typedef struct peak_context { peak_fn *fn; double flop; } peak_context;
static void peak_task(void *context, int i) {
    (void)i;
    peak_context *c = context;
    float sink = 0.25f;
    c->flop = c->fn(2000000, &sink);
}

static double measure_peak(const char *backend, int threads) {
    peak_context c = {.fn = med_cpu_fma_peak_portable};
#if defined(__x86_64__) && !defined(MEDLEY_NO_INTRINSICS)
    if (strstr(backend, "avx2")) c.fn = med_cpu_fma_peak_avx2;
    if (strstr(backend, "avx512")) c.fn = med_cpu_fma_peak_avx512;
#else
    (void)backend;
#endif
    double best = 1e9;
    for (int i = 0; i < 10; i++) {
        double start = now();
        med_parallel(threads, peak_task, &c);
        double t = now() - start;
        if (t < best) best = t;
    }
    return c.flop * threads / best * 1e-9;
}

static float *tensor(med_shape s, uint64_t seed) {
    void *data;
    size_t n = (size_t)med_shape_count(s);
    if (med_buffer_alloc(n * sizeof(float), "bench tensor", &data) != MED_OK) abort();
    med_normal_fill(data, n, (med_rng_key){seed, 1, 0});
    return data;
}

typedef struct totals { double ms, gflop; } totals;

static double best_time(const med_call *call) {
    med_kernel *kernel = med_backend_cpu()->kernel[call->node->id];
    double best = 1e9, begin = now();
    for (int i = 0; i < 3 || (i < 400 && now() - begin < 0.1); i++) {
        double start = now();
        kernel(call);
        double t = now() - start;
        if (t < best) best = t;
    }
    return best;
}

/* One row: input 0 through norm and SiLU where the op has a prologue, statistics on the side where it writes them. */
static void bench(med_op_id op, const void *attr, int n_in, const med_shape *in, double gflop, int count, double peak,
                  const char *filter, totals *sum) {
    med_node node = {.id = op, .op = med_ops[op], .n_in = n_in, .attr = attr, .side = MED_NONE,
                     .pro = {.stats = MED_NONE, .scale = MED_NONE, .act = MED_UNARY_none}};
    char name[256];
    snprintf(name, sizeof name, "%s %s %s", node.op->name, med_shape_print(in[0]).text, n_in > 1 ? med_shape_print(in[1]).text : "");
    if (filter && !strstr(name, filter)) return;
    if (node.op->infer(&node, in, &node.shape) != MED_OK) abort();
    med_call call = {.node = &node, .n_in = n_in, .out = {.f32 = tensor(node.shape, 9), .shape = node.shape}};
    for (int i = 0; i < n_in; i++) call.in[i] = (med_view){.f32 = tensor(in[i], (uint64_t)i), .shape = in[i]};
    if (node.op->flags & MED_OP_PROLOGUE) {
        med_shape s = med_shape_3(in[0].dim[0], in[0].dim[1], 2);
        call.stats = (med_view){.f32 = tensor(s, 5), .shape = s};
        node.pro.act = MED_UNARY_silu;
    }
    if (med_backend_cpu()->writes_side[op] && node.shape.dim[1] > 1) { /* the last convolution of a head has no norm behind it */
        med_shape s = med_shape_3(node.shape.dim[0], node.shape.dim[1], 2);
        call.side = (med_view){.f32 = tensor(s, 6), .shape = s};
        call.side_eps = 1e-5;
    }
    double t = best_time(&call);
    printf("%-72s %8.3f ms %7.1f GF/s %4.0f %%\n", name, t * 1e3, gflop / t, 100 * gflop / t / peak);
    sum->ms += t * 1e3 * count;
    sum->gflop += gflop * count;
    for (int i = 0; i < n_in; i++) free(call.in[i].f32);
    free(call.out.f32);
    free(call.stats.f32);
    free(call.side.f32);
}

static void bench_layer(const layer *l, int n, double peak, const char *filter, totals sum[3]) {
    int pad = l->kernel / 2, small = l->size / l->stride, outputs = l->outputs ? l->outputs : l->inputs;
    med_conv_attr a = {l->kernel, l->stride, pad, l->mode};
    med_shape x = med_shape_4(n, l->inputs, l->size, l->size), y = med_shape_4(n, outputs, small, small);
    med_shape w = med_shape_4(outputs, l->outputs ? l->inputs : 1, l->kernel, l->kernel);
    double gflop = 2e-9 * (double)med_shape_count(y) * (double)(w.dim[1] * w.dim[2] * w.dim[3]);
    med_conv_grad_attr like_x = {a, x}, like_w = {a, w};
    med_like_attr like = {w};
    int dw = !l->outputs;
    bench(dw ? MED_OP_depthwise2d : MED_OP_conv2d, dw ? NULL : (void *)&a, 2, (med_shape[]){x, w}, gflop, l->count, peak, filter, &sum[0]);
    bench(dw ? MED_OP_depthwise2d_grad_input : MED_OP_conv2d_grad_input, dw ? NULL : (void *)&like_x, 2, (med_shape[]){y, w}, gflop,
          l->count, peak, filter, &sum[1]);
    bench(dw ? MED_OP_depthwise2d_grad_weight : MED_OP_conv2d_grad_weight, dw ? (void *)&like : (void *)&like_w, 2, (med_shape[]){x, y},
          gflop, l->count, peak, filter, &sum[2]);
}

static void bench_elementwise(int n, double peak, const char *filter, totals *sum) {
    med_shape x = med_shape_4(n, 96, 192, 192), stats = med_shape_3(n, 96, 2), scale = med_shape_4(n, 96, 1, 1);
    med_shape q = med_shape_4(n, 32, 192, 192), z = med_shape_4(n, 16, 192, 192), small = med_shape_4(n, 32, 96, 96);
    med_norm_attr eps = {1e-5};
    med_unary_attr silu = {MED_UNARY_silu, 0}, clamp = {MED_UNARY_soft_clamp, 5};
    med_poe_attr floor = {1e-3};
    med_temperature_attr t = {0.7};
    const struct { med_op_id op; const void *attr; int n_in; med_shape in[4]; double flop_per; } rows[] = {
        {MED_OP_norm_stats, &eps, 1, {x}, 3},          {MED_OP_normalize, NULL, 2, {x, stats}, 2},
        {MED_OP_normalize_grad, &silu, 3, {x, stats, x}, 10}, {MED_OP_unary, &silu, 1, {x}, 4},
        {MED_OP_unary, &clamp, 1, {x}, 4},             {MED_OP_unary_grad, &silu, 2, {x, x}, 6},
        {MED_OP_add, NULL, 2, {x, x}, 1},              {MED_OP_mul, NULL, 2, {x, scale}, 1},
        {MED_OP_channel_mean, NULL, 1, {x}, 6},        {MED_OP_channel_dot, NULL, 2, {x, x}, 7},
        {MED_OP_upsample2x, NULL, 1, {small}, 8},      {MED_OP_poe, &floor, 4, {q, q, q, q}, 20},
        {MED_OP_poe_grad, NULL, 3, {q, q, q}, 10},     {MED_OP_sample, &t, 2, {q, z}, 3},
        {MED_OP_kl, &t, 4, {q, z, z, q}, 20},          {MED_OP_kl_grad_prior, NULL, 3, {z, q, med_shape_1(1)}, 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        bench(rows[i].op, rows[i].attr, rows[i].n_in, rows[i].in, 1e-9 * rows[i].flop_per * (double)med_shape_count(rows[i].in[0]), 1,
              peak, filter, sum);
}

int main(int argc, char **argv) {
    int threads = med_threads(), n = 1, option;
    while ((option = getopt(argc, argv, "t:n:")) != -1) {
        if (option == 't') threads = atoi(optarg);
        else if (option == 'n') n = atoi(optarg);
        else return 2;
    }
    const char *filter = optind < argc ? argv[optind] : NULL;
    med_threads_set(threads);
    if (threads == 1) clock_used = CLOCK_THREAD_CPUTIME_ID;
    const med_backend *backend = med_backend_cpu();
    double peak = measure_peak(backend->name, threads);
    printf("%s, %d threads, FMA peak %.0f GF/s, %d samples\n", backend->name, threads, peak, n);
    totals sum[3] = {{0}}, other = {0};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) bench_layer(&layers[i], n, peak, filter, sum);
    bench_elementwise(n, peak, filter, &other);
    static const char *const names[] = {"forward", "grad of input", "grad of weight"};
    for (int i = 0; i < 3 && sum[i].ms > 0; i++)
        printf("us -> 4, all convolutions, %s: %.1f ms for %d samples, %.1f GF/s (%.0f %% of peak)\n", names[i], sum[i].ms, n,
               sum[i].gflop / sum[i].ms * 1e3, 100 * sum[i].gflop / sum[i].ms * 1e3 / peak);
    return 0;
}
