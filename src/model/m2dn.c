/* m2dn.c: M2DN (Meng et al., IEEE TMI 2024), a diffusion that adds noise to the missing modalities alone: all of them enter the
 * network at every step, it answers with all of them clean, and the given ones enter the next step as they were.
 *
 * No code of it is public; what is not in the paper's summaries is our decision: docs/models/m2dn.md. In the order of the
 * paper: settings, network, sampling, training. */
#include "model/m2dn.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/graph_parameters.h"
#include "model/trainer.h"

/* ---- settings ---- */

typedef struct own {
    int channels, stem, groups, time_sin, time_hidden, steps;
    const char *sampler;
} own;

enum { N_LEVELS = 3, SIZE_STEP = 16, MAX_STEPS = 1000 };
const med_diffusion med_m2dn_diffusion = {MAX_STEPS, 1e-4, 0.02};
static const double norm_eps = 1e-5;

#define T own
static const med_option keys[] = {
    MED_OPT_INT(T, "channels", channels, 2, 1024, "channels of the network below full resolution"),
    MED_OPT_INT(T, "stem", stem, 1, 512, "channels of a modality's first convolution and of its image decoder"),
    MED_OPT_INT(T, "groups", groups, 1, 64, "groups of channels that a norm takes together"),
    MED_OPT_INT(T, "time_sin", time_sin, 2, 1024, "sines and cosines that tell the step"),
    MED_OPT_INT(T, "time_hidden", time_hidden, 1, 4096, "features that are made of them"),
    MED_OPT_INT(T, "steps", steps, 1, MAX_STEPS, "of the network from noise to an image, of the 1000 it learns"),
    MED_OPT_CHOICE(T, "sampler", sampler, "ddim|ddpm", "steps without new noise, or with"),
    MED_OPT_END,
};
#undef T

static const own tiny = {32, 8, 4, 32, 64, 18, "ddim"}, small = {64, 16, 8, 64, 128, 18, "ddim"}, paper = {128, 32, 8, 128, 512, 18, "ddim"};

static const own *own_of(const med_net *n) { return (const own *)(const void *)&n->own; }

static bool is_ancestral(const own *o) { return o->sampler && strcmp(o->sampler, "ddpm") == 0; }

static med_status check(const med_net *n) {
    const own *o = own_of(n);
    if (o->channels % o->groups || o->stem % o->groups)
        return med_fail(MED_EUSAGE, "groups is %d, expected a divisor of channels, %d, and of stem, %d", o->groups, o->channels, o->stem);
    if (o->time_sin % 2) return med_fail(MED_EUSAGE, "time_sin is %d, expected an even number", o->time_sin);
    if (is_ancestral(o) && o->steps * n->n_mods > MED_MAX_NOISE)
        return med_fail(MED_EUSAGE, "sampler=ddpm draws noise at each of %d steps, expected at most %d for %d modalities", o->steps,
                        MED_MAX_NOISE / n->n_mods, n->n_mods);
    return MED_OK;
}

static int size_step(const med_net *n) {
    (void)n;
    return SIZE_STEP;
}

static char *describe(const med_net *n) {
    const own *o = own_of(n);
    return med_format("%d channels; %d steps by %s", o->channels, o->steps, is_ancestral(o) ? "DDPM" : "DDIM");
}

/* ---- network ---- */

static int64_t channels(const med_graph *g, med_val x) { return med_val_shape(g, x).dim[1]; }

static med_val linear(med_graph *g, const char *name, med_val x, int64_t n_out) {
    med_scope_push(g, "%s", name);
    med_val w = med_param(g, "weight", med_shape_2(n_out, med_val_shape(g, x).dim[1]));
    med_val b = med_reshape(g, med_param(g, "bias", med_shape_1(n_out)), med_shape_2(1, n_out));
    med_val y = med_add(g, med_matmul(g, x, w, 0, 1), b);
    med_scope_pop(g);
    return y;
}

/* `more` [C] is added to the bias; MED_NONE: nothing. */
static med_val conv_plus(med_graph *g, const char *name, med_val x, int64_t n_out, int kernel, int stride, med_val more) {
    med_scope_push(g, "%s", name);
    med_val w = med_param(g, "weight", med_shape_4(n_out, channels(g, x), kernel, kernel)), b = med_param(g, "bias", med_shape_1(n_out));
    med_val y = med_conv2d(g, x, w, more.id < 0 ? b : med_add(g, b, more), (med_conv_attr){kernel, stride, kernel / 2, MED_PAD_ZERO});
    med_scope_pop(g);
    return y;
}

static med_val conv(med_graph *g, const char *name, med_val x, int64_t n_out, int kernel) {
    return conv_plus(g, name, x, n_out, kernel, 1, MED_NONE);
}

static med_val norm(med_graph *g, const own *o, const char *name, med_val x) {
    med_scope_push(g, "%s", name);
    med_shape s = med_shape_1(channels(g, x));
    med_val gain = med_param(g, "weight", s), bias = med_param(g, "bias", s);
    med_scope_pop(g);
    return med_group_norm(g, x, o->groups, gain, bias, norm_eps);
}

/* The first convolution, and what the step adds to each of its channels: with one step for all slices, a part of its bias. */
static med_val timed_conv(med_graph *g, med_val x, med_val time, int64_t n_out) {
    med_val t = linear(g, "time", time, n_out);
    int64_t n = med_val_shape(g, t).dim[0];
    if (n == 1) return conv_plus(g, "conv1", x, n_out, 3, 1, med_reshape(g, t, med_shape_1(n_out)));
    med_val y = conv(g, "conv1", x, n_out, 3), each = med_reshape(g, t, med_shape_4(n, n_out, 1, 1));
    return med_add(g, y, each);
}

static med_val residual_block(med_graph *g, const own *o, med_val x, med_val time, const char *format, int i) {
    int64_t n = o->channels;
    med_scope_push(g, format, i);
    med_val h = timed_conv(g, med_silu(g, norm(g, o, "norm1", x)), time, n);
    h = conv(g, "conv2", med_silu(g, norm(g, o, "norm2", h)), n, 3);
    if (channels(g, x) != n) x = conv(g, "skip", x, n, 1);
    med_scope_pop(g);
    return med_add(g, h, x);
}

static med_val squeeze_excite(med_graph *g, med_val x, int i) {
    int64_t n = med_val_shape(g, x).dim[0], c = channels(g, x);
    med_scope_push(g, "se/%d", i);
    med_val s = med_reshape(g, med_channel_mean(g, x), med_shape_2(n, c));
    s = med_relu(g, linear(g, "fc1", s, c / 16 > 4 ? c / 16 : 4));
    s = med_sigmoid(g, linear(g, "fc2", s, c));
    med_scope_pop(g);
    return med_mul(g, x, med_reshape(g, s, med_shape_4(n, c, 1, 1)));
}

static med_val stem(med_graph *g, const own *o, const char *mod, med_val x) {
    med_scope_push(g, "stem/%s", mod);
    med_val h = med_relu(g, norm(g, o, "norm", conv_plus(g, "conv", x, o->stem, 3, 2, MED_NONE)));
    med_scope_pop(g);
    return h;
}

static med_val head(med_graph *g, const own *o, const char *mod, med_val h) {
    med_scope_push(g, "head/%s", mod);
    h = med_relu(g, norm(g, o, "norm1", conv(g, "conv1", h, o->stem, 3)));
    h = med_relu(g, norm(g, o, "norm2", conv(g, "conv2", med_upsample2x(g, h), o->stem, 3)));
    h = conv(g, "conv3", h, 1, 3);
    med_scope_pop(g);
    return h;
}

static med_val time_features(med_graph *g, const own *o, med_val u) {
    med_scope_push(g, "time");
    med_val e = med_silu(g, linear(g, "fc1", med_time_embedding(g, u, med_m2dn_diffusion, o->time_sin), o->time_hidden));
    e = med_silu(g, linear(g, "fc2", e, o->time_hidden));
    med_scope_pop(g);
    return e;
}

void med_m2dn_network(med_graph *g, const med_net *net, const med_m2dn_input *in, med_modset wanted, med_val out[MED_MAX_MODS]) {
    const own *o = own_of(net);
    med_val time = time_features(g, o, in->u), h = MED_NONE, skip[N_LEVELS];
    for (int j = 0; j < net->n_mods; j++) {
        med_val s = stem(g, o, net->mods[j], in->x[j]);
        h = j ? med_concat(g, h, s, 1) : s;
    }
    for (int i = 0; i < N_LEVELS; i++) {
        skip[i] = residual_block(g, o, h, time, "enc/%d", i);
        h = med_halve(g, skip[i]);
    }
    h = conv(g, "mid_in", med_concat(g, h, in->missing, 1), o->channels, 1);
    for (int i = 0; i < 2; i++) h = residual_block(g, o, h, time, "mid/%d", i);
    for (int i = 0; i < N_LEVELS; i++) {
        h = med_concat(g, med_upsample2x(g, h), skip[N_LEVELS - 1 - i], 1);
        h = squeeze_excite(g, residual_block(g, o, h, time, "dec/%d", i), i);
    }
    for (int j = 0; j < net->n_mods; j++) out[j] = med_modset_has(wanted, j) ? head(g, o, net->mods[j], h) : MED_NONE;
}

/* ---- parameters ---- */

static med_status parameters(const med_net *n, med_parameter_fn *visit, void *context) {
    med_graph *g = med_graph_create();
    med_m2dn_input in = {.u = med_fill(g, med_shape_2(1, 1), 0)};
    int h = n->height ? n->height : SIZE_STEP, w = n->width ? n->width : SIZE_STEP;
    for (int j = 0; j < n->n_mods; j++) in.x[j] = med_fill(g, med_shape_4(1, 1, h, w), 0);
    in.missing = med_fill(g, med_shape_4(1, n->n_mods, h / SIZE_STEP, w / SIZE_STEP), 0);
    med_val out[MED_MAX_MODS];
    med_m2dn_network(g, n, &in, med_modset_all(n->n_mods), out);
    med_status status = med_graph_status(g);
    if (status == MED_OK) status = med_graph_parameters(g, visit, context);
    med_graph_free(g);
    return status;
}

/* Residual blocks begin as identities and images as 0. */
static void fill(const void *context, const med_parameter *p, int64_t n, uint64_t seed, float *to) {
    bool is_last = strstr(p->name, strncmp(p->name, "head/", 5) == 0 ? "/conv3/" : "/conv2/") != NULL;
    if (is_last) memset(to, 0, (size_t)n * sizeof *to);
    else med_fill_usual(context, p, n, seed, to);
}

static med_status init(const med_net *n, uint64_t seed, med_weights **out) { return med_init_weights(n, seed, fill, NULL, out); }

/* ---- sampling ---- */

/* [n,modalities,h,w] of ones where a modality is not given. */
static med_val missing_map(med_graph *g, const med_net *n, int n_slices, med_modset given) {
    med_val all = MED_NONE;
    for (int j = 0; j < n->n_mods; j++) {
        med_val one = med_fill(g, med_shape_4(n_slices, 1, n->height / SIZE_STEP, n->width / SIZE_STEP), !med_modset_has(given, j));
        all = j ? med_concat(g, all, one, 1) : one;
    }
    return all;
}

/* Number i of n steps, the last one 0, is step t of the diffusion. */
static int time_of(int i, int n) { return MAX_STEPS * (i + 1) / n - 1; }

/* x of the step before: from x at t and its clean image, with some new noise of the ancestral sampler. */
static med_val step_back(med_graph *g, double level, double before, med_val x, med_val clean, med_val noise) {
    if (noise.id < 0) {
        double kept = sqrt((1 - before) / (1 - level));
        return med_add(g, med_scale_shift(g, clean, sqrt(before) - kept * sqrt(level), 0), med_scale_shift(g, x, kept, 0));
    }
    double beta = 1 - level / before, std = sqrt(beta * (1 - before) / (1 - level));
    med_val mean = med_add(g, med_scale_shift(g, clean, sqrt(before) * beta / (1 - level), 0),
                           med_scale_shift(g, x, sqrt(1 - beta) * (1 - before) / (1 - level), 0));
    return med_add(g, mean, med_scale_shift(g, noise, std, 0));
}

/* What the diffusion starts from and adds on its way. Its amount is what the network has learnt with: there is no temperature
 * between all (any above 0) and none (0). */
static med_val noise(med_graph *g, const med_net *n, const med_infer_options *o, const char *kind, int j, med_inference *out) {
    if (o->temperature == 0) return med_fill(g, med_shape_4(o->n, 1, n->height, n->width), 0);
    med_val v = med_net_image(g, n, kind, j, o->n);
    med_noises_add(&out->noise, v, "%.12s/%.10s", kind, n->mods[j]);
    return v;
}

static void infer(med_graph *g, const med_net *n, const med_infer_options *o, med_inference *out) {
    const own *c = own_of(n);
    med_modset all = med_modset_all(n->n_mods), missing = all & ~o->given;
    med_val clean[MED_MAX_MODS];
    med_m2dn_input in = {.missing = missing_map(g, n, o->n, o->given)};
    for (int j = 0; j < n->n_mods; j++)
        in.x[j] = med_modset_has(o->given, j) ? out->x[j] = med_net_image(g, n, "x", j, o->n) : noise(g, n, o, "start", j, out);
    for (int i = c->steps - 1; i >= 0; i--) {
        int t = time_of(i, c->steps);
        in.u = med_fill(g, med_shape_2(1, 1), (t + 0.5) / MAX_STEPS);
        med_m2dn_network(g, n, &in, o->counts_alone ? all : i ? missing : o->target, clean);
        if (i == 0) break;
        MED_MODSET_EACH (j, missing) {
            char kind[16];
            snprintf(kind, sizeof kind, "step%d", i);
            med_val drawn = is_ancestral(c) ? noise(g, n, o, kind, j, out) : MED_NONE;
            in.x[j] = step_back(g, med_diffusion_level(med_m2dn_diffusion, t), med_diffusion_level(med_m2dn_diffusion, time_of(i - 1, c->steps)),
                                in.x[j], med_clip(g, clean[j], 1), drawn);
        }
    }
    med_val field = in.x[med_modset_first(o->given)];
    MED_MODSET_EACH (j, o->target)
        out->out[j] = med_mask_fill(g, med_modset_has(missing, j) ? med_clip(g, clean[j], 1) : clean[j], field, -1, -1);
}

/* ---- training ---- */

/* Level k, 0 or 1, of noise_levels, to multiply images with. */
static med_val level(med_graph *g, med_val levels, int k, int n) {
    return med_reshape(g, med_slice(g, levels, 1, k, 1), med_shape_4(n, 1, 1, 1));
}

static void build(med_graph *g, const med_net *n, const med_step_key *key, med_step_graph *out) {
    out->share = med_input(g, "share", med_shape_1(1));
    med_val u = med_input(g, "t", med_shape_2(key->n, 1)), levels = med_noise_levels(g, u, med_m2dn_diffusion);
    med_noises_add(&out->noise, u, "t")->kind = MED_NOISE_UNIFORM;
    med_m2dn_input in = {.u = u, .missing = missing_map(g, n, key->n, key->given)};
    for (int j = 0; j < n->n_mods; j++) {
        if (med_modset_has(key->observed, j)) out->target[j] = med_net_image(g, n, "target", j, key->n);
        if (med_modset_has(key->given, j)) {
            in.x[j] = out->x[j] = med_net_image(g, n, "x", j, key->n);
            continue;
        }
        med_val eps = in.x[j] = med_net_image(g, n, "eps", j, key->n);
        med_noises_add(&out->noise, eps, "eps/%.18s", n->mods[j]);
        if (med_modset_has(key->observed, j))
            in.x[j] = med_add(g, med_mul(g, out->target[j], level(g, levels, 0, key->n)), med_mul(g, eps, level(g, levels, 1, key->n)));
    }
    med_val clean[MED_MAX_MODS], loss = MED_NONE;
    med_m2dn_network(g, n, &in, key->observed, clean);
    MED_MODSET_EACH (j, key->observed) {
        med_val miss = med_mean(g, med_square(g, med_sub(g, clean[j], out->target[j])));
        loss = med_sum_of(g, loss, miss);
        med_step_graph_watch(out, in.x[j], "%s as it enters", n->mods[j]);
        med_step_graph_watch(out, clean[j], "%s as it comes out", n->mods[j]);
    }
    out->loss[0] = med_mul(g, med_scale_shift(g, loss, 1.0 / med_modset_count(key->observed), 0), out->share);
    med_step_graph_add(out, MED_TERM_IMAGE, out->loss[0], "step/image");
}

static med_modset draw_given(const med_net *n, med_modset observed, double progress, med_rng *rng) {
    (void)n, (void)progress;
    return med_draw_subset(observed, rng);
}

/* Short runs learn faster, and their average forgets faster: it must not be made of the beginning. */
static const char *const tiny_settings[] = {"w_kl=0", "w_dis=0", "lr=1e-3", "lr_end=1e-4", "clip=1", "ema=0.95", NULL};
static const char *const small_settings[] = {"w_kl=0", "w_dis=0", "lr=5e-4", "lr_end=1e-4", "clip=1", "ema=0.99", NULL};
static const char *const paper_settings[] = {"w_kl=0", "w_dis=0", "lr=1e-4", "lr_end=1e-4", "clip=1", "ema=0.999", NULL};

static const med_training training = {
    .n_parts = 1,
    .build = build,
    .draw_given = draw_given,
    .settings = {tiny_settings, small_settings, paper_settings},
    .optimizer = {.kind = MED_ADAM, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
};

const med_model med_model_m2dn = {
    .name = "m2dn",
    .title = "M2DN",
    .summary = "diffusion that adds noise to the missing modalities alone (Meng et al., TMI 2024)",
    .keys = keys,
    .own_size = sizeof(own),
    .preset = {&tiny, &small, &paper},
    .check = check,
    .size_step = size_step,
    .describe = describe,
    .parameters = parameters,
    .init = init,
    .infer = infer,
    .training = &training,
};
