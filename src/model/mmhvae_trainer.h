/* mmhvae_trainer.h: one training step: forward, gradients, generator update, discriminator update.
 *
 * Holds parameters, optimiser moments and the plans of every step graph seen so far, which share one workspace.
 * A batch runs slice by slice, `n_micro` at the same time, and gradients are added in the order of slices: results depend
 * neither on threads nor on n_micro. */
#ifndef MED_MODEL_MMHVAE_TRAINER_H
#define MED_MODEL_MMHVAE_TRAINER_H

#include "model/mmhvae_objective.h"
#include "nn/optimizer.h"

typedef struct med_mmhvae_trainer med_mmhvae_trainer; /* owned */

typedef struct med_trainer_options {
    med_discriminator_config discriminator; /* ndf 0: none, then no step may use them */
    med_optimizer_config generator_optimizer, discriminator_optimizer;
    int n_micro;      /* slices computed at the same time, each in its own memory; 1 or more */
    bool smooth_l1;
    double clip;      /* largest norm of the generator's gradient; 0: any */
    double ema;       /* weight of the past in the moving average of weights; 0: none is kept */
    bool is_reference; /* run the reference loops in double (fixtures) */
    uint64_t seed;    /* of the discriminators' initial parameters */
} med_trainer_options;

/* `weights` (our names, all of the config) are taken. */
MED_CHECK med_status med_mmhvae_trainer_create(const med_mmhvae_config *c, med_trainer_options o, med_weights *weights,
                                               med_mmhvae_trainer **out);
void med_mmhvae_trainer_free(med_mmhvae_trainer *t);

/* Called by several threads at once when n_micro is above 1.
 * Fills `to` with standard normal noise [n, ...] for slices first..first+n-1 of the batch; level counts from the top. */
typedef void med_noise_fn(void *context, int pass, int level, int first, int n, int64_t per_slice, float *to);

typedef struct med_step_input {
    med_modset observed, subset; /* subset: P of the third pass, part of observed */
    int anchor;                  /* index of the anchor; -1: passes "all" and "subset" only */
    int n;                       /* slices */
    const float *x[MED_MAX_MODS], *target[MED_MAX_MODS]; /* [n,1,H,W] of observed modalities */
    med_noise_fn *noise;
    void *noise_context;
    double w_kl, w_dis;          /* w_dis 0: no adversarial term in the generator's loss */
    bool trains_discriminators;
    bool is_dry;                 /* compute losses and gradients, update nothing */
} med_step_input;

typedef struct med_step_result {
    double loss, image, kl, adversarial, discriminator; /* kl: plain sum over the batch */
    double pass_image[MED_MAX_PASSES], pass_kl[MED_MAX_PASSES][MED_MAX_LEVELS], pass_adversarial[MED_MAX_PASSES];
    double gradient_norm, discriminator_norm; /* before clipping */
} med_step_result;

/* Make the plan of such a step without running it: med_mmhvae_trainer_memory then knows its size. Images and noise are
 * not looked at. */
MED_CHECK med_status med_mmhvae_trainer_plan(med_mmhvae_trainer *t, const med_step_input *in);
/* MED_EFAIL when a loss or gradient is not finite (the message says where): nothing is updated then. */
MED_CHECK med_status med_mmhvae_trainer_step(med_mmhvae_trainer *t, const med_step_input *in, med_step_result *out);

/* Compute at most that many slices at the same time from now on. */
void med_mmhvae_trainer_limit(med_mmhvae_trainer *t, int n_micro);
int med_mmhvae_trainer_n_micro(const med_mmhvae_trainer *t);

/* Learning rates for the steps that follow; restart: zero moments and step count of the generator's optimiser. */
void med_mmhvae_trainer_set_lr(med_mmhvae_trainer *t, double generator, double discriminator);
void med_mmhvae_trainer_restart(med_mmhvae_trainer *t);

/* Parameters and state, borrowed and live: generator under our names; disc/...; gradients of the last step under the
 * same names; state "opt/m/NAME", "opt/v/NAME", with ema "train/ema/NAME", and the I64 tensor "opt/steps" = (generator, discriminator). */
med_weights *med_mmhvae_trainer_weights(med_mmhvae_trainer *t);
const med_weights *med_mmhvae_trainer_average(const med_mmhvae_trainer *t); /* the weights themselves without ema */
med_weights *med_mmhvae_trainer_discriminators(med_mmhvae_trainer *t);
const med_weights *med_mmhvae_trainer_gradients(const med_mmhvae_trainer *t);
med_weights *med_mmhvae_trainer_state(med_mmhvae_trainer *t);
/* Bytes: parameters with gradients and moments; the largest activation buffer so far. */
void med_mmhvae_trainer_memory(const med_mmhvae_trainer *t, size_t *parameters, size_t *activations);

#endif
