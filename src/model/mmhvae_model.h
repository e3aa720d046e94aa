/* mmhvae_model.h: parts of MMHVAE's descriptor, for the models that are the same network in other settings. */
#ifndef MED_MODEL_MMHVAE_MODEL_H
#define MED_MODEL_MMHVAE_MODEL_H

#include "model/mmhvae.h"
#include "model/trainer.h"

enum { MED_MMHVAE_CHANNELS = 4096 }; /* most of any layer */

char *med_mmhvae_describe_net(const med_net *n);
MED_CHECK med_status med_mmhvae_parameters_net(const med_net *n, med_parameter_fn *visit, void *context);
MED_CHECK med_status med_mmhvae_init_net(const med_net *n, uint64_t seed, med_weights **out);
void med_mmhvae_infer_net(med_graph *g, const med_net *n, const med_infer_options *o, med_inference *out);
MED_CHECK med_status med_mmhvae_init_discriminators(const med_net *n, med_discriminator_config d, uint64_t seed, med_weights *w);
void med_mmhvae_settle_size_net(const med_weights *w, med_net *n);
extern const med_training med_mmhvae_training;
extern const med_model med_model_mhvae;

/* Their settings' rows, the sizes of a preset, and the functions of their descriptors. */
#define MED_MMHVAE_SIZE_KEYS(T)                                                                       \
    MED_OPT_INT(T, "base", base, 2, MED_MMHVAE_CHANNELS, "channels at full resolution"),              \
        MED_OPT_INT(T, "max", max, 2, MED_MMHVAE_CHANNELS, "most channels of any level"),             \
        MED_OPT_INT(T, "pools", pools, 1, MED_MAX_POOLS, "halvings of the resolution"),               \
        MED_OPT_INT(T, "nfinal", nfinal, 1, MED_MMHVAE_CHANNELS, "channels of an image decoder"),     \
        MED_OPT_INT(T, "nblocks", nblocks, 0, 64, "residual blocks of an image decoder"),             \
        MED_OPT_FLAG(T, "se", se, "squeeze and excitation in encoder and decoder blocks"),            \
        MED_OPT_FLAG(T, "residual", residual, "residual sums in encoder and decoder blocks")
/* tiny trains on a phantom in a minute, small on one patient's scans in a quarter of an hour; paper: Dorent et al. 2025. */
#define MED_MMHVAE_TINY  .base = 8, .max = 32, .pools = 4, .nfinal = 8, .nblocks = 2, .se = true, .residual = true, .fusion = "poe"
#define MED_MMHVAE_SMALL .base = 8, .max = 64, .pools = 5, .nfinal = 8, .nblocks = 4, .se = true, .residual = true, .fusion = "poe"
#define MED_MMHVAE_PAPER .base = 16, .max = 128, .pools = 6, .nfinal = 8, .nblocks = 6, .se = true, .residual = true, .fusion = "poe"
#define MED_MMHVAE_FUNCTIONS                                                                          \
    .size_step = med_mmhvae_size_step, .describe = med_mmhvae_describe_net, .parameters = med_mmhvae_parameters_net, \
    .init = med_mmhvae_init_net, .infer = med_mmhvae_infer_net, .settle_size = med_mmhvae_settle_size_net
#define MED_MMHVAE_DESCRIPTOR                                                                         \
    .own_size = sizeof(med_mmhvae_own), .check = med_mmhvae_check_own, .training = &med_mmhvae_training, MED_MMHVAE_FUNCTIONS

#endif
