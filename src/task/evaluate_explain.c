/* evaluate_explain.c: every formula behind `medley evaluate`, from the descriptors that compute them. */
#include <stdio.h>
#include "base/status.h"
#include "metric/preset.h"
#include "task/evaluate.h"
#include "task/mask_metrics.h"

static void explain_images(FILE *to) {
    fputs("Images. x: prediction, y: reference, both turned to [-1,1]; R: range; slices are planes of axis 2. Each "
          "case is "
          "the mean of its slices; infinite and n/a values are counted and left out.\n",
          to);
    for (int p = 0; med_presets[p]; p++) {
        fprintf(to, "\npreset %s: %s\n", med_presets[p]->name, med_presets[p]->summary);
        for (const med_preset_column *c = med_presets[p]->columns; c->name; c++)
            fprintf(to, "  %-22s %s%s%s%s\n", c->name, c->metric->formula, *c->metric->unit ? " [" : "",
                    c->metric->unit, *c->metric->unit ? "]" : "");
    }
    fputs("\nwith --draws (at least two folders; calibration 20)\n"
          "  diversity              standard deviation over the draws (n-1), mean over the field of view\n"
          "  coverage90             share of reference voxels between the draws' 5th and 95th percentiles; 0.9 is "
          "calibrated\n"
          "  SSIM                   ((2 mx my + C1)(2 sxy + C2)) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2)), C1 = (0.01 "
          "R)^2, "
          "C2 = (0.03 R)^2\n",
          to);
}

static void explain_masks(FILE *to) {
    const double one[] = {1};
    fputs("\nSegmentation. P: prediction, G: reference, label by label; class mean: over labels present in either.\n",
          to);
    for (int m = 0; m <= MED_MASK_NSD; m++) {
        char name[32];
        if (!med_mask_metric_name(m, one, 1, name)) continue;
        fprintf(to, "  %-22s %s\n", m == MED_MASK_NSD ? "nsd_<tau>mm" : name, med_mask_metric_formula(m));
    }
}

static void explain_rest(FILE *to) {
    fputs("\nRegistration. T maps points of the fixed image to the moving one; landmarks are paired by label.\n"
          "  before                 |fixed - moving| in mm\n"
          "  after                  |T(fixed) - moving| in mm: target registration error\n"
          "  rigid_fit              what the least-squares rigid map of the landmarks leaves: a lower bound of the RMS "
          "error\n"
          "\nOver cases.\n"
          "  sd                     divides by n-1; percentiles at (n-1)q/100, linear\n"
          "  95% interval           of the mean: cases drawn with replacement 10 000 times, percentiles 2.5 and 97.5, "
          "or BCa;\n"
          "                         none below 5 cases\n"
          "  comparison             difference of pairs, first minus second: Wilcoxon signed-rank (exact up to 50 "
          "without ties\n"
          "                         and zeros, else normal), Holm over the table, matched-pairs rank correlation\n"
          "                         (W+ - W-) / (n(n+1)/2), Hodges-Lehmann shift, bootstrap interval of the mean "
          "difference\n",
          to);
}

char *med_evaluate_explain(void) {
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    med_assert(to != NULL);
    explain_images(to);
    explain_masks(to);
    explain_rest(to);
    fclose(to);
    return text;
}
