/* mmhvae_model.c: MMHVAE as every verb sees it: its descriptor, and its training step as a graph. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/mmhvae_objective.h"
#include "model/mmhvae_model.h"

char *med_mmhvae_describe_net(const med_net *n) {
    med_mmhvae_config c = med_mmhvae_of(n);
    return med_format("%d channels at full resolution, at most %d; %d latent level%s%s%s", c.base, c.max, med_mmhvae_levels(&c),
                      med_mmhvae_levels(&c) == 1 ? "" : "s", c.fusion ? "; fusion by " : "", c.fusion ? med_mmhvae_fusion_name(c.fusion) : "");
}

med_status med_mmhvae_parameters_net(const med_net *n, med_parameter_fn *visit, void *context) {
    med_mmhvae_config c = med_mmhvae_of(n);
    return med_mmhvae_parameters(&c, visit, context);
}

med_status med_mmhvae_init_net(const med_net *n, uint64_t seed, med_weights **out) {
    med_mmhvae_config c = med_mmhvae_of(n);
    return med_mmhvae_init(&c, seed, out);
}

static med_status load(const char *path, const int slice[2], const med_strings *set, med_weights *w, med_net *out) {
    med_mmhvae_config c;
    MED_TRY(med_mmhvae_load_from(path, slice, set, w, &c));
    *out = med_mmhvae_net(&c);
    return MED_OK;
}

void med_mmhvae_settle_size_net(const med_weights *w, med_net *n) {
    med_mmhvae_config c = med_mmhvae_of(n);
    c = med_mmhvae_shaped(&c, w);
    n->height = c.height;
    n->width = c.width;
}

void med_mmhvae_infer_net(med_graph *g, const med_net *n, const med_infer_options *o, med_inference *out) {
    med_mmhvae_config c = med_mmhvae_of(n);
    med_mmhvae_features features;
    med_mmhvae_pass pass;
    med_mmhvae_encode(g, &c, o->given, o->n, &features);
    med_mmhvae_pass_options how = {.given = o->given, .target = o->target, .temperature = o->temperature, .name = "synth",
                                   .shares_nothing = o->counts_alone};
    med_mmhvae_generate(g, &c, &features, o->n, how, &pass);
    memcpy(out->x, features.x, sizeof out->x);
    memcpy(out->out, pass.out, sizeof out->out);
    for (int l = 0; l <= c.pools; l++)
        med_noises_add(&out->noise, pass.eps[l], "z%d", c.pools + 1 - l);
    out->n_levels = med_mmhvae_levels(&c);
    memcpy(out->posterior, pass.q, sizeof pass.q);
    memcpy(out->prior, pass.prior, sizeof pass.prior);
}

/* ---- training ---- */

/* Passes of a step: O, the anchor alone where there is one, and the subset. */
static med_mmhvae_step_key passes_of(const med_step_key *key) {
    med_mmhvae_step_key k = {.observed = key->observed, .n = key->n, .is_adversarial = key->is_adversarial,
                             .trains_discriminators = key->trains_discriminators, .smooth_l1 = key->smooth_l1};
    k.name[k.n_passes] = "full";
    k.given[k.n_passes++] = key->observed;
    if (key->anchor >= 0) {
        k.name[k.n_passes] = "anchor";
        k.given[k.n_passes++] = med_modset_of(key->anchor);
    }
    k.name[k.n_passes] = "subset";
    k.given[k.n_passes++] = key->given;
    return k;
}

static void build(med_graph *g, const med_net *n, const med_step_key *key, med_step_graph *out) {
    med_mmhvae_config c = med_mmhvae_of(n);
    med_mmhvae_step_key k = passes_of(key);
    med_mmhvae_step_graph *s = med_alloc(sizeof *s);
    med_mmhvae_objective(g, &c, key->discriminator, k, s);
    memcpy(out->x, s->features.x, sizeof out->x);
    memcpy(out->target, s->target, sizeof out->target);
    out->share = s->share;
    out->w_kl = s->w_kl;
    out->w_dis = s->w_dis;
    out->loss[0] = s->loss;
    out->loss[1] = s->discriminator;
    MED_MODSET_EACH (j, key->observed) {
        for (int u = 0; u < c.pools; u++)
            med_step_graph_watch(out, s->features.skip[j][u], "encoder of %s at 1/%d", c.mods[j], 1 << u);
        med_step_graph_watch(out, s->features.top[j], "top of the encoder of %s", c.mods[j]);
    }
    for (int p = 0; p < k.n_passes; p++) {
        for (int l = 0; l <= c.pools; l++)
            med_step_graph_watch(out, s->pass[p].z[l], "z%d of pass %s", c.pools + 1 - l, k.name[p]);
        for (int j = 0; j < c.n_mods; j++) med_step_graph_watch(out, s->pass[p].out[j], "%s of pass %s", c.mods[j], k.name[p]);
        med_step_graph_add(out, MED_TERM_IMAGE, s->image[p], "%s/image", k.name[p]);
        med_step_graph_add(out, MED_TERM_ADVERSARIAL, s->adversarial[p], "%s/adversarial", k.name[p]);
        for (int l = 0; l <= c.pools; l++) {
            med_step_graph_add(out, MED_TERM_KL, s->kl[p][l], "%s/kl/z%d", k.name[p], c.pools + 1 - l);
            med_noises_add(&out->noise, s->pass[p].eps[l], "%s/z%d", k.name[p], c.pools + 1 - l);
        }
    }
    free(s);
}

med_status med_mmhvae_init_discriminators(const med_net *n, med_discriminator_config d, uint64_t seed, med_weights *w) {
    for (int j = 0; j < n->n_mods; j++) MED_TRY(med_discriminator_init(d, n->mods[j], seed, w));
    return MED_OK;
}

const med_training med_mmhvae_training = {
    .n_parts = 1,
    .build = build,
    .init_discriminators = med_mmhvae_init_discriminators,
    .optimizer = {.kind = MED_ADAMAX, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
    .discriminator_optimizer = {.kind = MED_ADAM, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
};

const med_model med_model_mmhvae = {
    .name = "mmhvae",
    .title = "MMHVAE",
    .summary = "hierarchical VAE with a mixture of products of experts (Dorent et al., TPAMI 2025)",
    .keys = med_mmhvae_keys,
    .preset = {&med_mmhvae_tiny, &med_mmhvae_small, &med_mmhvae_paper},
    .load = load,
    MED_MMHVAE_DESCRIPTOR,
};
