/* train_data.c: sorts the cases, and gives out windows of slices from the loader. */
#include "task/train_data.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

/* ---- which cases, and how ---- */

/* The network may know some modalities only: the others are forgotten. */
static med_status choose_mods(med_train_data *d, const med_train_config *c) {
    const char *const *names = d->model->default_mods;
    int n = 0;
    if (c->modalities.n) {
        names = (const char *const *)c->modalities.item;
        n = c->modalities.n;
    }
    if (!names) return MED_OK;
    while (!c->modalities.n && names[n]) n++;
    med_status status = med_dataset_keep(d->dataset, n, names);
    return status == MED_OK ? MED_OK : med_fail_in(status, "modalities of %s", d->model->title);
}

static med_status find_anchor(med_train_data *d, const med_train_config *c) {
    const med_dataset *set = d->dataset;
    const char *name = c->anchor ? c->anchor : med_dataset_anchor(set);
    bool is_free = d->model->training->draw_given && !c->anchor; /* no pass of its own */
    d->anchor = strcmp(name, "none") == 0 ? -1 : med_dataset_mod(set, name);
    if (d->anchor >= 0 || strcmp(name, "none") == 0 || is_free) return MED_OK;
    char mods[MED_MAX_MODS * (MED_MOD_NAME + 1)] = "";
    for (int j = 0; j < set->n_mods; j++) strcat(strcat(mods, " "), set->mods[j]);
    return med_fail(MED_EUSAGE, "%s: no modality '%s' to be the anchor: --set anchor= takes one of%s, or none",
                    set->path, name, mods);
}

/* In-plane size of a case's first image; that the others agree is the loader's to check. */
static med_status look(med_train_data *d, const med_case *c) {
    char *path = med_case_path(c, d->dataset->mods[med_modset_first(c->observed)], NULL);
    med_volume *v;
    med_status status = med_volume_load_header(path, &v);
    free(path);
    MED_TRY(status);
    if (v->grid.n[0] > d->nx) d->nx = v->grid.n[0];
    if (v->grid.n[1] > d->ny) d->ny = v->grid.n[1];
    med_volume_free(v);
    return MED_OK;
}

/* Where the data come from, what may be done with them and how they were harmonised, for all that is made from them. */
static json_t *read_source(const char *path) {
    static const char *const keys[] = {"source", "licence"};
    char *file = med_path_join(path, "manifest.json");
    json_t *manifest = json_load_file(file, 0, NULL), *source = json_object();
    for (int i = 0; i < 2; i++) {
        json_t *text = json_object_get(manifest, keys[i]);
        if (json_is_string(text)) json_object_set(source, keys[i], text);
    }
    json_t *harmonisation = json_object_get(manifest, "harmonisation");
    if (json_is_object(harmonisation)) json_object_set(source, "harmonisation", harmonisation);
    json_decref(manifest);
    free(file);
    return source;
}

static void skip(med_train_data *d, const med_case *c, const char *why) {
    json_array_append_new(json_object_get(d->cases, "skipped"), json_pack("{s:s, s:s}", "case", c->name, "why", why));
}

static med_status add_case(med_train_data *d, int index, bool is_training, med_train_case *list, int *n_list) {
    const med_case *c = &d->dataset->cases[index];
    med_train_subject subject = {c->observed, d->anchor, d->model->training->draw_given != NULL};
    if (is_training && d->model->training->needs_all && med_modset_count(c->observed) < d->dataset->n_mods) {
        skip(d, c, "it is not complete");
        return MED_OK;
    }
    if (is_training && med_train_n_subsets(subject) == 0) {
        bool lacks_anchor = d->anchor >= 0 && !med_modset_has(c->observed, d->anchor);
        skip(d, c, subject.is_drawn ? "it has one modality only" : lacks_anchor ? "it lacks the anchor" : "it has nothing but the anchor");
        return MED_OK;
    }
    if (!c->observed) return MED_OK;
    if (is_training) MED_TRY(look(d, c));
    list[(*n_list)++] = (med_train_case){index, c->name, subject};
    json_array_append_new(json_object_get(d->cases, is_training ? "train" : "val"), json_string(c->name));
    return MED_OK;
}

static med_status add_part(med_train_data *d, int fold, const char *part, bool is_training, med_train_case **list,
                           int *n_list) {
    int *indices, n;
    MED_TRY(med_dataset_split(d->dataset, fold, part, &indices, &n));
    *list = med_alloc((size_t)(n ? n : 1) * sizeof **list);
    med_status status = MED_OK;
    for (int i = 0; i < n && status == MED_OK; i++) status = add_case(d, indices[i], is_training, *list, n_list);
    free(indices);
    return status;
}

static med_status open_cases(med_train_data *d, const char *path, const med_train_config *c) {
    MED_TRY(med_dataset_open(path, &d->dataset));
    MED_TRY(choose_mods(d, c));
    MED_TRY(find_anchor(d, c));
    MED_TRY(add_part(d, c->fold, "train", true, &d->train, &d->n_train));
    MED_TRY(add_part(d, c->fold, "val", false, &d->val, &d->n_val));
    if (!d->n_train)
        return d->model->training->needs_all
                   ? med_fail(MED_EUSAGE, "%s: none of %zu cases can be trained on: %s needs complete cases", path,
                              json_array_size(json_object_get(d->cases, "skipped")), d->model->title)
                   : med_fail(MED_EUSAGE,
                        "%s: none of %zu cases can be trained on: each needs the anchor (%s) and another modality",
                        path, json_array_size(json_object_get(d->cases, "skipped")),
                        d->anchor < 0 ? "none" : d->dataset->mods[d->anchor]);
    for (int i = 0; i < d->n_val; i++)
        for (int k = 0; k < d->n_train; k++)
            if (d->val[i].index == d->train[k].index) {
                med_warn("%s: %s is both for training and for validation", path, d->val[i].name);
                return MED_OK;
            }
    return MED_OK;
}

med_status med_train_data_open(const char *path, const med_train_config *c, const med_model *model, med_train_data **out) {
    med_train_data *d = med_alloc(sizeof *d);
    char absolute[PATH_MAX];
    d->path = med_strdup(realpath(path, absolute) ? absolute : path);
    d->cases = json_pack("{s:[], s:[], s:[]}", "train", "val", "skipped");
    d->source = read_source(path);
    d->model = model;
    med_status status = open_cases(d, path, c);
    if (status != MED_OK) {
        med_train_data_free(d);
        d = NULL;
    }
    *out = d;
    return status;
}

int med_train_data_fullest(const med_train_data *d) {
    int most = 0;
    for (int i = 1; i < d->n_train; i++)
        if (med_modset_count(d->train[i].subject.observed) > med_modset_count(d->train[most].subject.observed)) most = i;
    return most;
}

static void finish_reading(med_train_data *d) {
    if (d->is_reading) pthread_join(d->reader, NULL);
    d->is_reading = false;
}

void med_train_data_free(med_train_data *d) {
    if (!d) return;
    finish_reading(d);
    for (int k = 0; k < 2; k++)
        for (int j = 0; j < MED_MAX_MODS; j++) {
            free(d->slices[k].input[j]);
            free(d->slices[k].target[j]);
        }
    med_loader_free(d->loader);
    med_dataset_free(d->dataset);
    json_decref(d->cases);
    json_decref(d->source);
    free(d->train);
    free(d->val);
    free(d->path);
    free(d);
}

/* ---- slices ---- */

static int *training_indices(const med_train_data *d) {
    int *indices = med_alloc((size_t)d->n_train * sizeof *indices);
    for (int i = 0; i < d->n_train; i++) indices[i] = d->train[i].index;
    return indices;
}

med_status med_train_data_measure(const med_train_data *d, const med_net *model, size_t *n_bytes) {
    med_loader_config how = {.height = model->height, .width = model->width};
    int *indices = training_indices(d);
    med_status status = med_loader_measure(d->dataset, indices, d->n_train, &how, n_bytes);
    free(indices);
    return status;
}

/* That validation cases can be read is found out now, not at the end of an epoch. */
static med_status check_validation(const med_train_data *d, const med_loader_config *how) {
    med_loader_config any = {.height = how->height, .width = how->width};
    for (int i = 0; i < d->n_val; i++) {
        med_loader *l;
        MED_TRY(med_loader_create(d->dataset, &d->val[i].index, 1, &any, &l));
        med_loader_free(l);
    }
    return MED_OK;
}

med_status med_train_data_load(med_train_data *d, const med_train_config *c, const med_net *model,
                               size_t memory_bytes) {
    med_loader_config how = {.height = model->height, .width = model->width, .memory_bytes = memory_bytes};
    int *indices = training_indices(d);
    med_status status = med_loader_create(d->dataset, indices, d->n_train, &how, &d->loader);
    free(indices);
    if (status == MED_OK && c->val_every) status = check_validation(d, &how);
    MED_TRY(status);
    size_t n = (size_t)c->batch * (size_t)model->height * (size_t)model->width * sizeof(float);
    for (int j = 0; j < d->dataset->n_mods; j++)
        for (int k = 0; k < 2; k++) {
            d->slices[k].index = -1;
            MED_TRY(med_buffer_alloc(n, "a batch of slices", (void **)&d->slices[k].input[j]));
            MED_TRY(med_buffer_alloc(n, "a batch of slices", (void **)&d->slices[k].target[j]));
        }
    return MED_OK;
}

static void read_slices(const med_train_data *d, struct med_train_slices *s) {
    med_window window = {s->index, s->draw.first, s->draw.n, s->draw.is_flipped};
    MED_MODSET_EACH (j, d->train[s->index].subject.observed) {
        med_loader_read(d->loader, window, j, false, s->input[j]);
        med_loader_read(d->loader, window, j, true, s->target[j]);
    }
}

static bool holds(const struct med_train_slices *s, int i, const med_train_draw *draw) {
    return s->index == i && s->draw.first == draw->first && s->draw.n == draw->n && s->draw.is_flipped == draw->is_flipped;
}

static void *read_ahead(void *context) {
    med_train_data *d = context;
    read_slices(d, &d->slices[!d->current]);
    return NULL;
}

void med_train_data_prefetch(med_train_data *d, int i, const med_train_draw *draw) {
    finish_reading(d);
    struct med_train_slices *next = &d->slices[!d->current];
    next->index = i;
    next->draw = *draw;
    d->is_reading = pthread_create(&d->reader, NULL, read_ahead, d) == 0;
    if (!d->is_reading) next->index = -1; /* read when it is needed */
}

void med_train_data_batch(med_train_data *d, int i, const med_train_draw *draw, med_train_batch *out) {
    finish_reading(d);
    if (holds(&d->slices[!d->current], i, draw)) d->current = !d->current;
    struct med_train_slices *s = &d->slices[d->current];
    if (!holds(s, i, draw)) {
        s->index = i;
        s->draw = *draw;
        read_slices(d, s);
    }
    *out = (med_train_batch){.n = draw->n};
    MED_MODSET_EACH (j, d->train[i].subject.observed) {
        out->x[j] = s->input[j];
        out->target[j] = s->target[j];
    }
}
