/* train_checkpoint.c: checkpoints: parameters, moments and position in one safetensors file. */
#include "task/train_run_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

static const char position_key[] = "medley.position";

/* ---- position <-> JSON ---- */

static json_t *position_to_json(const med_train_position *p) {
    return json_pack("{s:I, s:i, s:i, s:I, s:b, s:f, s:f, s:i, s:I, s:I, s:f}", "step", (json_int_t)p->step, "epoch",
                     p->epoch, "visit", p->visit, "subset", (json_int_t)p->subset, "is_validated", p->is_validated,
                     "average", p->average, "best", p->best, "best_epoch", p->best_epoch, "n_log_bytes",
                     (json_int_t)p->n_log_bytes, "n_nonfinite", (json_int_t)p->n_nonfinite, "seconds", p->seconds);
}

static med_status position_from_text(const char *path, const char *text, med_train_position *p) {
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    json_int_t step, subset, n_log_bytes, n_nonfinite;
    int is_validated;
    int failed = json_unpack(json, "{s:I, s:i, s:i, s:I, s:b, s:F, s:F, s:i, s:I, s:I, s:F}", "step", &step, "epoch",
                             &p->epoch, "visit", &p->visit, "subset", &subset, "is_validated", &is_validated, "average",
                             &p->average, "best", &p->best, "best_epoch", &p->best_epoch, "n_log_bytes", &n_log_bytes,
                             "n_nonfinite", &n_nonfinite, "seconds", &p->seconds);
    json_decref(json);
    if (failed || step < 0 || subset < 0 || n_log_bytes < 0 || p->epoch < 1 || p->visit < 0)
        return med_fail(MED_EFORMAT, "%s: no usable \"%s\" in it: not a checkpoint", path, position_key);
    p->step = (long)step;
    p->subset = (long)subset;
    p->n_log_bytes = (long)n_log_bytes;
    p->n_nonfinite = (long)n_nonfinite;
    p->is_validated = is_validated;
    return MED_OK;
}

/* ---- writing ---- */

static void set_meta_json(med_weights *w, const char *key, json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT);
    med_weights_set_meta(w, key, text);
    free(text);
    json_decref(value);
}

static void set_provenance(med_weights *w, const med_train_record *r) {
    med_weights_set_meta(w, "medley.model", r->model.model->name);
    set_meta_json(w, "medley.config", med_net_to_json(&r->model));
    med_weights_set_meta(w, "medley.version", MEDLEY_VERSION);
    med_weights_set_meta(w, "medley.data_hash", r->data_hash);
    set_meta_json(w, "medley.source", json_incref(r->source));
    set_meta_json(w, "medley.training_cases", json_incref(json_object_get(r->cases, "train")));
    set_meta_json(w, "medley.training",
                  json_pack("{s:s, s:I, s:s, s:o}", "preset", r->preset, "seed", (json_int_t)r->seed, "device",
                            r->device, "config", med_option_to_json(med_train_keys, &r->config)));
}

static med_status add_views(med_weights *to, const med_weights *from) {
    for (int i = 0; i < med_weights_count(from); i++) {
        const med_tensor *t = med_weights_at(from, i);
        MED_TRY(med_weights_add_view(to, t->name, t->dtype, t->shape, t->data));
    }
    return MED_OK;
}

static med_status save(const med_train_run *run, const char *name, med_weights *w) {
    char *path = med_path_join(run->path, name);
    med_status status = med_weights_save(w, path);
    free(path);
    return status;
}

static med_status save_checkpoint(med_train_run *run, const char *name, med_weights *w, med_trainer *trainer) {
    MED_TRY(add_views(w, med_trainer_weights(trainer)));
    MED_TRY(add_views(w, med_trainer_discriminators(trainer)));
    MED_TRY(add_views(w, med_trainer_state(trainer)));
    return save(run, name, w);
}

static const char *const file_names[] = {
    [MED_TRAIN_LAST] = "checkpoint-last.safetensors", [MED_TRAIN_BEST] = "checkpoint-best.safetensors"};

med_status med_train_run_checkpoint(med_train_run *run, med_train_file which, const med_train_record *record,
                                    const med_train_position *position, med_trainer *trainer) {
    med_weights *w = med_weights_create();
    set_provenance(w, record);
    set_meta_json(w, position_key, position_to_json(position));
    med_status status = save_checkpoint(run, file_names[which], w, trainer);
    med_weights_free(w);
    return status;
}

med_status med_train_run_weights(med_train_run *run, const med_train_record *record, const med_train_position *position,
                                 med_trainer *trainer) {
    med_weights *w = med_weights_create();
    char step[32];
    snprintf(step, sizeof step, "%ld", position->step);
    set_provenance(w, record);
    med_weights_set_meta(w, "medley.steps", step);
    med_status status = add_views(w, med_trainer_average(trainer));
    if (status == MED_OK) status = save(run, "weights.safetensors", w);
    med_weights_free(w);
    return status;
}

/* ---- reading ---- */

static med_status copy_tensors(const char *path, const med_weights *from, med_weights *to) {
    for (int i = 0; i < med_weights_count(to); i++) {
        const med_tensor *t = med_weights_at(to, i), *f = med_weights_find(from, t->name);
        if (!f) return med_fail(MED_EFORMAT, "%s: %s is missing", path, t->name);
        if (f->dtype != t->dtype || !med_shape_equal(f->shape, t->shape))
            return med_fail(MED_EFORMAT, "%s: %s is %s, expected %s", path, t->name, med_shape_print(f->shape).text,
                            med_shape_print(t->shape).text);
        memcpy(t->data, f->data, med_tensor_bytes(t));
        med_weights_drop_pages(from, f); /* a checkpoint is as large as what it fills */
    }
    return MED_OK;
}

static med_status restore(const char *path, const med_weights *from, med_train_position *position,
                          med_trainer *trainer) {
    MED_TRY(position_from_text(path, med_weights_meta(from, position_key), position));
    MED_TRY(copy_tensors(path, from, med_trainer_weights(trainer)));
    MED_TRY(copy_tensors(path, from, med_trainer_discriminators(trainer)));
    return copy_tensors(path, from, med_trainer_state(trainer));
}

bool med_train_run_has_checkpoint(const med_train_run *run) {
    char *path = med_path_join(run->path, file_names[MED_TRAIN_LAST]);
    bool exists = med_path_exists(path);
    free(path);
    return exists;
}

med_status med_train_run_restore(med_train_run *run, med_train_position *position, med_trainer *trainer) {
    *position = (med_train_position){.epoch = 1};
    char *path = med_path_join(run->path, file_names[MED_TRAIN_LAST]);
    med_status status = MED_OK;
    if (med_path_exists(path)) {
        med_weights *from = NULL;
        status = med_weights_load(path, &from);
        if (status == MED_OK) status = restore(path, from, position, trainer);
        med_weights_free(from);
    } else {
        med_info("%s: stopped before its first checkpoint: starting over", run->path);
    }
    free(path);
    return status == MED_OK ? med_train_run_cut_log(run, position) : status;
}
