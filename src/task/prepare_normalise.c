/* prepare_normalise.c: load, rule, save. */
#include "task/prepare_normalise.h"

#include <string.h>
#include "image/intensity.h"

med_status med_prepare_normalise(const med_prepare_normalise_config *c, json_t *report) {
    med_volume *v;
    MED_TRY(med_volume_load(c->in, &v));
    json_int_t n_mask = 0;
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n; i++) n_mask += v->voxel[i] > 0;
    if (strcmp(c->rule, "min-max") == 0)
        med_intensity_to_network(v);
    else
        med_intensity_standardise(v);
    med_status status = med_volume_save(v, c->out, MED_VOXEL_F32);
    med_volume_free(v);
    json_object_set_new(report, "out", json_string(c->out));
    json_object_set_new(report, "n_mask", json_integer(n_mask));
    return status;
}
