/* mmhvae_diagnose.c: runs the step's network forward again with everything worth watching as an output. */
#include "model/mmhvae_diagnose.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/plan.h"

enum { MAX_WATCHED = MED_MAX_MODS * (MED_MAX_POOLS + 1) + MED_MAX_PASSES * (MED_MAX_LEVELS + MED_MAX_MODS), N_SHOWN = 3 };

const char *med_mmhvae_pass_name(bool has_anchor, int pass) {
    static const char *const names[2][MED_MAX_PASSES] = {{"full", "subset", ""}, {"full", "anchor", "subset"}};
    return names[has_anchor][pass];
}

typedef struct watched {
    char name[96];
    med_val value;
    double largest;
} watched;

typedef struct diagnosis {
    const med_mmhvae_config *config;
    const med_weights *weights;
    const med_step_input *in;
    med_mmhvae_step_key key;
    med_graph *graph;
    med_plan *plan;
    med_mmhvae_step_graph values;
    float one, *noise[MED_MAX_PASSES][MED_MAX_LEVELS];
    watched list[MAX_WATCHED];
    int n;
} diagnosis;

static void watch(diagnosis *d, med_val v, const char *format, ...) MED_PRINTF(3, 4);
static void watch(diagnosis *d, med_val v, const char *format, ...) {
    if (v.id < 0) return;
    watched *w = &d->list[d->n++];
    va_list args;
    va_start(args, format);
    vsnprintf(w->name, sizeof w->name, format, args);
    va_end(args);
    w->value = v;
    med_output(d->graph, v);
}

static void watch_all(diagnosis *d) {
    const med_mmhvae_config *c = d->config;
    MED_MODSET_EACH (j, d->in->observed) {
        for (int u = 0; u < c->pools; u++)
            watch(d, d->values.features.skip[j][u], "encoder of %s at 1/%d", c->mods[j], 1 << u);
        watch(d, d->values.features.top[j], "top of the encoder of %s", c->mods[j]);
    }
    for (int p = 0; p < d->key.n_passes; p++) {
        const char *pass = med_mmhvae_pass_name(d->in->anchor >= 0, p);
        for (int l = 0; l <= c->pools; l++) watch(d, d->values.pass[p].z[l], "z%d of pass %s", c->pools + 1 - l, pass);
        for (int j = 0; j < c->n_mods; j++) watch(d, d->values.pass[p].out[j], "%s of pass %s", c->mods[j], pass);
    }
}

static med_status build(diagnosis *d) {
    const med_step_input *in = d->in;
    d->key = (med_mmhvae_step_key){.n = 1, .observed = in->observed};
    d->key.given[d->key.n_passes++] = in->observed;
    if (in->anchor >= 0) d->key.given[d->key.n_passes++] = med_modset_of(in->anchor);
    d->key.given[d->key.n_passes++] = in->subset;
    d->graph = med_graph_create();
    med_mmhvae_objective(d->graph, d->config, (med_discriminator_config){0}, d->key, &d->values);
    med_output(d->graph, d->values.loss);
    watch_all(d);
    return med_plan_create(d->graph, (med_plan_options){0}, &d->plan);
}

static med_status bind(diagnosis *d) {
    for (int i = 0; i < med_graph_n_params(d->graph); i++) {
        med_val v = med_graph_param(d->graph, i);
        med_plan_bind(d->plan, v, med_weights_find(d->weights, med_val_name(d->graph, v))->data);
    }
    d->one = 1;
    med_plan_bind(d->plan, d->values.share, &d->one);
    med_plan_bind(d->plan, d->values.w_kl, &d->one);
    for (int p = 0; p < d->key.n_passes; p++)
        for (int l = 0; l <= d->config->pools; l++) {
            size_t n = (size_t)med_shape_count(med_mmhvae_noise_shape(d->config, l, 1));
            MED_TRY(med_buffer_alloc(n * sizeof(float), "latent noise", (void **)&d->noise[p][l]));
            med_plan_bind(d->plan, d->values.pass[p].eps[l], d->noise[p][l]);
        }
    return MED_OK;
}

/* What is not finite counts as infinite. */
static double largest_of(const float *x, int64_t n) {
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        double a = isfinite(x[i]) ? fabs((double)x[i]) : INFINITY;
        most = a > most ? a : most;
    }
    return most;
}

static med_status run_slice(diagnosis *d, int slice) {
    size_t offset = (size_t)slice * (size_t)d->config->height * (size_t)d->config->width;
    MED_MODSET_EACH (j, d->in->observed) {
        med_plan_bind(d->plan, d->values.features.x[j], d->in->x[j] + offset);
        med_plan_bind(d->plan, d->values.target[j], d->in->target[j] + offset);
    }
    for (int p = 0; p < d->key.n_passes; p++)
        for (int l = 0; l <= d->config->pools; l++) {
            int64_t n = med_shape_count(med_mmhvae_noise_shape(d->config, l, 1));
            d->in->noise(d->in->noise_context, p, l, slice, 1, n, d->noise[p][l]);
        }
    MED_TRY(med_plan_run(d->plan));
    for (int i = 0; i < d->n; i++) {
        watched *w = &d->list[i];
        double most = largest_of(med_plan_data(d->plan, w->value), med_shape_count(med_val_shape(d->graph, w->value)));
        w->largest = most > w->largest ? most : w->largest;
    }
    return MED_OK;
}

static int by_size(const void *a, const void *b) {
    double x = ((const watched *)a)->largest, y = ((const watched *)b)->largest;
    return (y > x) - (y < x);
}

/* "z7 of pass full 3.1e+12, ...": empty when the network cannot be run again. */
static void list_largest(const med_mmhvae_config *c, const med_weights *weights, const med_step_input *in, char *text, size_t size) {
    diagnosis *d = med_alloc(sizeof *d);
    d->config = c;
    d->weights = weights;
    d->in = in;
    med_status status = build(d);
    if (status == MED_OK) status = bind(d);
    for (int i = 0; i < in->n && status == MED_OK; i++) status = run_slice(d, i);
    qsort(d->list, (size_t)d->n, sizeof *d->list, by_size);
    text[0] = '\0';
    for (int i = 0; i < N_SHOWN && i < d->n && status == MED_OK; i++) {
        size_t n = strlen(text);
        snprintf(text + n, size - n, "%s%s %.3g", i ? ", " : "", d->list[i].name, d->list[i].largest);
    }
    for (int p = 0; p < MED_MAX_PASSES; p++)
        for (int l = 0; l < MED_MAX_LEVELS; l++) free(d->noise[p][l]);
    med_plan_free(d->plan);
    med_graph_free(d->graph);
    free(d);
}

/* ---- what is not finite ---- */

static const med_tensor *spoiled_gradient(const med_weights *gradients) {
    for (int i = 0; i < med_weights_count(gradients); i++) {
        const med_tensor *g = med_weights_at(gradients, i);
        if (isinf(largest_of(g->data, med_shape_count(g->shape)))) return g;
    }
    return NULL;
}

static void name_place(const med_mmhvae_config *c, const med_weights *gradients, const med_step_input *in,
                       const med_step_result *r, char *text, size_t size) {
    for (int p = 0; p < MED_MAX_PASSES; p++) {
        const char *pass = med_mmhvae_pass_name(in->anchor >= 0, p);
        for (int l = 0; l <= c->pools; l++)
            if (!isfinite(r->pass_kl[p][l])) {
                snprintf(text, size, "the KL of level z%d in pass %s is %g", c->pools + 1 - l, pass, r->pass_kl[p][l]);
                return;
            }
        if (!isfinite(r->pass_image[p]) || !isfinite(r->pass_adversarial[p])) {
            snprintf(text, size, "the loss of pass %s is not finite (images %g, adversarial %g)", pass, r->pass_image[p],
                     r->pass_adversarial[p]);
            return;
        }
    }
    const med_tensor *g = spoiled_gradient(gradients);
    if (!isfinite(r->discriminator)) snprintf(text, size, "the discriminators' loss is %g", r->discriminator);
    else snprintf(text, size, "the gradient of %s is not finite", g ? g->name : "all parameters together");
}

med_status med_mmhvae_diagnose(const med_mmhvae_config *c, const med_weights *weights, const med_weights *gradients,
                               const med_step_input *in, const med_step_result *r) {
    char place[160], largest[400];
    name_place(c, gradients, in, r, place, sizeof place);
    list_largest(c, weights, in, largest, sizeof largest);
    return med_fail(MED_EFAIL, "%s; largest activations: %s; lower lr, or limit the gradient by --set clip=1", place, largest);
}
