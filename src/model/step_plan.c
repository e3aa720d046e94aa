/* step_plan.c: from a part of the step to a plan: gradients, outputs, what its leaves point at; and the lanes that keep plans. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/trainer_impl.h"

/* Gradients of the network's loss by its parameters and of the discriminators' by theirs: for the sink, where the batch is one
 * piece. */
static void add_gradients(med_step_plan *p, bool is_whole) {
    int n = med_graph_n_params(p->graph), n_part;
    p->grad = med_alloc((size_t)n * sizeof *p->grad);
    for (int i = 0; i < n; i++) p->grad[i] = MED_NONE;
    med_val *wrt = med_alloc((size_t)n * sizeof *wrt), *dx = med_alloc((size_t)n * sizeof *dx);
    for (int part = 0; part < 2; part++) {
        med_val loss = p->values.loss[part];
        if (loss.id < 0) continue;
        n_part = 0;
        for (int i = 0; i < n; i++) {
            med_val v = med_graph_param(p->graph, i);
            if (med_is_discriminator(med_val_name(p->graph, v)) == part) wrt[n_part++] = v;
        }
        med_gradients(p->graph, loss, wrt, n_part, dx);
        n_part = 0;
        for (int i = 0; i < n; i++)
            if (med_is_discriminator(med_val_name(p->graph, med_graph_param(p->graph, i))) == part) {
                p->grad[i] = dx[n_part++];
                med_output_for(p->graph, p->grad[i], is_whole ? med_graph_param(p->graph, i) : MED_NONE);
            }
    }
    free(wrt);
    free(dx);
}

static void mark_outputs(med_step_plan *p) {
    for (int i = 0; i < 2; i++) med_output(p->graph, p->values.loss[i]);
    for (int i = 0; i < p->values.n_terms; i++) med_output(p->graph, p->values.term[i].value);
    for (int i = 0; i < p->values.n_moved; i++) med_output(p->graph, p->values.moved[i].value);
}

static med_status bind_parameters(med_trainer *t, med_step_plan *p) {
    p->slot = med_alloc((size_t)med_graph_n_params(p->graph) * sizeof *p->slot);
    for (int i = 0; i < med_graph_n_params(p->graph); i++) {
        med_val v = med_graph_param(p->graph, i);
        const med_tensor *w = med_trainer_parameter(t, med_val_name(p->graph, v));
        if (!w) return med_fail(MED_EFORMAT, "weights lack parameter %s", med_val_name(p->graph, v));
        if (med_shape_count(w->shape) != med_shape_count(med_val_shape(p->graph, v)))
            return med_fail(MED_EFORMAT, "parameter %s is %s, expected %s", w->name, med_shape_print(w->shape).text,
                            med_shape_print(med_val_shape(p->graph, v)).text);
        med_plan_bind(p->plan, v, w->data);
        p->slot[i] = med_updater_find(&t->updater, w->name);
    }
    med_plan_bind(p->plan, p->values.share, &p->share);
    med_plan_bind(p->plan, p->values.w_kl, &p->w_kl);
    med_plan_bind(p->plan, p->values.w_dis, &p->w_dis);
    return MED_OK;
}

/* Room for the noise of this plan; *total: of all noise of the lane. */
static med_status reserve_noise(med_lane *l, const med_step_plan *p, size_t *total) {
    for (int i = 0; i < p->values.noise.n; i++) {
        size_t n_bytes = (size_t)med_shape_count(med_val_shape(p->graph, p->values.noise.item[i].value)) * sizeof(float);
        if (l->noise_bytes[i] >= n_bytes) continue;
        free(l->noise[i]);
        l->noise_bytes[i] = 0;
        MED_TRY(med_buffer_alloc(n_bytes, "noise", (void **)&l->noise[i]));
        l->noise_bytes[i] = n_bytes;
    }
    *total = 0;
    for (int i = 0; i < MED_MAX_NOISE; i++) *total += l->noise_bytes[i];
    return MED_OK;
}

static med_status build(med_trainer *t, med_lane *l, med_step_plan *p) {
    p->graph = med_graph_create();
    med_step_build(p->graph, &t->net, &p->key, &p->values);
    MED_TRY(med_graph_status(p->graph));
    if (p->values.loss[0].id < 0 && p->values.loss[1].id < 0) return MED_OK; /* nothing to do in this phase */
    add_gradients(p, t->net.model->training->is_whole);
    mark_outputs(p);
    med_plan_options options = {.workspace = l->workspace, .is_reference = t->options.is_reference, .sink = med_trainer_take_gradient, .sink_context = p};
    MED_TRY(med_plan_create(p->graph, options, &p->plan));
    MED_TRY(bind_parameters(t, p));
    size_t n_noise;
    MED_TRY(reserve_noise(l, p, &n_noise));
    size_t n_bytes = med_plan_bytes(p->plan) + n_noise;
    if (n_bytes > t->n_activation_bytes) t->n_activation_bytes = n_bytes;
    return MED_OK;
}

static void free_plan(med_step_plan *p) {
    med_plan_free(p->plan);
    med_graph_free(p->graph);
    free(p->grad);
    free(p->slot);
    free(p);
}

med_status med_lane_find_plan(med_trainer *t, med_lane *l, med_step_key key, med_step_plan **out) {
    for (*out = l->plans; *out; *out = (*out)->next)
        if (memcmp(&(*out)->key, &key, sizeof key) == 0) return MED_OK;
    med_step_plan *p = med_alloc(sizeof *p);
    p->trainer = t;
    p->key = key;
    med_status status = build(t, l, p);
    if (status != MED_OK) {
        free_plan(p);
        return status;
    }
    p->next = l->plans;
    *out = l->plans = p;
    return MED_OK;
}

void med_lane_free(med_lane *l) {
    for (med_step_plan *p = l->plans, *next; p; p = next) {
        next = p->next;
        free_plan(p);
    }
    for (int i = 0; i < MED_MAX_NOISE; i++) free(l->noise[i]);
    med_workspace_free(l->workspace);
}
