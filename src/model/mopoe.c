/* mopoe.c: MoPoE (Sutter et al., ICLR 2021) as the release of MMHVAE trains it (its MVAE2D): MMHVAE with one stochastic level,
 * the top, and plain blocks without skips below it. A step visits several subsets, each with its product of experts: a
 * mixture of products. Deviations from the paper of MoPoE are in docs/models/mopoe.md. */
#include "model/mmhvae_model.h"

#define T med_mmhvae_own
static const med_option keys[] = {
    MED_OPT_INT(T, "base", base, 2, 4096, "channels at full resolution"),
    MED_OPT_INT(T, "max", max, 2, 4096, "most channels of any level"),
    MED_OPT_INT(T, "pools", pools, 1, MED_MAX_POOLS, "halvings of the resolution"),
    MED_OPT_INT(T, "nfinal", nfinal, 1, 4096, "channels of an image decoder"),
    MED_OPT_INT(T, "nblocks", nblocks, 0, 64, "residual blocks of an image decoder"),
    MED_OPT_FLAG(T, "se", se, "squeeze and excitation in encoder and decoder blocks"),
    MED_OPT_FLAG(T, "residual", residual, "residual sums in encoder and decoder blocks"),
    MED_OPT_END,
};
#undef T

#define SIZES .se = true, .residual = true, .levels = 1, .fusion = "poe"
static const med_mmhvae_own tiny = {.base = 8, .max = 32, .pools = 4, .nfinal = 8, .nblocks = 2, SIZES},
                            small = {.base = 8, .max = 64, .pools = 5, .nfinal = 8, .nblocks = 4, SIZES},
                            paper = {.base = 16, .max = 128, .pools = 6, .nfinal = 8, .nblocks = 6, SIZES};
#undef SIZES

const med_model med_model_mopoe = {
    .name = "mopoe",
    .title = "MoPoE",
    .summary = "VAE with one latent vector and a mixture of products of experts (Sutter et al., ICLR 2021; MVAE2D of the MMHVAE release)",
    .keys = keys,
    .own_size = sizeof(med_mmhvae_own),
    .preset = {&tiny, &small, &paper},
    .check = med_mmhvae_check_own,
    .size_step = med_mmhvae_size_step,
    .describe = med_mmhvae_describe_net,
    .parameters = med_mmhvae_parameters_net,
    .init = med_mmhvae_init_net,
    .infer = med_mmhvae_infer_net,
    .settle_size = med_mmhvae_settle_size_net,
    .training = &med_mmhvae_training,
};
