/* switches.h: the ways of planning and computing that can be turned on and off, to compare with and without.
 *
 * All are on but the last three, which gain nothing where they were measured (docs/speed.md). `--set plan.NAME=off` (or on) of
 * a verb or the environment MEDLEY_PLAN="NAME=off,NAME=on" turns one for the whole process; plans that exist already keep
 * theirs. */
#ifndef MED_ENGINE_SWITCHES_H
#define MED_ENGINE_SWITCHES_H

#include <stdbool.h>
#include "base/status.h"

typedef enum med_switch {
    MED_SWITCH_WINOGRAD,   /* 3x3 stride-1 convolutions by F(4x4,3x3); off: a third of the rounding error */
    MED_SWITCH_STRASSEN,   /* large linear layers by 15 instead of 18 products of parts */
    MED_SWITCH_COMMON,     /* what several nodes compute alike is computed once */
    MED_SWITCH_BIASES,     /* biases that only a norm sees are dropped */
    MED_SWITCH_NORM_GRADS, /* an activation's gradient joins its norm's */
    MED_SWITCH_EPILOGUES,  /* norm and activation behind a depthwise convolution are applied to the plane at hand */
    MED_SWITCH_RESIDUALS,  /* what is added to a 1x1 convolution is added where it writes */
    MED_SWITCH_PROLOGUES,  /* norm, activation, scale in front of an op are applied while reading */
    MED_SWITCH_RECOMPUTE,  /* cheap values are computed again on the way back instead of being kept */
    MED_SWITCH_SIDES,      /* statistics and means are written by the op whose output they are of */
    MED_SWITCH_GROUPS,     /* slices of a volume are computed in groups, together where planes are small */
    MED_SWITCH_BRANCHES,   /* what only one output needs is computed by one thread, outputs beside each other */
    MED_SWITCH_FIRST_OFF,
    MED_SWITCH_POINTS = MED_SWITCH_FIRST_OFF, /* weights that never change are transformed for Winograd once */
    MED_SWITCH_SQUEEZES,   /* factors of squeeze and excitation are known before the convolution that they scale */
    MED_SWITCH_FOLDS,      /* a norm without activation goes into the weights of the convolution behind it */
    MED_N_SWITCHES
} med_switch;

bool med_switch_is_on(med_switch which);
extern const char med_switch_prefix[]; /* "plan." */
/* "plan.winograd=off"; MED_EUSAGE names the switches there are. */
MED_CHECK med_status med_switch_set(const char *pair);

#endif
