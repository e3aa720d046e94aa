/* net_load.c: weights of a network from a file: which model they are of, and that all parameters are there. */
#include "model/net.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

static const char *const checkpoint_prefixes[] = {"disc/", "opt/", "train/"};
enum { N_PREFIXES = 3 };

/* ---- what must be there ---- */

typedef struct checker {
    const med_net *net;
    const char *path;
    const med_weights *weights;
    med_rename_fn *name_in_file;
    const void *context;
    med_weights *expected; /* names only */
} checker;

static char *name_of(const checker *k, const char *ours) {
    return k->name_in_file ? k->name_in_file(k->context, ours) : med_strdup(ours);
}

static med_status check_values(const checker *k, const char *name, const med_tensor *t) {
    const float *data = t->data;
    int64_t n = med_shape_count(t->shape), n_bad = 0;
    for (int64_t i = 0; i < n; i++) n_bad += !isfinite(data[i]);
    if (!n_bad) return MED_OK;
    return med_fail(MED_EFORMAT, "%s: parameter %s has %" PRId64 " values that are not finite: the training went wrong",
                    k->path, name, n_bad);
}

static med_status fail_shape(const checker *k, const char *name, med_shape is, med_shape expected) {
    char *what = k->net->model->describe(k->net);
    med_status status = med_fail(MED_EFORMAT, "%s: parameter %s has shape %s, expected %s (%s %d x %d, %s)", k->path, name,
                                 med_shape_print(is).text, med_shape_print(expected).text, k->net->model->title,
                                 k->net->height, k->net->width, what);
    free(what);
    return status;
}

static med_status check_one(void *context, const med_parameter *p) {
    const checker *k = context;
    const med_tensor *t = med_weights_find(k->weights, p->name);
    char *name = name_of(k, p->name);
    med_status status = med_weights_add_view(k->expected, p->name, MED_F32, p->shape, NULL);
    if (status != MED_OK)
        ;
    else if (!t)
        status = med_fail(MED_EFORMAT, "%s: parameter %s is missing: the file is not complete, or of another configuration",
                          k->path, name);
    else if (t->dtype != MED_F32)
        status = med_fail(MED_EFORMAT, "%s: parameter %s is not of single precision: convert the file to float32", k->path, name);
    else if (!med_shape_equal(t->shape, p->shape))
        status = fail_shape(k, name, t->shape, p->shape);
    else
        status = check_values(k, name, t);
    free(name);
    return status;
}

static bool is_of_checkpoint(const char *name) {
    for (int i = 0; i < N_PREFIXES; i++)
        if (strncmp(name, checkpoint_prefixes[i], strlen(checkpoint_prefixes[i])) == 0) return true;
    return false;
}

static med_status check_superfluous(const checker *k) {
    for (int i = 0; i < med_weights_count(k->weights); i++) {
        const char *ours = med_weights_at(k->weights, i)->name;
        if (med_weights_find(k->expected, ours) || is_of_checkpoint(ours)) continue;
        char *name = name_of(k, ours), *what = k->net->model->describe(k->net);
        med_status status = med_fail(MED_EFORMAT, "%s: tensor %s is no parameter of this %s (%d modalities, %s)", k->path, name,
                                     k->net->model->title, k->net->n_mods, what);
        free(name);
        free(what);
        return status;
    }
    return MED_OK;
}

med_status med_net_check_tensors(const med_net *n, const char *path, const med_weights *w, med_rename_fn *name_in_file,
                                 const void *context) {
    checker k = {n, path, w, name_in_file, context, med_weights_create()};
    med_status status = med_net_parameters(n, check_one, &k);
    if (status == MED_OK) status = check_superfluous(&k);
    med_weights_free(k.expected);
    return status;
}

/* ---- a file ---- */

/* Our own files say their configuration. */
static med_status load_own(const char *path, const med_strings *set, med_weights *w, const med_model *model, med_net *out) {
    const char *text = med_weights_meta(w, "medley.config");
    json_error_t error;
    json_t *object = text ? json_loads(text, JSON_REJECT_DUPLICATES, &error) : NULL;
    if (!object) return med_fail(MED_EFORMAT, "%s: medley.config is %s", path, text ? "not JSON" : "missing");
    med_status status = med_net_from_json(model, object, out);
    json_decref(object);
    if (status != MED_OK) return med_fail_in(MED_EFORMAT, "%s: medley.config", path);
    for (int i = 0; set && i < set->n; i++) MED_TRY(med_net_set(out, set->item[i]));
    status = med_net_check(out);
    if (status != MED_OK) return med_fail_in(status, "%s", path);
    MED_TRY(med_net_check_tensors(out, path, w, NULL, NULL));
    med_net_describe(out, w);
    return MED_OK;
}

static med_status load(const char *path, const int slice[2], const med_strings *set, med_weights *w, med_net *out) {
    const char *name = med_weights_meta(w, "medley.model");
    const med_model *model;
    if (med_model_find(name, &model) != MED_OK)
        return med_fail(MED_EFORMAT, "%s: weights of the model '%.40s', which this version does not know", path, name);
    return model->load ? model->load(path, slice, set, w, out) : load_own(path, set, w, model, out);
}

med_status med_net_load(const char *path, const int slice[2], const med_strings *set, med_weights **weights, med_net *out) {
    *weights = NULL;
    med_weights *w;
    MED_TRY(med_weights_load_any(path, &w));
    med_status status = load(path, slice, set, w, out);
    if (status == MED_OK)
        *weights = w;
    else
        med_weights_free(w);
    return status;
}
