/* phantom_mr.c: MR signal of tissue mixtures.
 *
 * Harmonised target: one table of tissues for all cases, plus texture. As acquired: the table varied by case, the same
 * texture, another contrast curve, a bias field, Rician noise, and the arbitrary units of a scanner. */
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/thread.h"
#include "data/phantom_parts.h"

const char *const phantom_mr_names[] = {"t2", "cet1", "flair", "t1", NULL};
enum { MR_T2, MR_CET1, MR_FLAIR, MR_T1, N_MR };

/* Harmonised values, and how much a tissue's value wanders within a case (slow texture). */
static const float table[N_MR][N_TISSUES] = {
    /*          CSF   ventr grey  white deep  vessel dura plexus spot  solid necr  rim   oedema cyst calcium */
    [MR_T2] = {.96f, .96f, .58f, .37f, .46f, .10f, .14f, .66f, .64f, .74f, .80f, .60f, .72f, .92f, .12f},
    [MR_CET1] = {.13f, .13f, .40f, .53f, .46f, .95f, .72f, .80f, .44f, .31f, .20f, .88f, .36f, .15f, .28f},
    [MR_FLAIR] = {.09f, .09f, .55f, .41f, .50f, .14f, .26f, .46f, .80f, .80f, .44f, .66f, .86f, .22f, .20f},
    [MR_T1] = {.13f, .13f, .46f, .68f, .55f, .18f, .28f, .34f, .50f, .33f, .22f, .38f, .42f, .15f, .40f},
};
static const float unrest[N_TISSUES] = {.02f, .02f, .03f, .03f, .03f, .02f, .02f, .06f,
                                        .08f, .08f, .11f, .09f, .09f, .03f, .02f};

typedef struct mr_job {
    const phantom_scene *scene;
    phantom_mr_volumes out;
    int mr;
    float mine[N_TISSUES]; /* this case's table */
    float gamma, units, noise;
    med_noise slow, bias;
} mr_job;

static mr_job job_create(const phantom_scene *s, int mr, phantom_mr_volumes out) {
    med_rng rng = med_rng_start(phantom_key(s, "phantom/mr", (uint64_t)mr));
    mr_job job = {.scene = s, .out = out, .mr = mr};
    for (int t = 0; t < N_TISSUES; t++)
        job.mine[t] = clampf(table[mr][t] * (1 + 0.09f * clampf((float)med_rng_normal(&rng), -2, 2)), 0.02f, 1.2f);
    job.gamma = expf((float)med_rng_range(&rng, -0.25, 0.25));
    job.units = expf((float)med_rng_range(&rng, log(250), log(3000)));
    job.noise = (float)med_rng_range(&rng, 0.012, 0.035);
    job.slow = med_noise_create(phantom_key(s, "phantom/mr/slow", (uint64_t)mr));
    job.bias = med_noise_create(phantom_key(s, "phantom/mr/bias", (uint64_t)mr));
    return job;
}

/* White noise smoothed in the plane by 1-2-1, of standard deviation 1; `draws` has room for n[0] * n[1]. */
static void fine_texture(const int n[3], med_rng_key key, float *draws, float *out) {
    size_t count = (size_t)n[0] * (size_t)n[1];
    med_normal_fill(draws, count, key);
    for (int j = 0; j < n[1]; j++)
        for (int i = 0; i < n[0]; i++) {
            float sum = 0;
            for (int b = -1; b <= 1; b++)
                for (int a = -1; a <= 1; a++) {
                    int x = i + a < 0       ? 0
                            : i + a >= n[0] ? n[0] - 1
                                            : i + a,
                        y = j + b < 0       ? 0
                            : j + b >= n[1] ? n[1] - 1
                                            : j + b;
                    sum += draws[(size_t)y * (size_t)n[0] + (size_t)x] * (float)((2 - abs(a)) * (2 - abs(b)));
                }
            out[(size_t)j * (size_t)n[0] + (size_t)i] = sum / 6; /* sqrt of the sum of squared weights */
        }
}

static void draw_slice(void *context, int k) {
    const mr_job *job = context;
    const phantom_scene *s = job->scene;
    size_t plane = (size_t)s->n[0] * (size_t)s->n[1];
    float *draws = med_scratch(0, 4 * plane * sizeof(float)), *texture = draws + plane, *noise = draws + 2 * plane;
    uint64_t step = (uint64_t)job->mr << 24 | (uint64_t)k;
    fine_texture(s->n, phantom_key(s, "phantom/mr/texture", step), draws, texture);
    med_normal_fill(noise, 2 * plane, phantom_key(s, "phantom/mr/noise", step));
    for (size_t i = 0; i < plane; i++) {
        size_t at = (size_t)k * plane + i;
        if (!s->is_brain[at]) continue;
        med_vec3 p = phantom_scene_at(s, (float)(i % (size_t)s->n[0]), (float)(i / (size_t)s->n[0]), (float)k);
        float wander = (2.2f * med_noise_at(&job->slow, vec_scale(p, 1 / 7.0f))) * phantom_scene_mean(s, at, unrest) +
                       0.012f * texture[i];
        float target = phantom_scene_mean(s, at, table[job->mr]) + wander;
        job->out.target[at] = rintf(clampf(target, 1 / 255.0f, 1) * 4096) / 4096; /* 12 bits: compresses well */

        float bias = expf(0.9f * med_noise_at(&job->bias, vec_scale(p, 1 / 130.0f)));
        float signal = powf(fmaxf(phantom_scene_mean(s, at, job->mine) + wander, 0.005f), job->gamma) * bias;
        float real = signal + job->noise * noise[2 * i], imaginary = job->noise * noise[2 * i + 1];
        job->out.acquired[at] = fmaxf(rintf(hypotf(real, imaginary) * job->units), 1);
    }
}

void phantom_mr_draw(const phantom_scene *s, const char *mr, phantom_mr_volumes out) {
    int index = 0;
    while (strcmp(phantom_mr_names[index], mr) != 0) index++;
    memset(out.acquired, 0, s->count * sizeof(float));
    memset(out.target, 0, s->count * sizeof(float));
    mr_job job = job_create(s, index, out);
    med_parallel(s->n[2], draw_slice, &job);
}
