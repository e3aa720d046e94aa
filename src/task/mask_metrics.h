/* mask_metrics.h: the numbers of a pair of masks under their names in tables. */
#ifndef MED_TASK_MASK_METRICS_H
#define MED_TASK_MASK_METRICS_H

#include "metric/overlap.h"

enum {
    MED_MASK_N_REF,
    MED_MASK_N_PRED,
    MED_MASK_N_BOTH,
    MED_MASK_DICE,
    MED_MASK_IOU,
    MED_MASK_PRECISION,
    MED_MASK_RECALL,
    MED_MASK_VOLUME_MM3,
    MED_MASK_VOLUME_ML,
    MED_MASK_VOLUME_PERCENT,
    MED_MASK_SURFACE_REF,
    MED_MASK_SURFACE_PRED,
    MED_MASK_ASSD,
    MED_MASK_ASSD_MOM,
    MED_MASK_HD,
    MED_MASK_HD95,
    MED_MASK_HD95_MAX,
    MED_MASK_NSD, /* one per tolerance */
    MED_N_MASK_METRICS = MED_MASK_NSD + MED_MAX_TOLERANCES,
};

/* "dice", "nsd_1mm", ...; false: a tolerance that was not asked for. */
bool med_mask_metric_name(int m, const double *tolerance_mm, int n_tolerances, char name[32]);
const char *med_mask_metric_formula(int m);
void med_mask_metric_values(const med_overlap *o, const med_surface *s, double *value); /* MED_N_MASK_METRICS */

#endif
