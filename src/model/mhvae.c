/* mhvae.c: MHVAE (Dorent et al., MICCAI 2023): the network of MMHVAE trained on complete cases only, of ultrasound and T2 as
 * published, here of two to four modalities. What differs is the objective.
 *
 *   loss = sum over passes of [ (1/M) sum_j mean smoothL1(out_j - target_j) + w_kl * KL / (N H W M) ]
 *        + w_dis * sum over passes that give one modality of (1/M^2) sum_j mean (D_j(out_j) - 1)^2
 *   discriminators = sum_j mean (D_j(target_j) - 1)^2 + mean D_j(out_j of the last pass)^2
 *
 * Passes: everything given, then each modality alone. This is the release's loss over N H W M: weights are the release's. */
#include <stdio.h>
#include <string.h>

#include "model/mmhvae_graph.h"
#include "model/mmhvae_model.h"

enum { MOST_MODS = 4, MAX_MHVAE_PASSES = MOST_MODS + 1 };

typedef struct mhvae_own {
    med_mmhvae_own network;
    const char *mask;
} mhvae_own;

#define T med_mmhvae_own
static const med_option keys[] = {
    MED_MMHVAE_SIZE_KEYS(T),
    MED_OPT_CHOICE(mhvae_own, "mask", mask, "all|full",
                   "training passes whose background is masked: all, or as released only the one that is given everything"),
    MED_OPT_END,
};
#undef T

static const mhvae_own tiny = {{MED_MMHVAE_TINY}, "all"}, small = {{MED_MMHVAE_SMALL}, "all"}, paper = {{MED_MMHVAE_PAPER}, "all"};
static const char *const default_mods[] = {"us", "t2", NULL};

static med_status check(const med_net *n) {
    if (n->n_mods < 2 || n->n_mods > MOST_MODS)
        return med_fail(MED_EUSAGE, "MHVAE takes 2 to %d modalities, not %d: --set modalities= names those to use", MOST_MODS, n->n_mods);
    return med_mmhvae_check_own(n);
}

/* ---- training ---- */

typedef struct step {
    med_graph *g;
    med_mmhvae_config c;
    const med_step_key *key;
    med_step_graph *out;
    int n_passes; /* 0: everything given; then modality p - 1 alone */
    const char *name[MAX_MHVAE_PASSES];
    med_mmhvae_pass pass[MAX_MHVAE_PASSES];
} step;

static void build_pass(step *s, const med_mmhvae_features *f, bool masks_all) {
    med_modset all = med_modset_all(s->c.n_mods);
    int p = s->n_passes++;
    s->name[p] = p ? s->c.mods[p - 1] : "full";
    med_mmhvae_pass_options o = {.given = p ? med_modset_of(p - 1) : all, .target = all, .temperature = 1, .name = s->name[p],
                                 .wants_kl = true, .is_bare = p > 0 && !masks_all};
    med_mmhvae_generate(s->g, &s->c, f, s->key->n, o, &s->pass[p]);
}

static med_val mean_error(step *s, int p) {
    med_val total = MED_NONE;
    for (int j = 0; j < s->c.n_mods; j++)
        total = med_sum_of(s->g, total, med_mean(s->g, med_smooth_l1(s->g, med_sub(s->g, s->pass[p].out[j], s->out->target[j]))));
    return med_mul(s->g, med_scale_shift(s->g, total, 1.0 / s->c.n_mods, 0), s->out->share);
}

static med_val adversarial(step *s, int p) {
    if (!s->key->is_adversarial || !p) return MED_NONE;
    med_val total = MED_NONE;
    for (int j = 0; j < s->c.n_mods; j++)
        total = med_sum_of(s->g, total, med_discriminator_miss(s->g, s->key->discriminator, s->c.mods[j], s->pass[p].out[j], 1));
    return med_mul(s->g, med_scale_shift(s->g, total, 1.0 / (s->c.n_mods * s->c.n_mods), 0), s->out->share);
}

static med_val discriminators(step *s) {
    if (!s->key->trains_discriminators) return MED_NONE;
    med_val total = MED_NONE;
    for (int j = 0; j < s->c.n_mods; j++) {
        const char *mod = s->c.mods[j];
        total = med_sum_of(s->g, total, med_discriminator_miss(s->g, s->key->discriminator, mod, s->out->target[j], 1));
        total = med_sum_of(s->g, total, med_discriminator_miss(s->g, s->key->discriminator, mod, s->pass[s->n_passes - 1].out[j], 0));
    }
    return med_mul(s->g, total, s->out->share);
}

static void add_terms(step *s) {
    med_graph *g = s->g;
    med_val image = MED_NONE, kl = MED_NONE, adv = MED_NONE;
    for (int p = 0; p < s->n_passes; p++) {
        med_val error = mean_error(s, p), judged = adversarial(s, p);
        image = med_sum_of(g, image, error);
        adv = med_sum_of(g, adv, judged);
        med_step_graph_add(s->out, MED_TERM_IMAGE, error, "%s/image", s->name[p]);
        med_step_graph_add(s->out, MED_TERM_ADVERSARIAL, judged, "%s/adversarial", s->name[p]);
        for (int l = 0; l <= s->c.pools; l++) {
            kl = med_sum_of(g, kl, s->pass[p].kl[l]);
            med_step_graph_add(s->out, MED_TERM_KL, s->pass[p].kl[l], "%s/kl/z%d", s->name[p], s->c.pools + 1 - l);
            med_noises_add(&s->out->noise, s->pass[p].eps[l], "%s/z%d", s->name[p], s->c.pools + 1 - l);
            med_step_graph_watch(s->out, s->pass[p].z[l], "z%d of pass %s", s->c.pools + 1 - l, s->name[p]);
        }
        for (int j = 0; j < s->c.n_mods; j++)
            med_step_graph_watch(s->out, s->pass[p].out[j], "%s of pass %s", s->c.mods[j], s->name[p]);
    }
    double per_value = 1.0 / ((double)s->key->n * s->c.height * s->c.width * s->c.n_mods);
    med_val loss = med_add(g, image, med_mul(g, med_mul(g, med_scale_shift(g, kl, per_value, 0), s->out->share), s->out->w_kl));
    s->out->loss[0] = adv.id < 0 ? loss : med_add(g, loss, med_mul(g, adv, s->out->w_dis));
    s->out->loss[1] = discriminators(s);
}

static void build(med_graph *g, const med_net *n, const med_step_key *key, med_step_graph *out) {
    mhvae_own own;
    memcpy(&own, &n->own, sizeof own);
    step s = {.g = g, .c = med_mmhvae_of(n), .key = key, .out = out};
    med_mmhvae_features f;
    out->share = med_input(g, "share", med_shape_1(1));
    out->w_kl = med_input(g, "w_kl", med_shape_1(1));
    if (key->is_adversarial) out->w_dis = med_input(g, "w_dis", med_shape_1(1));
    med_mmhvae_encode(g, &s.c, key->observed, key->n, &f);
    memcpy(out->x, f.x, sizeof out->x);
    for (int j = 0; j < s.c.n_mods; j++) {
        out->target[j] = med_net_image(g, n, "target", j, key->n);
        med_step_graph_watch(out, f.top[j], "top of the encoder of %s", s.c.mods[j]);
    }
    for (int p = 0; p <= s.c.n_mods; p++) build_pass(&s, &f, strcmp(own.mask, "all") == 0);
    add_terms(&s);
}

/* Every step visits everything. */
static med_modset draw_given(const med_net *n, med_modset observed, double progress, med_rng *rng) {
    (void)n, (void)progress, (void)rng;
    return observed;
}

/* So large a weight silences the latents unless it grows over the whole run, however long that is. */
static const char *const short_settings[] = {"w_kl=1", "kl_ramp_epochs=1000000", NULL};
static const char *const paper_settings[] = {"w_kl=1", "kl_ramp_epochs=1000000", "w_dis=1", NULL};
/* One visit of a case, one step. Released: the network sees its discriminators one epoch before
 * they have learnt anything; here both begin at 101. */
static const char *const native[] = {"epochs=500", "subsets=one", "kl_ramp_epochs=500", "w_dis=1", "discriminator_from=101",
                                     "adversarial_from=101", "restart_at=0", "lr=2e-3", "lr_end=1e-4", "batch=16", NULL};

static const med_training training = {
    .n_parts = 1,
    .build = build,
    .init_discriminators = med_mmhvae_init_discriminators,
    .optimizer = {.kind = MED_ADAMAX, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
    .discriminator_optimizer = {.kind = MED_ADAM, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
    .draw_given = draw_given,
    .needs_all = true,
    .settings = {short_settings, short_settings, paper_settings},
    .native = native,
};

const med_model med_model_mhvae = {
    .name = "mhvae",
    .title = "MHVAE",
    .summary = "hierarchical VAE with a product of experts, trained on complete cases (Dorent et al., MICCAI 2023)",
    .keys = keys,
    .own_size = sizeof(mhvae_own),
    .preset = {&tiny, &small, &paper},
    .default_mods = default_mods,
    .check = check,
    .training = &training,
    MED_MMHVAE_FUNCTIONS,
};
