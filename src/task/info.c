/* info.c: facts about weights, images and data sets as JSON. */
#include "task/info.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "image/landmarks.h"
#include "image/sequence.h"
#include "image/transform.h"
#include "model/net.h"

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
    med_net config;
    const char *named = med_weights_meta(w, "medley.model");
    json_object_set_new(report, "model", named ? json_string(named) : json_null());
    if (med_net_load(path, NULL, NULL, &model, &config) == MED_OK) {
        json_object_set_new(report, "model", json_string(config.model->name));
        json_object_set_new(report, "config", med_net_to_json(&config));
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

/* ---- a model by name ---- */

med_status med_info_model(const med_info_options *options, json_t *report) {
    const med_model *model;
    med_net n;
    MED_TRY(med_model_find(options->model, &model));
    MED_TRY(med_net_preset(model, options->preset ? options->preset : "paper", &n));
    for (int i = 0; i < options->set.n; i++) MED_TRY(med_net_set(&n, options->set.item[i]));
    MED_TRY(med_net_check(&n));
    med_modset all = med_modset_all(n.n_mods);
    json_t *macs = json_pack("{s:f, s:f}", "one", med_net_macs(&n, 1, all), "all", med_net_macs(&n, all, all));
    json_object_update_new(report, json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:o}", "kind", "model", "model", model->name,
                                             "title", model->title, "summary", model->summary, "config", med_net_to_json(&n),
                                             "n_parameters", (json_int_t)med_net_count(&n), "macs_per_slice", macs));
    return MED_OK;
}

/* ---- image ---- */

static json_t *affine_to_json(med_affine affine) {
    json_t *rows = json_array();
    for (int r = 0; r < 4; r++) { /* + 0.0: no "-0" */
        const double *m = affine.m[r];
        json_array_append_new(rows, json_pack("[f,f,f,f]", m[0] + 0.0, m[1] + 0.0, m[2] + 0.0, m[3] + 0.0));
    }
    return rows;
}

static void describe_grid(med_grid grid, json_t *report) {
    double spacing[3];
    char code[4];
    med_grid_spacing(grid, spacing);
    med_grid_orientation(grid, code);
    json_object_set_new(report, "dims", json_pack("[i,i,i]", grid.n[0], grid.n[1], grid.n[2]));
    json_object_set_new(report, "spacing_mm", json_pack("[f,f,f]", spacing[0], spacing[1], spacing[2]));
    json_object_set_new(report, "size_mm",
                        json_pack("[f,f,f]", grid.n[0] * spacing[0], grid.n[1] * spacing[1], grid.n[2] * spacing[2]));
    json_object_set_new(report, "orientation", json_string(code));
    json_object_set_new(report, "affine_ras", affine_to_json(grid.affine));
}

static void measure_voxels(const med_volume *v, json_t *report) {
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
    json_object_update_new(
        report, json_pack("{s:f, s:f, s:f, s:I}", "min", min, "max", max, "sum", sum, "nonfinite", n_nonfinite));
}

static med_status describe_image(const char *path, const med_info_options *options, json_t *report) {
    med_volume *v;
    const med_load_options keeping = {.keeps_nonfinite = true};
    MED_TRY(options->stats ? med_volume_load_with(path, &keeping, &v) : med_volume_load_header(path, &v));
    describe_grid(v->grid, report);
    json_object_set_new(report, "dtype", json_string(med_voxel_type_name(v->stored_type)));
    json_object_set_new(report, "description", json_string(v->description));
    if (options->stats) measure_voxels(v, report);
    med_volume_free(v);
    return MED_OK;
}

/* ---- what lies beside images ---- */

static med_status describe_transform(const char *path, json_t *report) {
    med_transform *t;
    med_affine affine;
    const char *class_name;
    MED_TRY(med_transform_load(path, -1, &t, &class_name));
    json_object_set_new(report, "class", json_string(class_name));
    json_object_set_new(report, "n_parts", json_integer(med_transform_count(t)));
    if (med_transform_to_affine(t, &affine)) {
        json_object_set_new(report, "matrix_ras", affine_to_json(affine));
        json_object_set_new(report, "determinant", json_real(med_affine_determinant(affine)));
    }
    med_transform_free(t);
    return MED_OK;
}

static med_status describe_landmarks(const char *path, json_t *report) {
    med_landmarks l;
    MED_TRY(med_landmarks_load(path, &l));
    json_t *points = json_array();
    for (int i = 0; i < l.n; i++) {
        const double *p = l.item[i].ras[0], *q = l.item[i].ras[1];
        json_t *point = json_pack("{s:o, s:[f,f,f]}", "label", json_string(l.item[i].label), "ras", p[0], p[1], p[2]);
        if (!point) point = json_pack("{s:[f,f,f]}", "ras", p[0], p[1], p[2]); /* a label that is not UTF-8 */
        if (l.n_images == 2) json_object_set_new(point, "ras_2", json_pack("[f,f,f]", q[0], q[1], q[2]));
        json_array_append_new(points, point);
    }
    json_object_set_new(report, "n_images", json_integer(l.n_images));
    json_object_set_new(report, "points", points);
    med_landmarks_free(&l);
    return MED_OK;
}

static med_status describe_sequence(const char *path, json_t *report) {
    med_sequence *s;
    MED_TRY(med_sequence_load(path, false, &s));
    json_t *poses = json_array();
    for (int p = 0; p < s->n_poses; p++) {
        int n_valid = 0;
        for (int f = 0; f < s->n_frames; f++)
            n_valid += med_sequence_pose(s, f, p)->is_there && med_sequence_pose(s, f, p)->is_valid;
        json_array_append_new(poses, json_pack("{s:s, s:i}", "name", s->pose_name[p], "n_valid", n_valid));
    }
    json_object_update_new(report, json_pack("{s:i, s:i, s:i, s:s, s:o}", "n_frames", s->n_frames, "width", s->width,
                                             "height", s->height, "orientation", s->orientation, "poses", poses));
    med_sequence_free(s);
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
    const char *kind = format                   ? "weights"
                       : med_transform_is(path) ? "transform"
                       : med_landmarks_is(path) ? "landmarks"
                       : med_sequence_is(path)  ? "sequence"
                                                : "image";
    json_object_set_new(report, "kind", json_string(kind));
    if (format) return describe_weights(path, format, options, report);
    if (strcmp(kind, "transform") == 0) return describe_transform(path, report);
    if (strcmp(kind, "landmarks") == 0) return describe_landmarks(path, report);
    if (strcmp(kind, "sequence") == 0) return describe_sequence(path, report);
    return describe_image(path, options, report);
}
