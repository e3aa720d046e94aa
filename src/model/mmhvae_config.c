/* mmhvae_config.c: settings of MMHVAE, their presets and what they must obey. */
#include "model/mmhvae_model.h"

#include <string.h>
#include "base/memory.h"

const med_option med_mmhvae_keys[] = {
    MED_MMHVAE_SIZE_KEYS(med_mmhvae_own),
    MED_OPT_INT(med_mmhvae_own, "levels", levels, 0, MED_MAX_LEVELS,
                "stochastic levels, from the top; plain blocks take the place of the others; 0: all, pools + 1"),
    MED_OPT_CHOICE(med_mmhvae_own, "fusion", fusion, "poe|poe-precision|average|concat-zero",
                   "how posteriors of the given become one: product weighted by 1/std or by 1/variance, average, or one "
                   "network on all their features"),
    MED_OPT_END,
};

static const char *const fusion_names[] = {[MED_FUSION_POE] = "poe", [MED_FUSION_POE_PRECISION] = "poe-precision",
                                           [MED_FUSION_AVERAGE] = "average", [MED_FUSION_CONCAT] = "concat-zero"};

const char *med_mmhvae_fusion_name(med_fusion fusion) { return fusion_names[fusion]; }

const med_mmhvae_own med_mmhvae_tiny = {MED_MMHVAE_TINY}, med_mmhvae_small = {MED_MMHVAE_SMALL}, med_mmhvae_paper = {MED_MMHVAE_PAPER};

/* ---- the same as a network ---- */

med_mmhvae_config med_mmhvae_of(const med_net *n) {
    med_mmhvae_own own;
    memcpy(&own, &n->own, sizeof own);
    med_mmhvae_config c = {.n_mods = n->n_mods, .height = n->height, .width = n->width, .base = own.base, .max = own.max,
                           .pools = own.pools, .nfinal = own.nfinal, .nblocks = own.nblocks, .se = own.se, .residual = own.residual};
    memcpy(c.mods, n->mods, sizeof c.mods);
    c.levels = own.levels;
    while (own.fusion && strcmp(own.fusion, fusion_names[c.fusion]) != 0) c.fusion++; /* one of the table's words */
    return c;
}

med_net med_mmhvae_net(const med_mmhvae_config *c) {
    med_net n = {.model = &med_model_mmhvae, .n_mods = c->n_mods, .height = c->height, .width = c->width};
    med_mmhvae_own own = {.base = c->base, .max = c->max, .pools = c->pools, .nfinal = c->nfinal, .nblocks = c->nblocks,
                          .se = c->se, .residual = c->residual, .levels = c->levels, .fusion = fusion_names[c->fusion]};
    memcpy(n.mods, c->mods, sizeof n.mods);
    memcpy(&n.own, &own, sizeof own);
    return n;
}

med_status med_mmhvae_preset(const char *name, med_mmhvae_config *out) {
    med_net n;
    MED_TRY(med_net_preset(&med_model_mmhvae, name, &n));
    *out = med_mmhvae_of(&n);
    return MED_OK;
}

json_t *med_mmhvae_to_json(const med_mmhvae_config *c) {
    med_net n = med_mmhvae_net(c);
    return med_net_to_json(&n);
}

med_status med_mmhvae_from_json(const json_t *object, med_mmhvae_config *out) {
    med_net n;
    MED_TRY(med_net_from_json(&med_model_mmhvae, object, &n));
    *out = med_mmhvae_of(&n);
    return MED_OK;
}

med_status med_mmhvae_set(med_mmhvae_config *c, const char *pair) {
    med_net n = med_mmhvae_net(c);
    MED_TRY(med_net_set(&n, pair));
    *c = med_mmhvae_of(&n);
    return MED_OK;
}

void med_mmhvae_describe(const med_mmhvae_config *c, med_weights *w) {
    med_net n = med_mmhvae_net(c);
    med_net_describe(&n, w);
}

/* ---- what must hold ---- */

static med_status check_range(const char *key, int value, int min, int max) {
    if (value >= min && value <= max) return MED_OK;
    return med_fail(MED_EUSAGE, "%s is %d, expected %d to %d", key, value, min, max);
}

med_status med_mmhvae_check_own(const med_net *n) {
    med_mmhvae_own c;
    memcpy(&c, &n->own, sizeof c);
    MED_TRY(check_range("base", c.base, 2, MED_MMHVAE_CHANNELS));
    MED_TRY(check_range("max", c.max, 2, MED_MMHVAE_CHANNELS));
    MED_TRY(check_range("pools", c.pools, 1, MED_MAX_POOLS));
    MED_TRY(check_range("nfinal", c.nfinal, 1, MED_MMHVAE_CHANNELS));
    MED_TRY(check_range("nblocks", c.nblocks, 0, 64));
    if (c.base % 2 || c.max % 2)
        return med_fail(MED_EUSAGE, "base is %d and max %d, expected even numbers: latents have half the channels", c.base, c.max);
    if ((int64_t)c.base << c.pools < c.max)
        return med_fail(MED_EUSAGE, "max is %d, but the deepest level has only base*2^pools = %d channels: lower max", c.max,
                        c.base << c.pools);
    if (c.levels > c.pools + 1)
        return med_fail(MED_EUSAGE, "levels is %d, expected at most pools + 1 = %d", c.levels, c.pools + 1);
    return MED_OK;
}

int med_mmhvae_levels(const med_mmhvae_config *c) { return c->levels ? c->levels : c->pools + 1; }

int med_mmhvae_size_step(const med_net *n) {
    med_mmhvae_own c;
    memcpy(&c, &n->own, sizeof c);
    return 1 << c.pools;
}

med_status med_mmhvae_check(const med_mmhvae_config *c) {
    med_net n = med_mmhvae_net(c);
    return med_net_check(&n);
}
