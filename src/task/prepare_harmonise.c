/* prepare_harmonise.c: first pass over the training cases for the standard scale, second pass over all for the targets. */
#include "task/prepare_harmonise.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/harmonise.h"
#include "data/manifest_refresh.h"
#include "data/release_split.h"
#include "image/intensity.h"

typedef struct work {
    const med_prepare_harmonise_config *c;
    med_dataset *d;
    int *train, n_train; /* case indices */
    bool is_nyul;
    json_t *scales; /* modality -> standard scale */
    json_t *record; /* of the harmonisation: method, landmarks, and the scales so far */
    int n_written;
} work;

/* ---- training cases ---- */

static med_status train_of_release(work *w) {
    med_release_split s;
    MED_TRY(med_release_split_load(w->c->split, &s));
    w->train = med_alloc((size_t)(s.n + 1) * sizeof *w->train);
    for (int i = 0; i < s.n; i++) {
        int index = s.row[i].part == MED_PART_TRAIN ? med_dataset_case(w->d, s.row[i].name) : -1;
        if (index >= 0) w->train[w->n_train++] = index;
        if (index < 0 && s.row[i].part == MED_PART_TRAIN)
            med_warn("%s: case '%s' is not in the data set", w->c->split, s.row[i].name);
    }
    med_release_split_free(&s);
    return w->n_train ? MED_OK
                      : med_fail(MED_EINPUT, "%s: none of its training cases is in %s", w->c->split, w->c->data);
}

static med_status find_train(work *w) {
    if (w->c->split) return train_of_release(w);
    return med_dataset_split(w->d, w->c->fold, "train", &w->train, &w->n_train);
}

/* ---- images ---- */

static med_status load_mr(const work *w, int i, int j, med_volume **out) {
    char *path = med_case_path(&w->d->cases[i], w->d->mods[j], NULL);
    med_status status = med_volume_load(path, out);
    if (status == MED_OK) med_intensity_lift_negative(*out); /* as the loader does, which warns */
    free(path);
    return status;
}

static med_status learn(work *w, int j) {
    double sum[MED_NYUL_LANDMARKS] = {0}, landmarks[MED_NYUL_LANDMARKS];
    int n = 0;
    for (int t = 0; t < w->n_train; t++) {
        med_volume *v;
        bool is_there = false;
        const med_case *c = &w->d->cases[w->train[t]];
        if (!med_modset_has(c->observed, j)) continue;
        MED_TRY(load_mr(w, w->train[t], j, &v));
        char *path = med_case_path(c, w->d->mods[j], NULL);
        med_status status = med_harmonise_measure(w->record, path, w->d->mods[j], v, landmarks, &is_there);
        med_volume_free(v);
        free(path);
        MED_TRY(status);
        if (!is_there) continue;
        med_nyul_learn(landmarks, sum);
        n++;
    }
    if (!n) {
        med_warn("%s: no training case has a usable %s: no targets for it", w->c->data, w->d->mods[j]);
        return MED_OK;
    }
    for (int l = 0; l < MED_NYUL_LANDMARKS; l++) sum[l] /= n;
    json_object_set_new(w->scales, w->d->mods[j], json_pack("{s:o, s:i}", "standard", med_nyul_to_json(sum), "n_training", n));
    return MED_OK;
}

static med_status write_target(work *w, int i, int j) {
    med_volume *v;
    const med_case *c = &w->d->cases[i];
    MED_TRY(load_mr(w, i, j, &v));
    char *path = med_format("%s/%s-%s.target.nii.gz", c->dir, c->name, w->d->mods[j]), *from = med_case_path(c, w->d->mods[j], NULL);
    bool is_done = false;
    med_status status = med_harmonise_by(w->record, from, w->d->mods[j], v, &is_done);
    free(from);
    if (is_done) {
        status = med_volume_save(v, path, MED_VOXEL_F32);
        w->n_written++;
    } else if (status == MED_OK) {
        med_warn("%s: %s holds one value at most: no target", c->name, w->d->mods[j]);
    }
    free(path);
    med_volume_free(v);
    return status;
}

static void remove_target(const med_case *c, const char *mod) {
    char *path = med_case_path(c, mod, "target");
    unlink(path);
    free(path);
}

/* ---- all ---- */

static med_status harmonise_mod(work *w, int j, med_progress *progress) {
    bool is_none = strcmp(w->c->method, "none") == 0;
    if (w->is_nyul) MED_TRY(learn(w, j));
    if (w->is_nyul && !json_object_get(w->scales, w->d->mods[j])) return MED_OK;
    for (int i = 0; i < w->d->n_cases; i++) {
        if (!med_modset_has(w->d->cases[i].observed, j)) continue;
        if (is_none)
            remove_target(&w->d->cases[i], w->d->mods[j]);
        else
            MED_TRY(write_target(w, i, j));
        med_progress_update(progress, (long)j * w->d->n_cases + i + 1, "%s", w->d->cases[i].name);
    }
    return MED_OK;
}

static json_t *describe(const work *w) {
    json_t *percentiles = med_nyul_to_json(med_nyul_percentiles), *train = json_array();
    for (int t = 0; t < w->n_train; t++) json_array_append_new(train, json_string(w->d->cases[w->train[t]].name));
    return json_pack("{s:s, s:s, s:i, s:o, s:o, s:O}", "method", w->c->method, "landmarks", w->c->landmarks, "fold", w->c->fold,
                     "percentiles", percentiles, "training", train, "scales", w->scales);
}

static med_status run(work *w, json_t *report) {
    MED_TRY(med_dataset_open(w->c->data, &w->d));
    if (!w->d->has_manifest)
        return med_fail(MED_EUSAGE, "%s: has no manifest; medley prepare import writes one", w->c->data);
    MED_TRY(find_train(w));
    med_progress *progress = med_progress_start("harmonising", (long)w->d->n_mods * w->d->n_cases);
    med_status status = MED_OK;
    for (int j = 0; j < w->d->n_mods && status == MED_OK; j++)
        if (strcmp(w->d->mods[j], "us") != 0) status = harmonise_mod(w, j, progress);
    med_progress_end(progress);
    MED_TRY(status);
    json_t *harmonisation = describe(w);
    json_object_set_new(report, "n_targets", json_integer(w->n_written));
    json_object_set(report, "harmonisation", harmonisation);
    return med_manifest_refresh(w->c->data, "harmonisation", harmonisation);
}

med_status med_prepare_harmonise(const med_prepare_harmonise_config *c, json_t *report) {
    work w = {.c = c, .is_nyul = strcmp(c->method, "nyul") == 0};
    if (!w.is_nyul && strcmp(c->landmarks, "head") == 0) return med_fail(MED_EUSAGE, "--landmarks head is for --method nyul");
    w.scales = json_object();
    w.record = json_pack("{s:s, s:s, s:O}", "method", c->method, "landmarks", c->landmarks, "scales", w.scales);
    med_status status = run(&w, report);
    med_dataset_free(w.d);
    free(w.train);
    json_decref(w.scales);
    json_decref(w.record);
    return status;
}
