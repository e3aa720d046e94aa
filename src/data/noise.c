/* noise.c: gradient noise. A unit cell blends the linear functions of its eight corners; their slopes come from a
 * shuffled table. The derivative is exact, so |value| / |gradient| estimates the distance to the noise's zeros. */
#include "data/noise.h"

#include <math.h>

static med_vec3 random_unit(med_rng *rng) {
    double z = med_rng_range(rng, -1, 1), angle = med_rng_range(rng, 0, 2 * M_PI), s = sqrt(1 - z * z);
    return (med_vec3){(float)(s * cos(angle)), (float)(s * sin(angle)), (float)z};
}

med_noise med_noise_create(med_rng_key key) {
    med_noise noise;
    med_rng rng = med_rng_start(key);
    int items[256];
    for (int i = 0; i < 256; i++) items[i] = i;
    med_rng_shuffle(&rng, items, 256);
    for (int i = 0; i < 512; i++) noise.table[i] = (uint8_t)items[i & 255];
    med_vec3 a = random_unit(&rng), b = random_unit(&rng);
    float along = a.x * b.x + a.y * b.y + a.z * b.z;
    med_vec3 c = {b.x - along * a.x, b.y - along * a.y, b.z - along * a.z};
    float length = sqrtf(c.x * c.x + c.y * c.y + c.z * c.z) + 1e-12f;
    c = (med_vec3){c.x / length, c.y / length, c.z / length};
    float rows[3][3] = {
        {a.x, a.y, a.z}, {c.x, c.y, c.z}, {a.y * c.z - a.z * c.y, a.z * c.x - a.x * c.z, a.x * c.y - a.y * c.x}};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) noise.rotation[i][j] = rows[i][j];
        noise.offset[i] = (float)med_rng_range(&rng, 0, 256);
    }
    return noise;
}

/* Slopes: the twelve directions to a cube's edges, four of them twice. */
static const float slopes[16][3] = {
    {1, 1, 0}, {-1, 1, 0}, {1, -1, 0}, {-1, -1, 0}, {1, 0, 1}, {-1, 0, 1}, {1, 0, -1}, {-1, 0, -1},
    {0, 1, 1}, {0, -1, 1}, {0, 1, -1}, {0, -1, -1}, {1, 1, 0}, {-1, 1, 0}, {0, -1, 1}, {0, -1, -1},
};

typedef struct cell {
    const float *slope[8]; /* corner bits: 1 = x, 2 = y, 4 = z */
    float at[3], fade[3];
} cell;

static inline cell cell_of(const med_noise *noise, med_vec3 p) {
    cell c;
    int index[3];
    for (int i = 0; i < 3; i++) {
        const float *row = noise->rotation[i];
        float u = row[0] * p.x + row[1] * p.y + row[2] * p.z + noise->offset[i], base = floorf(u), t = u - base;
        index[i] = (int)base;
        c.at[i] = t;
        c.fade[i] = t * t * t * (t * (t * 6 - 15) + 10);
    }
    const uint8_t *table = noise->table;
    for (int corner = 0; corner < 8; corner++) {
        unsigned x = (unsigned)(index[0] + (corner & 1)) & 255, y = (unsigned)(index[1] + (corner >> 1 & 1)) & 255;
        unsigned z = (unsigned)(index[2] + (corner >> 2)) & 255;
        c.slope[corner] = slopes[table[table[table[x] + y] + z] & 15];
    }
    return c;
}

static inline float corner_value(const cell *c, int corner) {
    const float *s = c->slope[corner];
    return s[0] * (c->at[0] - (float)(corner & 1)) + s[1] * (c->at[1] - (float)(corner >> 1 & 1)) +
           s[2] * (c->at[2] - (float)(corner >> 2));
}

static inline float mix(float a, float b, float t) { return a + t * (b - a); }

/* Trilinear blend of eight numbers. */
static inline float blend(const float v[8], const float t[3]) {
    float front = mix(mix(v[0], v[1], t[0]), mix(v[2], v[3], t[0]), t[1]);
    float back = mix(mix(v[4], v[5], t[0]), mix(v[6], v[7], t[0]), t[1]);
    return mix(front, back, t[2]);
}

float med_noise_at(const med_noise *noise, med_vec3 p) {
    cell c = cell_of(noise, p);
    float v[8];
    for (int i = 0; i < 8; i++) v[i] = corner_value(&c, i);
    return blend(v, c.fade);
}

float med_noise_with_gradient(const med_noise *noise, med_vec3 p, med_vec3 *gradient) {
    cell c = cell_of(noise, p);
    float v[8], along[3];
    for (int i = 0; i < 8; i++) v[i] = corner_value(&c, i);
    for (int axis = 0; axis < 3; axis++) {
        float s[8], step[8], t = c.at[axis], rate = 30 * t * t * (t * (t - 2) + 1);
        for (int i = 0; i < 8; i++) {
            s[i] = c.slope[i][axis];
            step[i] = v[i | 1 << axis] - v[i & ~(1 << axis)]; /* both corners of an edge carry its difference */
        }
        along[axis] = blend(s, c.fade) + rate * blend(step, c.fade);
    }
    *gradient = (med_vec3){
        noise->rotation[0][0] * along[0] + noise->rotation[1][0] * along[1] + noise->rotation[2][0] * along[2],
        noise->rotation[0][1] * along[0] + noise->rotation[1][1] * along[1] + noise->rotation[2][1] * along[2],
        noise->rotation[0][2] * along[0] + noise->rotation[1][2] * along[1] + noise->rotation[2][2] * along[2],
    };
    return blend(v, c.fade);
}
