/* train_config.c: the keys of `medley train --set key=value` and their presets. */
#include "task/train_config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread.h"
#include "engine/switches.h"

#define T med_train_config
enum { MAX_EPOCHS = 1000000, MAX_STEPS = 1000000000 };

const med_option med_train_keys[] = {
    MED_OPT_LIST(T, "size", size, "H,W",
                 "slice size of the network in voxels (default: the data set's, rounded up to its steps)"),

    MED_OPT_LIST(T, "modalities", modalities, "MOD,...",
                 "modalities of the data set that the network knows (default: all; of mhvae us,t2)"),
    MED_OPT_CHOICE(T, "schedule", schedule, "common|native",
                   "lengths, rates and batches: the same for all models, or as the model's authors trained it"),
    MED_OPT_TEXT(
        T, "anchor", anchor, "MOD",
        "modality that is given alone in one pass of every step; none: no such pass (default: the data set's)"),
    MED_OPT_CHOICE(T, "subsets", subsets, "all|one",
                   "subsets of the other modalities per visit of a case: every one in turn, or one drawn at random"),
    MED_OPT_CHOICE(T, "inputs", inputs, "model|tested",
                   "what a step gives, where the model draws it: as its authors drew, or what tests give: the anchor alone half of the time, else other modalities"),
    MED_OPT_FLOAT(T, "w_kl", w_kl, 0, 1e6, "weight of the Kullback-Leibler term per voxel"),
    MED_OPT_INT(T, "kl_ramp_epochs", kl_ramp_epochs, 0, MAX_EPOCHS, "epochs over which w_kl grows from 0, the whole run if it has fewer"),
    MED_OPT_FLOAT(T, "w_dis", w_dis, 0, 1e6, "weight of the adversarial term; 0: no discriminators"),
    MED_OPT_INT(T, "discriminator_from", discriminator_from, 1, MAX_EPOCHS,
                "epoch from which discriminators are trained"),
    MED_OPT_INT(T, "adversarial_from", adversarial_from, 1, MAX_EPOCHS, "epoch from which the network sees them"),
    MED_OPT_INT(T, "restart_at", restart_at, 0, MAX_EPOCHS,
                "epoch at which the network's optimiser forgets its moments; 0: never"),
    MED_OPT_INT(T, "disc_layers", disc_layers, 1, 8,
                "halving convolutions of a discriminator, fewer where slices are small"),
    MED_OPT_INT(T, "ndf", ndf, 1, 256, "channels of a discriminator's first convolution"),
    MED_OPT_FLAG(T, "smooth_l1", smooth_l1, "smooth L1 instead of L1 between images"),

    MED_OPT_INT(T, "epochs", epochs, 1, MAX_EPOCHS, "length of the schedule: in one epoch every case is visited once"),
    MED_OPT_INT(T, "steps", steps, 0, MAX_STEPS,
                "stop after this many steps and fit epochs to them; 0: as many as the epochs give"),
    MED_OPT_INT(T, "batch", batch, 1, 4096, "neighbouring slices per step"),
    MED_OPT_INT(T, "micro_batch", micro_batch, 0, 4096,
                "pieces of a batch computed at the same time, at most one a thread; results do not depend on it; 0: by the slices' size"),
    MED_OPT_FLOAT(T, "lr", lr, 0, 1, "learning rate at the start (Adamax)"),
    MED_OPT_FLOAT(T, "lr_end", lr_end, 0, 1, "and at the end"),
    MED_OPT_CHOICE(T, "lr_decay", lr_decay, "cosine|linear",
                   "half a cosine from one to the other, epoch by epoch; or constant for half of the epochs, then a line, the discriminators' rate as well"),
    MED_OPT_INT(T, "warmup_steps", warmup_steps, 0, MAX_STEPS, "first steps, over which the network's rate grows from 0"),
    MED_OPT_FLOAT(T, "lr_disc", lr_disc, 0, 1, "learning rate of the discriminators (Adam)"),
    MED_OPT_FLOAT(T, "flip", flip, 0, 1, "probability of a left-right flip"),

    MED_OPT_FLOAT(T, "clip", clip, 0, 1e9, "largest norm of the network's gradient; a longer one is shortened; 0: any"),
    MED_OPT_FLOAT(T, "ema", ema, 0, 0.999999,
                  "weight of the past in a moving average of the weights, which is then what is validated and kept; 0: none"),

    MED_OPT_INT(T, "fold", fold, 0, 1000, "which of the data set's splits"),
    MED_OPT_INT(T, "val_every", val_every, 0, MAX_EPOCHS, "epochs from one validation to the next; 0: never"),
    MED_OPT_FLOAT(T, "val_ema", val_ema, 0, 0.9999,
                  "weight of the past in the moving average of the validation error, whose least is the best model"),
    MED_OPT_INT(T, "cache_mb", cache_mb, 1, 1 << 20, "megabytes that the training cases may take in memory"),
    MED_OPT_INT(T, "log_every", log_every, 1, MAX_STEPS, "steps from one line of log.jsonl to the next"),
    MED_OPT_INT(T, "samples_every", samples_every, 0, MAX_EPOCHS, "epochs from one picture of samples to the next; 0: none"),
    MED_OPT_INT(T, "skip_nonfinite", skip_nonfinite, 0, MAX_STEPS,
                "steps without finite loss and gradient that are passed over before the training stops"),
    MED_OPT_FLOAT(T, "checkpoint_minutes", checkpoint_minutes, 0, 1e6,
                  "minutes from one checkpoint to the next; 0: every step"),
    MED_OPT_END,
};
#undef T

/* What every preset has, unless its row says otherwise: the paper's numbers. */
static const med_train_config paper = {
    .subsets = "all",
    .inputs = "model",
    .schedule = "common",
    .lr_decay = "cosine",
    .w_kl = 1e-3,
    .kl_ramp_epochs = 50,
    .w_dis = 0.05,
    .discriminator_from = 790,
    .adversarial_from = 800,
    .restart_at = 780,
    .disc_layers = 6,
    .ndf = 64,
    .epochs = 1000,
    .batch = 16,
    .lr = 2e-3,
    .lr_end = 1e-4,
    .lr_disc = 2e-4,
    .flip = 0.5,
    .val_every = 1,
    .val_ema = 0.95,
    .cache_mb = 1024,
    .log_every = 1,
    .samples_every = 20,
    .checkpoint_minutes = 10,
};

/* Without the adversarial term, which sharpens pictures but needs a long training before it. */
static med_train_config shortened(int epochs, int batch, int val_every) {
    med_train_config c = paper;
    c.epochs = epochs;
    c.batch = batch;
    c.val_every = val_every;
    c.kl_ramp_epochs = epochs / 4;
    c.w_dis = 0;
    c.restart_at = epochs * 3 / 4 + 1;
    c.discriminator_from = c.adversarial_from = c.restart_at;
    c.ndf = 16;
    c.val_ema = 0.5;
    c.samples_every = 10;
    c.checkpoint_minutes = 2;
    return c;
}

static med_train_config preset_paper(void) { return paper; }
static med_train_config preset_small(void) { return shortened(200, 8, 5); }
static med_train_config preset_tiny(void) {
    med_train_config c = shortened(60, 4, 5);
    c.subsets = "one";
    return c;
}
static med_train_config preset_demo(void) {
    med_train_config c = shortened(48, 4, 12);
    c.subsets = "one";
    return c;
}

static const struct preset {
    const char *name, *network;
    int size; /* 0 tiny, 1 small, 2 paper */
    med_train_config (*schedule)(void);
} presets[] = {
    {"tiny", "tiny", 0, preset_tiny},
    {"small", "small", 1, preset_small},
    {"paper", "paper", 2, preset_paper},
    {"demo", "tiny", 0, preset_demo},
};
enum { N_PRESETS = sizeof presets / sizeof *presets };

static med_status fail_preset(const char *name) {
    const char *names[N_PRESETS + 1] = {NULL};
    for (int i = 0; i < N_PRESETS; i++) names[i] = presets[i].name;
    const char *nearest = med_nearest(name, names);
    if (nearest) return med_fail(MED_EUSAGE, "unknown preset '%s' (did you mean '%s'?)", name, nearest);
    return med_fail(MED_EUSAGE, "unknown preset '%s', expected tiny, small, paper or demo", name);
}

static bool has_key(const med_option *table, const char *pair) {
    size_t n = strcspn(pair, "=");
    for (; table->name; table++)
        if (strlen(table->name) == n && strncmp(table->name, pair, n) == 0) return true;
    return false;
}

/* An unknown key is looked for among those of the network too. */
static med_status fail_key(const med_model *model, const char *pair) {
    enum { MAX_KEYS = 128 };
    const char *names[MAX_KEYS + 1] = {NULL};
    int n = 0;
    for (const med_option *o = med_train_keys; o->name && n < MAX_KEYS; o++) names[n++] = o->name;
    for (const med_option *o = model->keys; o->name && n < MAX_KEYS; o++) names[n++] = o->name;
    char *key = strndup(pair, strcspn(pair, "="));
    const char *nearest = med_nearest(key, names);
    med_status status = nearest ? med_fail(MED_EUSAGE, "unknown option '%.40s' (did you mean '%s'?)", key, nearest)
                                : med_fail(MED_EUSAGE, "unknown option '%.40s' for model %s", key, model->name);
    free(key);
    return status;
}

med_status med_train_set(med_train_config *c, med_net *net, const char *pair) {
    bool is_switch = strncmp(pair, med_switch_prefix, strlen(med_switch_prefix)) == 0;
    if (is_switch || has_key(net->model->keys, pair)) return med_net_set(net, pair);
    return has_key(med_train_keys, pair) ? med_option_set_pair(med_train_keys, c, pair) : fail_key(net->model, pair);
}

/* NULL: none. */
static med_status set_all(const char *const *pairs, med_train_config *c, med_net *net) {
    for (; pairs && *pairs; pairs++) MED_TRY(med_train_set(c, net, *pairs));
    return MED_OK;
}

med_status med_train_preset(const char *name, const med_model *model, med_train_config *out, med_net *net) {
    for (int i = 0; i < N_PRESETS; i++) {
        if (strcmp(name, presets[i].name) != 0) continue;
        *out = presets[i].schedule();
        MED_TRY(med_net_preset(model, presets[i].network, net));
        return set_all(model->training->settings[presets[i].size], out, net);
    }
    return fail_preset(name);
}

/* ---- as the authors trained it ---- */

/* Keys that count epochs shrink with a run that is shorter than the authors'. */
static bool counts_epochs(const char *pair) {
    static const char *const keys[] = {"kl_ramp_epochs=", "discriminator_from=", "adversarial_from=", "restart_at="};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strncmp(pair, keys[i], strlen(keys[i])) == 0) return true;
    return false;
}

med_status med_train_native(const char *preset, med_train_config *c, med_net *net) {
    static const char epochs_key[] = "epochs=";
    const char *const *pairs = net->model->training->native;
    if (!pairs)
        return med_fail(MED_EUSAGE, "schedule: %s has no schedule of its own but the common one", net->model->title);
    double shorter = 1;
    for (const char *const *p = pairs; *p; p++) {
        if (strncmp(*p, epochs_key, strlen(epochs_key)) != 0) continue;
        if (strcmp(preset, "paper") == 0) MED_TRY(med_train_set(c, net, *p));
        else shorter = c->epochs / strtod(*p + strlen(epochs_key), NULL);
    }
    for (; *pairs; pairs++) {
        if (strncmp(*pairs, epochs_key, strlen(epochs_key)) == 0) continue;
        const char *equals = strchr(*pairs, '=');
        int n = (int)lround(shorter * strtod(equals + 1, NULL));
        char *pair = counts_epochs(*pairs) ? med_format("%.*s%d", (int)(equals + 1 - *pairs), *pairs, n < 1 ? 1 : n) : med_strdup(*pairs);
        med_status status = med_train_set(c, net, pair);
        free(pair);
        MED_TRY(status);
    }
    return MED_OK;
}

med_status med_train_config_check(const med_train_config *c) {
    if (c->lr_end > c->lr)
        return med_fail(MED_EUSAGE, "lr_end is %g, expected at most lr, which is %g", c->lr_end, c->lr);
    if (c->w_dis > 0 && c->adversarial_from < c->discriminator_from)
        return med_fail(MED_EUSAGE, "adversarial_from is %d, expected at least discriminator_from, which is %d",
                        c->adversarial_from, c->discriminator_from);
    return MED_OK;
}

static med_status parse_size(const med_strings *size, int *height, int *width) {
    int *to[2] = {height, width};
    if (size->n != 2) return med_fail(MED_EUSAGE, "size has %d numbers, expected H,W", size->n);
    for (int i = 0; i < 2; i++) {
        char *end;
        long x = strtol(size->item[i], &end, 10);
        if (*end || x < 1 || x > 1 << 16)
            return med_fail(MED_EUSAGE, "size is '%s', expected a whole number from 1 to 65536", size->item[i]);
        *to[i] = (int)x;
    }
    return MED_OK;
}

static int round_up(int n, int step) { return (n + step - 1) / step * step; }

med_status med_train_model(const med_train_config *c, int n_mods, char mods[][MED_MOD_NAME], int nx, int ny, med_net *net) {
    net->n_mods = n_mods;
    memcpy(net->mods, mods, (size_t)n_mods * sizeof *mods);
    net->height = net->width = 0;
    MED_TRY(net->model->check(net)); /* before its step is believed */
    net->height = round_up(nx, net->model->size_step(net));
    net->width = round_up(ny, net->model->size_step(net));
    if (c->size.n) MED_TRY(parse_size(&c->size, &net->height, &net->width));
    return med_net_check(net);
}

int med_train_micro_batch(const med_train_config *c, const med_net *model) {
    enum { PIXELS = 1 << 15, FEW = 2 }; /* a slice of 192 x 192 keeps many threads busy alone; two are faster on a slice each */
    int few = med_threads() <= FEW ? med_threads() : 1, by_size = PIXELS / (model->height * model->width);
    int n = c->micro_batch ? c->micro_batch : by_size > few ? by_size : few;
    if (n > med_threads()) n = med_threads();
    return n < 1 ? 1 : n < c->batch ? n : c->batch;
}

med_trainer_options med_train_trainer_options(const med_train_config *c, const med_net *net) {
    const med_training *training = net->model->training;
    med_trainer_options o = {.n_micro = med_train_micro_batch(c, net),
                             .smooth_l1 = c->smooth_l1,
                             .clip = c->clip,
                             .ema = c->ema,
                             .updates_at_once = c->skip_nonfinite == 0, /* a step that is passed over changes nothing */
                             .optimizer = training->optimizer,
                             .discriminator_optimizer = training->discriminator_optimizer};
    o.optimizer.lr = c->lr;
    o.discriminator_optimizer.lr = c->lr_disc;
    return o;
}
