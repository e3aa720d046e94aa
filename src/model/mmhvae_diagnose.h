/* mmhvae_diagnose.h: where a training step lost its numbers. */
#ifndef MED_MODEL_MMHVAE_DIAGNOSE_H
#define MED_MODEL_MMHVAE_DIAGNOSE_H

#include "model/mmhvae_trainer.h"

/* MED_EFAIL, always: names the pass and level, or the gradient, that is not finite, the largest activations of the batch,
 * and what to change. Runs the network once more, forward. */
MED_CHECK med_status med_mmhvae_diagnose(const med_mmhvae_config *c, const med_weights *weights, const med_weights *gradients,
                                         const med_step_input *in, const med_step_result *r);
/* Names of passes in logs and messages: "full", "anchor", "subset"; without an anchor the second is "subset". */
const char *med_mmhvae_pass_name(bool has_anchor, int pass);

#endif
