/* lpips_weights.c: medley weights import lpips. Names are torchvision's (features.N.weight, features.N.bias) and the lpips
 * package's (linT.model.1.weight, T = 0..4); our file keeps them, so that one reader checks both. */
#include "task/lpips_weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/memory.h"
#include "engine/weights.h"

struct med_lpips_file {
    char *path, sha256[65];
    med_weights *weights;
    med_lpips lpips;
};

/* ---- names and shapes ---------------------------------------------------------------------------------------- */

static const char *trunk_key(int index, const char *part, char key[64]) {
    snprintf(key, 64, "features.%d.%s", index, part);
    return key;
}

static const char *head_key(int tap, char key[64]) {
    snprintf(key, 64, "lin%d.model.1.weight", tap);
    return key;
}

/* The trunk whose first convolution has the file's shape. */
static med_status find_trunk(const char *path, const med_weights *w, const med_lpips_trunk **out) {
    char key[64];
    const med_tensor *first = med_weights_find(w, trunk_key(0, "weight", key));
    if (!first)
        return med_fail(MED_EFORMAT, "%s: no tensor features.0.weight: expected AlexNet or VGG16 of torchvision", path);
    for (int t = 0; med_lpips_trunks[t]; t++) {
        const med_lpips_conv *c = &med_lpips_trunks[t]->conv[0];
        if (!med_shape_equal(first->shape, med_shape_4(c->n_out, c->n_in, c->size, c->size))) continue;
        *out = med_lpips_trunks[t];
        return MED_OK;
    }
    return med_fail(MED_EFORMAT, "%s: features.0.weight is %s: AlexNet has 64x3x11x11, VGG16 64x3x3x3", path,
                    med_shape_print(first->shape).text);
}

static med_status get(const char *path, const med_weights *w, const char *key, med_shape shape, bool is_positive,
                      const float **out) {
    const med_tensor *t = med_weights_find(w, key);
    if (!t) return med_fail(MED_EFORMAT, "%s: no tensor %s", path, key);
    if (t->dtype != MED_F32 || !med_shape_equal(t->shape, shape))
        return med_fail(MED_EFORMAT, "%s: %s is %s%s, expected %s in single precision", path, key,
                        med_shape_print(t->shape).text, t->dtype == MED_F32 ? "" : " of another type",
                        med_shape_print(shape).text);
    const float *v = t->data;
    for (int64_t i = 0; i < med_shape_count(shape); i++)
        if (!isfinite(v[i]) || (is_positive && v[i] < 0))
            return med_fail(MED_EFORMAT, "%s: %s[%lld] is %g, expected %s", path, key, (long long)i, (double)v[i],
                            is_positive ? "0 or more" : "a finite number");
    *out = v;
    return MED_OK;
}

static med_status find_convs(const char *path, const med_weights *w, med_lpips *m) {
    MED_TRY(find_trunk(path, w, &m->trunk));
    for (int l = 0; l < m->trunk->n_convs; l++) {
        const med_lpips_conv *c = &m->trunk->conv[l];
        char key[64];
        MED_TRY(get(path, w, trunk_key(c->index, "weight", key), med_shape_4(c->n_out, c->n_in, c->size, c->size),
                    false, &m->weight[l]));
        MED_TRY(get(path, w, trunk_key(c->index, "bias", key), med_shape_1(c->n_out), false, &m->bias[l]));
    }
    return MED_OK;
}

static med_status find_heads(const char *path, const med_weights *w, med_lpips *m) {
    for (int l = 0, tap = 0; l < m->trunk->n_convs; l++) {
        char key[64];
        if (!m->trunk->conv[l].is_tap) continue;
        MED_TRY(get(path, w, head_key(tap, key), med_shape_4(1, m->trunk->conv[l].n_out, 1, 1), true, &m->head[tap]));
        tap++;
    }
    return MED_OK;
}

/* ---- a pair whose distance is known --------------------------------------------------------------------------- */

static med_status read_slice(const char *path, const json_t *root, const char *key, long n, double *out) {
    const json_t *list = json_object_get(root, key);
    if ((long)json_array_size(list) != n)
        return med_fail(MED_EFORMAT, "%s: '%s' has %zu numbers, expected rows x cols = %ld", path, key,
                        json_array_size(list), n);
    for (long i = 0; i < n; i++) out[i] = json_number_value(json_array_get(list, (size_t)i));
    return MED_OK;
}

static med_status check_pair(const char *path, const json_t *root, const med_lpips *m, double *distance) {
    const json_t *size = json_object_get(root, "size"), *expected = json_object_get(root, "lpips");
    json_int_t rows = json_integer_value(json_array_get(size, 0)), cols = json_integer_value(json_array_get(size, 1));
    if (rows < m->trunk->smallest || cols < m->trunk->smallest || rows > 4096 || cols > 4096 ||
        !json_is_number(expected))
        return med_fail(MED_EFORMAT, "%s: expected \"size\": [rows, cols] from %d to 4096, \"x\", \"y\" and \"lpips\"",
                        path, m->trunk->smallest);
    long n = (long)(rows * cols);
    double *x = med_alloc(sizeof(double) * 2 * (size_t)n), *y = x + n, e = json_number_value(expected);
    med_status status = read_slice(path, root, "x", n, x);
    if (status == MED_OK) status = read_slice(path, root, "y", n, y);
    if (status == MED_OK) {
        *distance = med_lpips_distance(m, (int)rows, (int)cols, x, y);
        if (!(fabs(*distance - e) <= 1e-4 * fmax(fabs(e), 1e-2))) /* the package computes in single precision */
            status = med_fail(MED_EFAIL, "%s: expected LPIPS %.9g, these weights give %.9g", path, e, *distance);
    }
    free(x);
    return status;
}

static med_status verify(const char *path, const med_lpips *m, json_t *report) {
    double distance = NAN;
    json_t *root;
    MED_TRY(med_json_load(path, &root));
    med_status status = check_pair(path, root, m, &distance);
    json_decref(root);
    if (status == MED_OK) json_object_set_new(report, "verified", json_real(distance));
    return status;
}

/* ---- import --------------------------------------------------------------------------------------------------- */

static med_status copy(const med_weights *from, const char *key, med_weights *to) {
    const med_tensor *t = med_weights_find(from, key);
    return med_weights_add_view(to, key, t->dtype, t->shape, t->data);
}

static med_status collect(const med_weights *trunk, const med_weights *heads, const med_lpips *m, med_weights *to) {
    char key[64];
    for (int l = 0, tap = 0; l < m->trunk->n_convs; l++) {
        MED_TRY(copy(trunk, trunk_key(m->trunk->conv[l].index, "weight", key), to));
        MED_TRY(copy(trunk, trunk_key(m->trunk->conv[l].index, "bias", key), to));
        if (m->trunk->conv[l].is_tap) MED_TRY(copy(heads, head_key(tap++, key), to));
    }
    return MED_OK;
}

static med_status describe_sources(const med_lpips_import *o, const med_lpips *m, med_weights *to, json_t *report) {
    const char *paths[2] = {o->trunk, o->heads}, *keys[2] = {"trunk_sha256", "heads_sha256"};
    med_weights_set_meta(to, "medley.model", "lpips");
    med_weights_set_meta(to, "medley.version", MEDLEY_VERSION);
    med_weights_set_meta(to, "medley.trunk", m->trunk->name);
    json_object_set_new(report, "trunk", json_string(m->trunk->name));
    for (int s = 0; s < 2; s++) {
        char hash[65], key[64];
        MED_TRY(med_file_sha256(paths[s], hash));
        snprintf(key, sizeof key, "medley.%s", keys[s]);
        med_weights_set_meta(to, key, hash);
        json_object_set_new(report, keys[s], json_string(hash));
    }
    return MED_OK;
}

static med_status save(const med_lpips_import *o, const med_weights *trunk, const med_weights *heads,
                       const med_lpips *m, json_t *report) {
    char hash[65];
    med_weights *to = med_weights_create();
    med_status status = collect(trunk, heads, m, to);
    if (status == MED_OK) status = describe_sources(o, m, to, report);
    if (status == MED_OK) status = med_weights_save(to, o->out);
    if (status == MED_OK) status = med_file_sha256(o->out, hash);
    if (status == MED_OK) {
        json_object_set_new(report, "path", json_string(o->out));
        json_object_set_new(report, "sha256", json_string(hash));
    }
    med_weights_free(to);
    return status;
}

med_status med_lpips_import_weights(const med_lpips_import *o, json_t *report) {
    med_weights *trunk = NULL, *heads = NULL;
    med_lpips m = {.trunk = NULL};
    if (!o->trunk || !o->heads)
        return med_fail(MED_EUSAGE, "LPIPS needs two files: --trunk (AlexNet or VGG16 of torchvision) and --heads (%s)",
                        "alex.pth or vgg.pth of the lpips package, version 0.1");
    med_status status = med_weights_load_any(o->trunk, &trunk);
    if (status == MED_OK) status = med_weights_load_any(o->heads, &heads);
    if (status == MED_OK) status = find_convs(o->trunk, trunk, &m);
    if (status == MED_OK) status = find_heads(o->heads, heads, &m);
    if (status == MED_OK && o->verify) status = verify(o->verify, &m, report);
    if (status == MED_OK) status = save(o, trunk, heads, &m, report);
    med_weights_free(heads);
    med_weights_free(trunk);
    return status;
}

/* ---- use ------------------------------------------------------------------------------------------------------ */

static med_status read_file(med_lpips_file *f) {
    MED_TRY(med_file_sha256(f->path, f->sha256));
    MED_TRY(med_weights_load(f->path, &f->weights));
    const char *model = med_weights_meta(f->weights, "medley.model");
    if (!model || strcmp(model, "lpips"))
        return med_fail(MED_EFORMAT, "%s: not LPIPS weights of medley: medley weights import lpips makes them",
                        f->path);
    MED_TRY(find_convs(f->path, f->weights, &f->lpips));
    return find_heads(f->path, f->weights, &f->lpips);
}

med_status med_lpips_file_open(const char *path, med_lpips_file **out) {
    med_lpips_file *f = med_alloc(sizeof *f);
    f->path = med_strdup(path);
    med_status status = read_file(f);
    if (status == MED_OK)
        *out = f;
    else
        med_lpips_file_free(f);
    return status;
}

void med_lpips_file_free(med_lpips_file *f) {
    if (!f) return;
    med_weights_free(f->weights);
    free(f->path);
    free(f);
}

const med_lpips *med_lpips_file_weights(const med_lpips_file *f) { return &f->lpips; }

json_t *med_lpips_file_describe(const med_lpips_file *f) {
    const char *trunk = med_weights_meta(f->weights, "medley.trunk_sha256");
    const char *heads = med_weights_meta(f->weights, "medley.heads_sha256");
    return json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "trunk", f->lpips.trunk->name, "path", f->path, "sha256", f->sha256,
                     "trunk_sha256", trunk, "heads_sha256", heads);
}
