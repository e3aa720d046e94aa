/* norm.c: statistics of instance norm, normalising, and its gradient. A task is one plane; sums are in double. */
#include <math.h>
#include "backend/cpu/conv.h"
#include "backend/cpu/vunary.h"

void ISA(stats_part)(const float *x, int64_t n, double *part) {
    moments m = {{{0}, {0}}, {{0}, {0}}};
    int64_t i = 0;
    for (; i + 8 * VL <= n; i += 8 * VL) {
        vf sum[2] = {{0}, {0}}, square[2] = {{0}, {0}}; /* two chains each */
        UNROLL for (int k = 0; k < 8; k++) {
            vf a = vf_load(x + i + k * VL);
            sum[k % 2] += a;
            square[k % 2] += a * a;
        }
        moments_add(&m, sum[0] + sum[1], square[0] + square[1]);
    }
    moments_part(&m, part);
    for (; i < n; i++) {
        part[0] += (double)x[i];
        part[1] += (double)x[i] * (double)x[i];
    }
}

/* Eight vectors of the result stay in registers between reading, adding and summing. */
INLINE void read_and_sum(const channel_reader *reader, med_unary_kind kind, const float *src, const float *add, float *dst, int64_t n, double part[2]) {
    const channel_reader how = *reader;
    moments m = {{{0}, {0}}, {{0}, {0}}};
    double rest[2];
    int64_t i = 0;
    for (; i + 8 * VL <= n; i += 8 * VL) {
        vf sum = vf_all(0), square = vf_all(0);
        for (int64_t k = i; k < i + 8 * VL; k += VL) {
            vf a = vf_read(&how, kind, vf_load(src + k));
            if (add) a += vf_load(add + k);
            vf_store(dst + k, a);
            sum += a;
            square += a * a;
        }
        moments_add(&m, sum, square);
    }
    for (int64_t k = i; k < n; k += VL) {
        vf a = vf_read(&how, kind, vf_take(src, k, n));
        if (add) a += vf_take(add, k, n);
        vf_put(dst, k, n, a);
    }
    moments_part(&m, part);
    ISA(stats_part)(dst + i, n - i, rest);
    part[0] += rest[0];
    part[1] += rest[1];
}

void ISA(read_plane)(const channel_reader *reader, const float *src, const float *add, float *dst, int64_t n, double part[2]) {
    if (add)
        WITH_PROLOGUE_KIND(reader->act, read_and_sum(reader, KIND, src, add, dst, n, part))
    else
        WITH_UNARY_KIND(reader->act, read_and_sum(reader, KIND, src, NULL, dst, n, part))
}

void ISA(stats_finish)(const double *parts, int n_parts, int64_t count, double eps, float *stats) {
    double sum = 0, square = 0;
    for (int i = 0; i < n_parts; i++) {
        sum += parts[2 * i];
        square += parts[2 * i + 1];
    }
    double mean = sum / (double)count, var = square / (double)count - mean * mean;
    stats[0] = (float)mean;
    stats[1] = (float)(1 / sqrt((var > 0 ? var : 0) + eps));
}

void ISA(side_write)(med_view side, int64_t index, const double *parts, int n_parts, int64_t count, double eps) {
    float stats[2];
    int n = side.shape.rank == 3 ? 2 : 1;
    ISA(stats_finish)(parts, n_parts, count, eps, stats);
    memcpy(side.f32 + n * index, stats, (size_t)n * sizeof *stats);
}

typedef struct norm_context {
    const med_call *call;
    int64_t plane;
} norm_context;

static norm_context context_of(const med_call *call) {
    med_shape s = call->in[0].shape;
    return (norm_context){call, s.dim[2] * s.dim[3]};
}
static int n_planes(const med_call *call) { return (int)(call->in[0].shape.dim[0] * call->in[0].shape.dim[1]); }

static void stats_plane(void *context, int m) {
    const norm_context *c = context;
    double part[2];
    ISA(stats_part)(c->call->in[0].f32 + m * c->plane, c->plane, part);
    ISA(stats_finish)(part, 1, c->plane, ((const med_norm_attr *)c->call->node->attr)->eps, c->call->out.f32 + 2 * m);
}

void ISA(norm_stats)(const med_call *call) {
    norm_context c = context_of(call);
    med_parallel(n_planes(call), stats_plane, &c);
}

static void normalize_plane(void *context, int m) {
    const norm_context *c = context;
    const float *stats = c->call->in[1].f32 + 2 * m;
    channel_reader reader = {.act = MED_UNARY_none, .mean = stats[0], .rstd = stats[1], .scale = 1};
    ISA(read_channel)(&reader, c->call->in[0].f32 + m * c->plane, c->call->out.f32 + m * c->plane, c->plane);
}

void ISA(normalize)(const med_call *call) {
    norm_context c = context_of(call);
    med_parallel(n_planes(call), normalize_plane, &c);
}

typedef struct grad_plane {
    const float *x, *da;
    float *dx, mean, rstd, param;
    int64_t n;
} grad_plane;

/* With n = (x - mean) * rstd: dn = da * act'(n), left in dx, and the sums of dn and dn * n. */
INLINE void grad_sums(const grad_plane *p, med_unary_kind kind, double *sum, double *dot) {
    vd s[2] = {{0}, {0}}, d[2] = {{0}, {0}};
    const float mean = p->mean, rstd = p->rstd, param = p->param;
    for (int64_t i = 0; i < p->n; i += VL) {
        vf n = (vf_take(p->x, i, p->n) - mean) * rstd, dn = vf_take(p->da, i, p->n) * vf_slope(kind, n, param);
        vd n2[2], dn2[2];
        vd_split(n, &n2[0], &n2[1]);
        vd_split(dn, &dn2[0], &dn2[1]);
        for (int h = 0; h < 2; h++) {
            s[h] += dn2[h];
            d[h] += dn2[h] * n2[h];
        }
        vf_put(p->dx, i, p->n, dn);
    }
    *sum = vd_sum(s[0] + s[1]);
    *dot = vd_sum(d[0] + d[1]);
}

/* dx = rstd * (dn - mean(dn) - n * mean(dn * n)), dn being in dx. */
static void grad_finish(const grad_plane *p, float mean_dn, float mean_dn_n) {
    const float mean = p->mean, rstd = p->rstd, slope = rstd * mean_dn_n;
    for (int64_t i = 0; i < p->n; i += VL)
        vf_put(p->dx, i, p->n, rstd * (vf_take(p->dx, i, p->n) - mean_dn - (vf_take(p->x, i, p->n) - mean) * slope));
}

static void grad_task(void *context, int m) {
    const norm_context *c = context;
    const med_unary_attr *act = c->call->node->attr;
    const float *stats = c->call->in[1].f32 + 2 * m;
    int64_t at = m * c->plane;
    grad_plane p = {c->call->in[0].f32 + at, c->call->in[2].f32 + at, c->call->out.f32 + at, stats[0], stats[1],
                    (float)act->param, c->plane};
    double sum = 0, dot = 0;
    WITH_UNARY_KIND(act->kind, grad_sums(&p, KIND, &sum, &dot))
    float mean_dn = (float)(sum / (double)p.n), mean_dn_n = (float)(dot / (double)p.n);
    grad_finish(&p, mean_dn, mean_dn_n);
}

void ISA(normalize_grad)(const med_call *call) {
    norm_context c = context_of(call);
    med_parallel(n_planes(call), grad_task, &c);
}
