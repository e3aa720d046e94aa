/* mmhvae_parameters.c: the list of all parameters, in the order of the network, and the ways to fill them.
 *
 * Names and shapes are the release's network under our names; some of them the graph never reads (a bias before an
 * instance norm, SE that is switched off), but they belong to the files. */
#include "model/mmhvae.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/random.h"

/* ---- the list ---- */

typedef struct lister {
    med_parameter_fn *visit;
    void *context;
    med_status status;
} lister;

static int64_t row_size(med_shape s) {
    int64_t n = 1;
    for (int d = 1; d < s.rank; d++) n *= s.dim[d];
    return n;
}

static void list(lister *l, const char *stem, const char *leaf, med_shape shape, int64_t fan_in, bool is_gain) {
    if (l->status != MED_OK) return;
    char *name = med_format("%s/%s", stem, leaf);
    l->status = l->visit(l->context, &(med_parameter){.name = name, .shape = shape, .fan_in = fan_in, .is_gain = is_gain});
    free(name);
}

/* weight [rows, ...] and bias [rows]. */
static void affine(lister *l, med_shape shape, const char *stem_format, ...) MED_PRINTF(3, 4);
static void affine(lister *l, med_shape shape, const char *stem_format, ...) {
    char stem[160];
    va_list args;
    va_start(args, stem_format);
    vsnprintf(stem, sizeof stem, stem_format, args);
    va_end(args);
    list(l, stem, "weight", shape, row_size(shape), false);
    list(l, stem, "bias", med_shape_1(shape.dim[0]), row_size(shape), false);
}

/* v [rows, ...] and one gain per row. */
static void normed(lister *l, const char *stem, med_shape shape) {
    med_shape gain = shape;
    for (int d = 1; d < gain.rank; d++) gain.dim[d] = 1;
    list(l, stem, "v", shape, row_size(shape), false);
    list(l, stem, "g", gain, row_size(shape), true);
}

static med_shape conv(int64_t c_out, int64_t c_in, int k) { return med_shape_4(c_out, c_in, k, k); }

static void squeeze_excite(lister *l, const char *stem, int64_t c) {
    int64_t hidden = c / 16 > 4 ? c / 16 : 4;
    affine(l, med_shape_2(hidden, c), "%s/se/fc0", stem);
    affine(l, med_shape_2(c, hidden), "%s/se/fc1", stem);
}

static void encoder(lister *l, const med_mmhvae_config *c, const char *mod) {
    affine(l, conv(c->base, 1, 3), "enc/%s/first", mod);
    for (int u = 0; u <= c->pools; u++) {
        char stem[64];
        int n = med_mmhvae_channels(c, u);
        snprintf(stem, sizeof stem, "enc/%s/%d", mod, u);
        affine(l, conv(n, n, 3), "%s/conv0", stem);
        affine(l, conv(n, n, 3), "%s/conv1", stem);
        squeeze_excite(l, stem, n);
        if (u < c->pools) affine(l, conv(med_mmhvae_channels(c, u + 1), n, 3), "%s/down", stem);
    }
}

static void top(lister *l, const med_mmhvae_config *c) {
    int64_t n_map = (int64_t)c->max * (c->height >> c->pools) * (c->width >> c->pools);
    int64_t n_read = c->fusion == MED_FUSION_CONCAT ? c->n_mods * n_map : n_map;
    normed(l, "top/infer", med_shape_2(4 * c->max, n_read));
    list(l, "top/infer", "bias", med_shape_1(4 * c->max), n_read, false);
    normed(l, "top/generate", med_shape_2(n_map, 2 * c->max));
    list(l, "top/generate", "bias", med_shape_1(n_map), 2 * c->max, false);
}

/* Level i below z_L: the generative block, the prior and the posterior of its latent, or the block in their place. */
static void level(lister *l, const med_mmhvae_config *c, int i) {
    char stem[64];
    int u = c->pools - 1 - i, n = med_mmhvae_channels(c, u), e = 6 * n;
    int n_above =
        i == 0 ? c->max : med_mmhvae_channels(c, u + 1) / 2; /* below the top, latents have half the channels */
    snprintf(stem, sizeof stem, "gen/%d", i);
    char *up = med_format("%s/up", stem);
    list(l, up, "weight", conv(n, n_above, 3), (int64_t)n_above * 9, false);
    free(up);
    affine(l, conv(e, n, 3), "%s/conv0", stem);
    affine(l, conv(e, 1, 5), "%s/depthwise", stem);
    squeeze_excite(l, stem, e);
    affine(l, conv(n, e, 1), "%s/conv1", stem);

    bool is_stochastic = i + 1 < med_mmhvae_levels(c);
    int n_read = !is_stochastic ? 1 : c->fusion == MED_FUSION_CONCAT ? 1 + c->n_mods : 2;
    snprintf(stem, sizeof stem, "prior/%d", i);
    if (is_stochastic) normed(l, stem, conv(n, n, 1));

    snprintf(stem, sizeof stem, "post/%d", i);
    affine(l, conv(n, n_read * n, 3), "%s/conv0", stem);
    affine(l, conv(n, n, 3), "%s/conv1", stem);
    squeeze_excite(l, stem, n);
    snprintf(stem, sizeof stem, "post/%d/out", i);
    normed(l, stem, conv(is_stochastic ? n : n / 2, n, 1));
}

static void head(lister *l, const med_mmhvae_config *c, const char *mod) {
    int n_latent = c->base / 2, n = c->nfinal;
    if (n_latent != n) affine(l, conv(n, n_latent, 1), "head/%s/in", mod);
    for (int k = 0; k < c->nblocks; k++) {
        affine(l, conv(n, n, 3), "head/%s/%d/conv0", mod, k);
        affine(l, conv(n, n, 3), "head/%s/%d/conv1", mod, k);
    }
    affine(l, conv(n, n, 7), "head/%s/smooth", mod);
    affine(l, conv(1, n, 7), "head/%s/out", mod);
}

med_status med_mmhvae_parameters(const med_mmhvae_config *c, med_parameter_fn *visit, void *context) {
    lister l = {visit, context, MED_OK};
    for (int j = 0; j < c->n_mods; j++) encoder(&l, c, c->mods[j]);
    top(&l, c);
    for (int i = 0; i < c->pools; i++) level(&l, c, i);
    for (int j = 0; j < c->n_mods; j++) head(&l, c, c->mods[j]);
    return l.status;
}

static med_status count_one(void *context, const med_parameter *p) {
    *(int64_t *)context += med_shape_count(p->shape);
    return MED_OK;
}

int64_t med_mmhvae_count(const med_mmhvae_config *c) {
    int64_t n = 0;
    return med_mmhvae_parameters(c, count_one, &n) == MED_OK ? n : 0;
}

/* ---- filling ---- */

typedef struct filler {
    const med_mmhvae_config *config;
    uint64_t seed;
    med_weights *weights;
    /* Uniform numbers in [-1, 1) for parameter p. */
    void (*draw)(const struct filler *f, const med_parameter *p, int64_t n, float *to);
    double gain_spread; /* a gain is the row norm of v times 1 + gain_spread * u */
} filler;

static double row_norm(const float *row, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)row[i] * row[i];
    return sqrt(sum);
}

static med_status fill_gain(const filler *f, const med_parameter *p, int64_t n, float *data) {
    char *v_name = med_strdup(p->name);
    v_name[strlen(v_name) - 1] = 'v';
    const med_tensor *v = med_weights_find(f->weights, v_name);
    free(v_name);
    med_assert(v != NULL);
    for (int64_t i = 0; i < n; i++)
        data[i] = (float)(row_norm((const float *)v->data + i * p->fan_in, p->fan_in) * (1 + f->gain_spread * data[i]));
    return MED_OK;
}

static med_status fill_one(void *context, const med_parameter *p) {
    const filler *f = context;
    med_tensor *t;
    MED_TRY(med_weights_add(f->weights, p->name, MED_F32, p->shape, &t));
    float *data = t->data;
    int64_t n = med_shape_count(p->shape);
    f->draw(f, p, n, data);
    if (p->is_gain) return fill_gain(f, p, n, data);
    double root = sqrt((double)p->fan_in);
    for (int64_t i = 0; i < n; i++) data[i] = (float)(data[i] / root);
    return MED_OK;
}

static med_status fill(filler *f, med_weights **out) {
    *out = NULL;
    MED_TRY(med_mmhvae_check(f->config));
    f->weights = med_weights_create();
    med_mmhvae_describe(f->config, f->weights);
    med_status status = med_mmhvae_parameters(f->config, fill_one, f);
    if (status == MED_OK)
        *out = f->weights;
    else
        med_weights_free(f->weights);
    return status;
}

static void draw_philox(const filler *f, const med_parameter *p, int64_t n, float *to) {
    med_uniform_fill(to, (size_t)n, (med_rng_key){f->seed, med_site_of(p->name), 0});
    for (int64_t i = 0; i < n; i++) to[i] = 2 * to[i] - 1;
}

med_status med_mmhvae_init(const med_mmhvae_config *c, uint64_t seed, med_weights **out) {
    return fill(&(filler){.config = c, .seed = seed, .draw = draw_philox}, out);
}

static void draw_hashed(const filler *f, const med_parameter *p, int64_t n, float *to) {
    char *release = med_mmhvae_name_to_release(f->config, p->name);
    med_assert(release != NULL);
    med_hashed_fill(to, (size_t)n, release, f->seed, 1);
    free(release);
}

med_status med_mmhvae_hashed_weights(const med_mmhvae_config *c, uint64_t seed, med_weights **out) {
    return fill(&(filler){.config = c, .seed = seed, .draw = draw_hashed, .gain_spread = 0.1}, out);
}
