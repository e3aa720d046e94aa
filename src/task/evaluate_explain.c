/* evaluate_explain.c: every formula behind `medley evaluate`, compare-methods and report proxy: those of the descriptors
 * that compute them, and in words what is done around them. */
#include <stdio.h>
#include "base/status.h"
#include "metric/preset.h"
#include "task/evaluate.h"
#include "task/mask_metrics.h"

typedef struct line {
    const char *name, *formula;
} line;

static const line of_images[] = {
    {"ssim",
     "mean of ((2 mx my + C1)(2 sxy + C2)) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2)), C1 = (0.01 R)^2, C2 = (0.03 "
     "R)^2; m, s: mean, (co)variance of a window"},
    {"", "windows of several pixels count where they lie wholly in the slice (strict: in the field of view too)"},
    {"lpips", "sum over 5 taps of the mean over positions of sum_c w_c (f_c(x)/(|f(x)| + 1e-10) - f_c(y)/(|f(y)| + "
              "1e-10))^2"},
    {"", "f: features of AlexNet or VGG16 of the slice as three equal colours, less (-0.030, -0.088, -0.188), over "
         "(0.458, 0.448, 0.450)"},
    {NULL, NULL},
};
static const line of_volumes[] = {
    {"ssim",
     "structural similarity, uniform 7 x 7 x 7 window, sample covariance, R = 2; windows wholly in the field of "
     "view"},
    {NULL, NULL},
};
static const line of_draws[] = {
    {"diversity", "standard deviation over the draws (n-1), mean over the field of view"},
    {"coverage90",
     "share of reference voxels between the draws' 5th and 95th percentiles; 0.9 is calibrated; n/a below 20"},
    {"lpips_between",
     "lpips (strict) of each draw and the next: mean over slices, then over these pairs; n/a without weights"},
    {NULL, NULL},
};
static const line of_consistency[] = {
    {"psnr and the rest",
     "strict, x: us made from the t2 that was made from us, y: us; a diagnostic, no score of the t2"},
    {NULL, NULL},
};
static const line of_slices[] = {
    {"dice", "2 |P and G| / (|P| + |G|) of each slice, pixels of 0.5 mm; both empty: 1, one: 0"},
    {"assd", "as above, within the slice; both empty: 0, one: 10 mm"},
    {NULL, NULL},
};
static const line of_landmarks[] = {
    {"n", "landmarks of the pair"},
    {"before", "|fixed - moving| in mm"},
    {"after", "|T(fixed) - moving| in mm: target registration error"},
    {"", "of both: _mean, _median, _sd, _min, _max over the landmarks"},
    {"rigid_fit_mean", "mean distance that the least-squares rigid map of these landmarks leaves; n/a below 3"},
    {"rigid_fit_rms", "its root mean square: a lower bound of the root mean square of any rigid T"},
    {NULL, NULL},
};
static const line of_cases[] = {
    {"mean", "of the cases; infinite, missing and seen ones are counted beside it"},
    {"sd", "divides by n-1"},
    {"median, q25, q75", "percentile q lies at (n-1) q/100 of the sorted values, linear between neighbours"},
    {"95% interval",
     "of the mean: cases drawn with replacement 10 000 times, percentiles 2.5 and 97.5; none below 5 cases"},
    {"", "BCa (--bca): percentiles Phi(z0 + (z0 + z)/(1 - a (z0 + z))), z = -1.96, 1.96; z0: share of draws below the "
         "mean, ties "
         "half;"},
    {"", "a = sum d^3 / (6 (sum d^2)^1.5), d: mean less the mean without one case"},
    {NULL, NULL},
};
static const line of_comparisons[] = {
    {"difference", "first minus second of the same case; pairs with n/a or inf are dropped and counted"},
    {"p",
     "Wilcoxon signed-rank, W = min(W+, W-), zeros dropped (--pratt: ranked first); exact up to 50 without ties and "
     "zeros, else"},
    {"", "normal with variance n(n+1)(2n+1)/24 - sum (t^3 - t)/48, t: sizes of tied groups; --correct: continuity 0.5"},
    {"p Holm", "k-th smallest of m: max over j <= k of (m - j + 1) p_j, at most 1; family: one metric of one preset"},
    {"r", "(W+ - W-) / (n(n+1)/2): matched-pairs rank correlation"},
    {"shift", "median of (d_i + d_j)/2, i <= j: Hodges-Lehmann"},
    {"Friedman", "three methods or more: chi^2 of the rank sums, corrected for ties, k-1 degrees of freedom"},
    {"report proxy", "Spearman: Pearson's correlation of mid-ranks, over models"},
    {NULL, NULL},
};

static void print_lines(FILE *to, const char *heading, const line *lines) {
    fprintf(to, "\n%s\n", heading);
    for (; lines->name; lines++) fprintf(to, "  %-22s %s\n", lines->name, lines->formula);
}

static void print_presets(FILE *to) {
    for (int p = 0; med_presets[p]; p++) {
        const med_preset *preset = med_presets[p];
        fprintf(to, "\npreset %s: %s\n", preset->name, preset->summary);
        for (const med_preset_column *c = preset->columns; c->name; c++)
            fprintf(to, "  %-22s %s%s%s%s\n", c->name, c->metric->formula, *c->metric->unit ? " [" : "",
                    c->metric->unit, *c->metric->unit ? "]" : "");
        if (preset->to_lpips)
            fprintf(to, "  %-22s of whole slices, %s; n/a without weights (--lpips)\n", "lpips", preset->lpips_scale);
    }
}

static void print_masks(FILE *to) {
    const double one[] = {1};
    fputs("\nSegmentation. P: prediction, G: reference, label by label; class mean: over labels present in either.\n",
          to);
    for (int m = 0; m <= MED_MASK_NSD; m++) {
        char name[32];
        if (!med_mask_metric_name(m, one, 1, name)) continue;
        fprintf(to, "  %-22s %s\n", m == MED_MASK_NSD ? "nsd_<tau>mm" : name, med_mask_metric_formula(m));
    }
}

char *med_evaluate_explain(void) {
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    med_assert(to != NULL);
    fputs("Images. x: prediction, y: reference, both turned to [-1,1]; R: range; slices are planes of axis 2.\n"
          "Each case is the mean of its slices; infinite and n/a values are counted and left out.\n",
          to);
    print_presets(to);
    print_lines(to, "in these presets", of_images);
    print_lines(to, "preset 3d (--ssim 3d)", of_volumes);
    print_lines(to, "preset draws (--draws, at least two)", of_draws);
    print_lines(to, "preset consistency (medley evaluate consistency)", of_consistency);
    print_masks(to);
    print_lines(to, "with --slicewise, in per_slice.csv", of_slices);
    print_lines(to, "Registration. T maps points of the fixed image to the moving one; landmarks are paired by label.",
                of_landmarks);
    print_lines(to, "Over cases.", of_cases);
    print_lines(to, "Methods beside each other.", of_comparisons);
    fclose(to);
    return text;
}
