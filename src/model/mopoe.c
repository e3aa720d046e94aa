/* mopoe.c: MoPoE (Sutter et al., ICLR 2021) as the release of MMHVAE trains it (its MVAE2D): MMHVAE with one stochastic level,
 * the top, and plain blocks without skips below it. A step visits several subsets, each with its product of experts: a
 * mixture of products. Deviations from the paper of MoPoE are in docs/models/mopoe.md. */
#include "model/mmhvae_model.h"

#define T med_mmhvae_own
static const med_option keys[] = {
    MED_MMHVAE_SIZE_KEYS(T),
    MED_OPT_END,
};
#undef T

static const med_mmhvae_own tiny = {MED_MMHVAE_TINY, .levels = 1}, small = {MED_MMHVAE_SMALL, .levels = 1},
                            paper = {MED_MMHVAE_PAPER, .levels = 1};

const med_model med_model_mopoe = {
    .name = "mopoe",
    .title = "MoPoE",
    .summary = "VAE with one latent vector and a mixture of products of experts (Sutter et al., ICLR 2021; MVAE2D of the MMHVAE release)",
    .keys = keys,
    .preset = {&tiny, &small, &paper},
    MED_MMHVAE_DESCRIPTOR,
};
