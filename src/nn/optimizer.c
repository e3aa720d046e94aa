/* optimizer.c: element-wise updates, a fixed chunk of elements per task.
 * Adamax: m = b1 m + (1-b1) g;  u = max(b2 u, |g| + eps);  p -= lr/(1-b1^t) * m/u
 * Adam:   m as above;  v = b2 v + (1-b2) g^2;  p -= lr/(1-b1^t) * m / (sqrt(v/(1-b2^t)) + eps) */
#include "nn/optimizer.h"

#include <math.h>

#include "base/thread.h"

enum { CHUNK = 1 << 16 };

typedef struct update {
    med_optimizer_config c;
    int64_t n;
    float *param, *m, *v;
    const float *grad;
    float b1, b2, one_minus_b1, one_minus_b2; /* complements taken in double: 1 - 0.999f is off by 5e-5 */
    float eps, rate, correction2;
} update;

static void adamax(const update *u, int64_t i0, int64_t i1) {
    for (int64_t i = i0; i < i1; i++) {
        u->m[i] = u->b1 * u->m[i] + u->one_minus_b1 * u->grad[i];
        float now = fabsf(u->grad[i]) + u->eps, before = u->b2 * u->v[i];
        u->v[i] = before > now ? before : now;
        u->param[i] -= u->rate * (u->m[i] / u->v[i]);
    }
}

static void adam(const update *u, int64_t i0, int64_t i1) {
    for (int64_t i = i0; i < i1; i++) {
        u->m[i] = u->b1 * u->m[i] + u->one_minus_b1 * u->grad[i];
        u->v[i] = u->b2 * u->v[i] + u->one_minus_b2 * u->grad[i] * u->grad[i];
        u->param[i] -= u->rate * (u->m[i] / (sqrtf(u->v[i]) / u->correction2 + u->eps));
    }
}

static void chunk(void *context, int task) {
    const update *u = context;
    int64_t i0 = (int64_t)task * CHUNK, i1 = i0 + CHUNK < u->n ? i0 + CHUNK : u->n;
    if (u->c.kind == MED_ADAMAX) adamax(u, i0, i1);
    else adam(u, i0, i1);
}

void med_optimizer_step(med_optimizer_config c, int64_t step, int64_t n, float *param, const float *grad, float *m, float *v) {
    update u = {.c = c, .n = n, .param = param, .m = m, .v = v, .grad = grad,
                .b1 = (float)c.beta1, .b2 = (float)c.beta2, .one_minus_b1 = (float)(1 - c.beta1), .one_minus_b2 = (float)(1 - c.beta2),
                .eps = (float)c.eps, .rate = (float)(c.lr / (1 - pow(c.beta1, (double)step))),
                .correction2 = (float)sqrt(1 - pow(c.beta2, (double)step))};
    med_parallel((int)((n + CHUNK - 1) / CHUNK), chunk, &u);
}
