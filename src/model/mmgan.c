/* mmgan.c: MM-GAN (Sharma & Hamarneh, TMI 2020): a U-Net from all modalities to all, what is missing filled with a constant, and
 * a discriminator of patches with one score map per modality. r: stack of targets, f: what the network makes of the given P,
 * masked, its channels of P overwritten by r ("implicit conditioning"); both -1 in channels that the case lacks.
 *
 *   part 0, network:        lambda * mean over O\P of mean |f_j - r_j| + w_dis * mean over O of mean (D(f, r)_j - 1)^2
 *   part 1, discriminator:  half of mean over O of mean (D(r, r)_j - 1)^2 + (D(f, r)_j - [j in P])^2, f made anew
 *
 * Down k: conv4x4 s2, norm (but the first and last), LeakyReLU. Up k: transposed conv4x4 s2, norm, ReLU, then concat with the
 * Down block of its size. Norm: instance norm. docs/models/mmgan.md says what differs from paper and release. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/graph_parameters.h"
#include "model/trainer.h"

enum { MAX_GAN_LEVELS = 8, D_LAYERS = 4, LEAST_SIZE = 32 };
static const double norm_eps = 1e-5, init_std = 0.02;

/* ---- settings ---- */

typedef struct mmgan_own {
    int base, levels, canvas;
    double dropout, fill, lambda;
    bool ic;
    const char *output;
} mmgan_own;

#define T mmgan_own
static const med_option keys[] = {
    MED_OPT_INT(T, "base", base, 1, 512, "channels of the first level, doubled per level up to 8 times as many"),
    MED_OPT_INT(T, "levels", levels, 3, MAX_GAN_LEVELS, "halvings of the resolution"),
    MED_OPT_INT(T, "canvas", canvas, 0, 4096, "side of a square that slices are put in the middle of, filled up with `fill`; 0: none"),
    MED_OPT_FLOAT(T, "dropout", dropout, 0, 0.9, "part of the values dropped in the deep blocks while training"),
    MED_OPT_FLOAT(T, "fill", fill, -1, 1, "value of a missing channel"),
    MED_OPT_FLOAT(T, "lambda", lambda, 0, 1, "weight of L1 beside the adversarial term's w_dis"),
    MED_OPT_FLAG(T, "ic", ic, "implicit conditioning: given channels are overwritten, only missing ones are trained and made"),
    MED_OPT_CHOICE(T, "output", output, "tanh|relu", "last activation"),
    MED_OPT_END,
};
#undef T

#define SHARED .dropout = 0.2, .fill = -1, .lambda = 0.9, .ic = true, .output = "tanh"
static const mmgan_own tiny = {.base = 8, .levels = 5, SHARED}, small = {.base = 32, .levels = 5, SHARED}, paper = {.base = 64, .levels = 6, SHARED};

static mmgan_own own_of(const med_net *n) {
    mmgan_own own;
    memcpy(&own, &n->own, sizeof own);
    return own;
}

static int size_step(const med_net *n) {
    mmgan_own own = own_of(n);
    return own.canvas ? 1 : 1 << own.levels;
}

static med_status check(const med_net *n) {
    mmgan_own own = own_of(n);
    if (own.levels < 3 || own.levels > MAX_GAN_LEVELS || own.base < 1)
        return med_fail(MED_EUSAGE, "levels is %d and base %d, expected 3 to %d and 1 or more", own.levels, own.base, MAX_GAN_LEVELS);
    if (n->n_mods < 2) return med_fail(MED_EUSAGE, "MM-GAN needs two modalities or more");
    if (own.canvas % (1 << own.levels))
        return med_fail(MED_EUSAGE, "canvas is %d, expected a multiple of 2^levels = %d", own.canvas, 1 << own.levels);
    if (own.canvas && (n->height > own.canvas || n->width > own.canvas))
        return med_fail(MED_EUSAGE, "slices of %d x %d do not fit on a canvas of %d", n->height, n->width, own.canvas);
    int least = own.canvas ? own.canvas : n->height < n->width ? n->height : n->width;
    if (least && least < LEAST_SIZE)
        return med_fail(MED_EUSAGE, "slices of %d x %d, expected at least %d for the discriminator's maps", n->height, n->width, LEAST_SIZE);
    return MED_OK;
}

static char *describe(const med_net *n) {
    mmgan_own own = own_of(n);
    return med_format("%d levels of %d to %d channels", own.levels, own.base, 8 * own.base);
}

static med_modset makes(const med_net *n, med_modset given) { return own_of(n).ic ? med_modset_all(n->n_mods) & ~given : med_modset_all(n->n_mods); }

/* ---- sizes ---- */

static int channels_down(const mmgan_own *o, int k) { return o->base << (k - 1 < 3 ? k - 1 : 3); } /* k = 1..levels */
static int channels_up(const mmgan_own *o, int k) { return channels_down(o, o->levels - k); }      /* k = 1..levels-1 */
static bool drops_down(int k) { return k >= 4; }
static bool drops_up(const mmgan_own *o, int k) { return k <= o->levels - 4; }
static int channels_d(int ndf, int k) { return ndf << k; }

/* ---- the network ---- */

typedef struct pass {
    med_graph *g;
    const med_net *net;
    mmgan_own own;
    int n;
    med_noises *noises; /* NULL: no dropout */
    const char *name;   /* of the noise: "g" or "d" */
} pass;

static med_val drop(pass *p, med_val x, const char *block, int k) {
    if (!p->noises || p->own.dropout == 0) return x;
    char label[MED_NOISE_LABEL];
    snprintf(label, sizeof label, "%s/%s%d", p->name, block, k);
    return med_dropout(p->g, x, p->own.dropout, p->noises, label);
}

static med_val norm(pass *p, med_val x) { return med_instance_norm(p->g, x, norm_eps); }

static med_val down(pass *p, med_val x, int k) {
    med_scope_push(p->g, "down%d", k);
    med_val w = med_param(p->g, "weight", med_shape_4(channels_down(&p->own, k), med_val_shape(p->g, x).dim[1], 4, 4));
    x = med_conv2d(p->g, x, w, MED_NONE, (med_conv_attr){4, 2, 1, MED_PAD_ZERO});
    med_scope_pop(p->g);
    if (k > 1 && k < p->own.levels) x = norm(p, x);
    x = med_leaky_relu(p->g, x, 0.2);
    return drops_down(k) ? drop(p, x, "down", k) : x;
}

static med_val up(pass *p, med_val x, med_val skip, int k) {
    med_scope_push(p->g, "up%d", k);
    med_val w = med_param(p->g, "weight", med_shape_4(med_val_shape(p->g, x).dim[1], channels_up(&p->own, k), 4, 4));
    x = med_conv_transpose2d(p->g, x, w, MED_NONE, (med_conv_attr){4, 2, 1, MED_PAD_ZERO}, 0);
    med_scope_pop(p->g);
    x = med_relu(p->g, norm(p, x));
    if (drops_up(&p->own, k)) x = drop(p, x, "up", k);
    return med_concat(p->g, x, skip, 1);
}

static med_val u_net(pass *p, med_val x) {
    med_val skip[MAX_GAN_LEVELS + 1];
    for (int k = 1; k <= p->own.levels; k++) skip[k] = x = down(p, x, k);
    for (int k = 1; k < p->own.levels; k++) x = up(p, x, skip[p->own.levels - k], k);
    med_scope_push(p->g, "final");
    med_val w = med_param(p->g, "weight", med_shape_4(p->net->n_mods, med_val_shape(p->g, x).dim[1], 4, 4));
    med_val b = med_param(p->g, "bias", med_shape_1(p->net->n_mods));
    x = med_conv2d(p->g, med_upsample_nearest2x(p->g, x, 1, 1), w, b, (med_conv_attr){4, 1, 1, MED_PAD_ZERO});
    med_scope_pop(p->g);
    return strcmp(p->own.output, "tanh") == 0 ? med_tanh(p->g, x) : med_relu(p->g, x);
}

/* ---- parameters ---- */

static med_status parameters(const med_net *n, med_parameter_fn *visit, void *context) {
    pass p = {.g = med_graph_create(), .net = n, .own = own_of(n), .n = 1};
    int side = 1 << p.own.levels; /* shapes do not depend on it */
    u_net(&p, med_fill(p.g, med_shape_4(1, n->n_mods, side, side), 0));
    med_status status = med_graph_status(p.g);
    if (status == MED_OK) status = med_graph_parameters(p.g, visit, context);
    med_graph_free(p.g);
    return status;
}

/* Weights N(0, 0.02); biases uniform by their fan. */
static void fill(const void *context, const med_parameter *p, int64_t n, uint64_t seed, float *to) {
    if (p->shape.rank == 1) {
        med_fill_usual(context, p, n, seed, to);
        return;
    }
    med_normal_fill(to, (size_t)n, (med_rng_key){seed, med_site_of(p->name), 0});
    for (int64_t i = 0; i < n; i++) to[i] = (float)(init_std * to[i]);
}

static med_status init(const med_net *n, uint64_t seed, med_weights **out) { return med_init_weights(n, seed, fill, NULL, out); }

static med_status add(med_weights *w, uint64_t seed, const char *name, med_shape shape, int64_t fan_in) {
    med_tensor *t;
    MED_TRY(med_weights_add(w, name, MED_F32, shape, &t));
    fill(NULL, &(med_parameter){.name = name, .shape = shape, .fan_in = fan_in}, med_shape_count(shape), seed, t->data);
    return MED_OK;
}

/* disc/K/{weight,bias}: four convolutions of stride 2, then one without bias. */
static med_status init_discriminator(const med_net *n, med_discriminator_config d, uint64_t seed, med_weights *w) {
    char name[32];
    for (int k = 0; k <= D_LAYERS; k++) {
        med_shape s = med_shape_4(k < D_LAYERS ? channels_d(d.ndf, k) : n->n_mods, k ? channels_d(d.ndf, k - 1) : 2 * n->n_mods, 4, 4);
        int64_t fan_in = s.dim[1] * s.dim[2] * s.dim[3];
        snprintf(name, sizeof name, "disc/%d/weight", k);
        MED_TRY(add(w, seed, name, s, fan_in));
        snprintf(name, sizeof name, "disc/%d/bias", k);
        if (k < D_LAYERS) MED_TRY(add(w, seed, name, med_shape_1(s.dim[0]), fan_in));
    }
    return MED_OK;
}

/* Images of `set`, and a constant for the others: [n,M,H,W]. */
static med_val stack(pass *p, const med_val *image, med_modset set, double constant) {
    med_shape one = med_shape_4(p->n, 1, p->net->height, p->net->width);
    med_val all = MED_NONE;
    for (int j = 0; j < p->net->n_mods; j++) {
        med_val channel = med_modset_has(set, j) ? image[j] : med_fill(p->g, one, constant);
        all = j ? med_concat(p->g, all, channel, 1) : channel;
    }
    return all;
}

/* Onto the canvas, filled up by `fill`, and back. */
static med_val on_canvas(pass *p, med_val x) {
    int side = p->own.canvas;
    x = med_scale_shift(p->g, x, 1, -p->own.fill);
    x = med_pad(p->g, x, 2, (side - p->net->height) / 2, side);
    x = med_pad(p->g, x, 3, (side - p->net->width) / 2, side);
    return med_scale_shift(p->g, x, 1, p->own.fill);
}

static med_val off_canvas(pass *p, med_val x) {
    int side = p->own.canvas;
    x = med_slice(p->g, x, 2, (side - p->net->height) / 2, p->net->height);
    return med_slice(p->g, x, 3, (side - p->net->width) / 2, p->net->width);
}

/* Masked images of `wanted` from those of `given`. */
static void generate(pass *p, const med_val *x, med_modset given, med_modset wanted, med_val *out) {
    med_val all = stack(p, x, given, p->own.fill);
    all = p->own.canvas ? off_canvas(p, u_net(p, on_canvas(p, all))) : u_net(p, all);
    MED_MODSET_EACH (j, wanted)
        out[j] = med_mask_fill(p->g, med_slice(p->g, all, 1, j, 1), x[med_modset_first(given)], -1, -1);
}

static void infer(med_graph *g, const med_net *n, const med_infer_options *o, med_inference *out) {
    pass p = {.g = g, .net = n, .own = own_of(n), .n = o->n};
    MED_MODSET_EACH (j, o->given) out->x[j] = med_net_image(g, n, "x", j, o->n);
    generate(&p, out->x, o->given, o->target, out->out);
}

/* ---- training ---- */

/* Score maps [n,M,h,w] of a candidate beside the truth. */
static med_val judge(pass *p, med_discriminator_config d, med_val candidate, med_val truth) {
    med_val h = med_concat(p->g, candidate, truth, 1);
    for (int k = 0; k <= D_LAYERS; k++) {
        bool is_last = k == D_LAYERS;
        med_scope_push(p->g, "disc/%d", k);
        if (is_last)
            h = med_pad(p->g, med_pad(p->g, h, 2, 1, med_val_shape(p->g, h).dim[2] + 1), 3, 1, med_val_shape(p->g, h).dim[3] + 1);
        int c_out = is_last ? p->net->n_mods : channels_d(d.ndf, k);
        med_val w = med_param(p->g, "weight", med_shape_4(c_out, med_val_shape(p->g, h).dim[1], 4, 4));
        med_val b = is_last ? MED_NONE : med_param(p->g, "bias", med_shape_1(c_out));
        h = med_conv2d(p->g, h, w, b, (med_conv_attr){4, is_last ? 1 : 2, 1, MED_PAD_ZERO});
        med_scope_pop(p->g);
        if (k > 0 && !is_last) h = norm(p, h);
        if (!is_last) h = med_leaky_relu(p->g, h, 0.2);
    }
    return h;
}

/* Mean over the maps of O of (score - goal)^2; goal 1 for those of `real`, else 0. */
static med_val miss(pass *p, med_val maps, med_modset observed, med_modset real) {
    med_val total = MED_NONE;
    MED_MODSET_EACH (j, observed) {
        med_val map = med_slice(p->g, maps, 1, j, 1);
        total = med_sum_of(p->g, total, med_mean(p->g, med_square(p->g, med_scale_shift(p->g, map, 1, med_modset_has(real, j) ? -1 : 0))));
    }
    return med_scale_shift(p->g, total, 1.0 / med_modset_count(observed), 0);
}

/* Observed images that the step has the network make. */
static med_modset trained_of(const pass *p, const med_step_key *key) { return key->observed & makes(p->net, key->given); }

/* The network's images with what is given put in their place; missing ones also in `made`. */
static med_val candidate(pass *p, const med_step_key *key, med_step_graph *s, med_val made[MED_MAX_MODS]) {
    med_val image[MED_MAX_MODS];
    med_modset trained = trained_of(p, key);
    generate(p, s->x, key->given, trained, made);
    MED_MODSET_EACH (j, key->observed) image[j] = med_modset_has(trained, j) ? made[j] : s->target[j];
    MED_MODSET_EACH (j, trained) med_step_graph_watch(s, made[j], "%s", p->net->mods[j]);
    return stack(p, image, key->observed, -1);
}

static void build_network(pass *p, const med_step_key *key, med_step_graph *s) {
    med_val made[MED_MAX_MODS], image = MED_NONE, adversarial = MED_NONE;
    med_modset trained = trained_of(p, key);
    med_val f = candidate(p, key, s, made);
    MED_MODSET_EACH (j, trained) image = med_sum_of(p->g, image, med_mean(p->g, med_abs(p->g, med_sub(p->g, made[j], s->target[j]))));
    image = med_mul(p->g, med_scale_shift(p->g, image, 1.0 / med_modset_count(trained), 0), s->share);
    s->loss[0] = med_scale_shift(p->g, image, p->own.lambda, 0);
    if (key->is_adversarial) {
        s->w_dis = med_input(p->g, "w_dis", med_shape_1(1));
        med_val maps = judge(p, key->discriminator, f, stack(p, s->target, key->observed, -1));
        adversarial = med_mul(p->g, miss(p, maps, key->observed, key->observed), s->share);
        s->loss[0] = med_add(p->g, s->loss[0], med_mul(p->g, adversarial, s->w_dis));
    }
    med_step_graph_add(s, MED_TERM_IMAGE, image, "step/image");
    med_step_graph_add(s, MED_TERM_ADVERSARIAL, adversarial, "step/adversarial");
}

static void build_discriminator(pass *p, const med_step_key *key, med_step_graph *s) {
    med_val made[MED_MAX_MODS];
    med_val truth = stack(p, s->target, key->observed, -1), f = candidate(p, key, s, made);
    med_val real = miss(p, judge(p, key->discriminator, truth, truth), key->observed, key->observed);
    med_val fake = miss(p, judge(p, key->discriminator, f, truth), key->observed, p->own.ic ? key->given : 0);
    s->loss[1] = med_mul(p->g, med_scale_shift(p->g, med_add(p->g, real, fake), 0.5, 0), s->share);
}

static void build(med_graph *g, const med_net *n, const med_step_key *key, med_step_graph *s) {
    if (key->part == 1 && !key->trains_discriminators) return;
    pass p = {.g = g, .net = n, .own = own_of(n), .n = key->n, .noises = &s->noise, .name = key->part ? "d" : "g"};
    s->share = med_input(g, "share", med_shape_1(1));
    MED_MODSET_EACH (j, key->observed) {
        s->target[j] = med_net_image(g, n, "target", j, key->n);
        if (med_modset_has(key->given, j)) s->x[j] = med_net_image(g, n, "x", j, key->n);
    }
    if (key->part == 0) build_network(&p, key, s);
    else build_discriminator(&p, key, s);
}

/* Scenarios are all proper subsets by their number of inputs; the run begins with the fullest and takes on harder ones. What a
 * scenario names beyond O is not there. */
static med_modset draw_given(const med_net *n, med_modset observed, double progress, med_rng *rng) {
    enum { STAGES = 4, OF_14 = 14, TRIES = 20 };
    static const double until[STAGES] = {1.0 / 6, 1.0 / 3, 1.0 / 2, 1};
    static const uint32_t first_of_14[STAGES] = {10, 7, 3, 0};
    int stage = 0;
    while (stage < STAGES - 1 && progress >= until[stage]) stage++;
    uint32_t n_scenarios = ((uint32_t)1 << n->n_mods) - 2, first = n_scenarios * first_of_14[stage] / OF_14;
    for (int i = 0; i < TRIES; i++) {
        uint32_t wanted = first + med_rng_below(rng, n_scenarios - first), index = 0;
        for (int count = 1; count < n->n_mods; count++)
            for (med_modset s = 1; s <= n_scenarios; s++) {
                if (med_modset_count(s) != count || index++ != wanted) continue;
                if (s & observed && observed & ~s) return s & observed;
            }
    }
    return med_draw_subset(observed, rng);
}

static const char *const settings[] = {"lr_end=2e-4", "lr=2e-4", "lr_disc=2e-4", "w_dis=0.1", "discriminator_from=1",
                                       "adversarial_from=1", "restart_at=0", NULL};
static const char *const native[] = {"epochs=60", "batch=4", "subsets=one", NULL};

static const med_training training = {
    .n_parts = 2,
    .build = build,
    .init_discriminators = init_discriminator,
    .optimizer = {.kind = MED_ADAM, .beta1 = 0.5, .beta2 = 0.999, .eps = 1e-8},
    .discriminator_optimizer = {.kind = MED_ADAM, .beta1 = 0.5, .beta2 = 0.999, .eps = 1e-8},
    .draw_given = draw_given,
    .settings = {settings, settings, settings},
    .native = native,
};

const med_model med_model_mmgan = {
    .name = "mmgan",
    .title = "MM-GAN",
    .summary = "U-Net with implicit conditioning and a curriculum of missing inputs (Sharma & Hamarneh, TMI 2020)",
    .keys = keys,
    .own_size = sizeof(mmgan_own),
    .preset = {&tiny, &small, &paper},
    .check = check,
    .makes = makes,
    .limits = "it fills in what is missing, so name fewer as given, and none of them as target (or train with ic=0)",
    .size_step = size_step,
    .describe = describe,
    .parameters = parameters,
    .init = init,
    .infer = infer,
    .training = &training,
};
