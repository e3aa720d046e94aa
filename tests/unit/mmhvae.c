/* mmhvae.c: the network beyond the fixtures: other sizes, numbers of modalities and switches; properties. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "engine/plan.h"
#include "model/mmhvae_graph.h"

enum { SLICES = 2 };

typedef struct net { /* one pass with its own random inputs, all named */
    med_graph *graph;
    med_plan *plan;
    med_mmhvae_features features;
    med_mmhvae_pass pass;
    float *data[64];
    int n_data;
} net;

static med_mmhvae_config config_of(const char *const *mods, int n_mods, int height, int width) {
    med_mmhvae_config c = {.n_mods = n_mods, .height = height, .width = width, .base = 4, .max = 16, .pools = 2, .nfinal = 4,
                           .nblocks = 1, .se = true, .residual = true};
    for (int j = 0; j < n_mods; j++) snprintf(c.mods[j], sizeof c.mods[j], "%s", mods[j]);
    return c;
}

static void bind_random(net *n, med_val v) { /* a function of the leaf's name alone */
    if (v.id < 0) return;
    size_t count = (size_t)med_shape_count(med_val_shape(n->graph, v));
    float *d = n->data[n->n_data++] = malloc(count * sizeof *d);
    med_normal_fill(d, count, (med_rng_key){3, med_site_of(med_val_name(n->graph, v)), 0});
    if (strncmp(med_val_name(n->graph, v), "x/", 2) == 0)
        for (size_t i = 0; i < count; i++) d[i] = (float)tanh(d[i]);
    med_plan_bind(n->plan, v, d);
}

static net run(const med_mmhvae_config *c, const med_weights *w, med_modset given, double temperature, bool is_reference) {
    net n = {.graph = med_graph_create()};
    med_mmhvae_encode(n.graph, c, given, SLICES, &n.features);
    med_mmhvae_pass_options o = {.given = given, .target = med_modset_of(c->n_mods) - 1, .temperature = temperature, .name = "t",
                                 .wants_kl = temperature > 0};
    med_mmhvae_generate(n.graph, c, &n.features, SLICES, o, &n.pass);
    for (int j = 0; j < c->n_mods; j++) med_output(n.graph, n.pass.out[j]);
    for (int l = 0; l <= c->pools; l++) med_output(n.graph, n.pass.kl[l]);
    if (med_plan_create(n.graph, (med_plan_options){.is_reference = is_reference}, &n.plan) != MED_OK) fail_msg("%s", med_message());
    for (int i = 0; i < med_graph_n_params(n.graph); i++) {
        const med_tensor *t = med_weights_find(w, med_val_name(n.graph, med_graph_param(n.graph, i)));
        if (!t) fail_msg("no parameter %s", med_val_name(n.graph, med_graph_param(n.graph, i)));
        med_plan_bind(n.plan, med_graph_param(n.graph, i), t->data);
    }
    for (int j = 0; j < c->n_mods; j++) bind_random(&n, n.features.x[j]);
    for (int l = 0; l <= c->pools; l++) bind_random(&n, n.pass.eps[l]);
    if (med_plan_run(n.plan) != MED_OK) fail_msg("%s", med_message());
    return n;
}

static void free_net(net *n) {
    while (n->n_data) free(n->data[--n->n_data]);
    med_plan_free(n->plan);
    med_graph_free(n->graph);
}

static double *image(const net *n, med_val v, int64_t *count) {
    *count = med_shape_count(med_val_shape(n->graph, v));
    double *d = malloc((size_t)*count * sizeof *d);
    med_plan_read_f64(n->plan, v, d);
    return d;
}

static void check_same(const net *a, med_val va, const net *b, med_val vb, double tolerance) {
    int64_t n, m;
    double *x = image(a, va, &n), *y = image(b, vb, &m);
    assert_int_equal(n, m);
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(x[i] - y[i]) <= tolerance * fmax(1, fabs(y[i])))) fail_msg("element %lld: %g and %g", (long long)i, x[i], y[i]);
    free(x), free(y);
}

static const char *const five[] = {"us", "t2", "cet1", "flair", "adc"};

/* f32 on fast kernels against double on reference loops: rounding through some 20 layers, as in the tiny fixtures. */
static void f32_agrees_with_double(const med_mmhvae_config *c) {
    med_weights *w;
    assert_int_equal(med_mmhvae_init(c, 5, &w), MED_OK);
    for (med_modset given = 0; given < med_modset_of(c->n_mods); given = given < 3 ? given + 1 : 2 * given + 1) {
        net a = run(c, w, given, 0.7, false), b = run(c, w, given, 0.7, true);
        for (int j = 0; j < c->n_mods; j++) check_same(&a, a.pass.out[j], &b, b.pass.out[j], 5e-5);
        for (int l = 0; l <= c->pools; l++) check_same(&a, a.pass.kl[l], &b, b.pass.kl[l], 1e-5);
        free_net(&a), free_net(&b);
    }
    med_weights_free(w);
}

static void any_number_of_modalities(void **state) {
    (void)state;
    for (int n = 1; n <= 5; n += 2) {
        med_mmhvae_config c = config_of(five, n, 16, 24);
        f32_agrees_with_double(&c);
    }
}

static void without_excitation_or_residual(void **state) {
    (void)state;
    med_mmhvae_config c = config_of(five, 2, 8, 12);
    c.se = false;
    f32_agrees_with_double(&c);
    c.residual = false;
    f32_agrees_with_double(&c);
    c.se = true;
    f32_agrees_with_double(&c);
}

static void heads_of_other_widths(void **state) {
    (void)state;
    med_mmhvae_config c = config_of(five, 2, 16, 8);
    c.nfinal = 2; /* as wide as z_1: no input convolution */
    f32_agrees_with_double(&c);
    c.nfinal = 6;
    c.nblocks = 3;
    f32_agrees_with_double(&c);
}

/* Order of the modalities changes only the rounding of the sum over experts. */
static void order_of_modalities_does_not_matter(void **state) {
    (void)state;
    const char *const turned[] = {"flair", "us", "cet1", "t2"};
    med_mmhvae_config a = config_of(five, 4, 16, 24), b = config_of(turned, 4, 16, 24);
    med_weights *w;
    assert_int_equal(med_mmhvae_init(&a, 5, &w), MED_OK);
    net x = run(&a, w, 0xb, 0.7, false), y = run(&b, w, 0xb, 0.7, false); /* us, t2, flair in both */
    static const int place[] = {1, 3, 2, 0};
    for (int j = 0; j < 4; j++) check_same(&x, x.pass.out[j], &y, y.pass.out[place[j]], 1e-5);
    free_net(&x), free_net(&y);
    med_weights_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_modalities),
        cmocka_unit_test(without_excitation_or_residual),
        cmocka_unit_test(heads_of_other_widths),
        cmocka_unit_test(order_of_modalities_does_not_matter),
    };
    return cmocka_run_group_tests_name("mmhvae", tests, NULL, NULL);
}
