/* diagnose.h: where a training step lost its numbers. */
#ifndef MED_MODEL_DIAGNOSE_H
#define MED_MODEL_DIAGNOSE_H

#include "model/trainer.h"

/* MED_EFAIL, always: names the term or the gradient that is not finite (`spoiled`'s; NULL: none alone), the largest activations of the batch, and what to
 * change. Runs the part of the step once more, forward, slice by slice where it can. */
MED_CHECK med_status med_diagnose(const med_net *net, const med_weights *weights, const med_weights *discriminators,
                                  const char *spoiled, const med_step_key *key, const med_step_input *in,
                                  const med_step_result *r);

#endif
