/* info.c: medley info FILE: one page about weights, an image or a data set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd/command.h"
#include "task/info.h"

static const med_option options[] = {
    MED_OPT_FLAG(med_info_options, "stats", stats,
                 "images: read the voxels and give minimum, maximum, sum and non-finite count (without --json always)"),
    MED_OPT_FLAG(med_info_options, "tensors", tensors, "weights: list every tensor"),
    MED_OPT_TEXT(med_info_options, "model", model, "NAME", "instead of a file: a model, its settings, size and cost"),
    MED_OPT_TEXT(med_info_options, "preset", preset, "NAME", "of the model: tiny, small or paper (default: paper)"),
    MED_OPT_REPEAT(med_info_options, "set", set, "KEY=VALUE", "change one setting of the model"),
    MED_OPT_END,
};

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}
static long long int_of(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}
static void print_row(const char *title, const char *text) { printf("%-14s%s\n", title, *text ? text : "-"); }

/* Numbers or words of an array on one line. */
static void print_array(const char *title, const json_t *array, const char *unit) {
    printf("%-14s", title);
    size_t i;
    json_t *item;
    json_array_foreach (array, i, item) {
        if (json_is_string(item))
            printf("%s%s", i ? " " : "", json_string_value(item));
        else
            printf("%s%.6g", i ? " x " : "", json_number_value(item));
    }
    printf("%s\n", unit);
}

static void print_affine(const char *title, const json_t *rows) {
    size_t r, c;
    json_t *row, *x;
    json_array_foreach (rows, r, row) {
        printf("%-14s", r == 0 ? title : "");
        json_array_foreach (row, c, x) printf("%10.4f", json_number_value(x));
        putchar('\n');
    }
}

static void print_image(const json_t *report) {
    print_array("size", json_object_get(report, "dims"), " voxels");
    print_array("", json_object_get(report, "size_mm"), " mm");
    print_array("spacing", json_object_get(report, "spacing_mm"), " mm");
    print_row("type", text_of(report, "dtype"));
    print_row("orientation", text_of(report, "orientation"));
    print_affine("affine (RAS)", json_object_get(report, "affine_ras"));
    print_row("description", text_of(report, "description"));
    json_int_t n_nonfinite = json_integer_value(json_object_get(report, "nonfinite"));
    printf("%-14s%.6g to %.6g", "values", json_number_value(json_object_get(report, "min")),
           json_number_value(json_object_get(report, "max")));
    if (n_nonfinite) printf(", and %lld not finite", (long long)n_nonfinite);
    printf("\n");
}

/* "key = value", one a line, the first with a title. */
static void print_config(const json_t *config) {
    const char *key;
    json_t *item;
    bool is_first = true;
    json_object_foreach ((json_t *)config, key, item) {
        char *value = json_dumps(item, JSON_ENCODE_ANY | JSON_COMPACT);
        printf("%-14s%s = %s\n", is_first ? "config" : "", key, value);
        free(value);
        is_first = false;
    }
}

static void print_model(const json_t *report) {
    const json_t *macs = json_object_get(report, "macs_per_slice");
    print_row("model", text_of(report, "summary"));
    print_config(json_object_get(report, "config"));
    printf("%-14s%lld\n", "parameters", int_of(report, "n_parameters"));
    printf("%-14s%.4g G multiply-adds per slice from one modality, %.4g G from all\n", "cost",
           json_number_value(json_object_get(macs, "one")) / 1e9, json_number_value(json_object_get(macs, "all")) / 1e9);
}

static void print_transform(const json_t *report) {
    print_row("class", text_of(report, "class"));
    printf("%-14s%lld\n", "parts", int_of(report, "n_parts"));
    if (!json_object_get(report, "matrix_ras")) return;
    print_affine("matrix (RAS)", json_object_get(report, "matrix_ras"));
    printf("%-14s%.9g\n", "determinant", json_number_value(json_object_get(report, "determinant")));
}

static void print_landmarks(const json_t *report) {
    size_t i;
    json_t *point;
    json_array_foreach (json_object_get(report, "points"), i, point) {
        print_array(text_of(point, "label"), json_object_get(point, "ras"), " mm");
        if (json_object_get(point, "ras_2")) print_array("  is at", json_object_get(point, "ras_2"), " mm");
    }
}

static void print_sequence(const json_t *report) {
    size_t i;
    json_t *pose;
    printf("%-14s%lld of %lld x %lld pixels\n", "frames", int_of(report, "n_frames"), int_of(report, "width"),
           int_of(report, "height"));
    print_row("orientation", text_of(report, "orientation"));
    json_array_foreach (json_object_get(report, "poses"), i, pose)
        printf("%-14s%s, valid in %lld frames\n", "pose", text_of(pose, "name"), int_of(pose, "n_valid"));
}

static void print_weights(const json_t *report) {
    const json_t *config = json_object_get(report, "config");
    size_t i;
    json_t *item;
    const char *key;
    print_row("format", text_of(report, "format"));
    print_row("sha256", text_of(report, "sha256"));
    print_row("model", text_of(report, "model"));
    if (!config) print_row("", text_of(report, "model_error"));
    print_config(config);
    json_object_foreach (json_object_get(report, "metadata"), key, item)
        if (strcmp(key, "medley.config") != 0) printf("%-14s%s = %s\n", "metadata", key, json_string_value(item));
    printf("%-14s%lld in %lld tensors\n", "parameters", int_of(report, "n_parameters"), int_of(report, "n_tensors"));
    json_array_foreach (json_object_get(report, "groups"), i, item)
        printf("  %-24s%12lld in %lld tensors\n", text_of(item, "name"), int_of(item, "n_parameters"),
               int_of(item, "n_tensors"));
    json_array_foreach (json_object_get(report, "tensors"), i, item) {
        char *shape = json_dumps(json_object_get(item, "shape"), JSON_COMPACT);
        printf("  %-50s %-8s %s\n", text_of(item, "name"), text_of(item, "dtype"), shape);
        free(shape);
    }
}

/* One row per case, one column per modality. */
static void print_cases(const json_t *report) {
    const json_t *mods = json_object_get(report, "modalities");
    size_t i, j, k;
    json_t *item, *mod, *name;
    printf("%-24s", "case");
    json_array_foreach (mods, j, mod) printf("%8s", json_string_value(mod));
    putchar('\n');
    json_array_foreach (json_object_get(report, "cases"), i, item) {
        printf("  %-22s", text_of(item, "name"));
        json_array_foreach (mods, j, mod) {
            bool is_there = false;
            json_array_foreach (json_object_get(item, "observed"), k, name)
                is_there = is_there || json_equal(name, mod);
            printf("%8s", is_there ? "x" : "-");
        }
        putchar('\n');
    }
    printf("  %-22s", "missing");
    json_array_foreach (mods, j, mod)
        printf("%8lld", int_of(json_object_get(report, "missing"), json_string_value(mod)));
    putchar('\n');
}

static void print_dataset(const json_t *report) {
    size_t i;
    json_t *fold;
    print_row("name", text_of(report, "name"));
    print_row("manifest", json_is_true(json_object_get(report, "has_manifest")) ? "yes" : "none");
    print_row("hash", text_of(report, "hash"));
    print_array("modalities", json_object_get(report, "modalities"), "");
    print_row("anchor", text_of(report, "anchor"));
    printf("%-14s%lld\n", "cases", int_of(report, "n_cases"));
    json_array_foreach (json_object_get(report, "splits"), i, fold)
        printf("fold %-9zu%lld train, %lld validation, %lld test\n", i, int_of(fold, "train"), int_of(fold, "val"),
               int_of(fold, "test"));
    print_cases(report);
}

static med_status run(med_cli *cli) {
    med_info_options *config = cli->config;
    if (!cli->is_json) config->stats = true;
    if (!config->model && !cli->n_args) return med_fail(MED_EUSAGE, "missing arguments: medley info FILE, or --model NAME");
    MED_TRY(config->model ? med_info_model(config, cli->report) : med_info_describe(cli->args[0], config, cli->report));
    if (cli->is_json) return MED_OK;
    if (config->model) return print_model(cli->report), MED_OK;
    const char *kind = text_of(cli->report, "kind");
    printf("%s: %s\n", cli->args[0], kind);
    if (strcmp(kind, "image") == 0) print_image(cli->report);
    if (strcmp(kind, "transform") == 0) print_transform(cli->report);
    if (strcmp(kind, "landmarks") == 0) print_landmarks(cli->report);
    if (strcmp(kind, "sequence") == 0) print_sequence(cli->report);
    if (strcmp(kind, "weights") == 0) print_weights(cli->report);
    if (strcmp(kind, "dataset") == 0) print_dataset(cli->report);
    return MED_OK;
}

const med_command med_cmd_info = {
    .name = "info",
    .summary = "explain an image, transform, landmarks, sequence, weights file, data set or model",
    .usage = "FILE",
    .example = "medley info scans/case-01/case-01-t2.nii.gz",
    .min_args = 0,
    .max_args = 1,
    .options = options,
    .config_size = sizeof(med_info_options),
    .run = run,
};
