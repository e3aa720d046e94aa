/* random.c: Philox words by Random123, and normals from them by Box-Muller in float.
 *
 * log, sin and cos are written here, from +, *, / and sqrt alone and compiled without contraction, so that a normal
 * has the same bits on every processor and in every instruction set. */
#include "base/random.h"

#include <Random123/philox.h>
#include <math.h>
#include <string.h>
#include "base/status.h"
#include "base/thread.h"

enum { GROUP = 64, TASK_BLOCKS = 4096 }; /* blocks of 4 numbers: per inner loop; per task of the pool */

uint64_t med_site_of(const char *name) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *p = name; *p; p++) hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    return hash;
}

static inline __attribute__((always_inline)) philox4x32_ctr_t block_words(med_rng_key key, uint32_t index) {
    philox4x32_ctr_t counter = {{index, (uint32_t)key.step, (uint32_t)key.site, (uint32_t)(key.site >> 32)}};
    philox4x32_key_t seed = {{(uint32_t)key.seed, (uint32_t)(key.seed >> 32)}};
    return philox4x32(counter, seed);
}

void med_philox(med_rng_key key, uint32_t index, uint32_t out[4]) {
    philox4x32_ctr_t words = block_words(key, index);
    memcpy(out, words.v, sizeof words.v);
}

/* ---- normals ---- */

static inline float float_of_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline uint32_t bits_of_float(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* log(x) of a normal x > 0: x = m * 2^e with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh((m-1)/(m+1)) by its series,
 * whose first dropped term is below 2e-9. */
static inline float log_of(float x) {
    uint32_t bits = bits_of_float(x), shifted = bits - 0x3f3504f3u; /* sqrt(1/2) */
    int32_t e = (int32_t)shifted >> 23;
    float m = float_of_bits((shifted & 0x007fffffu) + 0x3f3504f3u);
    float s = (m - 1.0f) / (m + 1.0f), t = s * s;
    float series = 1.0f + t * (1.0f / 3 + t * (1.0f / 5 + t * (1.0f / 7 + t * (1.0f / 9))));
    return (float)e * 0.693147181f + 2.0f * s * series;
}

/* sin and cos on [-pi/4, pi/4], Taylor; dropped terms below 2e-9. */
static inline float sin_of(float a) {
    float t = a * a;
    return a * (1.0f + t * (-1.0f / 6 + t * (1.0f / 120 + t * (-1.0f / 5040 + t * (1.0f / 362880)))));
}
static inline float cos_of(float a) {
    float t = a * a;
    return 1.0f + t * (-0.5f + t * (1.0f / 24 + t * (-1.0f / 720 + t * (1.0f / 40320 + t * (-1.0f / 3628800)))));
}

/* Two normals of two words: radius from 31 bits of `u` (up to 6.66 standard deviations), angle from 26 of `v`: its two
 * high bits turn by quarters, 24 more place the point within the quarter. */
static inline void box_muller(uint32_t u, uint32_t v, float *x, float *y) {
    float uniform = ((float)(int32_t)(u >> 1) + 0.5f) * 0x1p-31f;
    float radius = sqrtf(-2.0f * log_of(uniform));
    float within = ((float)((int32_t)(v >> 6 & 0xffffffu) - 0x800000) + 0.5f) * 0x1p-24f;
    float angle = within * 1.57079633f;
    uint32_t s = bits_of_float(sin_of(angle)), c = bits_of_float(cos_of(angle));
    uint32_t swap = -(v >> 30 & 1), flip = v & 0x80000000u;
    uint32_t a = ((c & ~swap) | (s & swap)) ^ (swap & 0x80000000u), b = (s & ~swap) | (c & swap);
    *x = radius * float_of_bits(a ^ flip);
    *y = radius * float_of_bits(b ^ flip);
}

typedef void fill_group_fn(float *out, med_rng_key key, uint32_t first_block);

static inline __attribute__((always_inline)) void words_of_group(uint32_t w[4][GROUP], med_rng_key key,
                                                                 uint32_t first) {
    for (int i = 0; i < GROUP; i++) {
        philox4x32_ctr_t words = block_words(key, first + (uint32_t)i);
        for (int j = 0; j < 4; j++) w[j][i] = words.v[j];
    }
}
static inline __attribute__((always_inline)) void normal_group(float *out, med_rng_key key, uint32_t first_block) {
    uint32_t w[4][GROUP];
    float x[4][GROUP];
    words_of_group(w, key, first_block);
    for (int i = 0; i < GROUP; i++) box_muller(w[0][i], w[1][i], &x[0][i], &x[1][i]);
    for (int i = 0; i < GROUP; i++) box_muller(w[2][i], w[3][i], &x[2][i], &x[3][i]);
    for (int i = 0; i < GROUP; i++)
        for (int j = 0; j < 4; j++) out[4 * i + j] = x[j][i];
}
static inline __attribute__((always_inline)) void uniform_group(float *out, med_rng_key key, uint32_t first_block) {
    uint32_t w[4][GROUP];
    words_of_group(w, key, first_block);
    for (int i = 0; i < GROUP; i++)
        for (int j = 0; j < 4; j++) out[4 * i + j] = (float)(int32_t)(w[j][i] >> 8) * 0x1p-24f;
}

static void normal_group_any(float *out, med_rng_key key, uint32_t first) { normal_group(out, key, first); }
static void uniform_group_any(float *out, med_rng_key key, uint32_t first) { uniform_group(out, key, first); }
#if defined(__x86_64__) && !defined(MEDLEY_NO_INTRINSICS)
__attribute__((target("avx2"))) static void normal_group_avx2(float *out, med_rng_key key, uint32_t first) {
    normal_group(out, key, first);
}
__attribute__((target("avx2"))) static void uniform_group_avx2(float *out, med_rng_key key, uint32_t first) {
    uniform_group(out, key, first);
}
static fill_group_fn *choose(fill_group_fn *any, fill_group_fn *avx2) {
    return __builtin_cpu_supports("avx2") ? avx2 : any;
}
#else
enum { normal_group_avx2 = 0, uniform_group_avx2 = 0 };
#define choose(any, avx2) (any)
#endif

typedef struct fill_job {
    fill_group_fn *fill;
    float *out;
    size_t n;
    med_rng_key key;
} fill_job;

static void fill_task(void *context, int task) {
    const fill_job *job = context;
    size_t block = (size_t)task * TASK_BLOCKS, end = block + TASK_BLOCKS, n_blocks = (job->n + 3) / 4;
    if (end > n_blocks) end = n_blocks;
    for (; block < end; block += GROUP) {
        size_t at = 4 * block, left = job->n - at;
        if (left >= 4 * GROUP) {
            job->fill(job->out + at, job->key, (uint32_t)block);
        } else {
            float tail[4 * GROUP];
            job->fill(tail, job->key, (uint32_t)block);
            memcpy(job->out + at, tail, left * sizeof(float));
        }
    }
}

static void fill(fill_job job) {
    size_t n_tasks = ((job.n + 3) / 4 + TASK_BLOCKS - 1) / TASK_BLOCKS;
    med_assert(job.n <= (size_t)1 << 34); /* block indices have 32 bits */
    med_parallel((int)n_tasks, fill_task, &job);
}

void med_normal_fill(float *out, size_t n, med_rng_key key) {
    fill((fill_job){choose(normal_group_any, normal_group_avx2), out, n, key});
}
void med_uniform_fill(float *out, size_t n, med_rng_key key) {
    fill((fill_job){choose(uniform_group_any, uniform_group_avx2), out, n, key});
}

/* ---- sequential drawing ---- */

med_rng med_rng_start(med_rng_key key) { return (med_rng){.key = key, .used = 4}; }

uint32_t med_rng_u32(med_rng *rng) {
    if (rng->used == 4) {
        med_philox(rng->key, rng->index++, rng->word);
        rng->used = 0;
    }
    return rng->word[rng->used++];
}

double med_rng_uniform(med_rng *rng) {
    uint64_t high = med_rng_u32(rng), low = med_rng_u32(rng);
    return (double)((high << 32 | low) >> 11) * 0x1p-53;
}

double med_rng_range(med_rng *rng, double lo, double hi) { return lo + (hi - lo) * med_rng_uniform(rng); }

double med_rng_normal(med_rng *rng) {
    uint32_t u = med_rng_u32(rng), v = med_rng_u32(rng);
    float x, y;
    box_muller(u, v, &x, &y);
    return x;
}

/* Lemire 2019: multiply, and reject the few words that would favour small results. */
uint32_t med_rng_below(med_rng *rng, uint32_t n) {
    med_assert(n > 0);
    uint32_t threshold = -n % n;
    for (;;) {
        uint64_t product = (uint64_t)med_rng_u32(rng) * n;
        if ((uint32_t)product >= threshold) return (uint32_t)(product >> 32);
    }
}

void med_rng_shuffle(med_rng *rng, int *items, int n) {
    for (int i = n - 1; i > 0; i--) {
        int j = (int)med_rng_below(rng, (uint32_t)i + 1), kept = items[i];
        items[i] = items[j];
        items[j] = kept;
    }
}

static uint64_t splitmix64(uint64_t z) {
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

void med_hashed_fill(float *out, size_t n, const char *name, uint64_t seed, double scale) {
    uint64_t state = med_site_of(name) ^ seed;
    for (size_t i = 0; i < n; i++) {
        uint64_t z = splitmix64(state + (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u);
        out[i] = (float)(scale * ((double)(z >> 40) / 8388608 - 1));
    }
}
