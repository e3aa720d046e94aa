/* train_config.h: everything that decides what a training run computes, as documented keys with presets.
 * Epochs are counted from 1. The seed and the data set are not part of it. */
#ifndef MED_TASK_TRAIN_CONFIG_H
#define MED_TASK_TRAIN_CONFIG_H

#include "base/option.h"
#include "model/trainer.h"

typedef struct med_train_config {
    med_strings modalities; /* of the data set, that the network knows; empty: as the model is used to */
    const char *schedule, *lr_decay;
    med_strings size; /* of the network's slices, "H,W"; empty: the data set's slice size, rounded up */
    /* the objective */
    const char *anchor, *subsets, *inputs;
    double w_kl, w_dis;
    int kl_ramp_epochs, discriminator_from, adversarial_from, restart_at;
    int disc_layers, ndf;
    bool smooth_l1;
    /* the schedule */
    int epochs, steps, batch, micro_batch, warmup_steps;
    double lr, lr_end, lr_disc, flip, clip, ema;
    /* the cases, and choosing the best */
    int fold, val_every;
    double val_ema;
    /* the machine, and the run folder */
    int cache_mb, log_every, samples_every, skip_nonfinite;
    double checkpoint_minutes;
} med_train_config;

extern const med_option med_train_keys[];

/* "tiny", "small", "paper", "demo": schedule and network of this model. MED_EUSAGE names the nearest. */
MED_CHECK med_status med_train_preset(const char *name, const med_model *model, med_train_config *out, med_net *net);
/* The settings of the model's authors, for a run that a preset began. MED_EUSAGE: it has none. */
MED_CHECK med_status med_train_native(const char *preset, med_train_config *c, med_net *net);
/* "key=value" of the training or of the network. */
MED_CHECK med_status med_train_set(med_train_config *c, med_net *net, const char *pair);
/* What ranges of single keys cannot say. */
MED_CHECK med_status med_train_config_check(const med_train_config *c);

/* Fits the network to these modalities and slices of nx x ny voxels (rounded up to its steps unless `size` is set). */
MED_CHECK med_status med_train_model(const med_train_config *c, int n_mods, char mods[][MED_MOD_NAME], int nx, int ny,
                                     med_net *net);
/* What a trainer is told by the settings; no discriminators, seed 0. */
med_trainer_options med_train_trainer_options(const med_train_config *c, const med_net *net);
/* Pieces of a batch computed at a time. */
int med_train_micro_batch(const med_train_config *c, const med_net *model);

#endif
