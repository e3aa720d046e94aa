/* mmhvae_config.c: presets of the configuration, its keys as JSON and as key=value, and what they must obey. */
#include "model/mmhvae.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "engine/switches.h"

static const char *const default_mods[] = {"us", "t2", "cet1", "flair"};
enum { N_DEFAULT_MODS = 4, SIZE_MAX_PIXELS = 4096, CHANNELS_MAX = 4096 };

/* ---- presets ---- */

typedef struct preset {
    const char *name;
    int base, max, pools, nfinal, nblocks;
} preset;

static const preset presets[] = {
    {"tiny", 8, 32, 4, 8, 2},    /* trains on a phantom in a minute */
    {"small", 8, 64, 5, 8, 4},   /* trains on one patient's scans in a quarter of an hour */
    {"paper", 16, 128, 6, 8, 6}, /* Dorent et al. 2025 */
};
enum { N_PRESETS = sizeof presets / sizeof *presets };

static med_mmhvae_config of_preset(const preset *p) {
    med_mmhvae_config c = {.n_mods = N_DEFAULT_MODS,
                           .height = 192,
                           .width = 192,
                           .base = p->base,
                           .max = p->max,
                           .pools = p->pools,
                           .nfinal = p->nfinal,
                           .nblocks = p->nblocks,
                           .se = true,
                           .residual = true};
    for (int j = 0; j < N_DEFAULT_MODS; j++) strcpy(c.mods[j], default_mods[j]);
    return c;
}

med_status med_mmhvae_preset(const char *name, med_mmhvae_config *out) {
    const char *names[N_PRESETS + 1] = {0};
    for (int i = 0; i < N_PRESETS; i++) {
        names[i] = presets[i].name;
        if (!strcmp(name, presets[i].name)) return *out = of_preset(&presets[i]), MED_OK;
    }
    const char *nearest = med_nearest(name, names);
    if (nearest) return med_fail(MED_EUSAGE, "unknown preset '%s' (did you mean '%s'?)", name, nearest);
    return med_fail(MED_EUSAGE, "unknown preset '%s', expected tiny, small or paper", name);
}

/* ---- keys ---- */

typedef struct keys { /* the configuration as the option table can hold it */
    med_strings modalities, size;
    int base, max, pools, nfinal, nblocks;
    bool se, residual;
} keys;

static const med_option table[] = {
    MED_OPT_LIST(keys, "modalities", modalities, "A,B,...", "in order; the first of those given decides on the mask"),
    MED_OPT_LIST(keys, "size", size, "H,W", "of a slice, pixels along the first and second axis; multiples of 2^pools"),
    MED_OPT_INT(keys, "base", base, 2, CHANNELS_MAX, "channels at full resolution"),
    MED_OPT_INT(keys, "max", max, 2, CHANNELS_MAX, "most channels of any level"),
    MED_OPT_INT(keys, "pools", pools, 1, MED_MAX_POOLS, "steps of halved resolution; one latent level more"),
    MED_OPT_INT(keys, "nfinal", nfinal, 1, CHANNELS_MAX, "channels of an image decoder"),
    MED_OPT_INT(keys, "nblocks", nblocks, 0, 64, "residual blocks of an image decoder"),
    MED_OPT_FLAG(keys, "se", se, "squeeze and excitation in encoder and decoder blocks"),
    MED_OPT_FLAG(keys, "residual", residual, "residual sums in encoder and decoder blocks"),
    MED_OPT_END,
};

/* `size` holds two borrowed texts of `text`. */
typedef struct size_text {
    char text[2][16];
} size_text;

static keys to_keys(const med_mmhvae_config *c, size_text *size) {
    keys k = {.base = c->base,
              .max = c->max,
              .pools = c->pools,
              .nfinal = c->nfinal,
              .nblocks = c->nblocks,
              .se = c->se,
              .residual = c->residual};
    for (int j = 0; j < c->n_mods; j++) k.modalities.item[k.modalities.n++] = c->mods[j];
    if (c->height == 0 && c->width == 0) return k;
    snprintf(size->text[0], sizeof size->text[0], "%d", c->height);
    snprintf(size->text[1], sizeof size->text[1], "%d", c->width);
    k.size = (med_strings){2, {size->text[0], size->text[1]}};
    return k;
}

static med_status read_size(const med_strings *size, int out[2]) {
    out[0] = out[1] = 0;
    if (size->n == 0) return MED_OK;
    for (int i = 0; i < 2; i++) {
        char *end = NULL;
        long value = i < size->n ? strtol(size->item[i], &end, 10) : 0;
        if (size->n != 2 || *end || value < 1 || value > SIZE_MAX_PIXELS)
            return med_fail(MED_EUSAGE, "size: expected H,W, two whole numbers from 1 to %d", SIZE_MAX_PIXELS);
        out[i] = (int)value;
    }
    return MED_OK;
}

static med_status from_keys(const keys *k, med_mmhvae_config *out) {
    int size[2];
    MED_TRY(read_size(&k->size, size));
    if (k->modalities.n > MED_MAX_MODS)
        return med_fail(MED_EUSAGE, "modalities: %d names, at most %d are possible", k->modalities.n, MED_MAX_MODS);
    med_mmhvae_config c = {.n_mods = k->modalities.n,
                           .height = size[0],
                           .width = size[1],
                           .base = k->base,
                           .max = k->max,
                           .pools = k->pools,
                           .nfinal = k->nfinal,
                           .nblocks = k->nblocks,
                           .se = k->se,
                           .residual = k->residual};
    for (int j = 0; j < c.n_mods; j++) {
        const char *name = k->modalities.item[j];
        if (strlen(name) >= MED_MOD_NAME)
            return med_fail(MED_EUSAGE, "modalities: '%.40s...' has more than %d letters", name, MED_MOD_NAME - 1);
        memmove(c.mods[j], name, strlen(name) + 1); /* may be a name of *out */
    }
    *out = c;
    return MED_OK;
}

/* [192, 160] -> ["192", "160"], which is what the table can read. */
static json_t *with_size_as_texts(const json_t *object) {
    json_t *copy = json_copy((json_t *)object), *texts = json_array(), *item;
    size_t i;
    json_array_foreach (json_object_get(object, "size"), i, item) {
        char text[24] = "?";
        if (json_is_integer(item)) snprintf(text, sizeof text, "%lld", (long long)json_integer_value(item));
        json_array_append_new(texts, json_string(text));
    }
    if (json_array_size(texts)) json_object_set(copy, "size", texts);
    json_decref(texts);
    return copy;
}

json_t *med_mmhvae_to_json(const med_mmhvae_config *c) {
    size_text size;
    keys k = to_keys(c, &size);
    json_t *object = med_option_to_json(table, &k);
    if (k.size.n)
        json_object_set_new(object, "size", json_pack("[i,i]", c->height, c->width));
    else
        json_object_del(object, "size");
    return object;
}

med_status med_mmhvae_from_json(const json_t *object, med_mmhvae_config *out) {
    if (!json_is_object(object)) return med_fail(MED_EFORMAT, "the configuration is not a JSON object");
    keys k = {.se = true, .residual = true};
    json_t *readable = with_size_as_texts(object);
    med_status status = med_option_set_json(table, &k, readable, "configuration");
    json_decref(readable);
    return status == MED_OK ? from_keys(&k, out) : status;
}

med_status med_mmhvae_set(med_mmhvae_config *c, const char *pair) {
    if (strncmp(pair, med_switch_prefix, strlen(med_switch_prefix)) == 0) return med_switch_set(pair);
    size_text size;
    keys k = to_keys(c, &size);
    MED_TRY(med_option_set_pair(table, &k, pair));
    return from_keys(&k, c);
}

/* ---- what must hold ---- */

static bool is_name(const char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t n = strlen(name);
    return n > 0 && n < MED_MOD_NAME && strspn(name, letters) == n;
}

static med_status check_mods(const med_mmhvae_config *c) {
    if (c->n_mods < 1 || c->n_mods > MED_MAX_MODS)
        return med_fail(MED_EUSAGE, "modalities: %d names, expected 1 to %d", c->n_mods, MED_MAX_MODS);
    for (int j = 0; j < c->n_mods; j++) {
        if (!is_name(c->mods[j]))
            return med_fail(MED_EUSAGE, "modalities: '%.31s' is no name: letters, digits, - and _, at most %d",
                            c->mods[j], MED_MOD_NAME - 1);
        for (int i = 0; i < j; i++)
            if (!strcmp(c->mods[i], c->mods[j]))
                return med_fail(MED_EUSAGE, "modalities: '%s' is there twice", c->mods[j]);
    }
    return MED_OK;
}

static med_status check_range(const char *key, int value, int min, int max) {
    if (value >= min && value <= max) return MED_OK;
    return med_fail(MED_EUSAGE, "%s is %d, expected %d to %d", key, value, min, max);
}

/* A convolution with reflection needs more pixels than it reflects: 3 of them for 7x7. */
static med_status check_size(const med_mmhvae_config *c) {
    int step = 1 << c->pools;
    const int size[2] = {c->height, c->width};
    for (int i = 0; i < 2; i++)
        if (size[i] < 4 || size[i] > SIZE_MAX_PIXELS || size[i] % step)
            return med_fail(MED_EUSAGE, "size is %d,%d, expected multiples of 2^pools = %d from 4 to %d", c->height,
                            c->width, step, SIZE_MAX_PIXELS);
    return MED_OK;
}

med_status med_mmhvae_check(const med_mmhvae_config *c) {
    MED_TRY(check_mods(c));
    MED_TRY(check_range("base", c->base, 2, CHANNELS_MAX));
    MED_TRY(check_range("max", c->max, 2, CHANNELS_MAX));
    MED_TRY(check_range("pools", c->pools, 1, MED_MAX_POOLS));
    MED_TRY(check_range("nfinal", c->nfinal, 1, CHANNELS_MAX));
    MED_TRY(check_range("nblocks", c->nblocks, 0, 64));
    if (c->base % 2 || c->max % 2)
        return med_fail(MED_EUSAGE, "base is %d and max %d, expected even numbers: latents have half the channels",
                        c->base, c->max);
    if ((int64_t)c->base << c->pools < c->max)
        return med_fail(MED_EUSAGE, "max is %d, but the deepest level has only base*2^pools = %d channels: lower max",
                        c->max, c->base << c->pools);
    return check_size(c);
}
