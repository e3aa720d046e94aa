/* step_graph.c: what a model says about one part of its training step, and reading the result by name. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/trainer.h"

void med_step_build(med_graph *g, const med_net *net, const med_step_key *key, med_step_graph *out) {
    memset(out, 0, sizeof *out);
    for (int j = 0; j < MED_MAX_MODS; j++) out->x[j] = out->target[j] = MED_NONE;
    out->share = out->w_kl = out->w_dis = out->loss[0] = out->loss[1] = MED_NONE;
    net->model->training->build(g, net, key, out);
}

void med_step_graph_add(med_step_graph *s, med_term_kind kind, med_val value, const char *format, ...) {
    if (value.id < 0) return;
    med_assert(s->n_terms < MED_MAX_TERMS);
    va_list args;
    va_start(args, format);
    vsnprintf(s->term[s->n_terms].name, sizeof s->term->name, format, args);
    va_end(args);
    s->term[s->n_terms].kind = kind;
    s->term[s->n_terms++].value = value;
}

med_val med_sum_of(med_graph *g, med_val total, med_val part) {
    return total.id < 0 ? part : part.id < 0 ? total : med_add(g, total, part);
}

void med_step_graph_watch(med_step_graph *s, med_val value, const char *format, ...) {
    if (value.id < 0 || s->n_watched == MED_MAX_WATCHED) return;
    va_list args;
    va_start(args, format);
    vsnprintf(s->watched[s->n_watched].name, sizeof s->watched->name, format, args);
    va_end(args);
    s->watched[s->n_watched++].value = value;
}

static int find_moved(const med_step_graph *s, med_val param) {
    int i = 0;
    while (i < s->n_moved && s->moved[i].param.id != param.id) i++;
    return i;
}

med_val med_step_graph_state(const med_step_graph *s, med_val param) {
    int i = find_moved(s, param);
    return i < s->n_moved ? s->moved[i].value : param;
}

void med_step_graph_move(med_step_graph *s, med_val param, med_val value) {
    if (param.id < 0 || value.id < 0) return;
    int i = find_moved(s, param);
    med_assert(i < MED_MAX_MOVED);
    if (i == s->n_moved) s->n_moved++;
    s->moved[i].param = param;
    s->moved[i].value = value;
}

med_modset med_draw_subset(med_modset observed, med_rng *rng) {
    uint32_t n = (uint32_t)1 << med_modset_count(observed), pick = 1 + med_rng_below(rng, n - 2);
    med_modset out = 0;
    MED_MODSET_EACH (j, observed) {
        if (pick & 1) out |= med_modset_of(j);
        pick >>= 1;
    }
    return out;
}

double med_step_term(const med_step_result *r, const char *name) {
    for (int i = 0; i < r->n_terms; i++)
        if (strcmp(r->term[i].name, name) == 0) return r->term[i].value;
    return 0;
}
