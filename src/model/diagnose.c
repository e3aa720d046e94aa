/* diagnose.c: runs a part of the step forward again with everything worth watching as an output. */
#include "model/diagnose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/plan.h"

enum { N_SHOWN = 3 };

typedef struct diagnosis {
    const med_net *net;
    const med_weights *weights, *discriminators;
    const med_step_input *in;
    med_step_key key;
    med_graph *graph;
    med_plan *plan;
    med_step_graph values;
    float one, *noise[MED_MAX_NOISE];
    double largest[MED_MAX_WATCHED];
    int order[MED_MAX_WATCHED];
} diagnosis;

static med_status bind(diagnosis *d) {
    for (int i = 0; i < med_graph_n_params(d->graph); i++) {
        med_val v = med_graph_param(d->graph, i);
        const med_tensor *w = med_weights_find(d->weights, med_val_name(d->graph, v));
        if (!w) w = med_weights_find(d->discriminators, med_val_name(d->graph, v));
        if (w) med_plan_bind(d->plan, v, w->data);
    }
    d->one = 1;
    med_plan_bind(d->plan, d->values.share, &d->one);
    med_plan_bind(d->plan, d->values.w_kl, &d->one);
    med_plan_bind(d->plan, d->values.w_dis, &d->one);
    for (int i = 0; i < d->values.noise.n; i++) {
        med_val leaf = d->values.noise.item[i].value;
        size_t n = (size_t)med_shape_count(med_val_shape(d->graph, leaf));
        MED_TRY(med_buffer_alloc(n * sizeof(float), "noise", (void **)&d->noise[i]));
        med_plan_bind(d->plan, leaf, d->noise[i]);
    }
    return MED_OK;
}

static med_status build(diagnosis *d) {
    d->graph = med_graph_create();
    med_step_build(d->graph, d->net, &d->key, &d->values);
    med_output(d->graph, d->values.loss[0]);
    for (int i = 0; i < d->values.n_watched; i++) med_output(d->graph, d->values.watched[i].value);
    MED_TRY(med_plan_create(d->graph, (med_plan_options){0}, &d->plan));
    return bind(d);
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

static med_status run_slice(diagnosis *d, int first) {
    size_t offset = (size_t)first * (size_t)d->net->height * (size_t)d->net->width;
    MED_MODSET_EACH (j, d->in->observed) {
        med_plan_bind(d->plan, d->values.x[j], d->in->x[j] + offset);
        med_plan_bind(d->plan, d->values.target[j], d->in->target[j] + offset);
    }
    for (int i = 0; i < d->values.noise.n; i++) {
        const med_noise *noise = &d->values.noise.item[i];
        int64_t n = med_shape_count(med_val_shape(d->graph, noise->value));
        d->in->noise(d->in->noise_context, noise, first, 1, n, d->noise[i]);
    }
    MED_TRY(med_plan_run(d->plan));
    for (int i = 0; i < d->values.n_watched; i++) {
        med_val v = d->values.watched[i].value;
        double most = largest_of(med_plan_data(d->plan, v), med_shape_count(med_val_shape(d->graph, v)));
        d->largest[i] = most > d->largest[i] ? most : d->largest[i];
    }
    return MED_OK;
}

static void free_diagnosis(diagnosis *d) {
    for (int i = 0; i < MED_MAX_NOISE; i++) free(d->noise[i]);
    med_plan_free(d->plan);
    med_graph_free(d->graph);
    free(d);
}

/* The largest is moved to the front, then the largest of the others, and so on. */
static void select_largest(diagnosis *d) {
    int n = d->values.n_watched;
    for (int i = 0; i < n; i++) d->order[i] = i;
    for (int i = 0; i < N_SHOWN && i < n; i++)
        for (int k = i + 1; k < n; k++)
            if (d->largest[d->order[k]] > d->largest[d->order[i]]) {
                int other = d->order[i];
                d->order[i] = d->order[k];
                d->order[k] = other;
            }
}

/* "z7 of pass full 3.1e+12, ...": empty when the network cannot be run again. */
static void list_largest(diagnosis *d, char *text, size_t size) {
    med_status status = build(d);
    for (int i = 0; i < d->in->n && status == MED_OK; i++) status = run_slice(d, i);
    select_largest(d);
    text[0] = '\0';
    for (int i = 0; i < N_SHOWN && i < d->values.n_watched && status == MED_OK; i++) {
        size_t n = strlen(text);
        snprintf(text + n, size - n, "%s%s %.3g", i ? ", " : "", d->values.watched[d->order[i]].name, d->largest[d->order[i]]);
    }
}

/* ---- what is not finite ---- */

/* "full/kl/z7" -> "kl/z7 of pass full". */
static void name_place(const char *spoiled, const med_step_result *r, char *text, size_t size) {
    for (int i = 0; i < r->n_terms; i++) {
        const char *name = r->term[i].name, *what = strchr(name, '/');
        if (isfinite(r->term[i].value) || !what) continue;
        snprintf(text, size, "%s of pass %.*s is %g", what + 1, (int)(what - name), name, r->term[i].value);
        return;
    }
    if (!isfinite(r->discriminator)) snprintf(text, size, "the discriminators' loss is %g", r->discriminator);
    else snprintf(text, size, "the gradient of %s is not finite", spoiled ? spoiled : "all parameters together");
}

med_status med_diagnose(const med_net *net, const med_weights *weights, const med_weights *discriminators,
                        const char *spoiled, const med_step_key *key, const med_step_input *in,
                        const med_step_result *r) {
    char place[160], largest[400];
    diagnosis *d = med_alloc(sizeof *d);
    d->net = net;
    d->weights = weights;
    d->discriminators = discriminators;
    d->in = in;
    d->key = *key;
    d->key.n = 1;
    name_place(spoiled, r, place, sizeof place);
    list_largest(d, largest, sizeof largest);
    free_diagnosis(d);
    return med_fail(MED_EFAIL, "%s; largest activations: %s; lower lr, or limit the gradient by --set clip=1", place, largest);
}
