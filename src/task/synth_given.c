/* synth_given.c: an MR as acquired becomes what the network would have been taught for it. Its sidecar says that it is no
 * synthesis. */
#include "task/synth_given.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "data/harmonise.h"
#include "image/intensity.h"
#include "task/synth_output.h"

static med_status save_volume(const med_synth_config *c, const char *case_name, const char *mod, med_volume *v) {
    const med_synth_scale *scale = med_synth_scale_find(c->scale);
    for (size_t i = 0, n = med_grid_count(v->grid); i < n; i++) {
        double y = scale->lo + v->voxel[i] * (scale->hi - scale->lo);
        v->voxel[i] = (float)(scale->is_truncated ? (int)y : y);
    }
    snprintf(v->description, sizeof v->description, "%s as acquired, harmonised by medley", mod);
    char *path = med_synth_path(c, case_name, mod, med_synth_endings[0]);
    med_status status = med_volume_save(v, path, scale->type);
    free(path);
    return status;
}

static med_status save_sidecar(const med_synth_config *c, const char *case_name, const char *mod, const char *from,
                               const json_t *harmonisation) {
    const med_synth_scale *scale = med_synth_scale_find(c->scale);
    char hex[65], *full = realpath(from, NULL);
    med_status status = med_file_sha256(from, hex);
    if (status == MED_OK) {
        json_t *j = json_pack("{s:b, s:s, s:s, s:{s:s, s:s}, s:O, s:s, s:[f,f], s:f, s:s}", "synthetic", 0, "case", case_name,
                              "modality", mod, "input", "path", full ? full : from, "sha256", hex, "harmonisation",
                              harmonisation, "scale", scale->name, "range", scale->lo, scale->hi, "background", scale->lo,
                              "medley", MEDLEY_VERSION);
        status = med_synth_sidecar_save(c, case_name, mod, j);
        json_decref(j);
    }
    free(full);
    return status;
}

med_status med_synth_given_save(const med_synth_config *c, const char *case_name, const char *mod, const char *path,
                                const json_t *harmonisation, bool *is_written) {
    med_volume *v;
    *is_written = false;
    MED_TRY(med_volume_load(path, &v));
    med_intensity_lift_negative(v);
    med_status status = med_harmonise_by(harmonisation, path, mod, v, is_written);
    if (status == MED_OK && *is_written) status = save_volume(c, case_name, mod, v);
    if (status == MED_OK && *is_written) status = save_sidecar(c, case_name, mod, path, harmonisation);
    med_volume_free(v);
    return status;
}
