/* info.c: facts about weights, images and data sets as JSON. */
#include "task/info.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "model/mmhvae.h"

/* ---- weights ---- */

static const char *dtype_name(med_dtype dtype) {
    static const char *const names[] = {
        [MED_F32] = "float32", [MED_F64] = "float64", [MED_I64] = "int64", [MED_U8] = "uint8"};
    return names[dtype];
}

static json_t *describe_tensor(const med_tensor *t) {
    json_t *shape = json_array();
    for (int d = 0; d < t->shape.rank; d++) json_array_append_new(shape, json_integer(t->shape.dim[d]));
    return json_pack("{s:s, s:s, s:o}", "name", t->name, "dtype", dtype_name(t->dtype), "shape", shape);
}

static void add_to_key(json_t *object, const char *key, json_int_t n) {
    json_int_t before = json_integer_value(json_object_get(object, key));
    json_object_set_new(object, key, json_integer(before + n));
}

/* Tensors by the first part of their names, in the order of the file. */
static json_t *group_tensors(const med_weights *w) {
    json_t *groups = json_array(), *index = json_object();
    for (int i = 0; i < med_weights_count(w); i++) {
        const med_tensor *t = med_weights_at(w, i);
        char *name = strndup(t->name, strcspn(t->name, "/."));
        json_t *group = json_object_get(index, name);
        if (!group) {
            group = json_pack("{s:s}", "name", name);
            json_array_append_new(groups, group);
            json_object_set(index, name, group);
        }
        add_to_key(group, "n_tensors", 1);
        add_to_key(group, "n_parameters", med_shape_count(t->shape));
        free(name);
    }
    json_decref(index);
    return groups;
}

static json_t *list_tensors(const med_weights *w) {
    json_t *list = json_array();
    for (int i = 0; i < med_weights_count(w); i++) json_array_append_new(list, describe_tensor(med_weights_at(w, i)));
    return list;
}

static json_t *list_metadata(const med_weights *w) {
    json_t *metadata = json_object();
    for (int i = 0; i < med_weights_n_metas(w); i++) {
        const char *value, *key = med_weights_meta_at(w, i, &value);
        json_object_set_new(metadata, key, json_string(value));
    }
    return metadata;
}

/* A network we know, with its configuration (a slice size only where the file tells it); anything else is tensors. */
static void describe_model(const char *path, const med_weights *w, json_t *report) {
    med_weights *model = NULL;
    med_mmhvae_config config;
    const char *named = med_weights_meta(w, "medley.model");
    json_object_set_new(report, "model", named ? json_string(named) : json_null());
    if (med_mmhvae_load(path, NULL, NULL, &model, &config) == MED_OK) {
        json_object_set_new(report, "model", json_string("mmhvae"));
        json_object_set_new(report, "config", med_mmhvae_to_json(&config));
        med_weights_free(model);
    } else {
        json_object_set_new(report, "model_error", json_string(med_message()));
    }
}

static med_status describe_weights(const char *path, const char *format, const med_info_options *options,
                                   json_t *report) {
    med_weights *w;
    char hash[65];
    MED_TRY(med_file_sha256(path, hash));
    MED_TRY(med_weights_load_any(path, &w));
    json_int_t n_parameters = 0;
    for (int i = 0; i < med_weights_count(w); i++) n_parameters += med_shape_count(med_weights_at(w, i)->shape);
    json_object_set_new(report, "format", json_string(format));
    json_object_set_new(report, "sha256", json_string(hash));
    json_object_set_new(report, "n_tensors", json_integer(med_weights_count(w)));
    json_object_set_new(report, "n_parameters", json_integer(n_parameters));
    describe_model(path, w, report);
    json_object_set_new(report, "metadata", list_metadata(w));
    json_object_set_new(report, "groups", group_tensors(w));
    if (options->tensors) json_object_set_new(report, "tensors", list_tensors(w));
    med_weights_free(w);
    return MED_OK;
}

/* ---- image ---- */

static void describe_grid(med_grid grid, json_t *report) {
    double spacing[3];
    char code[4];
    json_t *affine = json_array();
    for (int r = 0; r < 4; r++) { /* + 0.0: no "-0" */
        const double *m = grid.affine.m[r];
        json_array_append_new(affine, json_pack("[f,f,f,f]", m[0] + 0.0, m[1] + 0.0, m[2] + 0.0, m[3] + 0.0));
    }
    med_grid_spacing(grid, spacing);
    med_grid_orientation(grid, code);
    json_object_set_new(report, "dims", json_pack("[i,i,i]", grid.n[0], grid.n[1], grid.n[2]));
    json_object_set_new(report, "spacing_mm", json_pack("[f,f,f]", spacing[0], spacing[1], spacing[2]));
    json_object_set_new(report, "size_mm",
                        json_pack("[f,f,f]", grid.n[0] * spacing[0], grid.n[1] * spacing[1], grid.n[2] * spacing[2]));
    json_object_set_new(report, "orientation", json_string(code));
    json_object_set_new(report, "affine_ras", affine);
}

static json_t *measure_voxels(const med_volume *v) {
    double min = INFINITY, max = -INFINITY, sum = 0;
    json_int_t n_nonfinite = 0;
    size_t n = med_grid_count(v->grid);
    for (size_t i = 0; i < n; i++) {
        double x = v->voxel[i];
        if (!isfinite(x)) {
            n_nonfinite++;
            continue;
        }
        min = fmin(min, x);
        max = fmax(max, x);
        sum += x;
    }
    return json_pack("{s:f, s:f, s:f, s:I}", "min", min, "max", max, "sum", sum, "nonfinite", n_nonfinite);
}

static med_status describe_image(const char *path, const med_info_options *options, json_t *report) {
    med_volume *v;
    MED_TRY(options->stats ? med_volume_load(path, &v) : med_volume_load_header(path, &v));
    describe_grid(v->grid, report);
    json_object_set_new(report, "dtype", json_string(med_voxel_type_name(v->stored_type)));
    json_object_set_new(report, "description", json_string(v->description));
    if (options->stats) json_object_set_new(report, "stats", measure_voxels(v));
    med_volume_free(v);
    return MED_OK;
}

/* ---- data set ---- */

static json_t *list_observed(const med_dataset *d, med_modset observed) {
    json_t *names = json_array();
    MED_MODSET_EACH (j, observed) json_array_append_new(names, json_string(d->mods[j]));
    return names;
}

static json_t *count_missing(const med_dataset *d) {
    json_t *missing = json_object();
    for (int j = 0; j < d->n_mods; j++) {
        add_to_key(missing, d->mods[j], 0);
        for (int i = 0; i < d->n_cases; i++) add_to_key(missing, d->mods[j], !med_modset_has(d->cases[i].observed, j));
    }
    return missing;
}

/* Number of cases per part and fold; null without splits. */
static json_t *count_splits(const med_dataset *d) {
    static const char *const parts[] = {"train", "val", "test"};
    char *path = med_path_join(d->path, "splits.json");
    bool has_splits = med_path_exists(path);
    free(path);
    if (!has_splits) return json_null();
    json_t *splits = json_array();
    for (int fold = 0;; fold++) {
        json_t *counts = json_object();
        for (int p = 0; p < 3; p++) {
            int *indices, n;
            if (med_dataset_split(d, fold, parts[p], &indices, &n) != MED_OK) {
                json_decref(counts);
                return splits;
            }
            json_object_set_new(counts, parts[p], json_integer(n));
            free(indices);
        }
        json_array_append_new(splits, counts);
    }
}

static med_status describe_dataset(const char *path, json_t *report) {
    med_dataset *d;
    MED_TRY(med_dataset_open(path, &d));
    json_t *mods = json_array(), *cases = json_array();
    for (int j = 0; j < d->n_mods; j++) json_array_append_new(mods, json_string(d->mods[j]));
    for (int i = 0; i < d->n_cases; i++)
        json_array_append_new(cases, json_pack("{s:s, s:o}", "name", d->cases[i].name, "observed",
                                               list_observed(d, d->cases[i].observed)));
    json_object_set_new(report, "name", json_string(d->name));
    json_object_set_new(report, "has_manifest", json_boolean(d->has_manifest));
    json_object_set_new(report, "hash", json_string(d->hash));
    json_object_set_new(report, "anchor", json_string(d->anchor));
    json_object_set_new(report, "modalities", mods);
    json_object_set_new(report, "n_cases", json_integer(d->n_cases));
    json_object_set_new(report, "missing", count_missing(d));
    json_object_set_new(report, "cases", cases);
    json_object_set_new(report, "splits", count_splits(d));
    med_dataset_free(d);
    return MED_OK;
}

/* ---- which of them ---- */

/* "safetensors" or "pth" by the first bytes, NULL for anything else. */
static const char *weights_format(const med_mapping *file) {
    const uint8_t *b = file->data;
    if (file->size < 10) return NULL;
    if (memcmp(b, "PK\3\4", 4) == 0 || (b[0] == 0x80 && b[1] >= 2 && b[1] <= 5)) return "pth";
    uint64_t header_bytes;
    memcpy(&header_bytes, b, sizeof header_bytes);
    bool is_header = b[8] == '{' && (b[9] == '"' || b[9] == '}' || b[9] == ' ' || b[9] == '\n');
    return is_header && header_bytes < UINT64_C(1) << 48 ? "safetensors" : NULL;
}

med_status med_info_describe(const char *path, const med_info_options *options, json_t *report) {
    json_object_set_new(report, "path", json_string(path));
    if (med_path_is_dir(path)) {
        json_object_set_new(report, "kind", json_string("dataset"));
        return describe_dataset(path, report);
    }
    med_mapping file;
    MED_TRY(med_file_map(path, &file));
    const char *format = weights_format(&file);
    json_object_set_new(report, "bytes", json_integer((json_int_t)file.size));
    med_file_unmap(&file);
    json_object_set_new(report, "kind", json_string(format ? "weights" : "image"));
    return format ? describe_weights(path, format, options, report) : describe_image(path, options, report);
}
