/* preset.h: which pixels of a volume are compared, on which grey scale, by which metrics.
 *
 * strict  values in [-1,1], R = 2; only the field of view (reference > -1); SSIM Gaussian, over pixels whose whole
 *         window lies in the field of view; slices with less than 1 % of their pixels in it are skipped.
 * mmhvae  the MMHVAE authors' evaluation: 0..255 by truncation, whole slices with a non-zero reference,
 *         R = max - min of the reference slice, row-wise SSIM.
 * texture the pixels of strict: width of the grain, sharpness.
 * Slices are planes of axis 2; their rows run along axis 0. */
#ifndef MED_METRIC_PRESET_H
#define MED_METRIC_PRESET_H

#include <stdbool.h>
#include "image/volume.h"
#include "metric/lpips.h"
#include "metric/metric.h"
#include "metric/summary.h"

enum { MED_MAX_COLUMNS = 12 };

typedef struct med_preset_column {
    const char *name; /* within the preset: "ssim" is another metric in each */
    const med_metric *metric;
} med_preset_column;

typedef struct med_preset {
    const char *name, *summary;
    /* Turn network-scale values into what is compared (in place) and set mask and range; false: skip the slice. */
    bool (*prepare)(med_slice_pair *pair, double *prediction, double *reference, uint8_t *mask);
    /* Turn what is compared into [-1,1] for LPIPS, whole slices, in place; NULL: the preset has none. */
    void (*to_lpips)(const med_slice_pair *pair, double *prediction, double *reference);
    const char *lpips_scale;                        /* that rule in words */
    int window; /* side of the smallest slice that all its scores are defined on: that of SSIM */
    med_preset_column columns[MED_MAX_COLUMNS + 1]; /* ends with a NULL name */
} med_preset;

extern const med_preset med_preset_strict, med_preset_mmhvae, med_preset_texture;
extern const med_preset *const med_presets[]; /* NULL-terminated */
const med_preset *med_preset_find(const char *name);
int med_preset_column_index(const med_preset *preset, const char *name); /* -1: none of that name */

typedef struct med_slice_scores {
    bool is_scored; /* false: skipped by the preset */
    double value[MED_MAX_COLUMNS];
    double lpips; /* NaN until med_score_lpips */
} med_slice_scores;

typedef struct med_case_scores { /* over the scored slices of one volume */
    int n_slices;
    med_summary column[MED_MAX_COLUMNS];
    med_summary lpips;
} med_case_scores;

/* Every slice of two volumes at network scale: slices[k] for k < n[2], filled by the caller's allocation.
 * MED_EFORMAT: sizes differ, or the corners differ by more than 1e-3 mm. Threads share slices; no digit depends on
 * their number. */
MED_CHECK med_status med_score_slices(const med_preset *preset, const med_volume *prediction,
                                      const med_volume *reference, med_slice_scores *slices);
/* Then, where there are weights: `lpips` of the scored slices. The same volumes and preset as before. */
void med_score_lpips(const med_preset *preset, const med_volume *prediction, const med_volume *reference,
                     const med_lpips *weights, med_slice_scores *slices);
/* Slices scored and summed up per case. */
MED_CHECK med_status med_score_case(const med_preset *preset, const med_volume *prediction, const med_volume *reference,
                                    med_case_scores *out);
med_case_scores med_case_scores_of(const med_preset *preset, const med_slice_scores *slices, int n_slices);

#endif
