/* noise.h: gradient noise in three dimensions (Perlin 1985, with the quintic of Perlin 2002).
 *
 * Smooth, band limited to about one wave per unit, zero mean, standard deviation about 0.25, within [-1, 1].
 * Each instance has its own table, lattice rotation and offset, so its zeros do not follow the axes of the world. */
#ifndef MED_DATA_NOISE_H
#define MED_DATA_NOISE_H

#include "base/random.h"

typedef struct med_vec3 {
    float x, y, z;
} med_vec3;

typedef struct med_noise {
    uint8_t table[512];
    float rotation[3][3]; /* rows: lattice axes in world coordinates */
    float offset[3];
} med_noise;

med_noise med_noise_create(med_rng_key key);
/* Value at p, in units of one wave. */
float med_noise_at(const med_noise *noise, med_vec3 p);
/* The same with its gradient by p. */
float med_noise_with_gradient(const med_noise *noise, med_vec3 p, med_vec3 *gradient);

#endif
