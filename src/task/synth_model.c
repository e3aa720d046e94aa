/* synth_model.c: weights, and plans by (given, target, temperature, slices at once) in every lane. */
#include "task/synth_model.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

/* What runs on one thread: plans of a lane share memory, as only one of them runs at a time. */
typedef struct lane {
    med_workspace *workspace;
    med_synth_pass *passes;
} lane;

struct med_synth_model {
    med_net config;
    const med_weights *weights;
    med_weights *own_weights; /* NULL: borrowed */
    char hash[65];
    int n_lanes;
    lane *lane;
};

/* ---- the model ---- */

static void free_pass(med_synth_pass *p) {
    med_plan_free(p->plan);
    med_graph_free(p->graph);
    for (int j = 0; j < MED_MAX_MODS; j++) free(p->image[j]);
    for (int i = 0; i < MED_MAX_NOISE; i++) free(p->noise[i]);
    free(p);
}

med_status med_synth_model_open(const char *weights_path, const int slice[2], const med_strings *set,
                                med_synth_model **out) {
    *out = NULL;
    med_synth_model *m = med_alloc(sizeof *m);
    med_status status = med_net_load(weights_path, slice, set, &m->own_weights, &m->config);
    m->weights = m->own_weights;
    if (status == MED_OK) status = med_file_sha256(weights_path, m->hash);
    if (status == MED_OK)
        *out = m;
    else
        med_synth_model_free(m);
    return status;
}

med_synth_model *med_synth_model_borrow(const med_weights *weights, const med_net *config) {
    med_synth_model *m = med_alloc(sizeof *m);
    m->config = *config;
    m->weights = weights;
    return m;
}

void med_synth_model_free(med_synth_model *m) {
    if (!m) return;
    for (int i = 0; i < m->n_lanes; i++) {
        for (med_synth_pass *p = m->lane[i].passes, *next; p; p = next) {
            next = p->next;
            free_pass(p);
        }
        med_workspace_free(m->lane[i].workspace);
    }
    free(m->lane);
    med_weights_free(m->own_weights);
    free(m);
}

const med_net *med_synth_model_config(const med_synth_model *m) { return &m->config; }
json_t *med_synth_model_harmonisation(const med_synth_model *m) {
    const char *text = med_weights_meta(m->weights, "medley.source");
    json_t *source = text ? json_loads(text, 0, NULL) : NULL, *record = json_incref(json_object_get(source, "harmonisation"));
    json_decref(source);
    return record;
}

const char *med_synth_model_hash(const med_synth_model *m) { return m->hash; }

/* ---- passes ---- */

static med_status bind_buffer(med_synth_pass *p, med_val leaf, const char *what, float **buffer) {
    size_t n = (size_t)med_shape_count(med_val_shape(p->graph, leaf));
    MED_TRY(med_buffer_alloc(n * sizeof **buffer, what, (void **)buffer));
    memset(*buffer, 0, n * sizeof **buffer);
    med_plan_bind(p->plan, leaf, *buffer);
    return MED_OK;
}

static med_status bind_all(const med_synth_model *m, med_synth_pass *p) {
    for (int i = 0; i < med_graph_n_params(p->graph); i++) {
        med_val v = med_graph_param(p->graph, i);
        const med_tensor *t = med_weights_find(m->weights, med_val_name(p->graph, v));
        med_assert(t && med_shape_equal(t->shape, med_val_shape(p->graph, v))); /* checked on loading */
        med_plan_bind(p->plan, v, t->data);
    }
    MED_MODSET_EACH (j, p->given) MED_TRY(bind_buffer(p, p->values.x[j], "input slices", &p->image[j]));
    for (int i = 0; i < p->values.noise.n; i++)
        MED_TRY(bind_buffer(p, p->values.noise.item[i].value, "noise", &p->noise[i]));
    return MED_OK;
}

static med_status build_pass(const med_synth_model *m, med_workspace *workspace, med_synth_pass *p) {
    p->graph = med_graph_create();
    med_infer_options o = {.given = p->given, .target = p->target, .temperature = p->temperature, .n = p->n_slices};
    med_net_infer(p->graph, &m->config, &o, &p->values);
    MED_MODSET_EACH (j, p->target) med_output(p->graph, p->values.out[j]);
    med_plan_options plan = {.workspace = workspace, .is_frozen = true, .big_plane = MED_SYNTH_BIG_PLANE};
    MED_TRY(med_plan_create(p->graph, plan, &p->plan));
    return bind_all(m, p);
}

static void add_lanes(med_synth_model *m, int n) {
    if (n <= m->n_lanes) return;
    m->lane = realloc(m->lane, (size_t)n * sizeof *m->lane);
    med_assert(m->lane != NULL);
    for (; m->n_lanes < n; m->n_lanes++) m->lane[m->n_lanes] = (lane){.workspace = med_workspace_create()};
}

med_synth_pass *med_synth_model_pass(const med_synth_model *m, const med_synth_options *o, int n_slices, int i) {
    med_synth_pass *p = m->lane[i].passes;
    while (p && !(p->given == o->given && p->target == o->target && p->temperature == o->temperature && p->n_slices == n_slices)) p = p->next;
    return p;
}

med_status med_synth_model_prepare(med_synth_model *m, const med_synth_options *o, int n_slices, int n_lanes) {
    add_lanes(m, n_lanes);
    for (int i = 0; i < n_lanes; i++) {
        if (med_synth_model_pass(m, o, n_slices, i)) continue;
        med_synth_pass *p = med_alloc(sizeof *p);
        *p = (med_synth_pass){.given = o->given, .target = o->target, .temperature = o->temperature, .n_slices = n_slices};
        med_status status = build_pass(m, m->lane[i].workspace, p);
        if (status != MED_OK) {
            free_pass(p);
            return status;
        }
        p->next = m->lane[i].passes;
        m->lane[i].passes = p;
    }
    return MED_OK;
}
