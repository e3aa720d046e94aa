/* harmonise.c: percentiles inside the mask, and the piecewise linear map between two lists of landmarks. */
#include "data/harmonise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "data/head_landmarks.h"
#include "image/intensity.h"

const double med_nyul_percentiles[MED_NYUL_LANDMARKS] = {1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99.95};

/* The values above 0, owned; NULL when there is none. */
static float *masked_values(const med_volume *v, size_t *n) {
    size_t count = med_grid_count(v->grid);
    *n = 0;
    for (size_t i = 0; i < count; i++) *n += v->voxel[i] > 0;
    if (!*n) return NULL;
    float *values = med_alloc(*n * sizeof *values);
    for (size_t i = 0, at = 0; i < count; i++)
        if (v->voxel[i] > 0) values[at++] = v->voxel[i];
    return values;
}

bool med_nyul_measure(const med_volume *v, double landmarks[MED_NYUL_LANDMARKS]) {
    size_t n;
    float *values = masked_values(v, &n);
    if (!values) return false;
    for (int l = 0; l < MED_NYUL_LANDMARKS; l++) landmarks[l] = med_percentile(values, n, med_nyul_percentiles[l]);
    free(values);
    return landmarks[MED_NYUL_LANDMARKS - 1] > landmarks[0];
}

void med_nyul_learn(const double landmarks[MED_NYUL_LANDMARKS], double sum[MED_NYUL_LANDMARKS]) {
    double lo = landmarks[0], range = landmarks[MED_NYUL_LANDMARKS - 1] - lo;
    for (int l = 0; l < MED_NYUL_LANDMARKS; l++) sum[l] += (landmarks[l] - lo) / range;
}

/* The last segment that starts at or below x carries on beyond the ends, where the result is clipped. */
static double map(double x, const double *from, const double *to, int n) {
    int s = 0;
    while (s < n - 2 && x >= from[s + 1]) s++;
    double width = from[s + 1] - from[s];
    double y = width > 0 ? to[s] + (x - from[s]) / width * (to[s + 1] - to[s]) : to[s + 1];
    return fmin(fmax(y, 0), 1);
}

json_t *med_nyul_to_json(const double landmarks[MED_NYUL_LANDMARKS]) {
    json_t *list = json_array();
    for (int l = 0; l < MED_NYUL_LANDMARKS; l++) json_array_append_new(list, json_real(landmarks[l]));
    return list;
}

bool med_nyul_from_json(const json_t *list, double landmarks[MED_NYUL_LANDMARKS]) {
    if (json_array_size(list) != MED_NYUL_LANDMARKS) return false;
    for (size_t l = 0; l < MED_NYUL_LANDMARKS; l++) {
        const json_t *number = json_array_get(list, l);
        landmarks[l] = json_number_value(number);
        if (!json_is_number(number) || (l && landmarks[l] < landmarks[l - 1])) return false;
    }
    return true;
}

void med_harmonise_apply(med_volume *v, const double *from, const double *to, int n) {
    size_t count = med_grid_count(v->grid);
    for (size_t i = 0; i < count; i++)
        v->voxel[i] = v->voxel[i] > 0 ? (float)fmax(map(v->voxel[i], from, to, n), 1.0 / 255) : 0;
}

void med_harmonise_minmax(med_volume *v) {
    size_t n;
    float *values = masked_values(v, &n);
    if (values) {
        double from[2] = {med_percentile(values, n, 0), med_percentile(values, n, 99.95)}, to[2] = {0, 1};
        med_harmonise_apply(v, from, to, 2);
    } else {
        memset(v->voxel, 0, med_grid_count(v->grid) * sizeof *v->voxel);
    }
    free(values);
}

/* ---- by a record ---- */

static med_status read_standard(const json_t *record, const char *mod, double to[MED_NYUL_LANDMARKS], bool *is_there) {
    const json_t *list = json_object_get(json_object_get(json_object_get(record, "scales"), mod), "standard");
    *is_there = list != NULL;
    if (!list) return MED_OK;
    bool is_good = med_nyul_from_json(list, to) && to[0] >= 0 && to[MED_NYUL_LANDMARKS - 1] <= 1;
    return is_good ? MED_OK
                   : med_fail(MED_EFORMAT, "harmonisation of %s: the standard scale is not %d ascending numbers in [0,1]", mod,
                              MED_NYUL_LANDMARKS);
}

med_status med_harmonise_measure(const json_t *record, const char *path, const char *mod, const med_volume *v,
                                 double landmarks[MED_NYUL_LANDMARKS], bool *is_there) {
    const char *where = json_string_value(json_object_get(record, "landmarks"));
    if (where && strcmp(where, "head") == 0) return med_head_landmarks_of(path, mod, v, landmarks, is_there);
    if (where && strcmp(where, "fov") != 0)
        return med_fail(MED_EFORMAT, "harmonisation: the landmarks '%s' are neither of the fov nor of the head", where);
    *is_there = med_nyul_measure(v, landmarks);
    return MED_OK;
}

med_status med_harmonise_by(const json_t *record, const char *path, const char *mod, med_volume *v, bool *is_done) {
    double from[MED_NYUL_LANDMARKS], to[MED_NYUL_LANDMARKS];
    const char *method = json_string_value(json_object_get(record, "method"));
    *is_done = false;
    if (!method) return med_fail(MED_EFORMAT, "harmonisation: no method");
    bool is_nyul = strcmp(method, "nyul") == 0, is_minmax = strcmp(method, "minmax") == 0;
    if (!is_nyul && !is_minmax && strcmp(method, "none") != 0)
        return med_fail(MED_EFORMAT, "harmonisation: the method '%s' is none of nyul, minmax, none", method);
    if (!strcmp(mod, "us") || (!is_nyul && !is_minmax)) return MED_OK;
    bool has_scale = true, is_measured = false;
    if (is_nyul) MED_TRY(read_standard(record, mod, to, &has_scale));
    if (has_scale) MED_TRY(med_harmonise_measure(record, path, mod, v, from, &is_measured));
    if (!is_measured) return MED_OK;
    if (is_nyul)
        med_harmonise_apply(v, from, to, MED_NYUL_LANDMARKS);
    else
        med_harmonise_minmax(v);
    *is_done = true;
    return MED_OK;
}

med_status med_harmonised_target(const med_case *c, const char *mod, const json_t *record, med_volume **out) {
    if (!record || med_case_has_target(c, mod)) return med_case_load_target(c, mod, out);
    char *path = med_case_path(c, mod, NULL);
    med_volume *v = NULL;
    bool is_done = false;
    med_status status = med_volume_load(path, &v);
    if (status == MED_OK) {
        med_intensity_lift_negative(v);
        status = med_harmonise_by(record, path, mod, v, &is_done);
    }
    if (status == MED_OK && is_done) status = med_intensity_target_to_network(v, path);
    free(path);
    if (status == MED_OK && is_done) {
        *out = v;
        return MED_OK;
    }
    med_volume_free(v);
    return status == MED_OK ? med_case_load_target(c, mod, out) : status;
}
