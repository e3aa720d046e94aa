/* mmhvae_model.h: parts of MMHVAE's descriptor, for the models that are the same network in other settings. */
#ifndef MED_MODEL_MMHVAE_MODEL_H
#define MED_MODEL_MMHVAE_MODEL_H

#include "model/mmhvae.h"
#include "model/trainer.h"

char *med_mmhvae_describe_net(const med_net *n);
MED_CHECK med_status med_mmhvae_parameters_net(const med_net *n, med_parameter_fn *visit, void *context);
MED_CHECK med_status med_mmhvae_init_net(const med_net *n, uint64_t seed, med_weights **out);
void med_mmhvae_infer_net(med_graph *g, const med_net *n, const med_infer_options *o, med_inference *out);
void med_mmhvae_settle_size_net(const med_weights *w, med_net *n);
extern const med_training med_mmhvae_training;

#endif
