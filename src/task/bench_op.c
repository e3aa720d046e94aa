/* bench_op.c: time of the kernels at the layer shapes of MMHVAE's paper preset and the largest of MM-GAN's, ResViT's and M2DN's,
 * 192 x 192, and their share of the FMA peak.
 * Times are the least of several runs: other programs only make them longer. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/thread.h"
#include "engine/backend.h"
#include "task/bench.h"

typedef struct layer {
    int kernel, stride, inputs, outputs, size; /* outputs 0: depthwise; size of the input */
    med_pad_mode mode;
    int count; /* in MMHVAE, forward, us -> 4 outputs */
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
    {4, 2, 1, 64, 192, 0, 0},    {4, 2, 64, 128, 96, 0, 0},    {4, 2, 128, 256, 48, 0, 0},  {4, 2, 256, 256, 24, 0, 0}, /* discriminators */
    {4, 1, 256, 256, 3, 0, 0}, {4, 2, 256, 256, 12, 0, 0},  {4, 2, 256, 256, 6, 0, 0},
    /* MM-GAN: down, and as gradients of inputs up */
    {4, 2, 4, 64, 192, 0, 0},    {4, 2, 256, 512, 24, 0, 0},
    {4, 2, 512, 512, 12, 0, 0},  {4, 2, 512, 512, 6, 0, 0},    {4, 2, 512, 1024, 12, 0, 0}, {4, 2, 256, 1024, 24, 0, 0},
    {4, 2, 128, 512, 48, 0, 0},  {4, 2, 64, 256, 96, 0, 0},
    /* ResViT */
    {7, 1, 4, 64, 192, 1, 0},    {3, 2, 64, 128, 192, 0, 0},   {3, 2, 128, 256, 96, 0, 0},  {3, 1, 256, 256, 48, 1, 0},
    {3, 2, 256, 512, 48, 0, 0},  {3, 2, 512, 1024, 24, 0, 0},  {1, 1, 1024, 768, 12, 0, 0}, {3, 1, 512, 256, 48, 0, 0},
    {1, 1, 512, 256, 48, 0, 0},  {1, 1, 768, 3072, 12, 0, 0},  {1, 1, 3072, 768, 12, 0, 0},
    {7, 1, 64, 4, 192, 1, 0},
    /* M2DN */
    {3, 1, 128, 128, 96, 0, 0},  {3, 1, 256, 128, 96, 0, 0},   {1, 1, 256, 128, 96, 0, 0},  {3, 1, 128, 32, 96, 0, 0},
    {3, 1, 32, 32, 192, 0, 0},   {3, 1, 32, 1, 192, 0, 0},
};

/* With one thread its processor time, which other programs cannot lengthen much; else time by the clock. */
static double now(void) {
    struct timespec t;
    clock_gettime(med_threads() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct peak_context { const med_backend *backend; double flop; } peak_context;
static void peak_task(void *context, int i) {
    peak_context *c = context;
    float sink = 0.25f;
    double flop = c->backend->fma_peak(400000, &sink);
    if (i == 0) c->flop = flop;
}

double med_bench_peak(void) {
    peak_context c = {.backend = med_backend_cpu()};
    double best = 1e9;
    for (int i = 0; i < 10; i++) {
        double start = now();
        med_parallel(med_threads(), peak_task, &c);
        double t = now() - start;
        if (t < best) best = t;
    }
    return c.flop * med_threads() / best * 1e-9;
}

/* ---- one kernel ---- */

typedef struct bench {
    const med_bench_options *options;
    json_t *rows;
    double peak;
} bench;

typedef struct totals { double ms, gflop; } totals;

static med_status tensor(med_shape s, uint64_t seed, med_view *out) {
    size_t n = (size_t)med_shape_count(s);
    MED_TRY(med_buffer_alloc(n * sizeof(float), "tensor", &out->data));
    med_normal_fill(out->f32, n, (med_rng_key){seed, 1, 0});
    out->shape = s;
    return MED_OK;
}

static double best_time(const med_call *call, int n_repeats) {
    med_kernel *kernel = med_backend_cpu()->kernel[call->node->id];
    double best = 1e9, begin = now();
    for (int i = 0; i < 3 || (i < 40 * n_repeats && now() - begin < 0.01 * n_repeats); i++) {
        double start = now();
        kernel(call);
        double t = now() - start;
        if (t < best) best = t;
    }
    return best;
}

typedef struct row {
    med_op_id op;
    const void *attr;
    int n_in;
    med_shape in[4];
    double gflop;
    int count;
} row;

static bool is_pointwise(const row *r) { return r->op == MED_OP_conv2d && r->in[1].dim[2] == 1; }

/* Memory of a call: input 0 as networks have it where the op has a prologue, through the factors of squeeze and excitation for
 * 1x1 convolutions, else through norm and SiLU; statistics where it writes them. */
static med_status fill_call(const row *r, med_node *node, med_call *call) {
    *node = med_node_alone(r->op, r->n_in, r->attr);
    MED_TRY(node->op->infer(node, r->in, &node->shape));
    *call = (med_call){.node = node, .n_in = r->n_in, .side_eps = 1e-5};
    MED_TRY(tensor(node->shape, 9, &call->out));
    for (int i = 0; i < r->n_in; i++) MED_TRY(tensor(r->in[i], (uint64_t)i, &call->in[i]));
    if (is_pointwise(r)) {
        MED_TRY(tensor(med_shape_4(r->in[0].dim[0], r->in[0].dim[1], 1, 1), 5, &call->scale));
    } else if (node->op->flags & MED_OP_PROLOGUE) {
        MED_TRY(tensor(med_shape_3(r->in[0].dim[0], r->in[0].dim[1], 2), 5, &call->stats));
        node->pro.act = MED_UNARY_silu;
    }
    bool has_side = med_backend_cpu()->writes_side[r->op] && node->shape.dim[1] > 1; /* no norm behind the last of a head */
    return has_side ? tensor(med_shape_3(node->shape.dim[0], node->shape.dim[1], 2), 6, &call->side) : MED_OK;
}

static void free_call(med_call *call) {
    for (int i = 0; i < call->n_in; i++) free(call->in[i].data);
    free(call->out.data);
    free(call->stats.data);
    free(call->scale.data);
    free(call->side.data);
}

static double bytes_of(const med_call *call) {
    double n = (double)med_shape_count(call->out.shape);
    for (int i = 0; i < call->n_in; i++) n += (double)med_shape_count(call->in[i].shape);
    return n * sizeof(float);
}

static med_status time_row(const bench *b, const row *r, totals *sum) {
    char name[256];
    snprintf(name, sizeof name, "%s %s %s", med_ops[r->op]->name, med_shape_print(r->in[0]).text,
             r->n_in > 1 ? med_shape_print(r->in[1]).text : "");
    if (b->options->filter && !strstr(name, b->options->filter)) return MED_OK;
    med_node node;
    med_call call = {0};
    med_status status = fill_call(r, &node, &call);
    if (status == MED_OK) {
        double t = best_time(&call, b->options->n_repeats), gflops = r->gflop / t;
        json_array_append_new(b->rows, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:i}", "op", name, "ms", 1e3 * t, "gflop", r->gflop, "gflops",
                                                 gflops, "peak_share", gflops / b->peak, "bytes", bytes_of(&call), "count", r->count));
        sum->ms += 1e3 * t * r->count;
        sum->gflop += r->gflop * r->count;
    }
    free_call(&call);
    return status;
}

/* ---- all of them ---- */

/* A layer forward, and the gradients of its input and weight; `sum` by direction. */
static med_status time_layer(const bench *b, const layer *l, int n, totals sum[3]) {
    int small = (l->size + 2 * ((l->kernel - 1) / 2) - l->kernel) / l->stride + 1, is_dw = !l->outputs, outputs = is_dw ? l->inputs : l->outputs;
    med_conv_attr a = {l->kernel, l->stride, (l->kernel - 1) / 2, l->mode};
    med_shape x = med_shape_4(n, l->inputs, l->size, l->size), y = med_shape_4(n, outputs, small, small);
    med_shape w = med_shape_4(outputs, is_dw ? 1 : l->inputs, l->kernel, l->kernel);
    double gflop = 2e-9 * (double)med_shape_count(y) * (double)(w.dim[1] * w.dim[2] * w.dim[3]);
    med_conv_grad_attr like_x = {a, x}, like_w = {a, w};
    med_like_attr like = {w};
    const row conv[] = {{MED_OP_conv2d, &a, 2, {x, w}, gflop, l->count},
                        {MED_OP_conv2d_grad_input, &like_x, 2, {y, w}, gflop, l->count},
                        {MED_OP_conv2d_grad_weight, &like_w, 2, {x, y}, gflop, l->count}};
    const row depthwise[] = {{MED_OP_depthwise2d, NULL, 2, {x, w}, gflop, l->count},
                             {MED_OP_depthwise2d_grad_input, NULL, 2, {y, w}, gflop, l->count},
                             {MED_OP_depthwise2d_grad_weight, &like, 2, {x, y}, gflop, l->count}};
    for (int i = 0; i < 3; i++) MED_TRY(time_row(b, (is_dw ? depthwise : conv) + i, &sum[i]));
    return MED_OK;
}

/* Ops that are not convolutions, by the arithmetic they need for each element of input 0. */
static med_status time_elementwise(const bench *b, int n, totals *sum) {
    med_shape x = med_shape_4(n, 96, 192, 192), stats = med_shape_3(n, 96, 2), scale = med_shape_4(n, 96, 1, 1);
    med_shape q = med_shape_4(n, 32, 192, 192), z = med_shape_4(n, 16, 192, 192), small = med_shape_4(n, 32, 96, 96);
    med_norm_attr eps = {1e-5};
    med_unary_attr silu = {MED_UNARY_silu, 0}, clamp = {MED_UNARY_soft_clamp, 5};
    med_poe_attr floor = {1e-3};
    med_temperature_attr t = {0.7};
    row rows[] = {
        {MED_OP_norm_stats, &eps, 1, {x}, 3, 1},              {MED_OP_normalize, NULL, 2, {x, stats}, 2, 1},
        {MED_OP_normalize_grad, &silu, 3, {x, stats, x}, 10, 1}, {MED_OP_unary, &silu, 1, {x}, 4, 1},
        {MED_OP_unary, &clamp, 1, {x}, 4, 1},                 {MED_OP_unary_grad, &silu, 2, {x, x}, 6, 1},
        {MED_OP_add, NULL, 2, {x, x}, 1, 1},                  {MED_OP_mul, NULL, 2, {x, scale}, 1, 1},
        {MED_OP_channel_mean, NULL, 1, {x}, 6, 1},            {MED_OP_channel_dot, NULL, 2, {x, x}, 7, 1},
        {MED_OP_upsample2x, NULL, 1, {small}, 8, 1},          {MED_OP_poe, &floor, 4, {q, q, q, q}, 20, 1},
        {MED_OP_poe_grad, NULL, 3, {q, q, q}, 10, 1},         {MED_OP_sample, &t, 2, {q, z}, 3, 1},
        {MED_OP_kl, &t, 4, {q, z, z, q}, 20, 1},              {MED_OP_kl_grad_prior, NULL, 3, {z, q, med_shape_1(1)}, 10, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rows[i].gflop *= 1e-9 * (double)med_shape_count(rows[i].in[0]);
        MED_TRY(time_row(b, &rows[i], sum));
    }
    return MED_OK;
}

med_status med_bench_op(const med_bench_options *o, json_t *report) {
    static const char *const directions[] = {"forward", "gradient of input", "gradient of weight"};
    int n = o->batch ? o->batch : 1;
    totals sum[3] = {{0}}, other = {0};
    bench b = {.options = o, .rows = json_array(), .peak = med_bench_peak()};
    json_t *totals_json = json_array();
    json_object_set_new(report, "ops", b.rows);
    json_object_set_new(report, "us_to_4", totals_json);
    json_object_set_new(report, "kernels", json_string(med_backend_cpu()->name));
    json_object_set_new(report, "threads", json_integer(med_threads()));
    json_object_set_new(report, "batch", json_integer(n));
    json_object_set_new(report, "peak_gflops", json_real(b.peak));
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) MED_TRY(time_layer(&b, &layers[i], n, sum));
    MED_TRY(time_elementwise(&b, n, &other));
    for (int i = 0; i < 3; i++)
        json_array_append_new(totals_json, json_pack("{s:s, s:f, s:f}", "convolutions", directions[i], "ms", sum[i].ms, "gflop", sum[i].gflop));
    return MED_OK;
}
