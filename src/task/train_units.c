/* train_units.c: how many latent channels of every level say something that their prior does not: a sign of posterior
 * collapse where there are few. A channel is active when its Kullback-Leibler divergence, summed over its map at the
 * posteriors' means and averaged over slices, is above 0.01. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/plan.h"
#include "model/net.h"
#include "task/train_work.h"

static const double active_kl = 0.01;

typedef struct probe {
    const med_train_work *work;
    med_modset given;
    int n; /* slices */
    med_graph *graph;
    med_plan *plan;
    med_inference values;
} probe;

static med_status build(probe *p) {
    med_infer_options how = {.given = p->given, .target = p->given, .n = p->n};
    p->graph = med_graph_create();
    med_net_infer(p->graph, &p->work->record.model, &how, &p->values);
    for (int l = 0; l < p->values.n_levels; l++) {
        med_output(p->graph, p->values.posterior[l]);
        med_output(p->graph, p->values.prior[l]);
    }
    MED_TRY(med_plan_create(p->graph, (med_plan_options){0}, &p->plan));
    const med_weights *weights = med_trainer_average(p->work->trainer);
    for (int i = 0; i < med_graph_n_params(p->graph); i++) {
        med_val v = med_graph_param(p->graph, i);
        med_plan_bind(p->plan, v, med_weights_find(weights, med_val_name(p->graph, v))->data);
    }
    return MED_OK;
}

/* Of one channel of one slice: q holds means, then standard deviations; the prior means, then log standard deviations. */
static double divergence(const float *q, const float *prior, int64_t to_deviation, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double m = q[i], s = q[i + to_deviation], pm = prior[i], ps = prior[i + to_deviation];
        sum += ps - log(s) + (s * s + (m - pm) * (m - pm)) / (2 * exp(2 * ps)) - 0.5;
    }
    return sum;
}

static int count_active(const probe *p, int level, int *n_units) {
    med_shape s = med_val_shape(p->graph, p->values.posterior[level]);
    int64_t per_slice = med_shape_count(s) / p->n / 2, channels = s.dim[1] / 2, map = per_slice / channels;
    const float *q = med_plan_data(p->plan, p->values.posterior[level]), *prior = med_plan_data(p->plan, p->values.prior[level]);
    int n = 0;
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0;
        for (int64_t k = 0; k < p->n; k++) {
            int64_t at = 2 * per_slice * k + c * map;
            sum += divergence(q + at, prior + at, per_slice, map);
        }
        n += sum / p->n > active_kl;
    }
    *n_units = (int)channels;
    return n;
}

static med_status run(probe *p, const med_train_batch *batch, json_t *active, json_t *units) {
    MED_TRY(build(p));
    MED_MODSET_EACH (j, p->given) med_plan_bind(p->plan, p->values.x[j], batch->x[j]);
    MED_TRY(med_plan_run(p->plan));
    for (int l = 0; l < p->values.n_levels; l++) {
        int n_units, n = count_active(p, l, &n_units);
        json_array_append_new(active, json_integer(n));
        json_array_append_new(units, json_integer(n_units));
    }
    return MED_OK;
}

/* On the middle of the training case with most modalities, which is always the same. */
med_status med_train_units(med_train_work *w, json_t *active, json_t *units) {
    enum { MOST_SLICES = 4 };
    int i = med_train_data_fullest(w->data), n_slices = med_loader_n_slices(w->data->loader, i);
    med_train_draw draw = {.n = w->record.config.batch < MOST_SLICES ? w->record.config.batch : MOST_SLICES};
    if (draw.n > n_slices) draw.n = n_slices;
    draw.first = (n_slices - draw.n) / 2;
    med_train_batch batch;
    med_train_data_batch(w->data, i, &draw, &batch);
    probe p = {.work = w, .given = w->data->train[i].subject.observed, .n = draw.n};
    med_status status = run(&p, &batch, active, units);
    med_plan_free(p.plan);
    med_graph_free(p.graph);
    return status;
}
