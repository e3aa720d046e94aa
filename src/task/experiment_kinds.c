/* experiment_kinds.c: the experiments and their arms. Figures are quoted only where public text has them. */
#include <stdio.h>
#include <string.h>

#include "model/mmhvae.h"
#include "task/experiment_work.h"

static med_arm *add(med_arm *arms, int *n, const char *name, const char *title, const char *model, const char *set) {
    if (*n == MED_MAX_ARMS) return &arms[*n - 1];
    med_arm *a = &arms[(*n)++];
    *a = (med_arm){0};
    snprintf(a->name, sizeof a->name, "%s", name);
    snprintf(a->title, sizeof a->title, "%s", title);
    med_status found = med_model_find(model, &a->model);
    med_assert(found == MED_OK);
    if (set) snprintf(a->set[a->n_set++], sizeof a->set[0], "%s", set);
    return a;
}

/* Every model of this program. */
static void list_baselines(const med_net *preset, med_arm *arms, int *n) {
    (void)preset;
    for (int i = 0; med_models[i]; i++) add(arms, n, med_models[i]->name, med_models[i]->title, med_models[i]->name, NULL);
}

/* All levels first, then every second fewer, down to one. */
static void list_depths(const med_net *preset, med_arm *arms, int *n) {
    med_mmhvae_config c = med_mmhvae_of(preset);
    for (int levels = c.pools + 1; levels >= 1; levels = levels > 2 ? levels - 2 : levels - 1) {
        char name[40], title[48], set[48];
        snprintf(name, sizeof name, "levels%d", levels);
        snprintf(title, sizeof title, "L = %d", levels);
        snprintf(set, sizeof set, "levels=%d", levels);
        add(arms, n, name, title, "mmhvae", set);
    }
}

static void list_fusions(const med_net *preset, med_arm *arms, int *n) {
    (void)preset;
    add(arms, n, "poe", "product, 1/std", "mmhvae", "fusion=poe");
    add(arms, n, "poe-precision", "product, 1/variance", "mmhvae", "fusion=poe-precision");
    add(arms, n, "average", "average", "mmhvae", "fusion=average");
    add(arms, n, "concat-zero", "concatenation", "mmhvae", "fusion=concat-zero");
}

static void list_gan(const med_net *preset, med_arm *arms, int *n) {
    (void)preset;
    add(arms, n, "without", "without GAN", "mmhvae", "w_dis=0");
    add(arms, n, "with", "with GAN", "mmhvae", "w_dis=0.025");
}

static const char remind[] = "ReMIND, mean over all inputs";
static const med_published depth_published[] = {
    {"L = 7", "t2", "psnr", remind, 28.6}, {"L = 7", "cet1", "psnr", remind, 29.8}, {.arm = NULL}};

static const med_experiment_kind kinds[] = {
    {"baselines", "Baselines", "Which model fills in best what is missing?", "not in public text", list_baselines, NULL},
    {"ablation-depth", "Number of stochastic levels", "Does a deeper hierarchy of latents help?", "L = 7 > 5 > 3 > 1", list_depths, depth_published},
    {"ablation-fusion", "Fusion of posteriors", "Is the product of experts better than other ways to fuse what is given?",
     "product > average > zero-filled concatenation", list_fusions, NULL},
    {"ablation-gan", "Adversarial term", "What does the adversarial term do?", "better LPIPS, worse PSNR and SSIM", list_gan, NULL},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

med_status med_experiment_find(const char *name, const med_experiment_kind **out) {
    const char *names[N_KINDS + 1] = {NULL};
    for (int i = 0; i < N_KINDS; i++) {
        names[i] = kinds[i].name;
        *out = &kinds[i];
        if (strcmp(name, names[i]) == 0) return MED_OK;
    }
    const char *nearest = med_nearest(name, names);
    return med_fail(MED_EUSAGE, "unknown experiment '%.40s'%s%s%s; there are baselines, ablation-depth, ablation-fusion and ablation-gan", name,
                    nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "");
}
