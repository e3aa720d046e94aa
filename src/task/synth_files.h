/* synth_files.h: medley synth: images of one case or many in, synthetic images with their sidecars out. */
#ifndef MED_TASK_SYNTH_FILES_H
#define MED_TASK_SYNTH_FILES_H

#include <stdint.h>
#include "base/option.h"

typedef struct med_synth_config {
    const char *weights, *out;
    const char *in;     /* case folder, flat folder or data set; NULL: `images` is one case */
    med_strings images; /* "MOD=FILE" */
    med_strings given;  /* empty: all that are there */
    med_strings target; /* empty: all of the model that are not given */
    med_strings set;    /* configuration overrides, "key=value" */
    double temperature; /* scale of the posterior's standard deviation */
    int n_samples;      /* mean of that many draws */
    bool mirror;        /* and of as many of the mirrored images */
    bool uncertainty;   /* standard deviation over the draws as well */
    bool with_given;    /* the given MRs as well, harmonised as the network's targets were */
    const char *scale;  /* "unit": [0,1], float32; "network": [-1,1], float32; "release": 0..255, uint8 */
    uint64_t seed;
    const char *command_line; /* for the sidecars */
} med_synth_config;

/* Writes OUT/CASE-MOD.nii.gz, CASE-MOD.json and with `uncertainty` CASE-MOD-sd.nii.gz, on the grid of the case's
 * inputs; `with_given` needs weights that record a harmonisation (MED_EUSAGE). Nothing is computed when one of these is there. A case of many that fails is reported and the others go on:
 * MED_EFAIL at the end; one that lacks nothing is skipped. Fills `report`: model, weights_sha256, cases. */
MED_CHECK med_status med_synth_files(const med_synth_config *c, json_t *report);

#endif
