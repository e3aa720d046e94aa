/* mmhvae.h: hierarchical VAE with a mixture-of-products-of-experts posterior (Dorent et al., TPAMI 2025). */
#ifndef MED_MODEL_MMHVAE_H
#define MED_MODEL_MMHVAE_H

#include "base/modset.h"
#include "base/option.h"
#include "engine/graph.h"
#include "engine/weights.h"

enum { MED_MAX_POOLS = 8, MED_MAX_LEVELS = MED_MAX_POOLS + 1 };

/* Everything that fixes the network's parameters; spec sections 1 and 8. */
typedef struct med_mmhvae_config {
    int n_mods;
    char mods[MED_MAX_MODS][MED_MOD_NAME];
    int height, width;          /* of a slice: H runs along NIfTI axis 0, W along axis 1, slices along axis 2; multiples of 2^pools */
    int base, max, pools, nfinal, nblocks;
    bool se, residual;
} med_mmhvae_config;

/* "tiny", "small", "paper"; NULL fields of unknown names are MED_EUSAGE. Sizes and modalities are set by the caller. */
MED_CHECK med_status med_mmhvae_preset(const char *name, med_mmhvae_config *out);
MED_CHECK med_status med_mmhvae_check(const med_mmhvae_config *c); /* MED_EUSAGE: what is wrong */
json_t *med_mmhvae_to_json(const med_mmhvae_config *c);            /* owned reference */
MED_CHECK med_status med_mmhvae_from_json(const json_t *object, med_mmhvae_config *out);
int med_mmhvae_channels(const med_mmhvae_config *c, int level_u);  /* min(base*2^u, max) */

/* Weights with our names and metadata medley.model = "mmhvae", medley.config. From ours, from the release's names, or
 * from the release's .pth: the configuration is read from metadata or inferred from names and shapes (H x W from the
 * bottleneck and `slice`: the images' in-plane size, or {0,0} when unknown and then square is assumed). */
MED_CHECK med_status med_mmhvae_load(const char *path, const int slice[2], med_weights **weights, med_mmhvae_config *config);
/* All parameters, by the seed: uniform +-1/sqrt(fan_in); gains start at the row norm of v. */
MED_CHECK med_status med_mmhvae_init(const med_mmhvae_config *c, uint64_t seed, med_weights **out);

/* Release name <-> our name (both owned; NULL when the name is none). n_mods and names are not checked. */
char *med_mmhvae_name_to_release(const med_mmhvae_config *c, const char *ours);
char *med_mmhvae_name_from_release(const char *release, bool head_has_input_conv);

#endif
