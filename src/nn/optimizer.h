/* optimizer.h: Adamax and Adam (Kingma & Ba 2015) as PyTorch computes them, on plain arrays. */
#ifndef MED_NN_OPTIMIZER_H
#define MED_NN_OPTIMIZER_H

#include <stdint.h>

typedef enum med_optimizer_kind { MED_ADAMAX, MED_ADAM } med_optimizer_kind;
typedef struct med_optimizer_config {
    med_optimizer_kind kind;
    double lr, beta1, beta2, eps;
} med_optimizer_config;

/* One update of n parameters in place. m, v: state, zero before step 1 (v is the infinity norm for Adamax). step counts from 1. */
void med_optimizer_step(med_optimizer_config c, int64_t step, int64_t n, float *param, const float *grad, float *m, float *v);

#endif
