/* golden_resvit.h: what the two files about fixtures of ResViT share. */
#ifndef MED_TASK_GOLDEN_RESVIT_H
#define MED_TASK_GOLDEN_RESVIT_H

#include <string.h>
#include "task/golden_net.h"

typedef struct med_resvit_fixture {
    med_golden *f;
    med_net net;
    med_modset observed;
    int n, ndf;
    bool is_hashed;
    const json_t *train;
    med_weights *weights;
    float *image[2][MED_MAX_MODS]; /* hashed inputs and targets: owned */
} med_resvit_fixture;

/* Input or target j, [n,1,H,W]; borrowed. */
MED_CHECK med_status med_golden_resvit_image(med_resvit_fixture *x, bool is_target, int j, const float **out);

/* Keep masks drop/TAG/..., as a med_noise_fn. */
typedef struct med_golden_masks {
    const med_resvit_fixture *x;
    const char *tag; /* "step0" */
    med_status status;
} med_golden_masks;
void med_golden_resvit_masks(void *context, const med_noise *noise, int first, int n, int64_t per_slice, float *to);

/* The discriminator's tensors disc/... as the fixture has them. */
MED_CHECK med_status med_golden_resvit_fill_discriminator(const med_resvit_fixture *x, const med_weights *w);

/* All tensors that the fixture has under GROUP/TAG/NAME, of the generator or the discriminator, by its tolerances for GROUP. */
MED_CHECK med_status med_golden_resvit_compare(const med_resvit_fixture *x, const char *group, const char *tag, const med_weights *w,
                                               bool of_discriminator);
/* KIND/TAG/NAME of one of our tensors there (owned text). */
char *med_golden_resvit_name(const char *kind, const char *tag, const char *ours);
static inline bool med_golden_is_disc(const char *ours) { return strncmp(ours, "disc/", 5) == 0; }

/* First gradients and all steps. */
MED_CHECK med_status med_golden_resvit_training(med_resvit_fixture *x);

#endif
