/* graph_parameters.c: parameters by walking a graph. A weight's fan-in is that of one row; a bias has its weight's. */
#include "model/graph_parameters.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static int64_t row_size(med_shape s) {
    int64_t n = 1;
    for (int d = 1; d < s.rank; d++) n *= s.dim[d];
    return n;
}

/* The weight beside a bias: the same name but for its end. */
static int64_t fan_of(const med_graph *g, const char *name, med_shape shape) {
    if (shape.rank > 1) return row_size(shape);
    const char *leaf = strrchr(name, '/');
    size_t n = leaf ? (size_t)(leaf + 1 - name) : 0;
    if (strcmp(name + n, "bias") != 0) return 0;
    for (int i = 0; i < med_graph_n_params(g); i++) {
        const char *other = med_val_name(g, med_graph_param(g, i));
        if (strncmp(other, name, n) != 0 || strcmp(other + n, "weight") != 0) continue;
        med_shape s = med_val_shape(g, med_graph_param(g, i));
        return s.rank > 1 ? row_size(s) : 0;
    }
    return 0;
}

bool med_is_state(const char *name) { return strstr(name, "/running_") != NULL; }

med_status med_graph_parameters(const med_graph *g, med_parameter_fn *visit, void *context) {
    for (int i = 0; i < med_graph_n_params(g); i++) {
        med_val v = med_graph_param(g, i);
        med_parameter p = {.name = med_val_name(g, v), .shape = med_val_shape(g, v)};
        p.fan_in = fan_of(g, p.name, p.shape);
        p.is_state = med_is_state(p.name);
        MED_TRY(visit(context, &p));
    }
    return MED_OK;
}

/* ---- initial values ---- */

void med_fill_usual(const void *context, const med_parameter *p, int64_t n, uint64_t seed, float *to) {
    (void)context;
    if (!p->fan_in) {
        bool is_one = med_ends_with(p->name, "weight") || med_ends_with(p->name, "running_var");
        for (int64_t i = 0; i < n; i++) to[i] = is_one;
        return;
    }
    double bound = 1 / sqrt((double)p->fan_in);
    med_uniform_fill(to, (size_t)n, (med_rng_key){seed, med_site_of(p->name), 0});
    for (int64_t i = 0; i < n; i++) to[i] = (float)(bound * (2 * (double)to[i] - 1));
}

typedef struct filler {
    uint64_t seed;
    med_fill_fn *fill;
    const void *context;
    med_weights *weights;
} filler;

static med_status fill_one(void *context, const med_parameter *p) {
    const filler *f = context;
    med_tensor *t;
    MED_TRY(med_weights_add(f->weights, p->name, MED_F32, p->shape, &t));
    f->fill(f->context, p, med_shape_count(p->shape), f->seed, t->data);
    return MED_OK;
}

med_status med_init_weights(const med_net *n, uint64_t seed, med_fill_fn *fill, const void *context, med_weights **out) {
    filler f = {seed, fill, context, med_weights_create()};
    *out = NULL;
    med_status status = med_net_parameters(n, fill_one, &f);
    if (status == MED_OK) *out = f.weights;
    else med_weights_free(f.weights);
    return status;
}
