/* synth_given.h: given MRs beside the synthetic ones, on the same grey scale. */
#ifndef MED_TASK_SYNTH_GIVEN_H
#define MED_TASK_SYNTH_GIVEN_H

#include <jansson.h>
#include "task/synth_files.h"

/* OUT/CASE-MOD.nii.gz and CASE-MOD.json of the MR at `path`, harmonised by the record. *is_written false: it has no scale for
 * this modality ("us" never has). */
MED_CHECK med_status med_synth_given_save(const med_synth_config *c, const char *case_name, const char *mod, const char *path,
                                          const json_t *harmonisation, bool *is_written);

#endif
