/* consistency.c: one step back, and the rows that tell how well it went. */
#include "task/consistency.h"

#include <stdlib.h>
#include "base/memory.h"
#include "image/intensity.h"

/* Network scale to the file's [0,1], and by the input rule to network scale again. */
static void as_read_from_file(med_volume *v) {
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n; i++) v->voxel[i] = (v->voxel[i] + 1) / 2;
    med_intensity_to_network(v);
}

static med_status go_back(med_synth_model *m, med_volume *made, int via, int to, const med_synth_options *how, med_volume **out) {
    const med_volume *inputs[MED_MAX_MODS] = {NULL};
    med_volume *outputs[MED_MAX_MODS] = {NULL};
    med_synth_options back = *how;
    back.given = med_modset_of(via);
    back.target = med_modset_of(to);
    as_read_from_file(made);
    inputs[via] = made;
    med_status status = med_synth_run(m, inputs, &back, outputs, NULL);
    *out = outputs[to];
    return status;
}

static void add_rows(med_score_table *t, med_score base, const char *from, const char *via, const med_case_scores *scores) {
    char *way = med_format("%s via %s", from, via);
    base.facet = from;
    base.given = way;
    base.preset = "consistency";
    base.n_slices = scores->n_slices;
    base.slice = -1;
    for (int c = 0; med_preset_strict.columns[c].name; c++) {
        base.metric = med_preset_strict.columns[c].name;
        base.value = scores->column[c].mean;
        base.n_inf = scores->column[c].n_inf;
        base.n_na = scores->column[c].n_na;
        med_score_table_add(t, &base);
    }
    free(way);
}

med_status med_consistency_judge(med_synth_model *m, med_volume *made, int via, int to, const med_synth_options *how,
                                 const med_volume *truth, med_score base, med_score_table *t) {
    const med_net *net = med_synth_model_config(m);
    med_volume *back;
    med_case_scores scores;
    MED_TRY(go_back(m, made, via, to, how, &back));
    med_status status = med_score_case(&med_preset_strict, back, truth, &scores);
    med_volume_free(back);
    if (status == MED_OK) add_rows(t, base, net->mods[to], net->mods[via], &scores);
    return status;
}
