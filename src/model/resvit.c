/* resvit.c: ResViT (Dalmaz et al., TMI 2022): residual convolutions with a transformer between them, from all modalities to all,
 * what is missing filled with a constant, and a discriminator of patches. y: images that the network makes of the given P, masked;
 * g: targets; completed(y): g_j for j in P, y_j for j in O\P, -1 outside O; s: the stack that the network was given.
 *
 *   part 0, discriminator:  half of mean D(s, completed(y))^2 + mean (D(s, completed(g)) - 1)^2, each its own batch for the norms
 *   part 1, network:        w_pix * mean over O\P of mean |y_j - g_j| + w_rec * mean over P of the same
 *                           + w_dis * mean (D(s, completed(y)) - 1)^2, by the discriminator as it is after part 0
 *
 * With many_to_one the network is the release's: it makes the last modality alone, of the others. The networks are in
 * resvit_network.c; docs/models/resvit.md says what differs from paper and release. */
#include "model/resvit.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "model/graph_parameters.h"

enum { LEAST_SIZE = 32, CNN_STEP = 4 };
static const double init_std = 0.02;

/* ---- settings ---- */

#define T med_resvit_config
static const med_option keys[] = {
    MED_OPT_INT(T, "ngf", ngf, 1, 512, "channels at full resolution, doubled twice on the way down"),
    MED_OPT_INT(T, "hidden", hidden, 1, 4096, "features of a token"),
    MED_OPT_INT(T, "mlp", mlp, 1, 16384, "features between the two linear layers of a transformer block"),
    MED_OPT_INT(T, "heads", heads, 1, 64, "heads of attention"),
    MED_OPT_INT(T, "layers", layers, 1, 15, "blocks of the transformer"),
    MED_OPT_FLAG(T, "transformer", transformer, "transformer branches; off: convolutions alone, the authors' first stage"),
    MED_OPT_FLOAT(T, "dropout", dropout, 0, 0.9, "part of the values dropped in the transformer while training"),
    MED_OPT_FLOAT(T, "fill", fill, -1, 1, "value of a missing channel"),
    MED_OPT_FLAG(T, "many_to_one", many_to_one, "make the last modality alone, of the others, as the authors' code does"),
    MED_OPT_FLOAT(T, "w_pix", w_pix, 0, 1e6, "weight of L1 of what is missing"),
    MED_OPT_FLOAT(T, "w_rec", w_rec, 0, 1e6, "weight of L1 of what is given"),
    MED_OPT_END,
};
#undef T

#define SHARED .dropout = 0.1, .fill = -1, .w_pix = 100, .w_rec = 100, .transformer = true
static const med_resvit_config tiny = {8, 64, 128, 4, 2, SHARED}, small = {16, 192, 384, 6, 4, SHARED}, paper = {64, 768, 3072, 12, 12, SHARED};

static med_resvit_config own_of(const med_net *n) {
    med_resvit_config own;
    memcpy(&own, &n->own, sizeof own);
    return own;
}

static med_modset made_by(const med_net *n) {
    return own_of(n).many_to_one ? med_modset_of(n->n_mods - 1) : med_modset_all(n->n_mods);
}
static med_modset read_by(const med_net *n) {
    return med_modset_all(own_of(n).many_to_one ? n->n_mods - 1 : n->n_mods);
}

static int size_step(const med_net *n) { return own_of(n).transformer ? MED_RESVIT_GRID : CNN_STEP; }

static med_status check(const med_net *n) {
    med_resvit_config own = own_of(n);
    if (n->n_mods < 2) return med_fail(MED_EUSAGE, "ResViT needs two modalities or more");
    if (own.hidden % own.heads) return med_fail(MED_EUSAGE, "heads is %d, expected a divisor of hidden, which is %d", own.heads, own.hidden);
    int least = n->height < n->width ? n->height : n->width;
    if (least && least < LEAST_SIZE)
        return med_fail(MED_EUSAGE, "slices of %d x %d, expected at least %d for the discriminator's map: --set size=H,W pads them", n->height,
                        n->width, LEAST_SIZE);
    return MED_OK;
}

static char *describe(const med_net *n) {
    med_resvit_config own = own_of(n);
    if (!own.transformer) return med_format("%d to %d channels, no transformer", own.ngf, 4 * own.ngf);
    return med_format("%d to %d channels; transformer of %d blocks with %d features", own.ngf, 4 * own.ngf, own.layers, own.hidden);
}

static med_modset makes(const med_net *n, med_modset given) { return given & read_by(n) ? made_by(n) : 0; }

/* ---- images in and out ---- */

static med_val stack(med_resvit_pass *p, const med_val *image, med_modset channels, med_modset set, double constant) {
    med_val all = MED_NONE;
    MED_MODSET_EACH (j, channels) {
        med_val one = med_modset_has(set, j) ? image[j] : med_fill(p->g, med_shape_4(p->n, 1, p->net->height, p->net->width), constant);
        all = all.id < 0 ? one : med_concat(p->g, all, one, 1);
    }
    return all;
}

static med_val input_stack(med_resvit_pass *p, const med_val *x, med_modset given) { return stack(p, x, read_by(p->net), given, p->own.fill); }

/* Masked images of `wanted` from those of `given`. */
static void generate(med_resvit_pass *p, const med_val *x, med_modset given, med_modset wanted, med_val *out) {
    med_modset made = made_by(p->net);
    med_val all = med_resvit_generate(p, input_stack(p, x, given), med_modset_count(made));
    int channel = 0;
    MED_MODSET_EACH (j, made) {
        if (med_modset_has(wanted, j)) out[j] = med_mask_fill(p->g, med_slice(p->g, all, 1, channel, 1), x[med_modset_first(given)], -1, -1);
        channel++;
    }
}

static void infer(med_graph *g, const med_net *n, const med_infer_options *o, med_inference *out) {
    med_resvit_pass p = {.g = g, .net = n, .own = own_of(n), .n = o->n};
    med_modset given = o->given & read_by(n);
    MED_MODSET_EACH (j, given) out->x[j] = med_net_image(g, n, "x", j, o->n);
    generate(&p, out->x, given, o->target, out->out);
}

/* ---- parameters ---- */

static med_status parameters(const med_net *n, med_parameter_fn *visit, void *context) {
    med_resvit_pass p = {.g = med_graph_create(), .net = n, .own = own_of(n), .n = 1};
    int h = n->height ? n->height : LEAST_SIZE, w = n->width ? n->width : LEAST_SIZE;
    med_resvit_generate(&p, med_fill(p.g, med_shape_4(1, med_modset_count(read_by(n)), h, w), 0), med_modset_count(made_by(n)));
    med_status status = med_graph_status(p.g);
    if (status == MED_OK) status = med_graph_parameters(p.g, visit, context);
    med_graph_free(p.g);
    return status;
}

static bool is_in(const char *name, const char *part) { return strstr(name, part) != NULL; }

static void fill_normal(const med_parameter *p, int64_t n, uint64_t seed, double mean, double limit, float *to) {
    med_rng rng = med_rng_start((med_rng_key){seed, med_site_of(p->name), 0});
    for (int64_t i = 0; i < n; i++) {
        double z = med_rng_normal(&rng);
        while (fabs(z) > limit) z = med_rng_normal(&rng);
        to[i] = (float)(mean + init_std * z);
    }
}

/* Convolutions: uniform by their fan. Transformer: N(0, 0.02), of the linear layers cut at two deviations, biases 0. What it makes
 * enters by weights of 0: the branch begins silent, but learns. */
static void fill(const void *context, const med_parameter *p, int64_t n, uint64_t seed, float *to) {
    bool is_linear = is_in(p->name, "/attn/") || is_in(p->name, "/ffn/") || is_in(p->name, "/patch_embeddings/");
    if (is_in(p->name, "positional_encoding")) fill_normal(p, n, seed, 0, INFINITY, to);
    else if (is_linear && is_in(p->name, "/weight")) fill_normal(p, n, seed, 0, 2, to);
    else if (is_linear) memset(to, 0, (size_t)n * sizeof *to);
    else med_fill_usual(context, p, n, seed, to);
    if (!is_in(p->name, "/cc/block/0/weight") && !is_in(p->name, "/cc/skip/0/weight")) return;
    int64_t row = n / p->shape.dim[0];
    for (int64_t o = 0; o < p->shape.dim[0]; o++) memset(to + o * row, 0, (size_t)(row / 2) * sizeof *to);
}

static med_status init(const med_net *n, uint64_t seed, med_weights **out) { return med_init_weights(n, seed, fill, NULL, out); }

/* ---- the discriminator's parameters ---- */

/* It sees the input stack and the completed stack. */
static int channels_judged(const med_net *n) { return med_modset_count(read_by(n)) + med_modset_count(made_by(n)); }

typedef struct judge_init {
    uint64_t seed;
    med_weights *weights;
} judge_init;

/* Convolutions N(0, 0.02) with usual biases; gains N(1, 0.02). */
static med_status init_one(void *context, const med_parameter *p) {
    const judge_init *c = context;
    med_tensor *t;
    MED_TRY(med_weights_add(c->weights, p->name, MED_F32, p->shape, &t));
    int64_t n = med_shape_count(p->shape);
    if (is_in(p->name, "/weight")) fill_normal(p, n, c->seed, p->shape.rank == 1, INFINITY, t->data);
    else med_fill_usual(NULL, p, n, c->seed, t->data);
    return MED_OK;
}

static med_status init_discriminator(const med_net *n, med_discriminator_config d, uint64_t seed, med_weights *w) {
    med_resvit_pass p = {.g = med_graph_create(), .net = n, .own = own_of(n), .n = 1};
    med_resvit_judge(&p, d.ndf, med_fill(p.g, med_shape_4(1, channels_judged(n), LEAST_SIZE, LEAST_SIZE), 0));
    judge_init c = {seed, w};
    med_status status = med_graph_status(p.g);
    if (status == MED_OK) status = med_graph_parameters(p.g, init_one, &c);
    med_graph_free(p.g);
    return status;
}

/* ---- training ---- */

typedef struct step_images {
    const med_step_key *key;
    med_modset given, trained; /* of what it reads; observed of what it makes */
    const med_val *made;
} step_images;

/* Mean (D(s, completed) - goal)^2, with `fake` channels as they were made and the rest of O as it is. */
static med_val miss(med_resvit_pass *p, const step_images *i, med_modset fake, double goal, const char *name) {
    med_step_graph *s = p->step;
    med_val image[MED_MAX_MODS];
    MED_MODSET_EACH (j, i->trained) image[j] = med_modset_has(fake, j) ? i->made[j] : s->target[j];
    med_val seen = med_concat(p->g, input_stack(p, s->x, i->given), stack(p, image, made_by(p->net), i->trained, -1), 1);
    med_val map = med_resvit_judge(p, i->key->discriminator.ndf, seen);
    med_step_graph_watch(s, map, "map of %s", name);
    return med_mean(p->g, med_square(p->g, med_scale_shift(p->g, map, 1, -goal)));
}

static void build_discriminator(med_resvit_pass *p, const step_images *i) {
    med_val fake = miss(p, i, i->trained & ~i->given, 0, "fake"), real = miss(p, i, 0, 1, "real");
    p->step->loss[1] = med_mul(p->g, med_scale_shift(p->g, med_add(p->g, fake, real), 0.5, 0), p->step->share);
}

/* Mean over `set` of mean |made_j - target_j|; nothing of nothing. */
static med_val l1(med_resvit_pass *p, const step_images *i, med_modset set) {
    med_val sum = MED_NONE;
    MED_MODSET_EACH (j, set) sum = med_sum_of(p->g, sum, med_mean(p->g, med_abs(p->g, med_sub(p->g, i->made[j], p->step->target[j]))));
    return sum.id < 0 ? sum : med_mul(p->g, med_scale_shift(p->g, sum, 1.0 / med_modset_count(set), 0), p->step->share);
}

static void build_network(med_resvit_pass *p, const step_images *i) {
    med_step_graph *s = p->step;
    med_modset missing = i->trained & ~i->given;
    med_val pix = l1(p, i, missing), rec = l1(p, i, i->trained & i->given), adversarial = MED_NONE;
    s->loss[0] = med_scale_shift(p->g, pix, p->own.w_pix, 0);
    if (rec.id >= 0) s->loss[0] = med_add(p->g, s->loss[0], med_scale_shift(p->g, rec, p->own.w_rec, 0));
    if (i->key->is_adversarial) {
        s->w_dis = med_input(p->g, "w_dis", med_shape_1(1));
        adversarial = med_mul(p->g, miss(p, i, missing, 1, "fake"), s->share);
        s->loss[0] = med_add(p->g, s->loss[0], med_mul(p->g, adversarial, s->w_dis));
    }
    med_step_graph_add(s, MED_TERM_IMAGE, pix, "step/missing");
    med_step_graph_add(s, MED_TERM_IMAGE, rec, "step/given");
    med_step_graph_add(s, MED_TERM_ADVERSARIAL, adversarial, "step/adversarial");
}

static void build(med_graph *g, const med_net *n, const med_step_key *key, med_step_graph *s) {
    med_modset given = key->given & read_by(n), trained = key->observed & made_by(n);
    if (!(trained & ~given) || (key->part == 0 && !key->trains_discriminators)) return;
    med_resvit_pass p = {.g = g, .net = n, .own = own_of(n), .n = key->n, .step = s, .is_repeated = key->part == 0};
    s->share = med_input(g, "share", med_shape_1(1));
    MED_MODSET_EACH (j, key->observed) {
        s->target[j] = med_net_image(g, n, "target", j, key->n);
        if (med_modset_has(given, j)) s->x[j] = med_net_image(g, n, "x", j, key->n);
    }
    med_val made[MED_MAX_MODS];
    generate(&p, s->x, given, trained, made);
    MED_MODSET_EACH (j, trained) med_step_graph_watch(s, made[j], "%s", n->mods[j]);
    p.is_repeated = false;
    step_images images = {key, given, trained, made};
    (key->part == 0 ? build_discriminator : build_network)(&p, &images);
}

/* Many to one: all that it reads of what is there. */
static med_modset draw_given(const med_net *n, med_modset observed, double progress, med_rng *rng) {
    (void)progress;
    return own_of(n).many_to_one ? observed & read_by(n) : med_draw_subset(observed, rng);
}

static const char *const settings[] = {"lr=2e-4", "lr_end=0", "lr_decay=linear", "lr_disc=2e-4", "w_kl=0", "w_dis=1", "discriminator_from=1", "adversarial_from=1",
                                       "restart_at=0", NULL};
static const char *const native[] = {"epochs=100", "batch=1", "subsets=one", NULL};

static const med_training training = {
    .n_parts = 2,
    .is_whole = true,
    .build = build,
    .init_discriminators = init_discriminator,
    .optimizer = {.kind = MED_ADAM, .beta1 = 0.5, .beta2 = 0.999, .eps = 1e-8},
    .discriminator_optimizer = {.kind = MED_ADAM, .beta1 = 0.5, .beta2 = 0.999, .eps = 1e-8},
    .draw_given = draw_given,
    .settings = {settings, settings, settings},
    .native = native,
};

const med_model med_model_resvit = {
    .name = "resvit",
    .title = "ResViT",
    .summary = "residual convolutions with a shared transformer between them (Dalmaz et al., TMI 2022)",
    .keys = keys,
    .own_size = sizeof(med_resvit_config),
    .preset = {&tiny, &small, &paper},
    .check = check,
    .makes = makes,
    .limits = "with many_to_one it makes the last of its modalities alone, of the others",
    .size_step = size_step,
    .describe = describe,
    .parameters = parameters,
    .init = init,
    .infer = infer,
    .training = &training,
};
