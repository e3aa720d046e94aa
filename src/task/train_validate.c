/* train_validate.c: the reconstruction error on whole volumes that were not trained on. */
#include <math.h>

#include "task/synth.h"
#include "task/train_work.h"

typedef struct scans {
    med_volume *input[MED_MAX_MODS], *target[MED_MAX_MODS];
} scans;

static void scans_free(scans *s) {
    for (int j = 0; j < MED_MAX_MODS; j++) {
        med_volume_free(s->input[j]);
        med_volume_free(s->target[j]);
    }
}

static med_status scans_load(const med_train_data *d, const med_case *c, scans *s) {
    MED_MODSET_EACH (j, c->observed) {
        MED_TRY(med_case_load_input(c, d->dataset->mods[j], &s->input[j]));
        MED_TRY(med_case_load_target(c, d->dataset->mods[j], &s->target[j]));
    }
    return MED_OK;
}

static double mean_absolute(const med_volume *a, const med_volume *b) {
    size_t n = med_grid_count(a->grid);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += fabs((double)a->voxel[i] - (double)b->voxel[i]);
    return sum / (double)n;
}

/* All observed modalities from modality `given` alone. */
static med_status judge_given(med_synth_model *model, const scans *s, med_modset observed, int given, uint64_t seed,
                              double *error) {
    med_synth_options how = {
        .given = med_modset_of(given), .target = observed & med_net_makes(med_synth_model_config(model), med_modset_of(given)), .temperature = 1, .n_samples = 1,
        .slice_by_slice = true /* as the memory of a training is planned */, .seed = seed};
    const med_volume *inputs[MED_MAX_MODS] = {[0] = NULL};
    med_volume *out[MED_MAX_MODS];
    inputs[given] = s->input[given];
    if (!how.target) return MED_OK;
    MED_TRY(med_synth_run(model, inputs, &how, out, NULL));
    MED_MODSET_EACH (j, how.target) *error += 0.5 * mean_absolute(out[j], s->target[j]) / med_modset_count(how.target);
    for (int j = 0; j < MED_MAX_MODS; j++) med_volume_free(out[j]);
    return MED_OK;
}

static med_status judge_case(med_train_work *w, const med_train_case *c, double *error, int *n) {
    scans s = {0};
    med_modset observed = c->subject.observed;
    med_status status = scans_load(w->data, &w->data->dataset->cases[c->index], &s);
    MED_MODSET_EACH (j, observed) {
        if (status == MED_OK) status = judge_given(med_train_validator(w), &s, observed, j, w->record.seed, error);
        (*n)++;
    }
    scans_free(&s);
    return status;
}

med_synth_model *med_train_validator(med_train_work *w) {
    if (w->validator) return w->validator;
    med_trainer_rest(w->trainer);
    return w->validator = med_synth_model_borrow(med_trainer_average(w->trainer), &w->record.model);
}

void med_train_validator_free(med_train_work *w) {
    med_synth_model_free(w->validator);
    w->validator = NULL;
}

med_status med_train_validate(med_train_work *w, double *out) {
    int n = 0;
    *out = 0;
    for (int i = 0; i < w->data->n_val; i++) MED_TRY(judge_case(w, &w->data->val[i], out, &n));
    *out /= n;
    return MED_OK;
}
