/* images.h: what tests about volumes share: fixtures by JSON, warnings counted, volumes with known content. */
#ifndef MED_TESTS_IMAGES_H
#define MED_TESTS_IMAGES_H

#include <jansson.h>
#include <math.h>
#include "testing.h"
#include "base/log.h"
#include "base/memory.h"
#include "image/volume.h"

/* ---- fixtures: ../shared/golden/image ---- */

static const char *images_folder; /* NULL where the fixtures are absent */

/* False (the test program should return 77) where the fixtures are not there. */
static inline bool images_find(void) {
    const char *shared = getenv("MEDLEY_SHARED");
    images_folder = shared ? med_format("%s/golden/image", shared) : NULL;
    return images_folder && access(images_folder, R_OK) == 0;
}

static inline char *images_path(const char *name) { return med_format("%s/%s", images_folder, name); }

static inline json_t *images_json(const char *name) {
    json_error_t error;
    char *path = images_path(name);
    json_t *json = json_load_file(path, 0, &error);
    if (!json) fail_msg("%s: %s", path, error.text);
    free(path);
    return json;
}

static inline const char *images_text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static inline double images_number(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static inline med_grid images_grid(const json_t *sizes, const json_t *matrix) {
    med_grid grid = {.affine = med_affine_identity()};
    for (size_t a = 0; a < 3; a++) grid.n[a] = (int)json_integer_value(json_array_get(sizes, a));
    for (size_t r = 0; r < 3; r++)
        for (size_t c = 0; c < 4; c++)
            grid.affine.m[r][c] = json_number_value(json_array_get(json_array_get(matrix, r), c));
    return grid;
}

static inline med_volume *images_load(const char *name) {
    med_volume *v;
    char *path = images_path(name);
    assert_ok(med_volume_load(path, &v));
    free(path);
    return v;
}

/* ---- warnings ---- */

static int images_n_warnings;
static char images_last_warning[2048];

static inline void images_count_warning(void *context, const char *line) {
    (void)context;
    images_n_warnings++;
    snprintf(images_last_warning, sizeof images_last_warning, "%s", line);
}

static inline void images_watch_warnings(void) {
    images_n_warnings = 0;
    images_last_warning[0] = '\0';
    med_log_set(images_count_warning, NULL);
}

/* ---- made volumes ---- */

/* Turned about all three axes, with three spacings, left-handed when asked for. */
static inline med_grid images_oblique_grid(int n0, int n1, int n2, bool is_left_handed) {
    const double a = 0.3, b = -0.4, c = 0.7;
    med_affine z = {{{cos(a), -sin(a), 0, 0}, {sin(a), cos(a), 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}};
    med_affine y = {{{cos(b), 0, sin(b), 0}, {0, 1, 0, 0}, {-sin(b), 0, cos(b), 0}, {0, 0, 0, 1}}};
    med_affine x = {{{1, 0, 0, 11.5}, {0, cos(c), -sin(c), -31}, {0, sin(c), cos(c), 402.25}, {0, 0, 0, 1}}};
    med_affine s = {{{is_left_handed ? -0.9 : 0.9, 0, 0, 0}, {0, 0.5, 0, 0}, {0, 0, 2.5, 0}, {0, 0, 0, 1}}};
    med_affine m = med_affine_multiply(med_affine_multiply(x, y), med_affine_multiply(z, s));
    return (med_grid){{n0, n1, n2}, m};
}

static inline med_volume *images_make(med_grid grid, float (*value)(int i, int j, int k)) {
    med_volume *v;
    assert_ok(med_volume_create(grid, &v));
    for (int k = 0; k < grid.n[2]; k++)
        for (int j = 0; j < grid.n[1]; j++)
            for (int i = 0; i < grid.n[0]; i++) *med_volume_at(v, i, j, k) = value(i, j, k);
    return v;
}

static inline void images_assert_affine(med_affine a, med_affine b, double tolerance) {
    for (int r = 0; r < 4; r++)
        for (int c = 0; c < 4; c++)
            if (!(fabs(a.m[r][c] - b.m[r][c]) <= tolerance))
                fail_msg("affine [%d][%d]: %.9g, expected %.9g", r, c, a.m[r][c], b.m[r][c]);
}

#endif
