/* medley.c: the public contract of include/medley.h over the tasks of the program. */
#include "medley.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/thread.h"
#include "image/intensity.h"
#include "task/synth.h"

_Static_assert((int)MEDLEY_MAX_MODALITIES == (int)MED_MAX_MODS, "the header promises as many as the program has");

struct medley_model {
    med_synth_model *synth;
};

const char *medley_version(void) { return MEDLEY_VERSION; }

const char *medley_error(void) { return med_message(); }

void medley_threads(int n) { med_threads_set(n); }

medley_model *medley_open(const char *weights, const int slice[2]) {
    med_synth_model *synth;
    if (med_synth_model_open(weights, slice ? slice : (const int[2]){0, 0}, NULL, &synth) != MED_OK) return NULL;
    medley_model *model = med_alloc(sizeof *model);
    model->synth = synth;
    return model;
}

void medley_close(medley_model *model) {
    if (!model) return;
    med_synth_model_free(model->synth);
    free(model);
}

static const med_net *net_of(const medley_model *model) { return med_synth_model_config(model->synth); }

int medley_modalities(const medley_model *model) { return net_of(model)->n_mods; }

const char *medley_modality(const medley_model *model, int index) {
    const med_net *net = net_of(model);
    return index >= 0 && index < net->n_mods ? net->mods[index] : NULL;
}

int medley_find(const medley_model *model, const char *modality) {
    const med_net *net = net_of(model);
    return med_modset_find(net->mods, net->n_mods, modality);
}

void medley_slice_size(const medley_model *model, int size[2]) {
    const med_net *net = net_of(model);
    size[0] = net->height;
    size[1] = net->width;
}

void medley_scale(const int size[3], float *voxels) {
    med_volume v = {.grid = {{size[0], size[1], size[2]}, med_affine_identity()}, .voxel = voxels};
    med_intensity_to_network(&v);
}

/* Which modalities are given and wanted, and whether the request makes sense. */
static med_status options_of(const med_net *net, const medley_request *r, med_synth_options *out) {
    *out = (med_synth_options){.temperature = r->temperature, .n_samples = r->draws ? r->draws : 1, .seed = r->seed};
    for (int a = 0; a < 3; a++)
        if (r->size[a] < 1) return med_fail(MED_EUSAGE, "size[%d] is %d, expected 1 or more", a, r->size[a]);
    if (r->draws < 0) return med_fail(MED_EUSAGE, "draws is %d, expected 0 or more", r->draws);
    if (!(r->temperature >= 0 && r->temperature <= 2))
        return med_fail(MED_EUSAGE, "temperature is %g, expected 0 to 2", r->temperature);
    for (int j = 0; j < MED_MAX_MODS; j++) {
        if ((r->given[j] || r->synthetic[j]) && j >= net->n_mods)
            return med_fail(MED_EUSAGE, "index %d is no modality of the model, which has %d", j, net->n_mods);
        if (r->deviation[j] && !r->synthetic[j])
            return med_fail(MED_EUSAGE, "deviation[%d] without synthetic[%d]: ask for both", j, j);
        if (r->given[j]) out->given |= med_modset_of(j);
        if (r->synthetic[j]) out->target |= med_modset_of(j);
    }
    if (!out->given) return med_fail(MED_EUSAGE, "no image is given: set given[i] of at least one modality");
    if (!out->target) return med_fail(MED_EUSAGE, "no image is wanted: set synthetic[i] of at least one modality");
    return MED_OK;
}

/* Copies a volume to the caller's memory, and frees it. */
static void hand_over(med_volume *from, float *to) {
    if (from && to) memcpy(to, from->voxel, med_grid_count(from->grid) * sizeof *to);
    med_volume_free(from);
}

int medley_synthesise(medley_model *model, const medley_request *request) {
    med_synth_options options;
    med_status status = options_of(net_of(model), request, &options);
    if (status != MED_OK) return med_exit_code(status);
    med_volume images[MED_MAX_MODS], *out[MED_MAX_MODS] = {0}, *sd[MED_MAX_MODS] = {0};
    const med_volume *inputs[MED_MAX_MODS] = {0};
    med_grid grid = {.affine = med_affine_identity()};
    memcpy(grid.n, request->size, sizeof grid.n);
    MED_MODSET_EACH(j, options.given) {
        images[j] = (med_volume){.grid = grid, .voxel = (float *)request->given[j]}; /* only read */
        inputs[j] = &images[j];
    }
    status = med_synth_run(model->synth, inputs, &options, out, sd);
    for (int j = 0; j < MED_MAX_MODS; j++) {
        hand_over(out[j], request->synthetic[j]);
        hand_over(sd[j], request->deviation[j]);
    }
    return med_exit_code(status);
}
