/* train.c: from options to a run that is ready to work: settings, cases, network, run folder, and the plan in words. */
#include "task/train.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/backend.h"
#include "task/train_work.h"

/* ---- settings ---- */

static med_status apply(const med_train_options *o, const char *preset, med_train_config *c, med_net *net) {
    bool was_native = strcmp(c->schedule, "native") == 0;
    for (int i = 0; i < o->set.n; i++)
        if (!was_native && strcmp(o->set.item[i], "schedule=native") == 0) MED_TRY(med_train_native(preset, c, net));
    for (int i = 0; i < o->set.n; i++) MED_TRY(med_train_set(c, net, o->set.item[i]));
    if (o->epochs) c->epochs = o->epochs;
    if (o->steps) c->steps = o->steps;
    if (o->skip_nonfinite) c->skip_nonfinite = o->skip_nonfinite;
    return med_train_config_check(c);
}

/* What a longer schedule or other housekeeping may change when a run is resumed. */
static bool may_change(const char *key) {
    static const char *const keys[] = {"epochs", "steps", "micro_batch", "cache_mb", "log_every",
                                       "samples_every", "skip_nonfinite", "checkpoint_minutes"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

/* MED_EUSAGE lists every key whose new value differs from the run's: "batch is 4, the run's 2". */
static med_status check_same(const char *run, const med_train_record *was, const med_train_record *is) {
    json_t *a = med_option_to_json(med_train_keys, &was->config), *b = med_option_to_json(med_train_keys, &is->config);
    json_object_update_new(a, med_net_to_json(&was->model));
    json_object_update_new(b, med_net_to_json(&is->model));
    char list[512] = "";
    const char *key;
    json_t *value;
    json_object_foreach (b, key, value) {
        if (may_change(key) || json_equal(value, json_object_get(a, key))) continue;
        char *now = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)),
             *before = json_dumps(json_object_get(a, key), JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s is %s, the run's %s", n ? "; " : "", key, now, before);
        free(now);
        free(before);
    }
    json_decref(a);
    json_decref(b);
    if (!list[0]) return MED_OK;
    return med_fail(MED_EUSAGE, "%s: cannot resume with other settings: %s", run, list);
}

static long steps_of_epoch(const med_train_data *d, const med_train_config *c) {
    long n = 0;
    for (int i = 0; i < d->n_train; i++) n += med_train_visit_steps(c, d->train[i].subject);
    return n;
}

/* Number of steps, and epochs where steps were asked for. */
static void fit_schedule(med_train_work *w) {
    med_train_config *c = &w->record.config;
    long per_epoch = steps_of_epoch(w->data, c);
    if (c->steps) c->epochs = (int)((c->steps + per_epoch - 1) / per_epoch);
    w->n_steps = c->steps ? c->steps : per_epoch * c->epochs;
}

/* ---- a new run, or an old one ---- */

static const char *device_name(void) { return med_backend_cpu()->name; }

static med_status begin(med_train_work *w) {
    const med_train_options *o = w->options;
    med_train_record *r = &w->record;
    if (!o->is_check) MED_TRY(med_train_run_check_free(o->run));
    *r = (med_train_record){.preset = o->preset ? o->preset : "small",
                            .seed = o->seed,
                            .command_line = o->command_line,
                            .device = device_name()};
    const med_model *model;
    MED_TRY(med_model_find(o->model, &model));
    MED_TRY(med_train_preset(r->preset, model, &r->config, &r->model));
    MED_TRY(apply(o, r->preset, &r->config, &r->model));
    MED_TRY(med_train_data_open(o->data, &r->config, model, &w->data));
    MED_TRY(med_train_model(&r->config, w->data->dataset->n_mods, w->data->dataset->mods, w->data->nx, w->data->ny,
                            &r->model));
    fit_schedule(w);
    if (o->init) MED_TRY(med_train_init_record(o->init, &w->init));
    r->init = w->init;
    r->data_path = w->data->path;
    r->data_hash = w->data->dataset->hash;
    r->cases = w->data->cases;
    r->source = w->data->source;
    w->position.epoch = 1;
    return MED_OK;
}

static med_status check_resumable(const med_train_work *w, const med_train_record *was) {
    const med_train_options *o = w->options;
    if (o->preset && strcmp(o->preset, was->preset) != 0)
        return med_fail(MED_EUSAGE, "%s: cannot resume with preset %s, its preset is %s", o->run, o->preset,
                        was->preset);
    if (o->model && strcmp(o->model, was->model.model->name) != 0)
        return med_fail(MED_EUSAGE, "%s: cannot resume with model %s, its model is %s", o->run, o->model,
                        was->model.model->name);
    if (o->seed && o->seed != was->seed)
        return med_fail(MED_EUSAGE, "%s: cannot resume with seed %llu, its seed is %llu", o->run,
                        (unsigned long long)o->seed, (unsigned long long)was->seed);
    if (o->init)
        return med_fail(MED_EUSAGE, "%s: --init is for a new run; this one has begun with its own weights", o->run);
    if (strcmp(was->device, device_name()) != 0)
        med_warn("%s: begun on %s, continued on %s: the last digits will differ from an uninterrupted run", o->run,
                 was->device, device_name());
    return check_same(o->run, was, &w->record);
}

/* The names that one list of cases has and the other lacks, as "+new -gone". */
static void list_changes(const json_t *was, const json_t *is, char *text, size_t size) {
    const json_t *lists[2] = {is, was};
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < json_array_size(lists[side]); i++) {
            bool is_there = false;
            for (size_t k = 0; k < json_array_size(lists[!side]); k++)
                is_there |= json_equal(json_array_get(lists[side], i), json_array_get(lists[!side], k));
            size_t n = strlen(text);
            const json_t *item = json_array_get(lists[side], i), *name = json_object_get(item, "case");
            if (!is_there)
                snprintf(text + n, size - n, " %s%s", side ? "-" : "+", json_string_value(name ? name : item));
        }
}

static med_status fail_data(const med_train_work *w, const med_train_record *was) {
    static const char *const parts[] = {"train", "val", "skipped"};
    char text[600] = "";
    for (int i = 0; i < 3; i++) {
        char names[200] = "";
        list_changes(json_object_get(was->cases, parts[i]), json_object_get(w->data->cases, parts[i]), names, sizeof names);
        size_t n = strlen(text);
        if (names[0]) snprintf(text + n, sizeof text - n, " %s:%s", parts[i], names);
    }
    return med_fail(MED_EUSAGE, "%s: %s is another data set than the run was begun with (%s):%s", w->options->run,
                    w->options->data, was->data_path, text[0] ? text : " the same cases, but their files differ");
}

static med_status resume(med_train_work *w) {
    const med_train_options *o = w->options;
    med_train_record was;
    MED_TRY(med_train_run_open(o->run, &w->run, &was));
    w->record = was;
    if (o->epochs) w->record.config.steps = 0;
    MED_TRY(apply(o, was.preset, &w->record.config, &w->record.model));
    MED_TRY(check_resumable(w, &was));
    MED_TRY(med_train_data_open(o->data, &w->record.config, was.model.model, &w->data));
    if (strcmp(w->data->dataset->hash, was.data_hash) != 0) return fail_data(w, &was);
    fit_schedule(w);
    return MED_OK;
}

/* ---- network and optimisers ---- */

static med_discriminator_config discriminator_of(const med_train_record *r) {
    med_discriminator_config d = {.ndf = r->config.w_dis > 0 ? r->config.ndf : 0};
    d.layers = med_discriminator_layers(r->model.height, r->model.width, r->config.disc_layers);
    return d;
}

static med_status create_trainer(med_train_work *w) {
    med_weights *weights = NULL;
    bool is_first = !w->run || !med_train_run_has_checkpoint(w->run);
    MED_TRY(med_net_init(&w->record.model, w->record.seed, &weights));
    med_status status = w->record.init && is_first ? med_train_init(w->record.init, weights) : MED_OK;
    if (status != MED_OK) {
        med_weights_free(weights);
        return status;
    }
    med_trainer_options o = med_train_trainer_options(&w->record.config, &w->record.model);
    o.discriminator = discriminator_of(&w->record);
    o.seed = w->record.seed;
    MED_TRY(med_trainer_create(&w->record.model, o, weights, &w->trainer));
    return w->record.init && is_first ? med_train_init_discriminators(w->record.init, w->trainer) : MED_OK;
}

/* ---- the plan, before anything runs ---- */

static long parameter_count(med_train_work *w) {
    const med_weights *weights = med_trainer_weights(w->trainer);
    long n = 0;
    for (int i = 0; i < med_weights_count(weights); i++) n += (long)med_shape_count(med_weights_at(weights, i)->shape);
    return n;
}

/* The adversarial term would begin after the end. */
static bool is_late(const med_train_config *c) { return c->w_dis > 0 && c->adversarial_from > c->epochs; }

static void tell_plan(med_train_work *w) {
    const med_train_config *c = &w->record.config;
    const med_net *m = &w->record.model;
    char mods[MED_MAX_MODS * MED_MOD_NAME] = "";
    for (int j = 0; j < m->n_mods; j++) strcat(strcat(mods, j ? " " : ""), m->mods[j]);
    char *what = m->model->describe(m);
    med_info("network   %s, %s: %d x %d voxels, %s; %.2f million parameters", m->model->title, mods, m->height, m->width,
             what, (double)parameter_count(w) / 1e6);
    free(what);
    med_info("cases     %d to train on, %d for validation, %zu skipped; anchor %s", w->data->n_train, w->data->n_val,
             json_array_size(json_object_get(w->data->cases, "skipped")),
             w->data->anchor < 0 ? "none" : m->mods[w->data->anchor]);
    med_info("schedule  %d epochs, %ld steps of %d slices, learning rate %g to %g", c->epochs, w->n_steps, c->batch,
             c->lr, c->lr_end);
    if (is_late(c))
        med_info("          without the adversarial term, which would begin at epoch %d", c->adversarial_from);
    med_train_tell_memory(w);
}

static void fill_report(med_train_work *w, json_t *report) {
    const med_train_position *p = &w->position;
    size_t parameter_bytes, activation_bytes;
    med_trainer_memory(w->trainer, &parameter_bytes, &activation_bytes);
    const char *folder = w->options->run; /* NULL: only a check */
    char *weights = folder ? med_path_join(folder, "weights.safetensors") : NULL;
    const med_train_config *c = &w->record.config;
    const med_net *m = &w->record.model;
    json_t *all = json_pack("{s:s*, s:s*, s:I, s:I, s:i, s:i, s:b, s:b, s:[i,i], s:I, s:i, s:f, s:f, s:I, s:I, s:I, s:I}",
                            "run", folder, "weights", weights,
                            "planned_bytes", (json_int_t)med_train_memory_total(w), "planned_steps", (json_int_t)w->n_steps,
                            "n_train", w->data->n_train, "batch", c->batch,
                            "is_late", is_late(c), "is_adversarial", c->w_dis > 0 && !is_late(c),
                            "size", m->height, m->width, "steps", (json_int_t)p->step, "epochs", p->epoch - 1,
                            "seconds", p->seconds, "loss", w->last.loss,
                            "parameters", (json_int_t)parameter_count(w), "parameter_bytes", (json_int_t)parameter_bytes,
                            "activation_bytes", (json_int_t)activation_bytes,
                            "skipped", (json_int_t)json_array_size(json_object_get(w->data->cases, "skipped")));
    if (p->is_validated)
        json_object_set_new(all, "best", json_pack("{s:i, s:f}", "epoch", p->best_epoch, "val_average", p->best));
    json_object_update(report, all);
    json_decref(all);
    free(weights);
}

/* Nothing is written before all cases have been read and the plan is made. */
static med_status open_folder(med_train_work *w) {
    if (!w->options->is_resumed) return med_train_run_create(w->options->run, &w->record, &w->run);
    MED_TRY(med_train_run_restore(w->run, &w->position, w->trainer));
    return med_train_run_save(w->run, &w->record);
}

static med_status run(med_train_work *w, json_t *report) {
    MED_TRY(w->options->is_resumed ? resume(w) : begin(w));
    MED_TRY(create_trainer(w));
    MED_TRY(med_train_plan_memory(w));
    MED_TRY(med_train_data_load(w->data, &w->record.config, &w->record.model, w->memory.volumes));
    tell_plan(w);
    if (w->options->is_check) return fill_report(w, report), MED_OK;
    MED_TRY(open_folder(w));
    if (w->position.step) med_info("resuming after step %ld of %ld", w->position.step, w->n_steps);
    med_status status = med_train_loop(w);
    fill_report(w, report);
    return status;
}

med_status med_train(const med_train_options *o, json_t *report) {
    med_train_work w = {.options = o};
    med_status status = run(&w, report);
    med_train_validator_free(&w);
    med_trainer_free(w.trainer);
    med_train_run_free(w.run);
    med_train_data_free(w.data);
    json_decref(w.init);
    return status;
}
