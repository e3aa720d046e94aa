/* splits.c: reading and writing DATA/splits.json. A case may be in val and in test (the release's splits have such),
 * never in train and in another part. */
#include "data/splits.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "base/option.h"
#include "data/dataset_parts.h"

/* ---- reading ---- */

static const char *nearest_case(const med_dataset *d, const char *name) {
    const char **names = med_alloc((size_t)(d->n_cases + 1) * sizeof *names);
    for (int i = 0; i < d->n_cases; i++) names[i] = d->cases[i].name;
    const char *nearest = med_nearest(name, names);
    free(names);
    return nearest;
}

/* `seen`: per case, bit p when it is already in part p of this fold. */
static med_status read_name(const med_dataset *d, const char *where, const json_t *item, int part, int *index,
                            uint8_t *seen) {
    const char *name = json_string_value(item);
    if (!name) return med_fail(MED_EFORMAT, "%s: expected names of cases (texts)", where);
    *index = med_dataset_case(d, name);
    if (*index < 0) {
        const char *nearest = nearest_case(d, name);
        return med_fail(MED_EFORMAT, "%s: no case '%s' in the data set%s%s%s", where, name,
                        nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "");
    }
    uint8_t *in = &seen[*index], train = 1 << MED_PART_TRAIN;
    if (*in >> part & 1) return med_fail(MED_EFORMAT, "%s: case '%s' is listed twice", where, name);
    if (*in && ((*in & train) || part == MED_PART_TRAIN))
        return med_fail(MED_EFORMAT,
                        "%s: case '%s' is in train and in %s of the same fold; a case learned from cannot be judged on",
                        where, name,
                        med_part_names[part != MED_PART_TRAIN    ? part
                                       : *in >> MED_PART_VAL & 1 ? MED_PART_VAL
                                                                 : MED_PART_TEST]);
    *in |= (uint8_t)(1 << part);
    return MED_OK;
}

static int compare_ints(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static med_status read_part(const med_dataset *d, const char *where, const json_t *list, int part, med_fold *fold,
                            uint8_t *seen) {
    if (!json_is_array(list)) return med_fail(MED_EFORMAT, "%s: expected a list of case names", where);
    size_t n = json_array_size(list);
    fold->index[part] = med_alloc((n ? n : 1) * sizeof *fold->index[part]);
    for (size_t i = 0; i < n; i++) {
        MED_TRY(read_name(d, where, json_array_get(list, i), part, &fold->index[part][i], seen));
        fold->n[part]++;
    }
    qsort(fold->index[part], n, sizeof *fold->index[part], compare_ints);
    return MED_OK;
}

static med_status read_fold(const med_dataset *d, const char *path, int f, const json_t *object, med_fold *fold) {
    if (!json_is_object(object))
        return med_fail(MED_EFORMAT, "%s: fold %d: expected an object with train, val, test", path, f);
    uint8_t *seen = med_alloc((size_t)d->n_cases);
    med_status status = MED_OK;
    for (int p = 0; p < MED_N_PARTS && status == MED_OK; p++) {
        const json_t *list = json_object_get(object, med_part_names[p]);
        char *where = med_format("%s: fold %d, %s", path, f, med_part_names[p]);
        if (list)
            status = read_part(d, where, list, p, fold, seen);
        else if (p != MED_PART_VAL)
            status = med_fail(MED_EFORMAT, "%s: missing", where);
        free(where);
    }
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)object, key, value) {
        bool is_known = false;
        for (int p = 0; p < MED_N_PARTS; p++) is_known |= strcmp(key, med_part_names[p]) == 0;
        if (!is_known && status == MED_OK)
            status = med_fail(MED_EFORMAT, "%s: fold %d: unknown key '%s', expected train, val, test", path, f, key);
    }
    free(seen);
    return status;
}

med_status med_dataset_read_splits(med_dataset *d, const char *path) {
    json_t *root;
    MED_TRY(med_json_load(path, &root));
    med_status status = MED_OK;
    size_t n = json_array_size(root);
    if (!json_is_array(root) || n == 0) {
        status = med_fail(MED_EFORMAT,
                          "%s: expected a list of folds: [{\"train\": [...], \"val\": [...], \"test\": [...]}]", path);
    } else {
        d->folds = med_alloc(n * sizeof *d->folds);
        d->n_folds = (int)n;
    }
    for (int f = 0; f < (int)n && status == MED_OK; f++)
        status = read_fold(d, path, f, json_array_get(root, (size_t)f), &d->folds[f]);
    json_decref(root);
    return status;
}

/* ---- writing ---- */

med_status med_splits_save(const char *path, const med_fold *folds, int n_folds, const char *const *names) {
    json_t *root = json_array();
    for (int f = 0; f < n_folds; f++) {
        json_t *fold = json_object();
        for (int p = 0; p < MED_N_PARTS; p++) {
            json_t *list = json_array();
            for (int i = 0; i < folds[f].n[p]; i++)
                json_array_append_new(list, json_string(names[folds[f].index[p][i]]));
            json_object_set_new(fold, med_part_names[p], list);
        }
        json_array_append_new(root, fold);
    }
    char *text = json_dumps(root, JSON_INDENT(1));
    json_decref(root);
    med_assert(text != NULL);
    med_status status = med_file_write(path, text, strlen(text));
    free(text);
    return status;
}
