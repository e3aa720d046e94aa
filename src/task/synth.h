/* synth.h: fill in missing modalities: volumes in, volumes out. */
#ifndef MED_TASK_SYNTH_H
#define MED_TASK_SYNTH_H

#include <jansson.h>
#include "base/option.h"
#include "image/volume.h"
#include "model/net.h"

/* A model ready to run: weights, configuration, plans cached by (given, target, temperature, slices at once). */
typedef struct med_synth_model med_synth_model; /* owned */
/* `slice`: the images' in-plane size (only used where the file does not tell), {0,0} unknown; `set`: configuration
 * overrides, NULL none. */
MED_CHECK med_status med_synth_model_open(const char *weights_path, const int slice[2], const med_strings *set,
                                          med_synth_model **out);
/* With weights that somebody else owns and does not change meanwhile (training). */
med_synth_model *med_synth_model_borrow(const med_weights *weights, const med_net *config);
void med_synth_model_free(med_synth_model *m);
const med_net *med_synth_model_config(const med_synth_model *m);
/* How the targets that the network learnt were harmonised (data/harmonise.h); NULL: not recorded. New reference. */
json_t *med_synth_model_harmonisation(const med_synth_model *m);
const char *med_synth_model_hash(const med_synth_model *m); /* SHA-256 of the weights file, hex; borrowed weights: "" */

typedef struct med_synth_options {
    med_modset given, target; /* neither empty */
    double temperature;       /* scale of the posterior's standard deviation; 0: no noise */
    int n_samples;            /* mean of that many draws */
    bool is_mirrored;         /* each draw also of the slices mirrored along axis 0: twice the draws, the second half of them
                                 mirrored back; for networks that learnt from mirrored slices */
    bool slice_by_slice;      /* never in groups: the same images, a little slower, with the memory of one slice a thread */
    uint64_t seed;
} med_synth_options;

/* inputs[j] (NULL: missing) at network scale, all on one grid of any size; slices are planes of axis 2, centred in the
 * model's grid by crop or background padding and put back (what was cropped is background). Slices whose field of view
 * (first given > -1) is empty are -1. out[j] (and sd[j] when sd is not NULL) are created for every target on the
 * inputs' grid, network scale; the others are NULL. sd: standard deviation over the draws (n - 1), 0 where nothing was
 * drawn. Noise depends on seed, level, draw and slice number only: not on threads, batches or other cases.
 * MED_EUSAGE: a given modality without input, grids that differ (both are printed). */
MED_CHECK med_status med_synth_run(med_synth_model *m, const med_volume *const inputs[MED_MAX_MODS],
                                   const med_synth_options *options, med_volume *out[MED_MAX_MODS],
                                   med_volume *sd[MED_MAX_MODS]);

#endif
