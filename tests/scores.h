/* scores.h: what tests of `medley evaluate` share: its tables and reports, the numbers of shared/golden/metric, and images made here. */
#ifndef MED_TESTS_SCORES_H
#define MED_TESTS_SCORES_H

#include "base/file.h"
#include "image/volume.h"
#include "metric/fixture.h"
#include "program.h"
#include "task/score_table.h"

static char *folder, *golden; /* of the test program's own; of the fixtures */

/* False (the test program should return 77) where the fixtures are not there. */
static inline bool scores_begin(void) {
    json_t *there = fixture_load("images.json");
    if (!there) return false;
    json_decref(there);
    golden = fixture_path("");
    golden[strlen(golden) - 1] = '\0';
    folder = testing_folder();
    return true;
}

static inline int scores_end(int n_failed) {
    testing_remove(folder);
    free(golden);
    return n_failed;
}

static inline char *at(const char *name) { return med_path_join(folder, name); }

static inline med_score_table *read_cases(const char *name) {
    med_score_table *t = med_score_table_create(MED_SCORE_IMAGES);
    char *path = med_format("%s/%s/per_case.csv", folder, name);
    assert_ok(med_score_table_load(t, path, NULL));
    free(path);
    return t;
}

static inline const med_score *row_of(const med_score_table *t, const char *name, const char *facet, const char *preset,
                               const char *metric) {
    for (int i = 0; i < t->n; i++)
        if (!strcmp(t->row[i].case_name, name) && !strcmp(t->row[i].facet, facet) &&
            !strcmp(t->row[i].preset, preset) && !strcmp(t->row[i].metric, metric))
            return &t->row[i];
    fail_msg("no row %s %s %s %s", name, facet, preset, metric);
    return NULL;
}

static inline const json_t *cell_of(const json_t *report, const char *facet_name, const char *facet, const char *preset,
                             const char *metric, const char *group) {
    size_t i;
    json_t *cell;
    json_array_foreach (json_object_get(report, "cells"), i, cell) {
        const char *p = json_string_value(json_object_get(cell, "preset"));
        const char *g = json_string_value(json_object_get(cell, "group"));
        if (!strcmp(json_string_value(json_object_get(cell, facet_name)), facet) && !strcmp(p ? p : "", preset) &&
            !strcmp(json_string_value(json_object_get(cell, "metric")), metric) && !strcmp(g ? g : "", group))
            return cell;
    }
    fail_msg("no cell %s %s %s", facet, preset, metric);
    return NULL;
}

static inline double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Summaries that the fixture has of one cell. */
static inline void check_cell(const json_t *cell, const json_t *e, double tolerance, const char *what) {
    static const char *const keys[] = {"mean", "sd", "median", "q25", "q75", "min", "max"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (json_object_get(e, keys[k]))
            assert_number(number(cell, keys[k]), json_object_get(e, keys[k]), tolerance, what);
    assert_int_equal(json_integer_value(json_object_get(cell, "n")), json_integer_value(json_object_get(e, "n")));
    if (json_object_get(e, "n_na"))
        assert_int_equal(json_integer_value(json_object_get(cell, "n_na")),
                         json_integer_value(json_object_get(e, "n_na")));
}

/* ---- images ---- */

static inline med_volume *volume_of(int n0, int n1, int n2, double spacing, float (*value)(int)) {
    med_grid grid = {{n0, n1, n2}, med_affine_identity()};
    for (int a = 0; a < 3; a++) grid.affine.m[a][a] = spacing;
    med_volume *v;
    assert_ok(med_volume_create(grid, &v));
    for (int i = 0; i < n0 * n1 * n2; i++) v->voxel[i] = value(i);
    return v;
}

static inline float ramp(int i) { return (float)(i % 17) / 17; }
static inline float bright(int i) { return 0.1f + (float)(i % 17) / 20; }
static inline float zero(int i) { return (float)(0 * i); }
static inline float halves(int i) { return i % 2 ? 0.5f : 1; }
static inline float ones(int i) { return i % 3 == 0; }

/* The path of a file whose folder is made; owned. */
static inline char *at_new(const char *name) {
    char *path = at(name), *slash = strrchr(path, '/');
    *slash = '\0';
    assert_ok(med_dir_create(path));
    *slash = '/';
    return path;
}

static inline void save(const char *name, int n0, int n1, int n2, double shift, float (*value)(int)) {
    med_volume *v = volume_of(n0, n1, n2, 1, value);
    char *path = at_new(name);
    v->grid.affine.m[0][3] = shift;
    assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
    free(path);
    med_volume_free(v);
}

#endif
