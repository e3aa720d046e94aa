/* golden_net.c: settings, parameters and names of fixtures of networks. */
#include "task/golden_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"

med_status med_golden_read_net(const med_golden *f, const med_model *model, const char *const *keys, med_net *out) {
    const json_t *config = json_object_get(f->json, "config");
    json_t *own = json_object();
    for (; *keys; keys++)
        if (json_object_get(config, *keys)) json_object_set(own, *keys, json_object_get(config, *keys));
    json_object_set(own, "modalities", json_object_get(config, "modalities"));
    json_object_set(own, "size", json_object_get(config, "size"));
    med_status status = med_net_from_json(model, own, out);
    json_decref(own);
    if (status == MED_OK) status = med_net_check(out);
    return status == MED_OK ? MED_OK : med_fail_in(status, "%s", f->path);
}

med_status med_golden_set(const med_golden *f, med_mod_names mods, int n_mods, const json_t *names, med_modset *set) {
    *set = 0;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        int j = med_modset_find(mods, n_mods, name ? name : "");
        if (j < 0) return med_fail(MED_EFORMAT, "%s: a case names a modality that config has not", f->path);
        *set |= med_modset_of(j);
    }
    return MED_OK;
}

med_status med_golden_given(const med_golden *f, const med_net *n, const json_t *names, med_modset *set) {
    MED_TRY(med_golden_set(f, n->mods, n->n_mods, names, set));
    return *set ? MED_OK : med_fail(MED_EFORMAT, "%s: a case gives nothing", f->path);
}

char *med_golden_name(const char *kind, const char *ours) {
    char *name = med_format("%s%s", kind, ours);
    for (char *c = name + strlen(kind); *c; c++)
        if (*c == '/') *c = '.';
    return name;
}

/* ---- rule hash-2 ---- */

/* Values of a parameter by its name in the fixture. */
static void hash(const med_golden *f, const char *name, med_shape shape, int64_t fan_in, float *to) {
    const json_t *rule = json_object_get(f->json, "hash");
    double gain = json_number_value(json_object_get(rule, "gain")), offset = 0, scale = 0.25;
    bool is_weight = med_ends_with(name, "weight");
    if (med_ends_with(name, "positional_encoding")) scale = 0.5;
    else if (med_ends_with(name, "running_var")) offset = 1, scale = 0.5;
    else if (fan_in) scale = (is_weight ? gain : 1) / sqrt((double)fan_in);
    else if (is_weight) offset = 1;
    int64_t n = med_shape_count(shape);
    med_hashed_fill(to, (size_t)n, name, (uint64_t)json_integer_value(json_object_get(rule, "seed")), scale);
    if (offset != 0)
        for (int64_t i = 0; i < n; i++) to[i] = (float)(offset + (double)to[i]);
}

bool med_golden_is_hashed(const med_golden *f) {
    const char *how = json_string_value(json_object_get(f->json, "weights"));
    return how && strncmp(how, "hashed", 6) == 0;
}

med_status med_golden_fill(const med_golden *f, const char *stored, const char *hashed, const med_parameter *p, float *to) {
    char *name = med_golden_name(med_golden_is_hashed(f) ? hashed : stored, p->name);
    const float *from = NULL;
    int64_t n = med_shape_count(p->shape);
    med_status status = MED_OK;
    if (med_golden_is_hashed(f)) hash(f, name, p->shape, p->fan_in, to);
    else status = med_golden_f32(f, name, n, &from);
    if (from) memcpy(to, from, (size_t)n * sizeof *from);
    free(name);
    return status;
}

/* ---- parameters ---- */

typedef struct reader {
    const med_golden *f;
    med_weights *weights;
} reader;

static med_status read_one(void *context, const med_parameter *p) {
    const reader *r = context;
    med_tensor *t;
    MED_TRY(med_weights_add(r->weights, p->name, MED_F32, p->shape, &t));
    return med_golden_fill(r->f, "w/", "", p, t->data);
}

med_status med_golden_net_weights(const med_golden *f, const med_net *n, med_weights **out) {
    reader r = {f, med_weights_create()};
    med_status status = med_net_parameters(n, read_one, &r);
    *out = status == MED_OK ? r.weights : NULL;
    if (status != MED_OK) med_weights_free(r.weights);
    return status;
}

med_status med_golden_bind(const med_golden *f, const med_graph *g, med_plan *plan, const med_weights *w) {
    for (int i = 0; i < med_graph_n_params(g); i++) {
        med_val v = med_graph_param(g, i);
        const med_tensor *t = med_weights_find(w, med_val_name(g, v));
        if (!t) return med_fail(MED_EFORMAT, "%s: parameter %s is missing", f->path, med_val_name(g, v));
        med_plan_bind(plan, v, t->data);
    }
    return MED_OK;
}
