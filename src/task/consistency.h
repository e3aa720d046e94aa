/* consistency.h: the way back: from an image that a network made, the scan that it was made from. */
#ifndef MED_TASK_CONSISTENCY_H
#define MED_TASK_CONSISTENCY_H

#include "metric/preset.h"
#include "task/score_table.h"
#include "task/synth.h"

/* `made`, a synthetic image of modality `via` at network scale, is given to the network as medley synth would read it from its
 * file (and changed to that scale); out: modality `to`, made from it. `how`: temperature, draws, seed. */
MED_CHECK med_status med_consistency_back(med_synth_model *m, med_volume *made, int via, int to,
                                          const med_synth_options *how, med_volume **out);
/* Rows of preset "consistency" for one way there and back ("us via t2"): the scores of preset strict. */
void med_consistency_add(med_score_table *t, med_score base, const char *from, const char *via,
                         const med_case_scores *scores);

#endif
