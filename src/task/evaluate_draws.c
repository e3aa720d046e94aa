/* evaluate_draws.c: several draws of one image: how different they are, and whether the truth lies among them as often as it
 * should. */
#include <math.h>
#include <stdlib.h>
#include "base/memory.h"
#include "metric/samples.h"
#include "task/evaluate_images.h"

typedef struct draws { /* owned */
    int n;
    med_volume **volume;
} draws;

static med_status load_draws(med_image_judge *j, const med_image_pair *p, draws *out) {
    int n = j->e.options->draws.n;
    *out = (draws){0, med_alloc(sizeof(med_volume *) * (size_t)n)};
    for (int d = 0; d < n; d++) {
        const med_found *found = med_found_get(&j->draws[d], p->pred->case_name, p->pred->key);
        if (!found) continue;
        med_volume **at = &out->volume[out->n];
        MED_TRY(med_image_load_scaled(found->path, &p->scale, p->reference, at));
        out->n++;
        if (!med_grid_equal((*at)->grid, p->reference->grid, 1e-3))
            return med_fail(MED_EFORMAT, "%s and %s must lie on one grid", found->path, p->ref->path);
    }
    return MED_OK;
}

static void add(med_image_judge *j, const med_image_pair *p, const char *metric, double value) {
    med_score row = p->base;
    row.preset = "draws";
    row.metric = metric;
    row.value = value;
    med_score_table_add(j->e.cases, &row);
}

static void judge_voxels(med_image_judge *j, const med_image_pair *p, const draws *d) {
    const med_volume *reference = p->reference;
    size_t n_voxels = med_grid_count(reference->grid);
    const float **voxels = med_alloc(sizeof *voxels * (size_t)(d->n + 1));
    uint8_t *mask = med_alloc(n_voxels);
    for (int k = 0; k < d->n; k++) voxels[k] = d->volume[k]->voxel;
    for (size_t v = 0; v < n_voxels; v++) mask[v] = reference->voxel[v] > -1;
    med_samples_scores s = med_samples_of(voxels, d->n, reference->voxel, mask, n_voxels);
    add(j, p, "diversity", s.diversity);
    add(j, p, "coverage90", s.coverage90);
    if (d->n < MED_CALIBRATION_MIN)
        med_evaluation_warn(&j->e, "%s: %d draws, calibration needs %d: n/a", p->pred->path, d->n, MED_CALIBRATION_MIN);
    free(mask);
    free(voxels);
}

/* Perceptual distance of a draw to the next: mean over slices, then over the pairs. n/a without weights. */
static med_status judge_lpips(med_image_judge *j, const med_image_pair *p, const draws *d) {
    int n_slices = p->reference->grid.n[2];
    med_slice_scores *slices = med_alloc(sizeof *slices * (size_t)n_slices);
    double *distance = med_alloc(sizeof(double) * (size_t)(d->n + 1));
    med_status status = MED_OK;
    for (int k = 0; k + 1 < d->n && j->lpips && status == MED_OK; k++) {
        status = med_score_slices(&med_preset_strict, d->volume[k], d->volume[k + 1], slices);
        if (status != MED_OK) break;
        med_score_lpips(&med_preset_strict, d->volume[k], d->volume[k + 1], med_lpips_file_weights(j->lpips), slices);
        distance[k] = med_case_scores_of(&med_preset_strict, slices, n_slices).lpips.mean;
    }
    if (status == MED_OK)
        add(j, p, "lpips_between", j->lpips && d->n > 1 ? med_summarise(distance, d->n - 1).mean : NAN);
    free(distance);
    free(slices);
    return status;
}

med_status med_image_judge_draws(med_image_judge *j, const med_image_pair *p) {
    draws d;
    if (!j->e.options->draws.n) return MED_OK;
    med_status status = load_draws(j, p, &d);
    if (status == MED_OK) judge_voxels(j, p, &d);
    if (status == MED_OK) status = judge_lpips(j, p, &d);
    for (int k = 0; k < d.n; k++) med_volume_free(d.volume[k]);
    free(d.volume);
    return status;
}
