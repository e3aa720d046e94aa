/* resvit.h: ResViT's generator and discriminator as graphs (resvit_network.c), which resvit.c makes a model of. */
#ifndef MED_MODEL_RESVIT_H
#define MED_MODEL_RESVIT_H

#include "model/trainer.h"

enum { MED_RESVIT_GRID = 16 }; /* pixels along the side of a token */

typedef struct med_resvit_config {
    int ngf, hidden, mlp, heads, layers;
    double dropout, fill, w_pix, w_rec;
    bool transformer, many_to_one;
} med_resvit_config;

/* One pass through either network. */
typedef struct med_resvit_pass {
    med_graph *g;
    const med_net *net;
    med_resvit_config own;
    int n;                /* slices */
    med_step_graph *step; /* training: norms take the statistics of the batch, and dropout is on; NULL: running statistics */
    bool is_repeated;     /* another part of the step moves the running statistics of this pass */
} med_resvit_pass;

/* Images [n,n_out,H,W] in (-1,1) from the stack [n,n_in,H,W]. Parameters as in the release: encoder_1/1/weight, ... */
med_val med_resvit_generate(med_resvit_pass *p, med_val x, int n_out);
/* Score map [n,1,H/8-2,W/8-2]; parameters disc/K/..., K as in the release. */
med_val med_resvit_judge(med_resvit_pass *p, int ndf, med_val x);

#endif
