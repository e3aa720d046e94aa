/* mmhvae_graph.h: the network as a graph. Levels are counted from the top here: 0 is z_L, pools is z_1. */
#ifndef MED_MODEL_MMHVAE_GRAPH_H
#define MED_MODEL_MMHVAE_GRAPH_H

#include "model/mmhvae.h"

/* Feature maps of the encoders: skip[j][u] at resolution level u = 0..pools-1, and the top's logits [m | s]. */
typedef struct med_mmhvae_features {
    med_val x[MED_MAX_MODS];
    med_val skip[MED_MAX_MODS][MED_MAX_POOLS];
    med_val map[MED_MAX_MODS]; /* the deepest, flat */
    med_val top[MED_MAX_MODS];
} med_mmhvae_features;

/* One run of the generative path. eps: inputs of standard normal noise, [N, 2*max] then [N, c_u/2, H_u, W_u];
 * MED_NONE at temperature 0. kl: [1] per level, summed over batch and map. z: latents; q, prior: the Gaussians [m | s] that they were drawn from and compared with.
 * out: masked images [N,1,H,W] of `target`. */
typedef struct med_mmhvae_pass {
    med_val eps[MED_MAX_LEVELS];
    med_val kl[MED_MAX_LEVELS];
    med_val kl_marginal[MED_MAX_MODS][MED_MAX_LEVELS]; /* only when asked for */
    med_val z[MED_MAX_LEVELS], q[MED_MAX_LEVELS], prior[MED_MAX_LEVELS];
    med_val out[MED_MAX_MODS];
} med_mmhvae_pass;

typedef struct med_mmhvae_pass_options {
    med_modset given, target; /* given empty: sampled from the prior, no mask */
    double temperature;
    const char *name;         /* noise inputs are called "eps/NAME/LEVEL" */
    bool wants_kl, wants_marginals;
    bool is_bare;             /* no mask */
    bool shares_nothing;      /* compute what posteriors have in common for each of them: cost as published */
} med_mmhvae_pass_options;

/* Inputs "x/MOD" [n,1,H,W] at network scale and the encoders of `mods`. They do not depend on the subset that is given. */
void med_mmhvae_encode(med_graph *g, const med_mmhvae_config *c, med_modset mods, int n, med_mmhvae_features *out);
void med_mmhvae_generate(med_graph *g, const med_mmhvae_config *c, const med_mmhvae_features *f, int n,
                         med_mmhvae_pass_options options, med_mmhvae_pass *out);
/* Shape of the noise of a level, counted from the top. */
med_shape med_mmhvae_noise_shape(const med_mmhvae_config *c, int level, int n);

#endif
