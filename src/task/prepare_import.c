/* prepare_import.c: renames and copies what the release's scripts wrote, and turns their split files into splits.json. */
#include "task/prepare_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/release_split.h"
#include "data/splits.h"

/* ---- one case ---- */

static med_status copy_file(const char *from, const char *to) {
    med_mapping map;
    MED_TRY(med_file_map(from, &map));
    med_status status = med_file_write(to, map.data ? (const void *)map.data : "", map.size);
    med_file_unmap(&map);
    return status;
}

/* from/CASE-NAME.nii.gz to dir/CASE-KEY.nii.gz; false in *is_there when it is not there, or all zero. */
static med_status take(med_prepare_case *c, const char *from, const char *name, const char *dir, const char *key,
                       bool *is_there) {
    char *source = med_format("%s/%s/%s-%s.nii.gz", from, c->name, c->name, name);
    char *target = med_format("%s/%s-%s.nii.gz", dir, c->name, key);
    bool is_zero = false, is_us = strcmp(name, "us") == 0, is_label = strcmp(key, "label") == 0;
    *is_there = med_path_exists(source);
    med_status status = *is_there ? med_volume_load_is_zero(source, &is_zero) : MED_OK;
    if (status == MED_OK && is_zero && is_us)
        status = med_fail(MED_EFORMAT, "%s: all voxels are 0; an ultrasound image must show something", source);
    if (status == MED_OK && is_zero && !is_us)
        med_prepare_warn(c, is_label ? "%s: empty label" : "%s: all voxels are 0: recorded as missing", name);
    *is_there = *is_there && (!is_zero || is_label);
    if (status == MED_OK && *is_there) status = copy_file(source, target);
    free(source);
    free(target);
    return status;
}

static med_status write_case(med_prepare_case *c, const void *options, const char *dir) {
    static const char *const mods[] = {"us", "t2", "cet1", "flair"};
    const med_prepare_import_config *config = options;
    bool is_there;
    int n_mods = 0;
    for (int m = 0; m < 4; m++) {
        MED_TRY(take(c, config->in, mods[m], dir, mods[m], &is_there));
        n_mods += is_there;
        if (!is_there || m == 0 || !config->normalised) continue;
        char *key = med_format("%s.target", mods[m]);
        med_status status = take(c, config->normalised, mods[m], dir, key, &is_there);
        if (status == MED_OK && !is_there) med_prepare_warn(c, "%s: no harmonised image", mods[m]);
        free(key);
        MED_TRY(status);
    }
    if (!n_mods) return med_fail(MED_EINPUT, "%s/%s: none of us, t2, cet1, flair", config->in, c->name);
    MED_TRY(take(c, config->in, "target", dir, "label", &is_there));
    return med_prepare_save_notes(c, dir);
}

/* ---- splits ---- */

static med_status add_fold(const char *path, const med_dataset *d, med_fold *fold) {
    med_release_split s;
    MED_TRY(med_release_split_load(path, &s));
    for (int p = 0; p < MED_N_PARTS; p++) fold->index[p] = med_alloc((size_t)(s.n + 1) * sizeof *fold->index[p]);
    for (int i = 0; i < s.n; i++) {
        int index = med_dataset_case(d, s.row[i].name);
        if (index < 0)
            med_warn("%s: case '%s' is not in the data set: left out", path, s.row[i].name);
        else
            fold->index[s.row[i].part][fold->n[s.row[i].part]++] = index;
    }
    med_release_split_free(&s);
    return MED_OK;
}

static void warn_unused(const med_dataset *d, const med_fold *folds, int n_folds) {
    for (int c = 0; c < d->n_cases; c++) {
        bool is_used = false;
        for (int f = 0; f < n_folds; f++)
            for (int p = 0; p < MED_N_PARTS; p++)
                for (int i = 0; i < folds[f].n[p]; i++) is_used |= folds[f].index[p][i] == c;
        if (!is_used) med_warn("case '%s' is in none of the splits", d->cases[c].name);
    }
}

static med_status write_splits(const med_prepare_import_config *c, const char *data) {
    med_dataset *d;
    med_fold folds[MED_MAX_STRINGS] = {0};
    MED_TRY(med_dataset_open(data, &d));
    const char **names = med_alloc((size_t)(d->n_cases + 1) * sizeof *names);
    for (int i = 0; i < d->n_cases; i++) names[i] = d->cases[i].name;
    med_status status = MED_OK;
    for (int f = 0; f < c->splits.n && status == MED_OK; f++) status = add_fold(c->splits.item[f], d, &folds[f]);
    if (status == MED_OK) warn_unused(d, folds, c->splits.n);
    char *path = med_path_join(data, "splits.json");
    if (status == MED_OK) status = med_splits_save(path, folds, c->splits.n, names);
    for (int f = 0; f < c->splits.n; f++)
        for (int p = 0; p < MED_N_PARTS; p++) free(folds[f].index[p]);
    free(path);
    free(names);
    med_dataset_free(d);
    return status;
}

/* ---- all ---- */

static med_status copy_cases(const med_prepare_import_config *c, json_t *report) {
    static const char *const mods[] = {"us", "t2", "cet1", "flair"};
    char **names;
    int n_names, n = 0;
    MED_TRY(med_dir_list(c->in, &names, &n_names));
    med_prepare_case *cases = med_alloc((size_t)(n_names + 1) * sizeof *cases);
    for (int i = 0; i < n_names; i++) {
        char *dir = med_path_join(c->in, names[i]);
        if (med_path_is_dir(dir)) med_prepare_case_init(&cases[n++], names[i]);
        free(dir);
    }
    if (!n) {
        free(cases);
        med_names_free(names, n_names);
        return med_fail(MED_EINPUT, "%s: holds no folders of cases", c->in);
    }
    const med_manifest_head head = {"imported", "us", c->source, c->licence, 4, mods};
    med_prepare_batch b =
        med_prepare_plain_batch(&c->common, &head, json_pack("{s:s}", "method", "prepare import"), write_case, c);
    med_status status = med_prepare_batch_run(&b, cases, n, report);
    for (int i = 0; i < n; i++) med_prepare_case_free(&cases[i]);
    free(cases);
    med_names_free(names, n_names);
    return status;
}

med_status med_prepare_import(const med_prepare_import_config *c, json_t *report) {
    if (!c->in) return med_fail(MED_EUSAGE, "--in DIR is missing");
    if (c->in_place && (c->common.out || c->normalised))
        return med_fail(MED_EUSAGE, "--in-place takes neither -o nor --normalised");
    if (!c->in_place && !c->common.out)
        return med_fail(MED_EUSAGE, "-o DATA is missing: the data set to write (or --in-place)");
    MED_TRY(c->in_place ? med_manifest_import(c->in, c->source, c->licence) : copy_cases(c, report));
    return c->splits.n ? write_splits(c, c->in_place ? c->in : c->common.out) : MED_OK;
}
