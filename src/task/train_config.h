/* train_config.h: everything that decides what a training run computes, as documented keys with presets.
 * Epochs are counted from 1. The seed and the data set are not part of it. */
#ifndef MED_TASK_TRAIN_CONFIG_H
#define MED_TASK_TRAIN_CONFIG_H

#include "base/option.h"
#include "model/mmhvae.h"

typedef struct med_train_config {
    /* the network; modalities come from the data set */
    int base, max, pools, nfinal, nblocks;
    bool se, residual;
    med_strings size; /* "H,W"; empty: the data set's slice size, rounded up */
    /* the objective */
    const char *anchor, *subsets;
    double w_kl, w_dis;
    int kl_ramp_epochs, discriminator_from, adversarial_from, restart_at;
    int disc_layers, ndf;
    bool smooth_l1;
    /* the schedule */
    int epochs, steps, batch, micro_batch;
    double lr, lr_end, lr_disc, flip, clip, ema;
    /* the cases, and choosing the best */
    int fold, val_every;
    double val_ema;
    /* the machine, and the run folder */
    int cache_mb, log_every, samples_every, skip_nonfinite;
    double checkpoint_minutes;
} med_train_config;

extern const med_option med_train_keys[];

/* "tiny", "small", "paper", "demo". MED_EUSAGE names the nearest. */
MED_CHECK med_status med_train_preset(const char *name, med_train_config *out);
/* What ranges of single keys cannot say. */
MED_CHECK med_status med_train_config_check(const med_train_config *c);

/* The network for these modalities and slices of nx x ny voxels (rounded up to multiples of 2^pools unless `size` is set). */
MED_CHECK med_status med_train_model(const med_train_config *c, int n_mods, char mods[][MED_MOD_NAME], int nx, int ny,
                                     med_mmhvae_config *out);
/* Slices computed at a time. */
int med_train_micro_batch(const med_train_config *c, const med_mmhvae_config *model);

#endif
