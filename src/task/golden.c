/* golden.c: opens a fixture, finds its kind, collects checks. */
#include "task/golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/switches.h"
#include "task/golden_fixture.h"

#define GOLDEN(kind) extern const med_golden_kind med_golden_##kind;
#include "task/golden.def"
#undef GOLDEN
static const med_golden_kind *const kinds[] = {
#define GOLDEN(kind) &med_golden_##kind,
#include "task/golden.def"
#undef GOLDEN
};

med_status med_golden_tensor(const med_golden *f, const char *name, double **values, int64_t *n) {
    const med_tensor *t = med_weights_find(f->data, name);
    if (!t) return med_fail(MED_EFORMAT, "%s: tensor %s is missing", f->path, name);
    if (t->dtype != MED_F32 && t->dtype != MED_F64) return med_fail(MED_EFORMAT, "%s: tensor %s is not float", f->path, name);
    *n = med_shape_count(t->shape);
    *values = med_alloc((size_t)*n * sizeof **values);
    for (int64_t i = 0; i < *n; i++) (*values)[i] = t->dtype == MED_F64 ? ((const double *)t->data)[i] : ((const float *)t->data)[i];
    return MED_OK;
}

med_status med_golden_f32(const med_golden *f, const char *name, int64_t n, const float **values) {
    const med_tensor *t = med_weights_find(f->data, name);
    if (!t) return med_fail(MED_EFORMAT, "%s: tensor %s is missing", f->path, name);
    if (t->dtype != MED_F32 || med_shape_count(t->shape) != n)
        return med_fail(MED_EFORMAT, "%s: tensor %s is %s, expected %lld float32 values", f->path, name, med_shape_print(t->shape).text,
                        (long long)n);
    *values = t->data;
    return MED_OK;
}

void med_golden_add(med_golden *f, const char *name, double error, double tolerance, bool ok) {
    json_t *row = json_pack("{s:s, s:o, s:f, s:b}", "name", name, "max_abs", med_json_number(error),
                            "tolerance", tolerance, "ok", ok);
    json_array_append_new(f->checks, row);
    f->all_ok = f->all_ok && ok;
}

static double largest(const double *got, const double *expected, int64_t n, bool is_relative) {
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((got ? got[i] : 0) - expected[i]);
        if (is_relative) d /= fmax(fabs(expected[i]), 1e-30);
        if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
    }
    return worst;
}

void med_golden_compare(med_golden *f, const char *name, const double *got, const double *expected, int64_t n, double tolerance) {
    double error = largest(got, expected, n, false);
    med_golden_add(f, name, error, tolerance, error <= tolerance);
}

void med_golden_compare_relative(med_golden *f, const char *name, const double *got, const double *expected, int64_t n, double tolerance) {
    double error = largest(got, expected, n, true);
    med_golden_add(f, name, error, tolerance, error <= tolerance);
}

void med_golden_compare_rms(med_golden *f, const char *name, const double *got, const double *expected, int64_t n, double tolerance,
                            double rms_tolerance) {
    double square = 0;
    for (int64_t i = 0; i < n; i++) square += (got[i] - expected[i]) * (got[i] - expected[i]);
    double rms = sqrt(square / (double)n), error = largest(got, expected, n, false);
    med_golden_add(f, name, error, tolerance, error <= tolerance && rms <= rms_tolerance);
    json_t *row = json_array_get(f->checks, json_array_size(f->checks) - 1);
    json_object_set_new(row, "rms", json_real(rms));
    json_object_set_new(row, "rms_tolerance", json_real(rms_tolerance));
}

med_status med_golden_strictly(med_status (*part)(void *), void *context) {
    bool was_on = med_switch_is_on(MED_SWITCH_WINOGRAD);
    MED_TRY(med_switch_set("plan.winograd=off"));
    med_status status = part(context);
    if (was_on) MED_TRY(med_switch_set("plan.winograd=on"));
    return status;
}

static med_status open_fixture(const char *path, med_golden *f) {
    size_t n = strlen(path);
    const char *end = ".safetensors";
    if (n <= strlen(end) || strcmp(path + n - strlen(end), end) != 0)
        return med_fail(MED_EUSAGE, "%s: a fixture is NAME.safetensors with NAME.json beside it", path);
    MED_TRY(med_weights_load(path, &f->data));
    char *json_path = med_format("%.*s.json", (int)(n - strlen(end)), path);
    json_error_t error;
    med_mapping text;
    med_status status = med_file_map(json_path, &text);
    if (status == MED_OK) {
        f->json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
        med_file_unmap(&text);
        if (!f->json) status = med_fail(MED_EFORMAT, "%s:%d: %s", json_path, error.line, error.text);
    }
    free(json_path);
    return status;
}

static med_status run_kind(med_golden *f) {
    const char *name = json_string_value(json_object_get(f->json, "fixture"));
    for (size_t i = 0; name && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i]->name, name) == 0) return kinds[i]->run(f);
    return med_fail(MED_EFORMAT, "%s: fixture kind '%s' is unknown to this version", f->path, name ? name : "(none)");
}

med_status med_golden_check(const char *path, json_t *report) {
    med_golden f = {.path = path, .checks = json_array(), .all_ok = true};
    json_object_set_new(report, "fixture", json_string(path));
    json_object_set_new(report, "checks", f.checks);
    med_status status = open_fixture(path, &f);
    if (status == MED_OK) status = run_kind(&f);
    json_object_set_new(report, "ok", json_boolean(status == MED_OK && f.all_ok));
    size_t n_checks = json_array_size(f.checks);
    json_decref(f.json);
    med_weights_free(f.data);
    if (status != MED_OK) return status;
    return f.all_ok ? MED_OK : med_fail(MED_EFAIL, "%s: not all of %zu checks hold", path, n_checks);
}
