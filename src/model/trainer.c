/* trainer.c: the step. The network runs piece by piece of the batch, a slice or a few small ones: instance norms keep slices
 * apart, so gradients are sums over pieces, added in their order whatever was computed at the same time. Pieces computed at the
 * same time have a lane each: plans of their own, one per (part, observed, given, adversarial phase), in a workspace of their own. */
#include "model/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread.h"
#include "engine/plan.h"
#include "model/diagnose.h"
#include "model/update.h"

typedef struct step_plan {
    struct step_plan *next;
    med_trainer *trainer;
    med_step_key key;
    med_graph *graph;
    med_step_graph values;
    med_plan *plan;
    med_val *grad;   /* per graph parameter */
    med_slot **slot; /* per graph parameter; NULL: a statistic */
    float share, w_kl, w_dis;
} step_plan;

typedef struct lane {
    med_workspace *workspace;
    float *noise[MED_MAX_NOISE]; /* of whichever plan runs: drawn anew for every run */
    size_t noise_bytes[MED_MAX_NOISE];
    step_plan *plans, *current;
    med_status status;
    char message[600]; /* messages belong to threads: kept here */
} lane;

struct med_trainer {
    med_net net;
    med_trainer_options options;
    med_weights *weights, *discriminators;
    med_weights *average; /* moving average of weights; NULL: none */
    med_updater updater;
    bool is_at_once; /* every parameter is updated as soon as its gradient is there */
    bool is_dry;     /* the step at work */
    int n_lanes;
    lane *lanes;
    size_t n_activation_bytes; /* of one lane */
};

static const med_tensor *parameter(const med_trainer *t, const char *name) {
    return med_weights_find(med_is_discriminator(name) ? t->discriminators : t->weights, name);
}

/* ---- state ---- */

static med_status add_average(med_trainer *t) {
    t->average = med_weights_create();
    for (int i = 0; i < med_weights_count(t->weights); i++) {
        const med_tensor *p = med_weights_at(t->weights, i);
        med_tensor *a;
        MED_TRY(med_weights_add(t->average, p->name, MED_F32, p->shape, &a));
        memcpy(a->data, p->data, (size_t)med_shape_count(p->shape) * sizeof(float));
        char *name = med_format("train/ema/%s", p->name);
        med_status status = med_weights_add_view(t->updater.state, name, MED_F32, p->shape, a->data);
        free(name);
        MED_TRY(status);
    }
    return MED_OK;
}

static med_status init(med_trainer *t) {
    const med_training *training = t->net.model->training;
    if (training->init_discriminators && t->options.discriminator.ndf > 0)
        MED_TRY(training->init_discriminators(&t->net, t->options.discriminator, t->options.seed, t->discriminators));
    MED_TRY(med_updater_init(&t->updater, t->weights, t->discriminators, !t->is_at_once));
    return t->options.ema > 0 ? add_average(t) : MED_OK;
}

med_status med_trainer_create(const med_net *net, med_trainer_options o, med_weights *weights, med_trainer **out) {
    med_trainer *t = med_alloc(sizeof *t);
    t->net = *net;
    t->options = o;
    t->weights = weights;
    t->discriminators = med_weights_create();
    bool is_whole = net->model->training->is_whole;
    t->is_at_once = o.updates_at_once && is_whole && o.clip == 0 && !o.is_reference;
    t->n_lanes = is_whole ? 1 : o.n_micro;
    t->lanes = med_alloc((size_t)t->n_lanes * sizeof *t->lanes);
    for (int i = 0; i < t->n_lanes; i++) t->lanes[i].workspace = med_workspace_create();
    med_status status = init(t);
    if (status != MED_OK) {
        med_trainer_free(t);
        t = NULL;
    }
    *out = t;
    return status;
}

static void free_plan(step_plan *p) {
    med_plan_free(p->plan);
    med_graph_free(p->graph);
    free(p->grad);
    free(p->slot);
    free(p);
}

static void free_lane(lane *l) {
    for (step_plan *p = l->plans, *next; p; p = next) {
        next = p->next;
        free_plan(p);
    }
    for (int i = 0; i < MED_MAX_NOISE; i++) free(l->noise[i]);
    med_workspace_free(l->workspace);
}

void med_trainer_free(med_trainer *t) {
    if (!t) return;
    for (int i = 0; i < t->n_lanes; i++) free_lane(&t->lanes[i]);
    free(t->lanes);
    med_weights_free(t->weights);
    med_weights_free(t->discriminators);
    med_weights_free(t->average);
    med_updater_free(&t->updater);
    free(t);
}

static double scalar(const step_plan *p, med_val v) {
    double value = 0;
    if (v.id >= 0) med_plan_read_f64(p->plan, v, &value);
    return value;
}

/* ---- gradients ---- */

static const med_optimizer_config *optimizer_of(const med_trainer *t, int of) {
    return of == MED_OF_NETWORK ? &t->options.optimizer : &t->options.discriminator_optimizer;
}

/* A loss or a gradient that is not finite ends the updates of this step; losses are there before the first gradient. */
static void update_at_once(const step_plan *p, med_slot *s, const float *gradient) {
    med_trainer *t = p->trainer;
    bool is_finite = isfinite(scalar(p, p->values.loss[0])) && isfinite(scalar(p, p->values.loss[1]));
    med_updater_look(&t->updater, s, gradient);
    if (is_finite && !t->updater.spoiled && !t->is_dry) med_updater_step(&t->updater, s, optimizer_of(t, s->of), gradient);
}

/* The plan's sink, where the batch is one piece. */
static void take_gradient(void *context, const med_plan *plan, med_val value, med_val param) {
    const step_plan *p = context;
    int i = 0;
    while (med_graph_param(p->graph, i).id != param.id) i++;
    if (p->trainer->is_at_once) update_at_once(p, p->slot[i], med_plan_data(plan, value));
    else med_plan_add(plan, value, p->slot[i]->gradient);
}

static void add_gradient_values(const step_plan *p) {
    for (int i = 0; i < med_graph_n_params(p->graph); i++)
        if (p->grad[i].id >= 0) med_plan_add(p->plan, p->grad[i], p->slot[i]->gradient);
}

static void look_at_gradients(med_updater *u, int of) {
    for (int i = 0; i < u->n; i++)
        if (u->slot[i].of == of) med_updater_look(u, &u->slot[i], u->slot[i].gradient);
}

/* Parameters that the step does not depend on (encoders of modalities that the subject lacks, say) keep value and moments. */
static void update(const step_plan *p, int of) {
    const med_trainer *t = p->trainer;
    for (int i = 0; i < med_graph_n_params(p->graph); i++) {
        med_slot *s = p->slot[i];
        if (p->grad[i].id >= 0 && s->of == of) med_updater_step(&t->updater, s, optimizer_of(t, of), s->gradient);
    }
}

/* ---- plans ---- */

/* Gradients of the network's loss by its parameters and of the discriminators' by theirs: for the sink, where the batch is one
 * piece. */
static void add_gradients(step_plan *p, bool is_whole) {
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

static void mark_outputs(step_plan *p) {
    for (int i = 0; i < 2; i++) med_output(p->graph, p->values.loss[i]);
    for (int i = 0; i < p->values.n_terms; i++) med_output(p->graph, p->values.term[i].value);
    for (int i = 0; i < p->values.n_moved; i++) med_output(p->graph, p->values.moved[i].value);
}

static med_status bind_parameters(med_trainer *t, step_plan *p) {
    p->slot = med_alloc((size_t)med_graph_n_params(p->graph) * sizeof *p->slot);
    for (int i = 0; i < med_graph_n_params(p->graph); i++) {
        med_val v = med_graph_param(p->graph, i);
        const med_tensor *w = parameter(t, med_val_name(p->graph, v));
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
static med_status reserve_noise(lane *l, const step_plan *p, size_t *total) {
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

static med_status build(med_trainer *t, lane *l, step_plan *p) {
    p->graph = med_graph_create();
    med_step_build(p->graph, &t->net, &p->key, &p->values);
    MED_TRY(med_graph_status(p->graph));
    if (p->values.loss[0].id < 0 && p->values.loss[1].id < 0) return MED_OK; /* nothing to do in this phase */
    add_gradients(p, t->net.model->training->is_whole);
    mark_outputs(p);
    med_plan_options options = {.workspace = l->workspace, .is_reference = t->options.is_reference, .sink = take_gradient, .sink_context = p};
    MED_TRY(med_plan_create(p->graph, options, &p->plan));
    MED_TRY(bind_parameters(t, p));
    size_t n_noise;
    MED_TRY(reserve_noise(l, p, &n_noise));
    size_t n_bytes = med_plan_bytes(p->plan) + n_noise;
    if (n_bytes > t->n_activation_bytes) t->n_activation_bytes = n_bytes;
    return MED_OK;
}

static med_status find_plan(med_trainer *t, lane *l, med_step_key key, step_plan **out) {
    for (*out = l->plans; *out; *out = (*out)->next)
        if (memcmp(&(*out)->key, &key, sizeof key) == 0) return MED_OK;
    step_plan *p = med_alloc(sizeof *p);
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

/* ---- one step ---- */

static void bind_images(const med_trainer *t, step_plan *p, const med_step_input *in, int first) {
    size_t offset = (size_t)first * (size_t)t->net.height * (size_t)t->net.width;
    MED_MODSET_EACH (j, in->observed) {
        med_plan_bind(p->plan, p->values.x[j], in->x[j] + offset);
        med_plan_bind(p->plan, p->values.target[j], in->target[j] + offset);
    }
}

static void draw_noise(const lane *l, const med_step_input *in, int first) {
    const step_plan *p = l->current;
    for (int i = 0; i < p->values.noise.n; i++) {
        const med_noise *noise = &p->values.noise.item[i];
        int64_t per_slice = med_shape_count(med_val_shape(p->graph, noise->value)) / p->key.n;
        in->noise(in->noise_context, noise, first, p->key.n, per_slice, l->noise[i]);
        med_plan_bind(p->plan, noise->value, l->noise[i]);
    }
}

/* Terms of the same name, from the pieces of a batch, are summed. */
static void add_term(med_step_result *r, med_term_kind kind, const char *name, double value) {
    int i = 0;
    while (i < r->n_terms && strcmp(r->term[i].name, name) != 0) i++;
    if (i == r->n_terms) {
        med_assert(i < MED_MAX_TERMS);
        strcpy(r->term[i].name, name);
        r->term[r->n_terms++].kind = kind;
    }
    r->term[i].value += value;
}

static void add_losses(const step_plan *p, med_step_result *r) {
    const med_step_graph *s = &p->values;
    r->loss += scalar(p, s->loss[0]);
    r->discriminator += scalar(p, s->loss[1]);
    for (int i = 0; i < s->n_terms; i++) {
        double value = scalar(p, s->term[i].value);
        r->kind[s->term[i].kind] += value;
        add_term(r, s->term[i].kind, s->term[i].name, value);
    }
}

/* Slices of a piece. Small slices share what a graph does once, such as packing weights (a quarter of the time at 32 x 32), but two
 * threads shall have work. Size and batch alone decide, so that results depend on nothing else. */
static int piece_size(const med_trainer *t, int n) {
    enum { PIXELS = 1 << 12 };
    if (t->net.model->training->is_whole) return n;
    int fit = PIXELS / (t->net.height * t->net.width), half = (n + 1) / 2;
    return fit < 1 ? 1 : fit < half ? fit : half;
}

static med_step_key key_of(const med_trainer *t, const med_step_input *in, int part, int n) {
    med_step_key key;
    memset(&key, 0, sizeof key); /* compared byte by byte */
    key.observed = in->observed;
    key.given = in->given;
    key.anchor = in->anchor;
    key.part = part;
    key.n = n;
    key.is_adversarial = in->w_dis != 0;
    key.trains_discriminators = in->trains_discriminators;
    key.smooth_l1 = t->options.smooth_l1;
    key.discriminator = t->options.discriminator;
    return key;
}

typedef struct piece_job {
    med_trainer *trainer;
    const med_step_input *in;
    int first, size; /* slices: of the first lane's piece; of a piece */
} piece_job;

static void run_piece(void *context, int i) {
    const piece_job *job = context;
    lane *l = &job->trainer->lanes[i];
    draw_noise(l, job->in, job->first + i * job->size);
    l->status = med_plan_run(l->current->plan);
    if (l->status != MED_OK) snprintf(l->message, sizeof l->message, "%s", med_message());
}

/* Plan of a piece of n slices. */
static med_status prepare_lane(med_trainer *t, lane *l, const med_step_input *in, int part, int n) {
    MED_TRY(find_plan(t, l, key_of(t, in, part, n), &l->current));
    l->current->share = (float)n / (float)in->n;
    l->current->w_kl = (float)in->w_kl;
    l->current->w_dis = (float)in->w_dis;
    return MED_OK;
}

/* The pieces from slice `first` on that are computed at the same time; `n` of them. */
static med_status prepare_lanes(med_trainer *t, const med_step_input *in, int part, int first, int *n) {
    int size = piece_size(t, in->n);
    for (*n = 0; *n < t->n_lanes && first < in->n; (*n)++, first += size)
        MED_TRY(prepare_lane(t, &t->lanes[*n], in, part, in->n - first < size ? in->n - first : size));
    return MED_OK;
}

static med_status run_pieces(med_trainer *t, const med_step_input *in, int part, med_step_result *r) {
    int size = piece_size(t, in->n), n;
    for (int first = 0; first < in->n; first += n * size) {
        MED_TRY(prepare_lanes(t, in, part, first, &n));
        if (!t->lanes[0].current->plan) return MED_OK;
        piece_job job = {t, in, first, size};
        for (int i = 0; i < n; i++) bind_images(t, t->lanes[i].current, in, first + i * size);
        if (n == 1) run_piece(&job, 0); /* the threads share the one piece's work */
        else med_parallel(n, run_piece, &job);
        for (int i = 0; i < n; i++) {
            const lane *l = &t->lanes[i];
            if (l->status != MED_OK) return med_fail(l->status, "%s", l->message);
            add_losses(l->current, r);
            if (!t->net.model->training->is_whole) add_gradient_values(l->current);
        }
    }
    return MED_OK;
}

med_status med_trainer_plan(med_trainer *t, const med_step_input *in) {
    int n;
    for (int part = 0; part < t->net.model->training->n_parts; part++) MED_TRY(prepare_lanes(t, in, part, 0, &n));
    return MED_OK;
}

/* ---- after the pieces ---- */

static bool is_finite(const med_step_result *r) {
    return isfinite(r->loss) && isfinite(r->discriminator) && isfinite(r->gradient_norm) && isfinite(r->discriminator_norm);
}

static void move_average(med_trainer *t) {
    float past = (float)t->options.ema, now = (float)(1 - t->options.ema);
    for (int i = 0; i < med_weights_count(t->average); i++) {
        const med_tensor *a = med_weights_at(t->average, i);
        float *to = a->data;
        const float *from = med_weights_find(t->weights, a->name)->data;
        for (int64_t k = 0, n = med_shape_count(a->shape); k < n; k++) to[k] = past * to[k] + now * from[k];
    }
}

/* Running statistics, which losses do not depend on. */
static void move_statistics(med_trainer *t, const step_plan *p) {
    for (int i = 0; i < p->values.n_moved; i++)
        med_plan_read(p->plan, p->values.moved[i].value, parameter(t, med_val_name(p->graph, p->values.moved[i].param))->data);
}

/* Of the network or the discriminators, whose gradients are all there. */
static void finish(const step_plan *p, int of, double norm) {
    med_trainer *t = p->trainer;
    bool is_clipped = of == MED_OF_NETWORK && t->options.clip > 0 && norm > t->options.clip;
    if (is_clipped) med_updater_scale(&t->updater, of, t->options.clip / norm);
    if (!t->is_at_once) update(p, of);
    t->updater.steps[of]++;
}

static med_status run_part(med_trainer *t, const med_step_input *in, int part, med_step_result *r) {
    MED_TRY(run_pieces(t, in, part, r));
    const step_plan *plan = t->lanes[0].current;
    double *norm[2] = {&r->gradient_norm, &r->discriminator_norm};
    for (int of = 0; of < 2; of++) {
        if (plan->values.loss[of].id < 0) continue;
        if (!t->is_at_once) look_at_gradients(&t->updater, of);
        *norm[of] = med_updater_norm(&t->updater, of);
    }
    if (!is_finite(r)) return med_diagnose(&t->net, t->weights, t->discriminators, t->updater.spoiled, &plan->key, in, r);
    if (in->is_dry) return MED_OK;
    for (int of = 0; of < 2; of++)
        if (plan->values.loss[of].id >= 0) finish(plan, of, *norm[of]);
    move_statistics(t, plan);
    if (plan->values.loss[MED_OF_NETWORK].id >= 0 && t->average) move_average(t);
    return MED_OK;
}

med_status med_trainer_step(med_trainer *t, const med_step_input *in, med_step_result *r) {
    memset(r, 0, sizeof *r);
    med_updater_clear(&t->updater);
    t->is_dry = in->is_dry;
    for (int part = 0; part < t->net.model->training->n_parts; part++) MED_TRY(run_part(t, in, part, r));
    return MED_OK;
}

void med_trainer_rest(med_trainer *t) {
    for (int i = 0; i < t->n_lanes; i++) med_workspace_release(t->lanes[i].workspace);
}

void med_trainer_limit(med_trainer *t, int n_micro) {
    while (t->n_lanes > n_micro && t->n_lanes > 1) free_lane(&t->lanes[--t->n_lanes]);
}
int med_trainer_n_micro(const med_trainer *t) { return t->n_lanes; }

void med_trainer_set_lr(med_trainer *t, double network, double discriminator) {
    t->options.optimizer.lr = network;
    t->options.discriminator_optimizer.lr = discriminator;
}

void med_trainer_restart(med_trainer *t) { med_updater_restart(&t->updater, MED_OF_NETWORK); }

med_weights *med_trainer_weights(med_trainer *t) { return t->weights; }
const med_weights *med_trainer_average(const med_trainer *t) { return t->average ? t->average : t->weights; }
med_weights *med_trainer_discriminators(med_trainer *t) { return t->discriminators; }
const med_weights *med_trainer_gradients(const med_trainer *t) { return t->updater.gradients; }
med_weights *med_trainer_state(med_trainer *t) { return t->updater.state; }

void med_trainer_profile(med_trainer *t, bool is_on) {
    for (step_plan *p = t->lanes[0].plans; p; p = p->next)
        if (p->plan) med_plan_profile(p->plan, is_on);
}

int med_trainer_times(const med_trainer *t, int part, med_op_time *out, int max) {
    for (const step_plan *p = t->lanes[0].plans; p; p = p->next)
        if (p->plan && p->key.part == part) return med_plan_times(p->plan, out, max);
    return 0;
}

void med_trainer_memory(const med_trainer *t, size_t *parameters, size_t *activations) {
    int64_t n = 0;
    for (int i = 0; i < t->updater.n; i++) n += t->updater.slot[i].n;
    int64_t n_average = t->average ? med_net_count(&t->net) : 0;
    *parameters = (size_t)((t->is_at_once ? 3 : 4) * n + n_average) * sizeof(float); /* value, two moments, gradient */
    *activations = t->n_activation_bytes * (size_t)t->n_lanes;
}
