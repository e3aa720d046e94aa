/* fma_peak.c: multiply-adds on registers only, with one instruction set: what a convolution is measured against. */
#include "backend/cpu/kernels.h"

enum { CHAINS = 12 };

double ISA(fma_peak)(long n_rounds, float *sink) {
    vf acc[CHAINS], factor = vf_all(*sink), term = vf_all(0.5f);
    UNROLL for (int i = 0; i < CHAINS; i++) acc[i] = vf_all((float)i);
    for (long r = 0; r < n_rounds; r++) {
        UNROLL for (int i = 0; i < CHAINS; i++) acc[i] = acc[i] * factor + term;
    }
    vf sum = vf_all(0);
    UNROLL for (int i = 0; i < CHAINS; i++) sum += acc[i];
    *sink = sum[0];
    return 2.0 * CHAINS * VL * (double)n_rounds;
}
