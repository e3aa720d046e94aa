/* synth_output.c: synthetic images say that they are, in the NIfTI description and in the sidecar. */
#include "task/synth_output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "base/thread.h"

const char *const med_synth_endings[3] = {".nii.gz", "-sd.nii.gz", ".json"};

static const med_synth_scale scales[] = {
    {"unit", 0.5, 0.5, 0, 1, false, MED_VOXEL_F32},
    {"network", 1, 0, -1, 1, false, MED_VOXEL_F32},
    {"release", 127.5, 127.5, 0, 255, true, MED_VOXEL_U8},
};

const med_synth_scale *med_synth_scale_find(const char *name) {
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        if (!strcmp(scales[i].name, name)) return &scales[i];
    return NULL;
}

char *med_synth_path(const med_synth_config *c, const char *case_name, const char *mod, const char *ending) {
    char *name = med_format("%s-%s%s", case_name, mod, ending), *path = med_path_join(c->out, name);
    free(name);
    return path;
}

static med_status save_volume(const med_synth_config *c, const med_synth_model *m, const med_synth_image *image, const med_synth_scale *scale) {
    med_volume *v = image->image;
    for (size_t i = 0, n = med_grid_count(v->grid); i < n; i++) {
        double y = scale->factor * v->voxel[i] + scale->offset;
        v->voxel[i] = (float)(scale->is_truncated ? trunc(y) : y);
    }
    snprintf(v->description, sizeof v->description, "synthetic %s by medley %s", image->mod,
             med_synth_model_config(m)->model->title);
    char *path = med_synth_path(c, image->case_name, image->mod, med_synth_endings[0]);
    med_status status = med_volume_save(v, path, scale->type);
    free(path);
    return status;
}

static med_status save_sd(const med_synth_config *c, const med_synth_model *m, const med_synth_image *image, const med_synth_scale *scale) {
    med_volume *v = image->sd;
    for (size_t i = 0, n = med_grid_count(v->grid); i < n; i++) v->voxel[i] *= (float)scale->factor;
    snprintf(v->description, sizeof v->description, "std. dev. of synthetic %s, medley %s", image->mod,
             med_synth_model_config(m)->model->title);
    char *path = med_synth_path(c, image->case_name, image->mod, med_synth_endings[1]);
    med_status status = med_volume_save(v, path, MED_VOXEL_F32);
    free(path);
    return status;
}

static json_t *describe(const med_synth_config *c, const med_synth_model *m, const med_synth_image *image,
                        const med_synth_scale *scale) {
    json_t *j = json_object(), *weights = json_object(), *given = json_array();
    char *data = c->in ? realpath(c->in, NULL) : NULL; /* so that a report finds it from anywhere */
    const char *mod;
    json_t *unused;
    json_object_foreach ((json_t *)image->inputs, mod, unused) json_array_append_new(given, json_string(mod));
    json_object_set_new(weights, "path", json_string(c->weights));
    json_object_set_new(weights, "sha256", json_string(med_synth_model_hash(m)));

    json_object_set_new(j, "synthetic", json_true());
    json_object_set_new(j, "case", json_string(image->case_name));
    json_object_set_new(j, "target", json_string(image->mod));
    json_object_set_new(j, "given", given);
    json_object_set(j, "inputs", (json_t *)image->inputs);
    if (data) json_object_set_new(j, "data", json_string(data));
    free(data);
    json_object_set_new(j, "model", json_string(med_synth_model_config(m)->model->name));
    json_object_set_new(j, "config", med_net_to_json(med_synth_model_config(m)));
    json_object_set_new(j, "weights", weights);
    json_t *harmonisation = med_synth_model_harmonisation(m);
    if (harmonisation) json_object_set_new(j, "harmonisation", harmonisation);
    json_object_set_new(j, "temperature", json_real(c->temperature));
    json_object_set_new(j, "samples", json_integer(c->n_samples));
    json_object_set_new(j, "mirror", json_boolean(c->mirror));
    json_object_set_new(j, "seed", json_integer((json_int_t)c->seed));
    json_object_set_new(j, "scale", json_string(scale->name));
    json_object_set_new(j, "range", json_pack("[f,f]", scale->lo, scale->hi));
    json_object_set_new(j, "background", json_real(scale->lo));
    if (image->sd)
        json_object_set_new(j, "uncertainty",
                            json_string("standard deviation over the samples, in -sd.nii.gz, same scale"));
    json_object_set_new(j, "medley", json_string(MEDLEY_VERSION));
    if (c->command_line) json_object_set_new(j, "command", json_string(c->command_line));
    return j;
}

med_status med_synth_sidecar_save(const med_synth_config *c, const char *case_name, const char *mod, const json_t *sidecar) {
    char *text = json_dumps(sidecar, JSON_INDENT(2)), *line = med_format("%s\n", text ? text : "{}");
    char *path = med_synth_path(c, case_name, mod, med_synth_endings[2]);
    med_status status = med_file_write(path, line, strlen(line));
    free(path);
    free(line);
    free(text);
    return status;
}

static med_status save_sidecar(const med_synth_config *c, const med_synth_model *m, const med_synth_image *image,
                               const med_synth_scale *scale) {
    json_t *sidecar = describe(c, m, image, scale);
    med_status status = med_synth_sidecar_save(c, image->case_name, image->mod, sidecar);
    json_decref(sidecar);
    return status;
}

typedef struct save_job {
    const med_synth_config *config;
    const med_synth_model *model;
    const med_synth_scale *scale;
    const med_synth_image *images;
    med_status status[MED_MAX_MODS];
    char *message[MED_MAX_MODS]; /* a failure's belongs to the thread that failed */
} save_job;

static void save_task(void *context, int i) {
    save_job *b = context;
    const med_synth_image *image = &b->images[i];
    b->status[i] = save_volume(b->config, b->model, image, b->scale);
    if (b->status[i] == MED_OK && image->sd) b->status[i] = save_sd(b->config, b->model, image, b->scale);
    if (b->status[i] != MED_OK) b->message[i] = med_strdup(med_message());
}

/* A sidecar says that its image is there: so it comes after, and only beside images that are. */
med_status med_synth_images_save(const med_synth_config *c, const med_synth_model *m, const med_synth_image *images, int n) {
    save_job b = {.config = c, .model = m, .scale = med_synth_scale_find(c->scale), .images = images};
    med_assert(b.scale != NULL && n <= MED_MAX_MODS);
    med_parallel(n, save_task, &b);
    med_status status = MED_OK;
    for (int i = 0; i < n; i++) {
        if (status == MED_OK) status = b.status[i] == MED_OK ? save_sidecar(c, m, &images[i], b.scale) : med_fail(b.status[i], "%s", b.message[i]);
        free(b.message[i]);
    }
    return status;
}
