/* dataset.c: opening a data set, finding its modalities, cases, parts and paths. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset_parts.h"

const char *const med_part_names[MED_N_PARTS] = {"train", "val", "test"};

/* ---- names ---- */

/* Words that follow CASE- without being a modality. */
static const char *const reserved[] = {"label", "fov", "landmarks", "target", "usfov", "sd", NULL};

bool med_mod_name_is_valid(const char *mod) {
    size_t n = strlen(mod);
    if (n == 0 || n >= MED_MOD_NAME) return false;
    if (strspn(mod, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != n) return false;
    for (int i = 0; reserved[i]; i++)
        if (strcmp(mod, reserved[i]) == 0) return false;
    return true;
}

bool med_case_name_is_valid(const char *name) {
    size_t n = strlen(name);
    if (n == 0 || n > 200 || name[0] == '.' || name[0] == '-') return false;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < ' ' || *p == '/' || *p == 127) return false;
    json_t *text = json_string(name); /* NULL unless UTF-8 */
    json_decref(text);
    return text != NULL;
}

bool med_case_parse_name(const char *file_name, char case_name[256], char mod[MED_MOD_NAME]) {
    size_t n = strlen(file_name);
    if (n > 7 && strcmp(file_name + n - 7, ".nii.gz") == 0)
        n -= 7;
    else if (n > 4 && strcmp(file_name + n - 4, ".nii") == 0)
        n -= 4;
    else
        return false;
    size_t dash = n;
    while (dash > 0 && file_name[dash - 1] != '-') dash--;
    size_t n_mod = n - dash;
    if (dash < 2 || dash > 255 || n_mod == 0 || n_mod >= MED_MOD_NAME) return false;
    snprintf(case_name, 256, "%.*s", (int)dash - 1, file_name);
    snprintf(mod, MED_MOD_NAME, "%.*s", (int)n_mod, file_name + dash);
    return med_mod_name_is_valid(mod) && med_case_name_is_valid(case_name);
}

/* ---- modalities and cases ---- */

static int compare_mods(const void *a, const void *b) {
    static const char *const first[] = {"us", "t2", "cet1", "flair"};
    int rank[2] = {4, 4};
    const char *name[2] = {a, b};
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < 4; i++)
            if (strcmp(name[side], first[i]) == 0) rank[side] = i;
    return rank[0] != rank[1] ? rank[0] - rank[1] : strcmp(name[0], name[1]);
}

med_status med_dataset_set_mods(med_dataset *d, const char *const *names, int n) {
    for (int i = 0; i < n; i++) {
        if (med_dataset_mod(d, names[i]) >= 0) continue;
        if (!med_mod_name_is_valid(names[i]))
            return med_fail(MED_EFORMAT,
                            "%s: modality '%s': expected letters, digits and '_', at most %d, and no reserved word",
                            d->path, names[i], MED_MOD_NAME - 1);
        if (d->n_mods == MED_MAX_MODS)
            return med_fail(MED_EFORMAT, "%s: more than %d modalities ('%s' is one too many)", d->path, MED_MAX_MODS,
                            names[i]);
        snprintf(d->mods[d->n_mods++], MED_MOD_NAME, "%s", names[i]);
    }
    qsort(d->mods, (size_t)d->n_mods, sizeof d->mods[0], compare_mods);
    return MED_OK;
}

static int compare_cases(const void *a, const void *b) {
    return strcmp(((const med_case *)a)->name, ((const med_case *)b)->name);
}

med_case *med_dataset_add_case(med_dataset *d, const char *name, const char *dir) {
    if (med_dataset_case(d, name) >= 0) return NULL;
    med_case *cases = realloc(d->cases, (size_t)(d->n_cases + 1) * sizeof *cases);
    med_assert(cases != NULL);
    d->cases = cases;
    int at = d->n_cases++;
    while (at > 0 && strcmp(cases[at - 1].name, name) > 0) at--;
    memmove(&cases[at + 1], &cases[at], (size_t)(d->n_cases - 1 - at) * sizeof *cases);
    cases[at] = (med_case){med_strdup(name), med_strdup(dir), 0};
    return &cases[at];
}

const char *med_dataset_anchor(const med_dataset *d) { return d->anchor[0] ? d->anchor : "us"; }

int med_dataset_mod(const med_dataset *d, const char *mod) {
    return med_modset_find(d->mods, d->n_mods, mod);
}

med_status med_dataset_keep(med_dataset *d, int n, const char *const *mods) {
    int was[MED_MAX_MODS];
    if (n < 1 || n > MED_MAX_MODS) return med_fail(MED_EUSAGE, "%s: %d modalities, expected 1 to %d", d->path, n, MED_MAX_MODS);
    for (int j = 0; j < n; j++) {
        was[j] = med_dataset_mod(d, mods[j]);
        if (was[j] < 0) return med_fail(MED_EUSAGE, "%s has no modality '%s': --set modalities= names those to use", d->path, mods[j]);
    }
    for (int j = 0; j < n; j++) snprintf(d->mods[j], MED_MOD_NAME, "%s", mods[j]);
    d->n_mods = n;
    for (int i = 0; i < d->n_cases; i++) {
        med_modset observed = 0;
        for (int j = 0; j < n; j++)
            if (med_modset_has(d->cases[i].observed, was[j])) observed |= med_modset_of(j);
        d->cases[i].observed = observed;
    }
    return MED_OK;
}

int med_dataset_case(const med_dataset *d, const char *name) {
    med_case key = {.name = (char *)name};
    const med_case *found = d->n_cases ? bsearch(&key, d->cases, (size_t)d->n_cases, sizeof key, compare_cases) : NULL;
    return found ? (int)(found - d->cases) : -1;
}

med_status med_dataset_split(const med_dataset *d, int fold, const char *part, int **indices, int *n) {
    *indices = NULL;
    *n = 0;
    int p = 0;
    while (p < MED_N_PARTS && strcmp(med_part_names[p], part) != 0) p++;
    if (p == MED_N_PARTS) return med_fail(MED_EUSAGE, "part '%s': expected train, val or test", part);
    if (fold < 0 || fold >= (d->n_folds ? d->n_folds : 1))
        return med_fail(MED_EUSAGE, "%s: fold %d: %d in its splits.json, counted from 0", d->path, fold, d->n_folds);
    *n = d->n_folds ? d->folds[fold].n[p] : d->n_cases;
    *indices = med_alloc((size_t)(*n ? *n : 1) * sizeof **indices);
    for (int i = 0; i < *n; i++) (*indices)[i] = d->n_folds ? d->folds[fold].index[p][i] : i;
    return MED_OK;
}

/* ---- opening ---- */

static char *name_of_path(const char *path) {
    char *whole = realpath(path, NULL), *name = med_strdup(med_path_base(whole ? whole : path));
    free(whole);
    return name;
}

static med_status fill(med_dataset *d) {
    char *manifest = med_path_join(d->path, "manifest.json"), *splits = med_path_join(d->path, "splits.json");
    med_status status;
    d->has_manifest = med_path_exists(manifest);
    status = d->has_manifest ? med_dataset_read_manifest(d, manifest) : med_dataset_scan_folder(d);
    if (status == MED_OK && med_path_exists(splits)) status = med_dataset_read_splits(d, splits);
    free(manifest);
    free(splits);
    return status;
}

med_status med_dataset_open(const char *path, med_dataset **out) {
    *out = NULL;
    if (!med_path_exists(path)) return med_fail(MED_EINPUT, "%s: no such folder", path);
    if (!med_path_is_dir(path)) return med_fail(MED_EINPUT, "%s: is a file, expected a folder with cases", path);
    med_dataset *d = med_alloc(sizeof *d);
    d->path = med_strdup(path);
    d->name = name_of_path(path);
    med_status status = fill(d);
    if (status != MED_OK) {
        med_dataset_free(d);
        return status;
    }
    *out = d;
    return MED_OK;
}

void med_dataset_free(med_dataset *d) {
    if (!d) return;
    for (int i = 0; i < d->n_cases; i++) {
        free(d->cases[i].name);
        free(d->cases[i].dir);
    }
    for (int f = 0; f < d->n_folds; f++)
        for (int p = 0; p < MED_N_PARTS; p++) free(d->folds[f].index[p]);
    free(d->folds);
    free(d->cases);
    free(d->path);
    free(d->name);
    free(d);
}
