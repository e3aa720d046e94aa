/* mmhvae_objective.h: the training objective of one step as a graph (spec section 5). */
#ifndef MED_MODEL_MMHVAE_OBJECTIVE_H
#define MED_MODEL_MMHVAE_OBJECTIVE_H

#include "model/discriminator.h"
#include "model/mmhvae_graph.h"

enum { MED_MAX_PASSES = 3 };

/* Which graph: everything that changes its structure. Weights of the terms are inputs. */
typedef struct med_mmhvae_step_key {
    med_modset observed;                 /* O: reconstruction on these */
    int n_passes;                        /* pass 0 is P = O and has no adversarial term */
    med_modset given[MED_MAX_PASSES];    /* P of every pass */
    const char *name[MED_MAX_PASSES];    /* "full": its noise is eps/full/z1, ... */
    int n;                               /* slices in the graph */
    bool is_adversarial;                 /* generator sees the discriminators */
    bool trains_discriminators;
    bool smooth_l1;
} med_mmhvae_step_key;

typedef struct med_mmhvae_step_graph {
    med_mmhvae_features features;        /* inputs x/MOD */
    med_val target[MED_MAX_MODS];        /* inputs target/MOD, of observed modalities */
    med_val share, w_kl, w_dis;          /* inputs [1]: n / slices of the whole batch; weights of the terms */
    med_mmhvae_pass pass[MED_MAX_PASSES];
    /* Outputs, each already times `share` (kl: the plain sum): */
    med_val loss, image[MED_MAX_PASSES], kl[MED_MAX_PASSES][MED_MAX_LEVELS], adversarial[MED_MAX_PASSES], discriminator;
} med_mmhvae_step_graph;

/* Builds passes, loss and discriminator loss. No gradients yet: the caller asks for them by parameter. */
void med_mmhvae_objective(med_graph *g, const med_mmhvae_config *c, med_discriminator_config d, med_mmhvae_step_key key,
                          med_mmhvae_step_graph *out);

#endif
