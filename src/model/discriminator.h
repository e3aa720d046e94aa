/* discriminator.h: PatchGAN discriminators with the least-squares objective (Mao et al. 2017), one per modality. */
#ifndef MED_MODEL_DISCRIMINATOR_H
#define MED_MODEL_DISCRIMINATOR_H

#include "base/modset.h"
#include "engine/graph.h"
#include "engine/weights.h"

typedef struct med_discriminator_config {
    int ndf;    /* channels of the first convolution; doubled per layer up to 4*ndf */
    int layers; /* stride-2 convolutions; two of stride 1 follow */
} med_discriminator_config;

/* Most layers, up to `wanted`, that leave a map for the last two convolutions. */
int med_discriminator_layers(int height, int width, int wanted);
/* Scores [n,1,h,w] of images [n,1,H,W]; parameters disc/MOD/K/{weight,bias}, K = 0..layers+1. */
med_val med_discriminator_build(med_graph *g, med_discriminator_config c, const char *mod, med_val image);
/* score[i] of image[i], n of them as one batch: weights are read and transformed once for all. */
void med_discriminator_scores(med_graph *g, med_discriminator_config c, const char *mod, const med_val *image, int n, med_val *score);
/* mean (score - goal)^2, by scores or of an image */
med_val med_score_miss(med_graph *g, med_val score, double goal);
med_val med_discriminator_miss(med_graph *g, med_discriminator_config c, const char *mod, med_val image, double goal);
/* Parameters of one discriminator added to `w`: uniform +-1/sqrt(fan_in) by the seed. */
MED_CHECK med_status med_discriminator_init(med_discriminator_config c, const char *mod, uint64_t seed, med_weights *w);

#endif
