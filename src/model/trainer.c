/* trainer.c: the step. The network runs piece by piece of the batch, a slice or a few small ones: instance norms keep slices
 * apart, so gradients are sums over pieces, added in their order whatever was computed at the same time. Pieces computed at the
 * same time have a lane each: plans of their own, one per (part, observed, given, adversarial phase), in a workspace of their own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread.h"
#include "model/diagnose.h"
#include "model/trainer_impl.h"

/* ---- state ---- */

const med_tensor *med_trainer_parameter(const med_trainer *t, const char *name) {
    return med_weights_find(med_is_discriminator(name) ? t->discriminators : t->weights, name);
}

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

void med_trainer_free(med_trainer *t) {
    if (!t) return;
    for (int i = 0; i < t->n_lanes; i++) med_lane_free(&t->lanes[i]);
    free(t->lanes);
    med_weights_free(t->weights);
    med_weights_free(t->discriminators);
    med_weights_free(t->average);
    med_updater_free(&t->updater);
    free(t);
}

static double scalar(const med_step_plan *p, med_val v) {
    double value = 0;
    if (v.id >= 0) med_plan_read_f64(p->plan, v, &value);
    return value;
}

/* ---- gradients ---- */

static const med_optimizer_config *optimizer_of(const med_trainer *t, int of) {
    return of == MED_OF_NETWORK ? &t->options.optimizer : &t->options.discriminator_optimizer;
}

/* A loss or a gradient that is not finite ends the updates of this step; losses are there before the first gradient. */
static void update_at_once(const med_step_plan *p, med_slot *s, const float *gradient) {
    med_trainer *t = p->trainer;
    bool is_finite = isfinite(scalar(p, p->values.loss[0])) && isfinite(scalar(p, p->values.loss[1]));
    med_updater_look(&t->updater, s, gradient);
    if (is_finite && !t->updater.spoiled && !t->is_dry) med_updater_step(&t->updater, s, optimizer_of(t, s->of), gradient);
}

/* The plan's sink, where the batch is one piece. */
void med_trainer_take_gradient(void *context, const med_plan *plan, med_val value, med_val param) {
    const med_step_plan *p = context;
    int i = 0;
    while (med_graph_param(p->graph, i).id != param.id) i++;
    if (p->trainer->is_at_once) update_at_once(p, p->slot[i], med_plan_data(plan, value));
    else med_plan_add(plan, value, p->slot[i]->gradient);
}

static void add_gradient_values(const med_step_plan *p) {
    for (int i = 0; i < med_graph_n_params(p->graph); i++)
        if (p->grad[i].id >= 0) med_plan_add(p->plan, p->grad[i], p->slot[i]->gradient);
}

static void look_at_gradients(med_updater *u, int of) {
    for (int i = 0; i < u->n; i++)
        if (u->slot[i].of == of) med_updater_look(u, &u->slot[i], u->slot[i].gradient);
}

/* Parameters that the step does not depend on (encoders of modalities that the subject lacks, say) keep value and moments. */
static void update(const med_step_plan *p, int of) {
    const med_trainer *t = p->trainer;
    for (int i = 0; i < med_graph_n_params(p->graph); i++) {
        med_slot *s = p->slot[i];
        if (p->grad[i].id >= 0 && s->of == of) med_updater_step(&t->updater, s, optimizer_of(t, of), s->gradient);
    }
}

/* ---- one step ---- */

static void bind_images(const med_trainer *t, med_step_plan *p, const med_step_input *in, int first) {
    size_t offset = (size_t)first * (size_t)t->net.height * (size_t)t->net.width;
    MED_MODSET_EACH (j, in->observed) {
        med_plan_bind(p->plan, p->values.x[j], in->x[j] + offset);
        med_plan_bind(p->plan, p->values.target[j], in->target[j] + offset);
    }
}

static void draw_noise(const med_lane *l, const med_step_input *in, int first) {
    const med_step_plan *p = l->current;
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

static void add_losses(const med_step_plan *p, med_step_result *r) {
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
    med_lane *l = &job->trainer->lanes[i];
    draw_noise(l, job->in, job->first + i * job->size);
    l->status = med_plan_run(l->current->plan);
    if (l->status != MED_OK) snprintf(l->message, sizeof l->message, "%s", med_message());
}

/* Plan of a piece of n slices. */
static med_status prepare_lane(med_trainer *t, med_lane *l, const med_step_input *in, int part, int n) {
    MED_TRY(med_lane_find_plan(t, l, key_of(t, in, part, n), &l->current));
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
            const med_lane *l = &t->lanes[i];
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
static void move_statistics(med_trainer *t, const med_step_plan *p) {
    for (int i = 0; i < p->values.n_moved; i++)
        med_plan_read(p->plan, p->values.moved[i].value, med_trainer_parameter(t, med_val_name(p->graph, p->values.moved[i].param))->data);
}

/* Of the network or the discriminators, whose gradients are all there. */
static void finish(const med_step_plan *p, int of, double norm) {
    med_trainer *t = p->trainer;
    bool is_clipped = of == MED_OF_NETWORK && t->options.clip > 0 && norm > t->options.clip;
    if (is_clipped) med_updater_scale(&t->updater, of, t->options.clip / norm);
    if (!t->is_at_once) update(p, of);
    t->updater.steps[of]++;
}

static med_status run_part(med_trainer *t, const med_step_input *in, int part, med_step_result *r) {
    MED_TRY(run_pieces(t, in, part, r));
    const med_step_plan *plan = t->lanes[0].current;
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
    while (t->n_lanes > n_micro && t->n_lanes > 1) med_lane_free(&t->lanes[--t->n_lanes]);
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
    for (med_step_plan *p = t->lanes[0].plans; p; p = p->next)
        if (p->plan) med_plan_profile(p->plan, is_on);
}

int med_trainer_times(const med_trainer *t, int part, med_op_time *out, int max) {
    for (const med_step_plan *p = t->lanes[0].plans; p; p = p->next)
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
