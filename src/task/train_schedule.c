/* train_schedule.c: schedules and draws. The same seed gives the same run, whatever happened in between. */
#include "task/train_schedule.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/trainer.h"

/* As ResViT's authors: constant for half of the epochs, then down to 0 in the last; one epoch alone is not passed at 0. */
static double linear_decay(int epochs, int epoch) {
    int n_constant = (epochs + 1) / 2, n_late = epoch + 1 - n_constant;
    return n_late < 0 || epochs == 1 ? 1 : 1 - (double)n_late / (epochs - n_constant + 1);
}

med_train_phase med_train_phase_of(const med_train_config *c, int epoch) {
    bool is_linear = strcmp(c->lr_decay, "linear") == 0;
    double part = is_linear ? linear_decay(c->epochs, epoch) : 0.5 * (1 + cos(M_PI * (epoch - 1) / c->epochs));
    med_train_phase p = {.lr = c->lr_end + (c->lr - c->lr_end) * part, .lr_disc = is_linear ? c->lr_disc * part : c->lr_disc, .w_kl = c->w_kl};
    int ramp = c->kl_ramp_epochs < c->epochs ? c->kl_ramp_epochs : c->epochs;
    if (epoch < ramp) p.w_kl *= (double)epoch / ramp;
    bool is_adversarial = c->w_dis > 0;
    p.w_dis = is_adversarial && epoch >= c->adversarial_from ? c->w_dis : 0;
    p.trains_discriminators = is_adversarial && epoch >= c->discriminator_from;
    p.restarts = is_adversarial && epoch == c->restart_at;
    return p;
}

double med_train_warmth(const med_train_config *c, long n_steps) {
    return n_steps < c->warmup_steps ? (double)(n_steps + 1) / c->warmup_steps : 1;
}

void med_train_order(uint64_t seed, int epoch, int n, int *order) {
    for (int i = 0; i < n; i++) order[i] = i;
    med_rng rng = med_rng_start((med_rng_key){seed, med_site_of("train/order"), (uint64_t)epoch});
    med_rng_shuffle(&rng, order, n);
}

/* ---- subsets ---- */

static med_modset choosable(med_train_subject s) { /* beside the anchor */
    return s.anchor < 0 ? s.observed : s.observed & ~med_modset_of(s.anchor);
}

long med_train_n_subsets(med_train_subject s) {
    if (s.is_drawn && med_modset_count(s.observed) < 2) return 0;
    if (!s.is_drawn && s.anchor >= 0 && !med_modset_has(s.observed, s.anchor)) return 0;
    int n = med_modset_count(choosable(s));
    long all = (1L << n) - 1;
    return s.anchor < 0 && n > 1 ? all - 1 : all;
}

/* The bits of i+1 spread over the modalities that can be chosen; the full set comes last. */
med_modset med_train_subset(med_train_subject s, long i) {
    med_modset out = 0;
    int bit = 0;
    MED_MODSET_EACH (j, choosable(s)) {
        if ((i + 1) >> bit & 1) out |= med_modset_of(j);
        bit++;
    }
    return out;
}

med_modset med_train_draw_tested(med_train_subject s, med_rng *rng) {
    bool has_anchor = s.anchor >= 0 && med_modset_has(s.observed, s.anchor);
    if (!has_anchor) return med_draw_subset(s.observed, rng);
    if (med_rng_uniform(rng) < 0.5) return med_modset_of(s.anchor);
    med_modset others = choosable(s);
    uint32_t n = (uint32_t)1 << med_modset_count(others);
    return med_train_subset(s, (long)med_rng_below(rng, n - 1));
}

long med_train_visit_steps(const med_train_config *c, med_train_subject s) {
    long n = med_train_n_subsets(s);
    return n > 1 && strcmp(c->subsets, "one") == 0 ? 1 : n;
}

/* ---- one visit ---- */

med_train_draw med_train_draw_of(const med_train_config *c, uint64_t seed, int epoch, const char *case_name,
                                 int n_slices, med_train_subject s) {
    char site[512];
    snprintf(site, sizeof site, "train/visit/%s", case_name);
    med_rng rng = med_rng_start((med_rng_key){seed, med_site_of(site), (uint64_t)epoch});
    med_train_draw d = {.n = c->batch < n_slices ? c->batch : n_slices};
    d.first = (int)med_rng_below(&rng, (uint32_t)(n_slices - d.n + 1));
    d.is_flipped = med_rng_uniform(&rng) < c->flip;
    d.subset = (long)med_rng_below(&rng, (uint32_t)med_train_n_subsets(s));
    return d;
}
