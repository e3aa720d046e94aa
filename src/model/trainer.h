/* trainer.h: training steps of any model: forward, gradients, update of the network, update of discriminators.
 *
 * A model describes its step as one or more parts, each a graph with losses; the trainer holds parameters, optimiser
 * moments and the plans of every part seen so far. A batch runs in pieces, of one slice or a few small ones, `n_micro` pieces
 * at the same time, and gradients are added in their order: results depend neither on threads nor on n_micro. */
#ifndef MED_MODEL_TRAINER_H
#define MED_MODEL_TRAINER_H

#include "engine/plan.h"
#include "model/discriminator.h"
#include "model/net.h"
#include "nn/optimizer.h"

/* ---- what a model tells ---- */

/* Which graph: everything that changes its structure. Weights of the terms are inputs. Compared byte by byte. */
typedef struct med_step_key {
    med_modset observed; /* O: there are targets of these */
    med_modset given;    /* P: what the step gives, part of O */
    int anchor;          /* index of the anchor; -1: none */
    int part, n;         /* which part of the step; slices in the graph */
    uint8_t is_adversarial, trains_discriminators, smooth_l1, unused; /* the network sees discriminators; they learn */
    med_discriminator_config discriminator;
} med_step_key;

typedef enum med_term_kind { MED_TERM_IMAGE, MED_TERM_KL, MED_TERM_ADVERSARIAL, MED_N_TERM_KINDS } med_term_kind;
enum { MED_MAX_TERMS = 48, MED_TERM_NAME = 24, MED_MAX_WATCHED = 240, MED_WATCHED_NAME = 80, MED_MAX_MOVED = 96 };

/* What the trainer feeds and reads. A part without losses is passed over. Every value is times `share`, but for terms of KL, which are plain sums. */
typedef struct med_step_graph {
    med_val x[MED_MAX_MODS], target[MED_MAX_MODS]; /* inputs [n,1,H,W], MED_NONE where the part reads none */
    med_val share, w_kl, w_dis;                    /* inputs [1]: n / slices of the whole batch; weights of terms */
    med_noises noise;
    med_val loss[2];                               /* by the network's parameters, by the discriminators' (disc/...) */
    int n_terms;
    struct {
        med_term_kind kind;
        char name[MED_TERM_NAME]; /* PASS/WHAT, "full/image"; of KL "full/kl/z7", from the top */
        med_val value;
    } term[MED_MAX_TERMS];
    int n_watched; /* activations worth a look when something is not finite */
    struct {
        char name[MED_WATCHED_NAME];
        med_val value;
    } watched[MED_MAX_WATCHED];
    int n_moved; /* running statistics, and their values after the part */
    struct {
        med_val param, value;
    } moved[MED_MAX_MOVED];
} med_step_graph;
void med_step_graph_add(med_step_graph *s, med_term_kind kind, med_val value, const char *format, ...) MED_PRINTF(4, 5);
void med_step_graph_watch(med_step_graph *s, med_val value, const char *format, ...) MED_PRINTF(3, 4);
/* A running statistic as it is at this place of the part; and its value from here on. */
med_val med_step_graph_state(const med_step_graph *s, med_val param);
void med_step_graph_move(med_step_graph *s, med_val param, med_val value);

/* total + part, or the one that is there. */
med_val med_sum_of(med_graph *g, med_val total, med_val part);

struct med_training;
/* Clears `out` and builds the model's part. */
void med_step_build(med_graph *g, const med_net *net, const med_step_key *key, med_step_graph *out);

typedef struct med_training {
    int n_parts;
    /* Builds a part: no gradients, the trainer asks for them. */
    void (*build)(med_graph *g, const med_net *net, const med_step_key *key, med_step_graph *out);
    /* Discriminators' initial parameters, named disc/...; NULL: the model has none. */
    med_status (*init_discriminators)(const med_net *net, med_discriminator_config d, uint64_t seed, med_weights *w);
    med_optimizer_config optimizer, discriminator_optimizer; /* but for the rates */
    /* What a step gives of what is observed: two modalities or more; progress through the run in [0, 1). NULL: subsets in
     * turn, as MMHVAE. */
    med_modset (*draw_given)(const med_net *net, med_modset observed, double progress, med_rng *rng);
    bool needs_all; /* trains on complete cases only */
    bool is_whole;  /* its norms run over the batch, which is one piece */
    /* "key=value" of `medley train`, NULL-terminated: what this model changes in the presets tiny, small, paper; and its
     * authors' schedule (for --set schedule=native; its epochs are for the preset paper, others shorten it). NULL: nothing. */
    const char *const *settings[3], *const *native;
} med_training;

/* One of the non-empty proper subsets, all equally likely. */
med_modset med_draw_subset(med_modset observed, med_rng *rng);

/* ---- what training calls ---- */

typedef struct med_trainer med_trainer; /* owned */

typedef struct med_trainer_options {
    med_discriminator_config discriminator; /* ndf 0: none, then no step may use them */
    med_optimizer_config optimizer, discriminator_optimizer;
    int n_micro;       /* pieces of a batch computed at the same time, each in its own memory; 1 or more */
    bool smooth_l1;
    double clip;       /* largest norm of the network's gradient; 0: any */
    double ema;        /* weight of the past in the moving average of weights; 0: none is kept */
    bool is_reference; /* run the reference loops in double (fixtures) */
    /* Update every parameter as soon as its gradient is there and keep no gradients, if the batch is one piece and there is no
     * clip: the same bits in less memory. */
    bool updates_at_once;
    uint64_t seed;     /* of the discriminators' initial parameters */
} med_trainer_options;

/* `weights` (our names, all of the network) are taken. */
MED_CHECK med_status med_trainer_create(const med_net *net, med_trainer_options o, med_weights *weights, med_trainer **out);
void med_trainer_free(med_trainer *t); /* NULL is fine */

/* Called by several threads at once when n_micro is above 1.
 * Fills `to` with the numbers of a noise input [n, ...] for slices first..first+n-1 of the batch. */
typedef void med_noise_fn(void *context, const med_noise *noise, int first, int n, int64_t per_slice, float *to);

typedef struct med_step_input {
    med_modset observed, given;
    int anchor; /* index of the anchor; -1: none */
    int n;      /* slices */
    const float *x[MED_MAX_MODS], *target[MED_MAX_MODS]; /* [n,1,H,W] of observed modalities */
    med_noise_fn *noise;
    void *noise_context;
    double w_kl, w_dis; /* w_dis 0: no adversarial term in the network's loss */
    bool trains_discriminators;
    bool is_dry; /* compute losses and gradients, update nothing */
} med_step_input;

typedef struct med_step_result {
    double loss, discriminator, kind[MED_N_TERM_KINDS]; /* kind[MED_TERM_KL]: plain sum over the batch */
    double gradient_norm, discriminator_norm;           /* before clipping */
    int n_terms;
    struct {
        med_term_kind kind;
        char name[MED_TERM_NAME];
        double value;
    } term[MED_MAX_TERMS];
} med_step_result;
double med_step_term(const med_step_result *r, const char *name); /* 0 when there is none */

/* Make the plans of such a step without running it: med_trainer_memory then knows their size. Images and noise are not
 * looked at. */
MED_CHECK med_status med_trainer_plan(med_trainer *t, const med_step_input *in);
/* MED_EFAIL when a loss or gradient is not finite (the message says where): nothing of that part is updated then; with
 * updates_at_once, where the losses were finite, what came before that gradient is. */
MED_CHECK med_status med_trainer_step(med_trainer *t, const med_step_input *in, med_step_result *out);

/* Between steps: give the memory of activations back until the next one. */
void med_trainer_rest(med_trainer *t);
/* Compute at most that many pieces at the same time from now on. */
void med_trainer_limit(med_trainer *t, int n_micro);
int med_trainer_n_micro(const med_trainer *t);

/* Learning rates for the steps that follow; restart: zero moments and step count of the network's optimiser. */
void med_trainer_set_lr(med_trainer *t, double network, double discriminator);
void med_trainer_restart(med_trainer *t);

/* Parameters and state, borrowed and live: the network's under our names; disc/...; gradients of the last step under the
 * same names, unless parameters are updated at once; state "opt/m/NAME", "opt/v/NAME", with ema "train/ema/NAME", and the I64 tensor "opt/steps" = (network, discriminators). */
med_weights *med_trainer_weights(med_trainer *t);
const med_weights *med_trainer_average(const med_trainer *t); /* the weights themselves without ema */
med_weights *med_trainer_discriminators(med_trainer *t);
const med_weights *med_trainer_gradients(const med_trainer *t);
med_weights *med_trainer_state(med_trainer *t);
/* Time by op of the plans that the last step used, for `medley bench`: switched on and off for all steps so far; a row is
 * of one piece of the batch, as in med_plan_times. Returns the rows of a part of the step. */
void med_trainer_profile(med_trainer *t, bool is_on);
int med_trainer_times(const med_trainer *t, int part, med_op_time *out, int max);
/* Bytes: parameters with gradients and moments; the largest activation buffer with noise so far. */
void med_trainer_memory(const med_trainer *t, size_t *parameters, size_t *activations);

#endif
