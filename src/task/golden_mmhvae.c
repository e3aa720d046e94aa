/* golden_mmhvae.c: fixtures of MMHVAE, of MHVAE, which is the same network, of MoPoE, which is MMHVAE with one stochastic level, and of its ablations: forward
 * passes of any subset and temperature, KL per level.
 *
 * Tolerances: PyTorch's own float32 run differs from these float64 numbers by 1e-5 in tiny images, 6e-5 at paper size
 * and 1.4e-7 relative in KL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/plan.h"
#include "model/mmhvae_graph.h"
#include "model/mmhvae_model.h"
#include "task/golden_mmhvae.h"
#include "task/golden_net.h"

static const double image_max_tiny = 5e-5, image_max_variant = 1e-4, image_max_paper = 5e-4, image_rms_paper = 5e-5;


/* ---- reading ---- */

static med_status copy_parameters(const med_golden_run *r, med_weights *to_weights) {
    for (int i = 0; i < med_weights_count(r->f->data); i++) {
        const med_tensor *from = med_weights_at(r->f->data, i);
        if (strncmp(from->name, "w/", 2) != 0) continue;
        char *name = med_golden_our_name(r, from->name + 2);
        if (!name) return med_fail(MED_EFORMAT, "%s: %s is no parameter of the network", r->f->path, from->name);
        med_tensor *to;
        med_status status = med_weights_add(to_weights, name, MED_F32, from->shape, &to);
        free(name);
        MED_TRY(status);
        memcpy(to->data, from->data, (size_t)med_shape_count(from->shape) * sizeof(float));
    }
    return MED_OK;
}

med_status med_golden_parameters(const med_golden_run *r, med_weights **out) {
    *out = med_weights_create();
    med_status status = copy_parameters(r, *out);
    if (status == MED_OK) return MED_OK;
    med_weights_free(*out);
    *out = NULL;
    return status;
}

double med_golden_scale(const med_golden_run *r) {
    return r->is_mhvae ? (double)r->n * r->config.height * r->config.width * r->config.n_mods : 1;
}

med_net med_golden_net(const med_golden_run *r) {
    med_net net = med_mmhvae_net(&r->config);
    if (!r->is_mhvae) return net;
    med_net mhvae;
    med_assert(med_net_preset(&med_model_mhvae, "tiny", &mhvae) == MED_OK && med_net_set(&mhvae, "mask=full") == MED_OK);
    memcpy(&mhvae.own, &net.own, sizeof(med_mmhvae_own)); /* its settings begin with them */
    mhvae.n_mods = net.n_mods;
    mhvae.height = net.height;
    mhvae.width = net.width;
    memcpy(mhvae.mods, net.mods, sizeof mhvae.mods);
    return mhvae;
}

/* ---- names ---- */

/* MHVAE's release numbers image decoders, and calls the parts of a normed weight otherwise: the ends of names. */
static const char *const mhvae_ends[][2] = {{".weight_g", ".parametrizations.weight.original0"},
                                            {".weight_v", ".parametrizations.weight.original1"}};
static const char decoders[] = "final_blocks.";

static char *with_end(const char *name, int from, int to) {
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(name), n_end = strlen(mhvae_ends[i][from]);
        if (n > n_end && strcmp(name + n - n_end, mhvae_ends[i][from]) == 0)
            return med_format("%.*s%s", (int)(n - n_end), name, mhvae_ends[i][to]);
    }
    return med_strdup(name);
}

char *med_golden_our_name(const med_golden_run *r, const char *name) {
    bool has_input_conv = med_mmhvae_channels(&r->config, 0) / 2 != r->config.nfinal;
    if (!r->is_mhvae) return med_mmhvae_name_from_release(name, has_input_conv);
    char *same = with_end(name, 0, 1), *end;
    if (strncmp(same, decoders, strlen(decoders)) == 0) {
        long j = strtol(same + strlen(decoders), &end, 10);
        char *by_mod = j >= 0 && j < r->config.n_mods ? med_format("%s%s%s", decoders, r->config.mods[j], end) : NULL;
        free(same);
        same = by_mod;
    }
    char *ours = same ? med_mmhvae_name_from_release(same, has_input_conv) : NULL;
    free(same);
    return ours;
}

char *med_golden_release_name(const med_golden_run *r, const char *ours) {
    char *release = med_mmhvae_name_to_release(&r->config, ours);
    if (!release || !r->is_mhvae) return release;
    char *name = with_end(release, 1, 0);
    free(release);
    for (int j = 0; j < r->config.n_mods; j++) {
        size_t n = strlen(decoders), n_mod = strlen(r->config.mods[j]);
        if (strncmp(name, decoders, n) != 0 || strncmp(name + n, r->config.mods[j], n_mod) != 0 || name[n + n_mod] != '.') continue;
        char *by_number = med_format("%s%d%s", decoders, j, name + n + n_mod);
        free(name);
        return by_number;
    }
    return name;
}

/* ---- forward ---- */

typedef struct forward {
    bool is_reference; /* marginals: differences of nearly equal Gaussians, judged in double */
    med_modset given;
    double temperature;
    const char *name, *eps;
    med_graph *graph;
    med_plan *plan;
    med_mmhvae_features features;
    med_mmhvae_pass pass;
} forward;

static med_status bind_fixture(const med_golden_run *r, med_plan *plan, med_val v, const char *name, med_shape shape) {
    const float *values;
    MED_TRY(med_golden_f32(r->f, name, med_shape_count(shape), &values));
    med_plan_bind(plan, v, values);
    return MED_OK;
}

static med_status bind_forward(const med_golden_run *r, forward *w) {
    char name[96];
    MED_TRY(med_golden_bind(r->f, w->graph, w->plan, r->weights));
    MED_MODSET_EACH(j, w->given) {
        snprintf(name, sizeof name, "x/%s", r->config.mods[j]);
        MED_TRY(bind_fixture(r, w->plan, w->features.x[j], name, med_val_shape(w->graph, w->features.x[j])));
    }
    for (int l = 0; l < med_mmhvae_levels(&r->config) && w->temperature > 0; l++) {
        snprintf(name, sizeof name, "eps/%s/z%d", w->eps, r->config.pools + 1 - l);
        MED_TRY(bind_fixture(r, w->plan, w->pass.eps[l], name, med_val_shape(w->graph, w->pass.eps[l])));
    }
    return MED_OK;
}

static med_status plan_forward(const med_golden_run *r, forward *w) {
    bool has_noise = w->temperature > 0;
    w->graph = med_graph_create();
    med_mmhvae_encode(w->graph, &r->config, w->given, r->n, &w->features);
    med_mmhvae_pass_options o = {.given = w->given, .target = w->is_reference ? 0 : med_modset_all(r->config.n_mods),
                                 .temperature = w->temperature, .name = "case", .wants_kl = has_noise && !w->is_reference,
                                 .wants_marginals = w->is_reference, .is_bare = r->is_mhvae};
    med_mmhvae_generate(w->graph, &r->config, &w->features, r->n, o, &w->pass);
    for (int j = 0; j < r->config.n_mods; j++) {
        med_output(w->graph, w->pass.out[j]);
        for (int l = 0; l < med_mmhvae_levels(&r->config) && o.wants_marginals && med_modset_has(w->given, j); l++)
            med_output(w->graph, w->pass.kl_marginal[j][l]);
    }
    for (int l = 0; l < med_mmhvae_levels(&r->config); l++) med_output(w->graph, w->pass.kl[l]);
    MED_TRY(med_plan_create(w->graph, (med_plan_options){.is_reference = w->is_reference}, &w->plan));
    MED_TRY(bind_forward(r, w));
    return med_plan_run(w->plan);
}

static void free_forward(forward *w) {
    med_plan_free(w->plan);
    med_graph_free(w->graph);
}

static med_status check_image(med_golden_run *r, const forward *w, int j) {
    char name[96];
    snprintf(name, sizeof name, "out/%s/%s", w->name, r->config.mods[j]);
    double *expected;
    int64_t n, n_got = med_shape_count(med_val_shape(w->graph, w->pass.out[j]));
    MED_TRY(med_golden_tensor(r->f, name, &expected, &n));
    if (n != n_got) {
        free(expected);
        return med_fail(MED_EFORMAT, "%s: %s has %lld values, expected %lld", r->f->path, name, (long long)n, (long long)n_got);
    }
    double *got = med_alloc((size_t)n * sizeof *got);
    med_plan_read_f64(w->plan, w->pass.out[j], got);
    if (r->is_paper) med_golden_compare_rms(r->f, name, got, expected, n, image_max_paper, image_rms_paper);
    else med_golden_compare(r->f, name, got, expected, n, r->is_variant ? image_max_variant : image_max_tiny);
    free(got);
    free(expected);
    return MED_OK;
}

static med_status check_kl(med_golden_run *r, const forward *w, const char *name, const med_val kl[]) {
    double got[MED_MAX_LEVELS], *expected;
    int64_t n;
    MED_TRY(med_golden_tensor(r->f, name, &expected, &n));
    int n_levels = med_mmhvae_levels(&r->config);
    for (int l = 0; l < n_levels; l++) med_plan_read_f64(w->plan, kl[l], &got[l]);
    if (n == n_levels) med_golden_compare_relative(r->f, name, got, expected, n, med_golden_kl_relative);
    free(expected);
    return n == n_levels ? MED_OK : med_fail(MED_EFORMAT, "%s: %s has %lld levels", r->f->path, name, (long long)n);
}

static med_status check_images(med_golden_run *r, forward *w) {
    MED_TRY(plan_forward(r, w));
    for (int j = 0; j < r->config.n_mods; j++) MED_TRY(check_image(r, w, j));
    if (w->temperature == 0) return MED_OK;
    char name[96];
    snprintf(name, sizeof name, "kl/%s", w->name);
    return check_kl(r, w, name, w->pass.kl);
}

static med_status check_marginals(med_golden_run *r, forward *w) {
    char name[96];
    MED_MODSET_EACH(j, w->given) {
        snprintf(name, sizeof name, "kl_marginal/%s/%s", w->name, r->config.mods[j]);
        if (!med_weights_find(r->f->data, name)) continue;
        if (!w->plan) MED_TRY(plan_forward(r, w));
        MED_TRY(check_kl(r, w, name, w->pass.kl_marginal[j]));
    }
    return MED_OK;
}

static med_status check_forward(med_golden_run *r, forward w) {
    forward wide = w;
    wide.is_reference = true;
    med_status status = check_images(r, &w);
    if (status == MED_OK && w.temperature > 0) status = check_marginals(r, &wide);
    free_forward(&w);
    free_forward(&wide);
    return status;
}

static med_status run_cases(med_golden_run *r) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(r->f->json, "cases"), i, item) {
        forward w = {.name = json_string_value(json_object_get(item, "name")), .eps = json_string_value(json_object_get(item, "eps")),
                     .temperature = json_number_value(json_object_get(item, "temperature"))};
        if (!w.name || (w.temperature > 0 && !w.eps)) return med_fail(MED_EFORMAT, "%s: case %zu lacks name or eps", r->f->path, i);
        MED_TRY(med_golden_set(r->f, r->config.mods, r->config.n_mods, json_object_get(item, "given"), &w.given));
        MED_TRY(check_forward(r, w));
    }
    return MED_OK;
}

/* ---- kinds ---- */

static med_status read_config(med_golden_run *r) {
    json_t *config = json_object_get(r->f->json, "config"), *own = json_copy(config);
    r->n = json_object_get(config, "n") ? (int)json_integer_value(json_object_get(config, "n")) : 1;
    json_object_del(own, "n");
    med_status status = med_mmhvae_from_json(own, &r->config);
    json_decref(own);
    return status == MED_OK && r->n < 1 ? med_fail(MED_EFORMAT, "%s: config.n is %d", r->f->path, r->n) : status;
}

/* "average", "concat", "depth3": what is changed. */
static med_status read_variant(med_golden_run *r, const char *kind) {
    r->is_variant = true;
    if (strncmp(kind, "depth", 5) == 0) r->config.levels = atoi(kind + 5);
    else if (strcmp(kind, "average") == 0) r->config.fusion = MED_FUSION_AVERAGE;
    else if (strcmp(kind, "concat") == 0) r->config.fusion = MED_FUSION_CONCAT;
    else return med_fail(MED_EFORMAT, "%s: ablation '%.40s' is unknown to this version", r->f->path, kind);
    return med_mmhvae_check(&r->config);
}

static med_status check_count(med_golden_run *r) {
    const json_t *expected = json_object_get(r->f->json, "parameters");
    int64_t n = med_mmhvae_count(&r->config);
    if (expected) med_golden_add(r->f, "parameters", (double)llabs(n - json_integer_value(expected)), 0, n == json_integer_value(expected));
    return MED_OK;
}

static med_status run_all(med_golden_run *r) {
    med_status status = check_count(r);
    if (status == MED_OK) status = med_golden_parameters(r, &r->weights);
    if (status == MED_OK) status = run_cases(r);
    if (status == MED_OK) status = med_golden_training(r);
    med_weights_free(r->weights);
    return status;
}

static med_status run_variant(med_golden *f, const char *kind) {
    med_golden_run r = {.f = f};
    MED_TRY(read_config(&r));
    if (kind) MED_TRY(read_variant(&r, kind));
    return run_all(&r);
}

static med_status run_mmhvae(med_golden *f) { return run_variant(f, NULL); }
static med_status run_mopoe(med_golden *f) { return run_variant(f, "depth1"); }
static med_status run_ablation(med_golden *f) {
    const char *kind = json_string_value(json_object_get(f->json, "kind"));
    return run_variant(f, kind ? kind : "");
}

/* The images are raw, the objective is a sum. */
static med_status run_mhvae(med_golden *f) {
    med_golden_run r = {.f = f, .is_mhvae = true};
    med_status status = read_config(&r);
    r.config.nfinal = r.config.base / 2;
    return status == MED_OK ? run_all(&r) : status;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* SHA-256 over the release's names in sorted order, each followed by its float32 values. */
static void check_hash(med_golden_run *r) {
    int n = med_weights_count(r->weights);
    char **names = med_alloc((size_t)n * sizeof *names);
    size_t n_bytes = 0;
    for (int i = 0; i < n; i++) {
        const med_tensor *p = med_weights_at(r->weights, i);
        char *release = med_mmhvae_name_to_release(&r->config, p->name);
        names[i] = med_format("%s %s", release ? release : "", p->name); /* a space sorts before every letter of a name */
        n_bytes += strlen(names[i]) + (size_t)med_shape_count(p->shape) * sizeof(float);
        free(release);
    }
    qsort(names, (size_t)n, sizeof *names, by_name);
    char *all = med_alloc(n_bytes), *to = all, hex[65];
    for (int i = 0; i < n; i++) {
        const char *space = strchr(names[i], ' ');
        const med_tensor *p = med_weights_find(r->weights, space + 1);
        to = mempcpy(to, names[i], (size_t)(space - names[i]));
        to = mempcpy(to, p->data, (size_t)med_shape_count(p->shape) * sizeof(float));
    }
    med_sha256_hex(all, (size_t)(to - all), hex);
    const char *expected = json_string_value(json_object_get(r->f->json, "weights_sha256"));
    bool is_equal = expected && strcmp(hex, expected) == 0;
    med_golden_add(r->f, "weights_sha256", is_equal ? 0 : 1, 0, is_equal);
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
    free(all);
}

static med_status run_mmhvae_paper(med_golden *f) {
    med_golden_run r = {.f = f, .is_paper = true};
    med_status status = read_config(&r);
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(f->json, "seed"));
    if (status == MED_OK) status = med_mmhvae_hashed_weights(&r.config, seed, &r.weights);
    if (status == MED_OK) check_hash(&r);
    if (status == MED_OK) status = run_cases(&r);
    med_weights_free(r.weights);
    return status;
}

const med_golden_kind med_golden_mmhvae = {"mmhvae", run_mmhvae};
const med_golden_kind med_golden_mhvae = {"mhvae", run_mhvae};
const med_golden_kind med_golden_mopoe = {"mopoe", run_mopoe};
const med_golden_kind med_golden_ablation = {"ablation", run_ablation};
const med_golden_kind med_golden_mmhvae_paper = {"mmhvae-paper", run_mmhvae_paper};
