/* mask_metrics.c: names and formulas of the numbers of a pair of masks. */
#include "task/mask_metrics.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *formula;
} metrics[MED_MASK_NSD + 1] = {
    [MED_MASK_N_REF] = {"n_ref", "voxels of the reference G"},
    [MED_MASK_N_PRED] = {"n_pred", "voxels of the prediction P"},
    [MED_MASK_N_BOTH] = {"n_both", "voxels of both"},
    [MED_MASK_DICE] = {"dice", "2 |P and G| / (|P| + |G|); one empty: 0, both: n/a (--empty)"},
    [MED_MASK_IOU] = {"iou", "|P and G| / |P or G|"},
    [MED_MASK_PRECISION] = {"precision", "|P and G| / |P|"},
    [MED_MASK_RECALL] = {"recall", "|P and G| / |G|"},
    [MED_MASK_VOLUME_MM3] = {"volume_error_mm3", "(|P| - |G|) times the volume of a voxel"},
    [MED_MASK_VOLUME_ML] = {"volume_error_ml", "the same in ml"},
    [MED_MASK_VOLUME_PERCENT] = {"volume_error_percent", "100 (|P| - |G|) / |G|; n/a when G is empty"},
    [MED_MASK_SURFACE_REF] = {"surface_ref",
                              "surface voxels of G: those that one erosion by the 6-neighbour cross removes"},
    [MED_MASK_SURFACE_PRED] = {"surface_pred", "surface voxels of P"},
    [MED_MASK_ASSD] = {"assd",
                       "mean over both lists of distances, surface voxel to nearest surface voxel of the other, mm"},
    [MED_MASK_ASSD_MOM] = {"assd_mom", "mean of the two lists' means (older medpy)"},
    [MED_MASK_HD] = {"hd", "largest of all these distances"},
    [MED_MASK_HD95] = {"hd95", "95th percentile of both lists together"},
    [MED_MASK_HD95_MAX] = {"hd95_max", "larger of the two lists' 95th percentiles"},
    [MED_MASK_NSD] = {"nsd_<tau>mm", "share of both lists within tau (<=)"},
};

bool med_mask_metric_name(int m, const double *tolerance_mm, int n_tolerances, char name[32]) {
    if (m < MED_MASK_NSD) {
        snprintf(name, 32, "%s", metrics[m].name);
        return true;
    }
    if (m - MED_MASK_NSD >= n_tolerances) return false;
    snprintf(name, 32, "nsd_%gmm", tolerance_mm[m - MED_MASK_NSD]);
    return true;
}

const char *med_mask_metric_formula(int m) { return metrics[m < MED_MASK_NSD ? m : MED_MASK_NSD].formula; }

void med_mask_metric_values(const med_overlap *o, const med_surface *s, double *value) {
    const double all[MED_MASK_NSD] = {
        [MED_MASK_N_REF] = (double)o->n_ref,
        [MED_MASK_N_PRED] = (double)o->n_pred,
        [MED_MASK_N_BOTH] = (double)o->n_both,
        [MED_MASK_DICE] = o->dice,
        [MED_MASK_IOU] = o->iou,
        [MED_MASK_PRECISION] = o->precision,
        [MED_MASK_RECALL] = o->recall,
        [MED_MASK_VOLUME_MM3] = o->volume_error_mm3,
        [MED_MASK_VOLUME_ML] = o->volume_error_mm3 / 1000,
        [MED_MASK_VOLUME_PERCENT] = o->volume_error_percent,
        [MED_MASK_SURFACE_REF] = (double)s->n_ref,
        [MED_MASK_SURFACE_PRED] = (double)s->n_pred,
        [MED_MASK_ASSD] = s->assd,
        [MED_MASK_ASSD_MOM] = s->assd_mom,
        [MED_MASK_HD] = s->hd,
        [MED_MASK_HD95] = s->hd95,
        [MED_MASK_HD95_MAX] = s->hd95_max,
    };
    memcpy(value, all, sizeof all);
    memcpy(value + MED_MASK_NSD, s->nsd, sizeof s->nsd);
}
