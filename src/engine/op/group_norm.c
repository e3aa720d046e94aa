/* group_norm: y = n * gain_c + bias_c, n = (x - mean) * rstd, with the statistics of a group of channels of one sample (Wu & He
 * 2018), or of one channel over the whole batch (batch norm while training, Ioffe & Szegedy 2015).
 *
 * In steps, so that convolutions write the statistics of channels and read through the norm as they do for instance norms:
 * norm_stats of channels; merge_stats of those that belong together, every channel being told its own; affine_stats, which
 * hides gain and bias in them (x*a + b is (x - m)*a with m = -b/a); normalize.
 *
 * Gradient, with sums over all that shares the statistics, M values in all:
 *     dx = rstd * (dy*gain - mean(dy*gain) - n * mean(dy*gain * n)),   dgain = sum dy*n,   dbias = sum dy.
 * norm_sums has sum dy and sum dy*n of every channel; they are what normalize passes back to its statistics, and
 * affine_stats makes dgain and dbias of them. The gradient through the statistics is in dx: merge_stats passes nothing on. */
#include <math.h>

#include "engine/node.h"

/* A gain of 0 would lose the bias; this one changes nothing that a float could hold. */
static const double least_gain = 1e-20;

static med_shape stats_shape(med_shape x) { return med_shape_3(x.dim[0], x.dim[1], 2); }

static med_status infer_merge(const med_node *n, const med_shape *in, med_shape *out) {
    const med_merge_attr *a = n->attr;
    if (in[0].rank != 3 || in[0].dim[2] != 2 || a->n_groups < 1 || in[0].dim[1] % a->n_groups)
        return med_fail(MED_EUSAGE, "statistics %s do not fall into %d groups", med_shape_print(in[0]).text, a->n_groups);
    *out = in[0];
    return MED_OK;
}

static void reference_merge(const med_call *c) {
    const med_merge_attr *a = c->node->attr;
    int64_t N = c->out.shape.dim[0], C = c->out.shape.dim[1], size = C / a->n_groups, samples = a->is_over_batch ? N : 1;
    for (int64_t n = 0; n < N; n += samples)
        for (int64_t first = 0; first < C; first += size) {
            double sum = 0, var = 0, count = (double)(samples * size);
            for (int64_t i = n; i < n + samples; i++)
                for (int64_t k = first; k < first + size; k++) sum += c->in[0].f64[2 * (i * C + k)];
            double mean = sum / count;
            for (int64_t i = n; i < n + samples; i++)
                for (int64_t k = first; k < first + size; k++) {
                    const double *s = c->in[0].f64 + 2 * (i * C + k);
                    var += 1 / (s[1] * s[1]) - a->eps + (s[0] - mean) * (s[0] - mean);
                }
            var /= count;
            for (int64_t i = n; i < n + samples; i++)
                for (int64_t k = first; k < first + size; k++) {
                    c->out.f64[2 * (i * C + k)] = mean;
                    c->out.f64[2 * (i * C + k) + 1] = 1 / sqrt((var > 0 ? var : 0) + a->eps);
                }
        }
}

static void grad_none(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    (void)g, (void)self, (void)dy, (void)wants, (void)dx;
}

static med_status infer_affine(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    int fits = in[0].rank == 3 && in[0].dim[2] == 2;
    for (int i = 1; i < 3; i++) fits = fits && in[i].rank == 1 && in[i].dim[0] == in[0].dim[1];
    if (!fits)
        return med_fail(MED_EUSAGE, "gain %s and bias %s for statistics %s", med_shape_print(in[1]).text,
                        med_shape_print(in[2]).text, med_shape_print(in[0]).text);
    *out = in[0];
    return MED_OK;
}

static void reference_affine(const med_call *c) {
    int64_t C = c->out.shape.dim[1];
    for (int64_t i = 0, n = c->out.shape.dim[0] * C; i < n; i++) {
        double gain = c->in[1].f64[i % C], bias = c->in[2].f64[i % C];
        if (fabs(gain) < least_gain) gain = gain < 0 ? -least_gain : least_gain;
        c->out.f64[2 * i + 1] = c->in[0].f64[2 * i + 1] * gain;
        c->out.f64[2 * i] = c->in[0].f64[2 * i] - bias / c->out.f64[2 * i + 1];
    }
}

/* dy: the sums of every channel, over samples still apart. */
static void grad_affine(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx) {
    med_shape s = med_node_of(g, self)->shape;
    med_like_attr over_samples = {med_shape_3(1, s.dim[1], 2)};
    if (s.dim[0] > 1) dy = med_node_add(g, MED_OP_reduce, &dy, 1, &over_samples);
    if (wants[1]) dx[1] = med_reshape(g, med_slice(g, dy, 2, 1, 1), med_shape_1(s.dim[1]));
    if (wants[2]) dx[2] = med_reshape(g, med_slice(g, dy, 2, 0, 1), med_shape_1(s.dim[1]));
}

static med_status infer_sums(const med_node *n, const med_shape *in, med_shape *out) {
    (void)n;
    if (in[0].rank != 4 || !med_shape_equal(in[1], stats_shape(in[0])) || !med_shape_equal(in[2], in[0]))
        return med_fail(MED_EUSAGE, "statistics %s and gradient %s for %s", med_shape_print(in[1]).text,
                        med_shape_print(in[2]).text, med_shape_print(in[0]).text);
    *out = in[1];
    return MED_OK;
}

static void reference_sums(const med_call *c) {
    int64_t plane = c->in[0].shape.dim[2] * c->in[0].shape.dim[3];
    for (int64_t m = 0, n = c->out.shape.dim[0] * c->out.shape.dim[1]; m < n; m++) {
        const double *x = c->in[0].f64 + m * plane, *s = c->in[1].f64 + 2 * m, *dy = c->in[2].f64 + m * plane;
        double sum = 0, dot = 0;
        for (int64_t i = 0; i < plane; i++) {
            sum += dy[i];
            dot += dy[i] * (x[i] - s[0]) * s[1];
        }
        c->out.f64[2 * m] = sum;
        c->out.f64[2 * m + 1] = dot;
    }
}

static med_status infer_grad(const med_node *n, const med_shape *in, med_shape *out) {
    MED_TRY(infer_sums(n, in, out));
    *out = in[0];
    return MED_OK;
}

void med_merged_means(const med_merge_attr *a, med_shape x, const double *sums, const double *gain, int64_t n, int64_t c, double mean[2]) {
    mean[0] = mean[1] = 0;
    if (!a->n_groups) return;
    int64_t C = x.dim[1], size = C / a->n_groups, first = c / size * size;
    int64_t begin = a->is_over_batch ? 0 : n, end = a->is_over_batch ? x.dim[0] : n + 1;
    double count = (double)((end - begin) * size * x.dim[2] * x.dim[3]);
    for (int64_t i = begin; i < end; i++)
        for (int64_t k = first; k < first + size; k++)
            for (int j = 0; j < 2; j++) mean[j] += gain[k] * sums[2 * (i * C + k) + j] / count;
}

static void reference_grad(const med_call *c) {
    med_shape s = c->out.shape;
    int64_t plane = s.dim[2] * s.dim[3];
    for (int64_t m = 0, n = s.dim[0] * s.dim[1]; m < n; m++) {
        const double *x = c->in[0].f64 + m * plane, *stats = c->in[1].f64 + 2 * m, *dy = c->in[2].f64 + m * plane;
        double mean[2], gain = c->in[4].f64[m % s.dim[1]];
        med_merged_means(c->node->attr, s, c->in[3].f64, c->in[4].f64, m / s.dim[1], m % s.dim[1], mean);
        for (int64_t i = 0; i < plane; i++)
            c->out.f64[m * plane + i] = stats[1] * (dy[i] * gain - mean[0] - (x[i] - stats[0]) * stats[1] * mean[1]);
    }
}

const med_op med_op_merge_stats = {.name = "merge_stats", .min_in = 1, .max_in = 1, .attr_size = sizeof(med_merge_attr),
    .infer = infer_merge, .grad = grad_none, .reference = reference_merge};
const med_op med_op_affine_stats = {.name = "affine_stats", .min_in = 3, .max_in = 3, .flags = MED_OP_BY_SAMPLE, .infer = infer_affine,
    .grad = grad_affine, .reference = reference_affine};
const med_op med_op_norm_sums = {.name = "norm_sums", .min_in = 3, .max_in = 3, .infer = infer_sums, .reference = reference_sums};
const med_op med_op_merged_norm_grad = {.name = "merged_norm_grad", .min_in = 5, .max_in = 5,
    .attr_size = sizeof(med_merge_attr), .infer = infer_grad, .reference = reference_grad};

/* For normalize, when its statistics carry gain and bias. */
void med_affine_normalize_grad(med_graph *g, const med_node *normalize, med_val dy, const char *wants, med_val *dx) {
    const med_node *affine = med_node_of(g, normalize->in[1]);
    med_val x = normalize->in[0], stats = affine->in[0], gain = affine->in[1];
    med_val sums = med_node_add(g, MED_OP_norm_sums, (med_val[]){x, stats, dy}, 3, NULL);
    const med_node *from = med_node_of(g, stats);
    med_merge_attr attr = {0};
    if (from->id == MED_OP_merge_stats) attr = *(const med_merge_attr *)from->attr;
    if (wants[1]) dx[1] = sums;
    if (wants[0]) dx[0] = med_node_add(g, MED_OP_merged_norm_grad, (med_val[]){x, stats, dy, sums, gain}, 5, &attr);
}

med_val med_merged_norm(med_graph *g, med_val x, med_val gain, med_val bias, med_merge_attr attr, med_val *merged) {
    med_norm_attr eps = {attr.eps};
    med_val stats = med_node_add(g, MED_OP_merge_stats, (med_val[]){med_node_add(g, MED_OP_norm_stats, &x, 1, &eps)}, 1, &attr);
    if (merged) *merged = stats;
    stats = med_node_add(g, MED_OP_affine_stats, (med_val[]){stats, gain, bias}, 3, NULL);
    return med_node_add(g, MED_OP_normalize, (med_val[]){x, stats}, 2, NULL);
}

med_val med_group_norm(med_graph *g, med_val x, int n_groups, med_val gain, med_val bias, double eps) {
    return med_merged_norm(g, x, gain, bias, (med_merge_attr){n_groups, 0, eps}, NULL);
}
