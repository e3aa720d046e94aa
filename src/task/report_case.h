/* report_case.h: one case in memory, as the report and its opponents see it: inputs and truth of every modality. */
#ifndef MED_TASK_REPORT_CASE_H
#define MED_TASK_REPORT_CASE_H

#include "data/dataset.h"
#include "task/report_table.h"

typedef struct med_scans { /* owned; network scale, all on one grid; NULL where a modality is missing */
    med_modset observed;
    med_volume *input[MED_MAX_MODS], *truth[MED_MAX_MODS]; /* one volume where there is no target file */
} med_scans;

/* Which of the report's modalities the case has: as its data set says, or, with d NULL, by the files in its folder. */
med_modset med_scans_observed(const med_dataset *d, const med_case *c, const med_mod_list *mods);
/* Load these modalities. MED_EFORMAT also when they do not lie on one grid (names both files). */
MED_CHECK med_status med_scans_load(const med_case *c, const med_mod_list *mods, med_modset observed, med_scans *out);
void med_scans_free(med_scans *scans);

#endif
