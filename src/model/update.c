/* update.c: slots and their optimisers. */
#include "model/update.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread.h"
#include "model/graph_parameters.h"

bool med_is_discriminator(const char *name) { return strncmp(name, "disc/", strlen("disc/")) == 0; }

/* ---- slots ---- */

static med_status add_moment(med_updater *u, const char *prefix, const med_tensor *p, float **data) {
    med_tensor *t;
    char *name = med_format("%s%s", prefix, p->name);
    med_status status = med_weights_add(u->state, name, MED_F32, p->shape, &t);
    free(name);
    if (status == MED_OK) *data = t->data;
    return status;
}

static med_status add_slot(med_updater *u, const med_tensor *p, bool keeps_gradients) {
    med_slot *s = &u->slot[u->n++];
    *s = (med_slot){.name = p->name, .of = med_is_discriminator(p->name) ? MED_OF_DISCRIMINATORS : MED_OF_NETWORK,
                    .n = med_shape_count(p->shape), .value = p->data};
    if (keeps_gradients) {
        med_tensor *gradient;
        MED_TRY(med_weights_add(u->gradients, p->name, MED_F32, p->shape, &gradient));
        s->gradient = gradient->data;
    }
    MED_TRY(add_moment(u, "opt/m/", p, &s->m));
    return add_moment(u, "opt/v/", p, &s->v);
}

static med_status add_slots(med_updater *u, const med_weights *params, bool keeps_gradients) {
    for (int i = 0; i < med_weights_count(params); i++) {
        const med_tensor *p = med_weights_at(params, i);
        if (!med_is_state(p->name)) MED_TRY(add_slot(u, p, keeps_gradients));
    }
    return MED_OK;
}

med_status med_updater_init(med_updater *u, const med_weights *weights, const med_weights *discriminators, bool keeps_gradients) {
    size_t most = (size_t)(med_weights_count(weights) + med_weights_count(discriminators));
    *u = (med_updater){.slot = med_alloc(most * sizeof *u->slot), .gradients = med_weights_create(), .state = med_weights_create()};
    med_tensor *steps;
    MED_TRY(med_weights_add(u->state, "opt/steps", MED_I64, med_shape_1(2), &steps));
    u->steps = steps->data;
    MED_TRY(add_slots(u, weights, keeps_gradients));
    return add_slots(u, discriminators, keeps_gradients);
}

void med_updater_free(med_updater *u) {
    free(u->slot);
    med_weights_free(u->gradients);
    med_weights_free(u->state);
}

med_slot *med_updater_find(const med_updater *u, const char *name) {
    for (int i = 0; i < u->n; i++)
        if (strcmp(u->slot[i].name, name) == 0) return &u->slot[i];
    return NULL;
}

static void zero(float *x, int64_t n) { memset(x, 0, (size_t)n * sizeof *x); }

void med_updater_restart(med_updater *u, int of) {
    u->steps[of] = 0;
    for (int i = 0; i < u->n; i++) {
        if (u->slot[i].of != of) continue;
        zero(u->slot[i].m, u->slot[i].n);
        zero(u->slot[i].v, u->slot[i].n);
    }
}

/* ---- gradients ---- */

void med_updater_clear(med_updater *u) {
    u->spoiled = NULL;
    for (int i = 0; i < u->n; i++) {
        u->slot[i].square = 0;
        if (u->slot[i].gradient) zero(u->slot[i].gradient, u->slot[i].n);
    }
}

enum { CHUNK = 1 << 16 };

typedef struct squares {
    int64_t n;
    const float *x;
    double *sum; /* per chunk */
} squares;

static void square_chunk(void *context, int task) {
    const squares *s = context;
    int64_t end = (int64_t)(task + 1) * CHUNK;
    if (end > s->n) end = s->n;
    double sum = 0;
    for (int64_t i = (int64_t)task * CHUNK; i < end; i++) sum += (double)s->x[i] * (double)s->x[i];
    s->sum[task] = sum;
}

/* Squares of floats do not overflow in double: the sum is finite just where all are. */
void med_updater_look(med_updater *u, med_slot *slot, const float *gradient) {
    int n_chunks = (int)((slot->n + CHUNK - 1) / CHUNK);
    squares s = {slot->n, gradient, med_alloc((size_t)n_chunks * sizeof *s.sum)};
    med_parallel(n_chunks, square_chunk, &s);
    slot->square = 0;
    for (int i = 0; i < n_chunks; i++) slot->square += s.sum[i];
    free(s.sum);
    if (!isfinite(slot->square) && !u->spoiled) u->spoiled = slot->name;
}

double med_updater_norm(const med_updater *u, int of) {
    double sum = 0;
    for (int i = 0; i < u->n; i++)
        if (u->slot[i].of == of) sum += u->slot[i].square;
    return sqrt(sum);
}

void med_updater_scale(med_updater *u, int of, double factor) {
    for (int i = 0; i < u->n; i++) {
        const med_slot *s = &u->slot[i];
        if (s->of != of) continue;
        for (int64_t k = 0; k < s->n; k++) s->gradient[k] *= (float)factor;
    }
}

void med_updater_step(const med_updater *u, med_slot *s, const med_optimizer_config *o, const float *gradient) {
    med_optimizer_step(*o, u->steps[s->of] + 1, s->n, s->value, gradient, s->m, s->v);
}
