/* mmhvae_objective.c:
 *
 *   loss = sum_passes (1/|O|) sum_{j in O} 0.5*mean|out_j - target_j|
 *        + w_kl * sum_passes,levels KL / (N H W M)
 *        + w_dis * sum over passes after the first of (1/M) sum_j mean (D_j(out_j) - 1)^2
 *
 *   discriminator = (1/|O|) sum_{j in O} [ mean (D_j(target_j) - 1)^2 + mean D_j(fake_j)^2 ],
 *   fakes: outputs j of the passes that were not given j. Gradients stop at the outputs because only the
 *   discriminators' own parameters are asked for.
 *
 * Instance norm makes slices independent, so a batch may be summed over graphs of fewer slices: every mean over slices
 * is multiplied by share = slices here / slices in all. */
#include <stdio.h>

#include "model/mmhvae_objective.h"
#include "model/trainer.h"

static med_val input1(med_graph *g, const char *name) { return med_input(g, name, med_shape_1(1)); }

static med_val reconstruction(med_graph *g, const med_mmhvae_step_key *key, const med_mmhvae_step_graph *s, int p) {
    med_val total = MED_NONE;
    MED_MODSET_EACH(j, key->observed) {
        med_val d = med_sub(g, s->pass[p].out[j], s->target[j]);
        d = key->smooth_l1 ? med_smooth_l1(g, d) : med_abs(g, d);
        double weight = 0.5 / med_modset_count(key->observed) / (double)med_shape_count(med_val_shape(g, d));
        total = med_sum_of(g, total, med_sum(g, d, weight));
    }
    return med_mul(g, total, s->share);
}

/* Of every pass but the first. */
static void adversarial(med_graph *g, const med_mmhvae_config *c, med_discriminator_config d, int n_passes, med_mmhvae_step_graph *s) {
    for (int j = 0; j < c->n_mods; j++) {
        med_val image[MED_MAX_PASSES], score[MED_MAX_PASSES];
        for (int p = 1; p < n_passes; p++) image[p] = s->pass[p].out[j];
        med_discriminator_scores(g, d, c->mods[j], image + 1, n_passes - 1, score + 1);
        for (int p = 1; p < n_passes; p++) s->adversarial[p] = med_sum_of(g, s->adversarial[p], med_score_miss(g, score[p], 1));
    }
    for (int p = 1; p < n_passes; p++) s->adversarial[p] = med_mul(g, med_scale_shift(g, s->adversarial[p], 1.0 / c->n_mods, 0), s->share);
}

/* Of modality j: on its target and on what the passes that were not given it made. */
static med_val discriminator_of(med_graph *g, const med_mmhvae_config *c, med_discriminator_config d, const med_mmhvae_step_key *key,
                                const med_mmhvae_step_graph *s, int j) {
    med_val image[1 + MED_MAX_PASSES] = {s->target[j]}, score[1 + MED_MAX_PASSES], fakes = MED_NONE;
    int n = 1;
    for (int p = 0; p < key->n_passes; p++)
        if (!med_modset_has(key->given[p], j)) image[n++] = s->pass[p].out[j];
    med_discriminator_scores(g, d, c->mods[j], image, n, score);
    for (int i = 1; i < n; i++) fakes = med_sum_of(g, fakes, med_score_miss(g, score[i], 0));
    med_val real = med_score_miss(g, score[0], 1);
    return n > 1 ? med_add(g, real, med_scale_shift(g, fakes, 1.0 / (n - 1), 0)) : real;
}

static med_val discriminator(med_graph *g, const med_mmhvae_config *c, med_discriminator_config d, const med_mmhvae_step_key *key,
                             const med_mmhvae_step_graph *s) {
    med_val total = MED_NONE;
    MED_MODSET_EACH(j, key->observed) total = med_sum_of(g, total, discriminator_of(g, c, d, key, s, j));
    return med_mul(g, med_scale_shift(g, total, 1.0 / med_modset_count(key->observed), 0), s->share);
}

static void build_passes(med_graph *g, const med_mmhvae_config *c, const med_mmhvae_step_key *key, med_mmhvae_step_graph *s) {
    med_mmhvae_encode(g, c, key->observed, key->n, &s->features);
    for (int p = 0; p < key->n_passes; p++) {
        bool all_outputs = p > 0 && (key->is_adversarial || key->trains_discriminators);
        med_mmhvae_pass_options o = {.given = key->given[p], .temperature = 1, .name = key->name[p], .wants_kl = true,
                                     .target = all_outputs ? med_modset_all(c->n_mods) : key->observed};
        med_mmhvae_generate(g, c, &s->features, key->n, o, &s->pass[p]);
    }
}

void med_mmhvae_objective(med_graph *g, const med_mmhvae_config *c, med_discriminator_config d, med_mmhvae_step_key key,
                          med_mmhvae_step_graph *s) {
    s->share = input1(g, "share");
    s->w_kl = input1(g, "w_kl");
    s->w_dis = key.is_adversarial ? input1(g, "w_dis") : MED_NONE;
    for (int j = 0; j < c->n_mods; j++) {
        char name[MED_MOD_NAME + 16];
        snprintf(name, sizeof name, "target/%s", c->mods[j]);
        s->target[j] = med_modset_has(key.observed, j) ? med_input(g, name, med_shape_4(key.n, 1, c->height, c->width)) : MED_NONE;
    }
    build_passes(g, c, &key, s);
    med_val image = MED_NONE, kl = MED_NONE, adv = MED_NONE;
    for (int p = 0; p < key.n_passes; p++) s->adversarial[p] = MED_NONE;
    if (key.is_adversarial && key.n_passes > 1) adversarial(g, c, d, key.n_passes, s);
    for (int p = 0; p < key.n_passes; p++) {
        image = med_sum_of(g, image, s->image[p] = reconstruction(g, &key, s, p));
        for (int l = 0; l <= c->pools; l++) kl = med_sum_of(g, kl, s->kl[p][l] = s->pass[p].kl[l]);
        adv = med_sum_of(g, adv, s->adversarial[p]);
    }
    double per_pixel = 1.0 / ((double)key.n * c->height * c->width * c->n_mods);
    s->loss = med_sum_of(g, image, med_mul(g, med_mul(g, med_scale_shift(g, kl, per_pixel, 0), s->share), s->w_kl));
    if (key.is_adversarial) s->loss = med_sum_of(g, s->loss, med_mul(g, adv, s->w_dis));
    s->discriminator = key.trains_discriminators ? discriminator(g, c, d, &key, s) : MED_NONE;
}
