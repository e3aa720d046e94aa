/* consistency.h: the way back: from an image that a network made, the scan that it was made from. */
#ifndef MED_TASK_CONSISTENCY_H
#define MED_TASK_CONSISTENCY_H

#include "metric/preset.h"
#include "task/score_table.h"
#include "task/synth.h"

/* `made`, a synthetic image of modality `via` at network scale, is given to the network as medley synth would read it from its
 * file (and changed to that scale); modality `to`, made from it, is held to `truth`. Adds the scores of preset strict to t as rows
 * of preset "consistency" for this way there and back ("us via t2"); the rest of a row is `base`. `how`: temperature, draws,
 * seed; what it says is given and wanted is passed over. */
MED_CHECK med_status med_consistency_judge(med_synth_model *m, med_volume *made, int via, int to, const med_synth_options *how,
                                           const med_volume *truth, med_score base, med_score_table *t);

#endif
