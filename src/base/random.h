/* random.h: counter-based random numbers: Philox 4x32-10 (Salmon et al. 2011, by Random123).
 *
 * A number is a pure function of (seed, site, step, index): the same on every device, for every thread count,
 * after every resume. Nothing here has state except med_rng, a convenience for sequential drawing. */
#ifndef MED_BASE_RANDOM_H
#define MED_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Where randomness is used: seed is the user's; site names the use (med_site_of("phantom/cortex")); step counts uses. */
typedef struct med_rng_key {
    uint64_t seed, site, step;
} med_rng_key;

uint64_t med_site_of(const char *name); /* FNV-1a 64 */

/* Four words of block `index`: key = seed (2 words); counter = index (32 bits), step (32 low bits), site (64 bits). */
void med_philox(med_rng_key key, uint32_t index, uint32_t out[4]);

/* Fill with N(0,1) by Box-Muller in float: element i depends on (key, i / 4) only. */
void med_normal_fill(float *out, size_t n, med_rng_key key);
/* Fill with uniform numbers in [0, 1). */
void med_uniform_fill(float *out, size_t n, med_rng_key key);

/* scale * u, u uniform in [-1, 1) with 24 bits: what fixtures hash from names (splitmix64 from med_site_of(name) ^ seed). */
void med_hashed_fill(float *out, size_t n, const char *name, uint64_t seed, double scale);

/* Sequential drawing from one key. */
typedef struct med_rng {
    med_rng_key key;
    uint32_t index, used, word[4];
} med_rng;
med_rng med_rng_start(med_rng_key key);
uint32_t med_rng_u32(med_rng *rng);
double med_rng_uniform(med_rng *rng);                    /* [0, 1) */
double med_rng_range(med_rng *rng, double lo, double hi);
double med_rng_normal(med_rng *rng);
uint32_t med_rng_below(med_rng *rng, uint32_t n);        /* 0..n-1, unbiased */
void med_rng_shuffle(med_rng *rng, int *items, int n);

#endif
