/* mmhvae.h: hierarchical VAE with a mixture-of-products-of-experts posterior (Dorent et al., TPAMI 2025). */
#ifndef MED_MODEL_MMHVAE_H
#define MED_MODEL_MMHVAE_H

#include "base/modset.h"
#include "base/option.h"
#include "engine/graph.h"
#include "engine/weights.h"
#include "model/net.h"

enum { MED_MAX_POOLS = 8, MED_MAX_LEVELS = MED_MAX_POOLS + 1 };

/* How the posteriors of what is given become one: product with the release's weights 1/std, or with 1/variance; the mean of
 * their means and log standard deviations; or no posteriors but one network on all feature maps, zeros for what is missing. */
typedef enum med_fusion { MED_FUSION_POE, MED_FUSION_POE_PRECISION, MED_FUSION_AVERAGE, MED_FUSION_CONCAT } med_fusion;

/* Everything that fixes the network's parameters; spec sections 1 and 8. */
typedef struct med_mmhvae_config {
    int n_mods;
    char mods[MED_MAX_MODS][MED_MOD_NAME];
    /* Of a slice: H runs along NIfTI axis 0, W along axis 1, slices along axis 2; multiples of 2^pools. */
    int height, width;
    int base, max, pools, nfinal, nblocks;
    bool se, residual;
    int levels; /* stochastic ones, from the top; below them plain blocks take the place of latents. 0: all pools + 1 */
    med_fusion fusion;
} med_mmhvae_config;

/* The settings of a med_net of this model; the configuration is the same with the frame of the network. */
typedef struct med_mmhvae_own {
    int base, max, pools, nfinal, nblocks;
    bool se, residual;
    int levels;
    const char *fusion;
} med_mmhvae_own;
extern const med_model med_model_mmhvae;
extern const med_option med_mmhvae_keys[];
extern const med_mmhvae_own med_mmhvae_tiny, med_mmhvae_small, med_mmhvae_paper;
med_mmhvae_config med_mmhvae_of(const med_net *n);
med_net med_mmhvae_net(const med_mmhvae_config *c);
MED_CHECK med_status med_mmhvae_check_own(const med_net *n);
int med_mmhvae_size_step(const med_net *n);

/* "tiny", "small", "paper" for us, t2, cet1, flair at 192 x 192; the caller may change modalities and size. */
MED_CHECK med_status med_mmhvae_preset(const char *name, med_mmhvae_config *out);
MED_CHECK med_status med_mmhvae_check(const med_mmhvae_config *c); /* MED_EUSAGE: what is wrong */
/* Keys: modalities, size [H,W], base, max, pools, nfinal, nblocks, se, residual. A size of 0 x 0 is left out. */
json_t *med_mmhvae_to_json(const med_mmhvae_config *c); /* owned reference */
/* Keys that are not there: as in the preset paper. Unknown keys are errors. Does not check. */
MED_CHECK med_status med_mmhvae_from_json(const json_t *object, med_mmhvae_config *out);
MED_CHECK med_status med_mmhvae_set(med_mmhvae_config *c, const char *pair); /* "key=value", "plan.NAME=off" */
const char *med_mmhvae_fusion_name(med_fusion fusion);
int med_mmhvae_levels(const med_mmhvae_config *c);                         /* stochastic ones */
int med_mmhvae_channels(const med_mmhvae_config *c, int level_u);            /* min(base*2^u, max) */

/* Every parameter of the network, in a fixed order (a weight before its bias, v before g). */
MED_CHECK med_status med_mmhvae_parameters(const med_mmhvae_config *c, med_parameter_fn *visit, void *context);
int64_t med_mmhvae_count(const med_mmhvae_config *c); /* numbers in all of them */

/* Weights with our names and metadata medley.model = "mmhvae", medley.config. From ours, from the release's names, or
 * from the release's .pth: the configuration is read from metadata or inferred from names and shapes, then changed by
 * `set` ("key=value"; NULL: nothing). Where the file does not tell the size of a slice, it is that of the images,
 * `slice`, rounded up to the network's steps if the bottleneck agrees, else square; slice {0,0}: unknown; slice NULL:
 * leave it 0 x 0 if it is no square.
 * Tensors under disc/, opt/ and train/ belong to a training checkpoint and are kept. Parameters are read-only.
 * MED_EFORMAT: weights of another model, a parameter that is missing, superfluous, of the wrong shape, not finite. */
MED_CHECK med_status med_mmhvae_load(const char *path, const int slice[2], const med_strings *set,
                                     med_weights **weights, med_mmhvae_config *config);
/* The same for tensors that are in memory: renames them. */
MED_CHECK med_status med_mmhvae_load_from(const char *path, const int slice[2], const med_strings *set,
                                          med_weights *weights, med_mmhvae_config *config);
/* `c`, or where its size is 0 x 0, the same with some size that has the shapes of w. */
med_mmhvae_config med_mmhvae_shaped(const med_mmhvae_config *c, const med_weights *w);
/* All parameters, by the seed: uniform +-1/sqrt(fan_in); gains start at the row norm of v. Metadata as above. */
MED_CHECK med_status med_mmhvae_init(const med_mmhvae_config *c, uint64_t seed, med_weights **out);
/* The weights of the fixture mmhvae-paper: hashed from the release's names (golden/README.md of the fixtures). */
MED_CHECK med_status med_mmhvae_hashed_weights(const med_mmhvae_config *c, uint64_t seed, med_weights **out);
void med_mmhvae_describe(const med_mmhvae_config *c, med_weights *w); /* sets the metadata */

/* Release name <-> our name (both owned; NULL when the name is none). n_mods and names are not checked. */
char *med_mmhvae_name_to_release(const med_mmhvae_config *c, const char *ours);
char *med_mmhvae_name_from_release(const char *release, bool head_has_input_conv);

#endif
