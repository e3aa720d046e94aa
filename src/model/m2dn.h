/* m2dn.h: the network of M2DN for one step of its diffusion; sampling and training are in m2dn.c. */
#ifndef MED_MODEL_M2DN_H
#define MED_MODEL_M2DN_H

#include "model/net.h"

typedef struct med_m2dn_input {
    med_val x[MED_MAX_MODS]; /* [n,1,H,W] of every modality: clean, or noisy */
    med_val u;               /* the step, [n,1] or [1,1] for all (med_diffusion) */
    med_val missing;         /* [n,modalities,H/16,W/16]: 1 where a modality is missing, else 0 */
} med_m2dn_input;

extern const med_diffusion med_m2dn_diffusion;
/* Images [n,1,H,W] of the wanted modalities, all of them clean. */
void med_m2dn_network(med_graph *g, const med_net *net, const med_m2dn_input *in, med_modset wanted, med_val out[MED_MAX_MODS]);

#endif
