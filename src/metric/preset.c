/* preset.c: the presets, and the walk over a volume's slices. */
#include "metric/preset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/thread.h"

/* ---- strict -------------------------------------------------------------------------------------------------- */

static bool prepare_strict(med_slice_pair *pair, double *prediction, double *reference, uint8_t *mask) {
    long n_pixels = (long)pair->rows * pair->cols, n_fov = 0;
    (void)prediction;
    for (long p = 0; p < n_pixels; p++) n_fov += mask[p] = reference[p] > -1;
    pair->mask = mask;
    pair->range = 2;
    return n_fov && n_fov * 100 >= n_pixels;
}

static void strict_to_lpips(const med_slice_pair *pair, double *prediction, double *reference) {
    for (long p = 0; p < (long)pair->rows * pair->cols; p++)
        if (!pair->mask[p]) prediction[p] = reference[p] = -1;
}

const med_preset med_preset_strict = {
    .name = "strict",
    .summary = "values in [-1,1], R = 2, where y > -1 (field of view); slices with 1 % or more of it",
    .prepare = prepare_strict,
    .to_lpips = strict_to_lpips,
    .lpips_scale = "outside the field of view -1 in both",
    .window = 11,
    .columns = {{"l1", &med_metric_l1},
                {"mse", &med_metric_mse},
                {"psnr", &med_metric_psnr},
                {"ssim", &med_metric_ssim_gaussian},
                {"ncc", &med_metric_ncc},
                {"nmi", &med_metric_nmi},
                {"wasserstein", &med_metric_wasserstein}},
};

const med_preset med_preset_texture = {
    .name = "texture",
    .summary = "pixels and slices of strict: grain and sharpness, of use for ultrasound",
    .prepare = prepare_strict,
    .window = 1,
    .columns = {{"speckle_ref_lateral", &med_metric_speckle_ref_lateral},
                {"speckle_ref_axial", &med_metric_speckle_ref_axial},
                {"speckle_pred_lateral", &med_metric_speckle_pred_lateral},
                {"speckle_pred_axial", &med_metric_speckle_pred_axial},
                {"sharpness_gradient", &med_metric_sharpness_gradient},
                {"sharpness_spectrum", &med_metric_sharpness_spectrum}},
};

/* ---- mmhvae -------------------------------------------------------------------------------------------------- */

/* Truncation as in the authors' saving of images; whole grey values that float32 moved off by its rounding (4e-6) stay
 * what they were, so that a file of such values is read back as it is. */
static double to_byte(double v) {
    double grey = 255 * (v + 1) / 2, whole = nearbyint(grey);
    return fabs(grey - whole) < 1e-5 ? whole : trunc(grey);
}

static void to_bytes(double *v, long n) {
    for (long p = 0; p < n; p++) v[p] = to_byte(v[p]);
}

static bool prepare_mmhvae(med_slice_pair *pair, double *prediction, double *reference, uint8_t *mask) {
    long n_pixels = (long)pair->rows * pair->cols;
    (void)mask;
    to_bytes(prediction, n_pixels);
    to_bytes(reference, n_pixels);
    double lo = INFINITY, hi = -INFINITY, sum = 0;
    for (long p = 0; p < n_pixels; p++) {
        lo = fmin(lo, reference[p]);
        hi = fmax(hi, reference[p]);
        sum += reference[p];
    }
    pair->range = hi - lo;
    return sum > 0;
}

static void mmhvae_to_lpips(const med_slice_pair *pair, double *prediction, double *reference) {
    for (long p = 0; p < (long)pair->rows * pair->cols; p++) {
        prediction[p] = 2 * prediction[p] / 255 - 1;
        reference[p] = 2 * reference[p] / 255 - 1;
    }
}

const med_preset med_preset_mmhvae = {
    .name = "mmhvae",
    .summary = "as published: trunc(255 (v + 1)/2), whole slices with some y > 0, R = max y - min y of the slice",
    .prepare = prepare_mmhvae,
    .to_lpips = mmhvae_to_lpips,
    .lpips_scale = "2 x / 255 - 1 of the grey values",
    .window = 7,
    .columns = {{"l1", &med_metric_l1},
                {"mse", &med_metric_mse},
                {"psnr", &med_metric_psnr},
                {"ssim_rows", &med_metric_ssim_rows},
                {"ssim", &med_metric_ssim}},
};

const med_preset *const med_presets[] = {&med_preset_strict, &med_preset_mmhvae, &med_preset_texture, NULL};

const med_preset *med_preset_find(const char *name) {
    for (int i = 0; med_presets[i]; i++)
        if (!strcmp(med_presets[i]->name, name)) return med_presets[i];
    return NULL;
}

int med_preset_column_index(const med_preset *preset, const char *name) {
    for (int c = 0; preset->columns[c].name; c++)
        if (!strcmp(preset->columns[c].name, name)) return c;
    return -1;
}

/* ---- the walk ------------------------------------------------------------------------------------------------ */

typedef struct walk {
    const med_preset *preset;
    const med_volume *prediction, *reference;
    const med_lpips *lpips;
    med_slice_scores *slices;
} walk;

/* Slice k as an array [i][j]: volumes store i fastest, images here j. */
static void copy_slice(const med_volume *v, int k, double *out) {
    int rows = v->grid.n[0], cols = v->grid.n[1];
    for (int j = 0; j < cols; j++) {
        const float *line = med_volume_at(v, 0, j, k);
        for (int i = 0; i < rows; i++) out[(size_t)i * (size_t)cols + (size_t)j] = line[i];
    }
}

/* The two slices as the preset compares them; owned buffers behind `pair`. */
typedef struct loaded {
    med_slice_pair pair;
    double *prediction, *reference;
    uint8_t *mask;
} loaded;

/* False: the preset skips the slice. */
static bool load_slice(const walk *w, int k, loaded *s) {
    *s = (loaded){.pair = {.rows = w->reference->grid.n[0], .cols = w->reference->grid.n[1]}};
    size_t n = (size_t)s->pair.rows * (size_t)s->pair.cols;
    s->prediction = med_alloc(sizeof(double) * n);
    s->reference = med_alloc(sizeof(double) * n);
    s->mask = med_alloc(n);
    copy_slice(w->prediction, k, s->prediction);
    copy_slice(w->reference, k, s->reference);
    s->pair.prediction = s->prediction;
    s->pair.reference = s->reference;
    return w->preset->prepare(&s->pair, s->prediction, s->reference, s->mask);
}

static void loaded_free(loaded *s) {
    free(s->mask);
    free(s->reference);
    free(s->prediction);
}

static void score_slice(void *context, int k) {
    const walk *w = context;
    loaded s;
    med_slice_scores *out = &w->slices[k];
    *out = (med_slice_scores){.is_scored = load_slice(w, k, &s), .lpips = NAN};
    for (int c = 0; out->is_scored && w->preset->columns[c].name; c++)
        out->value[c] = w->preset->columns[c].metric->score(&s.pair);
    loaded_free(&s);
}

static void score_lpips(void *context, int k) {
    const walk *w = context;
    loaded s;
    if (!w->slices[k].is_scored) return;
    if (load_slice(w, k, &s)) {
        w->preset->to_lpips(&s.pair, s.prediction, s.reference);
        w->slices[k].lpips = med_lpips_distance(w->lpips, s.pair.rows, s.pair.cols, s.prediction, s.reference);
    }
    loaded_free(&s);
}

med_status med_score_slices(const med_preset *preset, const med_volume *prediction, const med_volume *reference,
                            med_slice_scores *slices) {
    const int *a = prediction->grid.n, *b = reference->grid.n;
    if (a[0] != b[0] || a[1] != b[1] || a[2] != b[2])
        return med_fail(MED_EFORMAT,
                        "prediction has %d x %d x %d voxels, reference %d x %d x %d: they must lie on one grid", a[0],
                        a[1], a[2], b[0], b[1], b[2]);
    if (!med_grid_equal(prediction->grid, reference->grid, 1e-3))
        return med_fail(MED_EFORMAT,
                        "prediction and reference have the same size but their corners lie more than 0.001 mm "
                        "apart: resample one to the other's grid first");
    walk w = {preset, prediction, reference, NULL, slices};
    med_parallel(b[2], score_slice, &w);
    return MED_OK;
}

void med_score_lpips(const med_preset *preset, const med_volume *prediction, const med_volume *reference,
                     const med_lpips *weights, med_slice_scores *slices) {
    walk w = {preset, prediction, reference, weights, slices};
    if (preset->to_lpips) med_parallel(reference->grid.n[2], score_lpips, &w);
}

med_case_scores med_case_scores_of(const med_preset *preset, const med_slice_scores *slices, int n_slices) {
    med_case_scores out = {0};
    double *values = med_alloc(sizeof(double) * (size_t)(n_slices + 1));
    for (int c = 0; preset->columns[c].name; c++) {
        out.n_slices = 0;
        for (int k = 0; k < n_slices; k++)
            if (slices[k].is_scored) values[out.n_slices++] = slices[k].value[c];
        out.column[c] = med_summarise(values, out.n_slices);
    }
    for (int k = 0, n = 0; k < n_slices; k++)
        if (slices[k].is_scored) values[n++] = slices[k].lpips;
    out.lpips = med_summarise(values, out.n_slices);
    free(values);
    return out;
}

med_status med_score_case(const med_preset *preset, const med_volume *prediction, const med_volume *reference,
                          med_case_scores *out) {
    int n_slices = reference->grid.n[2];
    med_slice_scores *slices = med_alloc(sizeof(*slices) * (size_t)n_slices);
    med_status status = med_score_slices(preset, prediction, reference, slices);
    if (status == MED_OK) *out = med_case_scores_of(preset, slices, n_slices);
    free(slices);
    return status;
}
