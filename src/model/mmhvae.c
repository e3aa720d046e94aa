/* mmhvae.c: MMHVAE, in the order of its paper: blocks, inference network, generative network, images.
 *
 * Symbols (spec/mmhvae.md): u resolution level, c_u its channels, z_l latents, q posterior, p prior, [m | s] a Gaussian
 * by mean and log standard deviation. Parameter names are ours: docs/models/mmhvae.md lists them beside the release's.
 * Deviation: a bias whose only reader is an instance norm has no effect and is not in the graph (posterior conv0). */
#include "model/mmhvae_graph.h"

#include <stdio.h>

static const double norm_eps = 1e-5, soft_clamp_limit = 10;

static med_val norm(med_graph *g, med_val x) { return med_instance_norm(g, x, norm_eps); }
static med_val norm_silu(med_graph *g, med_val x) { return med_silu(g, norm(g, x)); }
static int64_t channels(const med_graph *g, med_val x) { return med_val_shape(g, x).dim[1]; }

/* Convolution with parameters NAME/weight and NAME/bias. */
static med_val conv(med_graph *g, const char *name, med_val x, int64_t c_out, med_conv_attr attr) {
    med_scope_push(g, "%s", name);
    med_val w = med_param(g, "weight", med_shape_4(c_out, channels(g, x), attr.kernel, attr.kernel));
    med_val y = med_conv2d(g, x, w, med_param(g, "bias", med_shape_1(c_out)), attr);
    med_scope_pop(g);
    return y;
}

static med_val conv3x3(med_graph *g, const char *name, med_val x, int64_t c_out) {
    return conv(g, name, x, c_out, (med_conv_attr){3, 1, 1, MED_PAD_ZERO});
}

/* Rows of v scaled to length g (parameters NAME/v and NAME/g), as a matrix of the given kernel shape. */
static med_val normed_weight(med_graph *g, med_shape shape) {
    med_shape gain = shape;
    for (int d = 1; d < shape.rank; d++) gain.dim[d] = 1;
    return med_weight_norm(g, med_param(g, "v", shape), med_param(g, "g", gain));
}

static med_val normed_conv1x1(med_graph *g, med_val x, int64_t c_out) {
    med_val w = normed_weight(g, med_shape_4(c_out, channels(g, x), 1, 1));
    return med_conv2d(g, x, w, MED_NONE, (med_conv_attr){1, 1, 0, MED_PAD_ZERO});
}

/* x W' + b; x [N,K]. */
static med_val affine(med_graph *g, med_val x, med_val w, int64_t n_out) {
    med_val b = med_reshape(g, med_param(g, "bias", med_shape_1(n_out)), med_shape_2(1, n_out));
    return med_add(g, med_matmul(g, x, w, 0, 1), b);
}

static med_val linear(med_graph *g, const char *name, med_val x, int64_t n_out) {
    med_scope_push(g, "%s", name);
    med_val y = affine(g, x, med_param(g, "weight", med_shape_2(n_out, med_val_shape(g, x).dim[1])), n_out);
    med_scope_pop(g);
    return y;
}

static med_val normed_linear(med_graph *g, const char *name, med_val x, int64_t n_out) {
    med_scope_push(g, "%s", name);
    med_val y = affine(g, x, normed_weight(g, med_shape_2(n_out, med_val_shape(g, x).dim[1])), n_out);
    med_scope_pop(g);
    return y;
}

/* Squeeze and excitation: channel means -> c/16 (at least 4) -> c -> factors in (0,1). */
static med_val squeeze_excite(med_graph *g, med_val x) {
    int64_t n = med_val_shape(g, x).dim[0], c = channels(g, x);
    med_scope_push(g, "se");
    med_val s = med_reshape(g, med_channel_mean(g, x), med_shape_2(n, c));
    s = med_relu(g, linear(g, "fc0", s, c / 16 > 4 ? c / 16 : 4));
    s = med_sigmoid(g, linear(g, "fc1", s, c));
    med_scope_pop(g);
    return med_mul(g, x, med_reshape(g, s, med_shape_4(n, c, 1, 1)));
}

static med_val soft_clamp(med_graph *g, med_val x) { return med_soft_clamp(g, x, soft_clamp_limit); }

/* ---- blocks, spec section 2 ---- */

static med_val encoder_block(med_graph *g, const med_mmhvae_config *cfg, med_val x) {
    int64_t c = channels(g, x);
    med_val h = conv3x3(g, "conv0", norm_silu(g, x), c);
    h = conv3x3(g, "conv1", norm_silu(g, h), c);
    if (cfg->se) h = squeeze_excite(g, h);
    return cfg->residual ? med_add(g, h, x) : h;
}

static med_val depthwise5x5(med_graph *g, med_val x) {
    int64_t c = channels(g, x);
    med_scope_push(g, "depthwise");
    med_val y = med_depthwise2d(g, x, med_param(g, "weight", med_shape_4(c, 1, 5, 5)), med_param(g, "bias", med_shape_1(c)));
    med_scope_pop(g);
    return y;
}

static med_val decoder_block(med_graph *g, const med_mmhvae_config *cfg, med_val x) {
    int64_t c = channels(g, x), e = 6 * c;
    med_val h = conv3x3(g, "conv0", norm(g, x), e);
    h = norm_silu(g, depthwise5x5(g, norm_silu(g, h)));
    if (cfg->se) h = squeeze_excite(g, h);
    h = conv(g, "conv1", h, c, (med_conv_attr){1, 1, 0, MED_PAD_ZERO});
    return cfg->residual ? med_add(g, h, x) : h;
}

static med_val up(med_graph *g, med_val x, int64_t c_out) {
    med_scope_push(g, "up");
    med_val w = med_param(g, "weight", med_shape_4(c_out, channels(g, x), 3, 3));
    med_scope_pop(g);
    return med_conv2d(g, med_upsample2x(g, x), w, MED_NONE, (med_conv_attr){3, 1, 1, MED_PAD_ZERO});
}

/* conv0 of the posterior block reads concat(h, skip). Its norm works per channel, so the convolution is the sum of one
 * over h, the same for all modalities, and one over the skip, the same for all subsets. `part`: 0 = h, 1 = skip, of
 * `n_parts`. */
static med_val posterior_conv0(med_graph *g, med_val x, int part, int n_parts) {
    int64_t c = channels(g, x);
    med_scope_push(g, "conv0");
    med_val w = med_param(g, "weight", med_shape_4(c, n_parts * c, 3, 3));
    if (n_parts > 1) w = med_slice(g, w, 1, part * c, c);
    med_scope_pop(g);
    return med_conv2d(g, norm_silu(g, x), w, MED_NONE, (med_conv_attr){3, 1, 1, MED_PAD_ZERO});
}

/* The rest of the posterior block. */
static med_val posterior_tail(med_graph *g, med_val h, int64_t c_out) {
    h = squeeze_excite(g, conv3x3(g, "conv1", norm_silu(g, h), channels(g, h)));
    med_scope_push(g, "out");
    h = normed_conv1x1(g, h, c_out);
    med_scope_pop(g);
    return h;
}

static med_val posterior_block(med_graph *g, med_val from_h, med_val skip) {
    med_val h = med_add(g, posterior_conv0(g, skip, 1, 2), from_h);
    return soft_clamp(g, posterior_tail(g, h, channels(g, h)));
}

/* Where latents are left out: the posterior block on h alone, with as many channels as a latent. */
static med_val plain_block(med_graph *g, med_val h) { return posterior_tail(g, posterior_conv0(g, h, 0, 1), channels(g, h) / 2); }

/* Fusion by concatenation: one block on h and the skips of all modalities. Norm and SiLU of zeros are zeros, so what is
 * missing adds nothing. */
static med_val joint_posterior(med_graph *g, const med_mmhvae_config *c, const med_mmhvae_features *f, med_mmhvae_pass_options o,
                               int u, med_val h) {
    med_val sum = posterior_conv0(g, h, 0, 1 + c->n_mods);
    for (int j = 0; j < c->n_mods; j++) {
        bool is_given = med_modset_has(o.given, j);
        if (!is_given && !o.shares_nothing) continue;
        med_val skip = is_given ? f->skip[j][u] : med_fill(g, med_val_shape(g, h), 0);
        sum = med_add(g, posterior_conv0(g, skip, 1 + j, 1 + c->n_mods), sum);
    }
    return soft_clamp(g, posterior_tail(g, sum, channels(g, sum)));
}

/* ---- inference network, spec section 3 ---- */

int med_mmhvae_channels(const med_mmhvae_config *c, int u) {
    int64_t n = (int64_t)c->base << u;
    return n < c->max ? (int)n : c->max;
}

static void encode_one(med_graph *g, const med_mmhvae_config *c, int j, int n, med_mmhvae_features *f) {
    med_scope_push(g, "enc/%s", c->mods[j]);
    med_val h = conv3x3(g, "first", f->x[j], med_mmhvae_channels(c, 0));
    for (int u = 0; u <= c->pools; u++) {
        med_scope_push(g, "%d", u);
        h = encoder_block(g, c, h);
        if (u < c->pools) {
            f->skip[j][u] = h;
            h = conv(g, "down", h, med_mmhvae_channels(c, u + 1), (med_conv_attr){3, 2, 1, MED_PAD_ZERO});
        }
        med_scope_pop(g);
    }
    med_scope_pop(g);
    med_shape s = med_val_shape(g, h);
    f->map[j] = med_reshape(g, h, med_shape_2(n, s.dim[1] * s.dim[2] * s.dim[3]));
    if (c->fusion == MED_FUSION_CONCAT) return;
    med_scope_push(g, "top");
    f->top[j] = soft_clamp(g, normed_linear(g, "infer", f->map[j], 4 * c->max));
    med_scope_pop(g);
}

void med_mmhvae_encode(med_graph *g, const med_mmhvae_config *c, med_modset mods, int n, med_mmhvae_features *f) {
    *f = (med_mmhvae_features){0};
    for (int j = 0; j < c->n_mods; j++) {
        f->x[j] = f->top[j] = f->map[j] = MED_NONE;
        if (!med_modset_has(mods, j)) continue;
        char name[MED_MOD_NAME + 4] = "x/";
        for (int k = 0; k < MED_MOD_NAME; k++) name[2 + k] = c->mods[j][k];
        f->x[j] = med_input(g, name, med_shape_4(n, 1, c->height, c->width));
        encode_one(g, c, j, n, f);
    }
}

/* ---- generative network, spec sections 3 and 4 ---- */

med_shape med_mmhvae_noise_shape(const med_mmhvae_config *c, int level, int n) {
    if (level == 0) return med_shape_2(n, 2 * c->max);
    int u = c->pools - level;
    return med_shape_4(n, med_mmhvae_channels(c, u) / 2, c->height >> u, c->width >> u);
}

/* Logits of the top from all flat maps side by side, zeros for what is missing. */
static med_val joint_top(med_graph *g, const med_mmhvae_config *c, const med_mmhvae_features *f, med_mmhvae_pass_options o, int n) {
    int64_t n_map = (int64_t)c->max * (c->height >> c->pools) * (c->width >> c->pools);
    med_val all = MED_NONE;
    for (int j = 0; j < c->n_mods; j++) {
        med_val map = med_modset_has(o.given, j) ? f->map[j] : med_fill(g, med_shape_2(n, n_map), 0);
        all = j ? med_concat(g, all, map, 1) : map;
    }
    med_scope_push(g, "top");
    med_val y = soft_clamp(g, normed_linear(g, "infer", all, 4 * c->max));
    med_scope_pop(g);
    return y;
}

/* Sum of experts over their number. */
static med_val average(med_graph *g, const med_val *experts, int n) {
    med_val sum = experts[0];
    for (int i = 1; i < n; i++) sum = med_add(g, sum, experts[i]);
    return n > 1 ? med_scale_shift(g, sum, 1.0 / n, 0) : sum;
}

/* Product with weights 1/variance: that with 1/std of experts whose s is doubled gives its mean, and its variance as "std". */
static med_val poe_precision(med_graph *g, const med_val *experts, int n) {
    med_val doubled[MED_MAX_MODS + 1];
    int64_t half = channels(g, experts[0]) / 2;
    for (int i = 0; i < n; i++)
        doubled[i] = med_concat(g, med_slice(g, experts[i], 1, 0, half),
                                med_scale_shift(g, med_slice(g, experts[i], 1, half, half), 2, 0), 1);
    med_val q = med_poe(g, doubled, n, 0);
    med_val std = med_exp(g, med_scale_shift(g, med_log(g, med_slice(g, q, 1, half, half)), 0.5, 0));
    return med_concat(g, med_slice(g, q, 1, 0, half), std, 1);
}

/* The prior and the given posteriors as one Gaussian [mean | std]. */
static med_val fuse(med_graph *g, const med_mmhvae_config *c, med_val *experts, int n) {
    if (c->fusion == MED_FUSION_POE_PRECISION) return poe_precision(g, experts, n);
    if (c->fusion == MED_FUSION_AVERAGE && n > 2) {
        experts[1] = average(g, experts + 1, n - 1);
        n = 2;
    }
    return med_poe(g, experts, n, 0);
}

/* The fusion of prior and posteriors, one draw from it, and how far it is from the prior. `posterior` holds one for every
 * given modality; of fusion by concatenation, the one for all is the first given modality's. */
static med_val draw(med_graph *g, const med_mmhvae_config *c, med_mmhvae_pass_options o, int level, int n, med_val prior,
                    const med_val posterior[], med_mmhvae_pass *out) {
    med_val experts[MED_MAX_MODS + 1] = {prior};
    int n_experts = 1;
    MED_MODSET_EACH(j, o.given)
        if (c->fusion != MED_FUSION_CONCAT || n_experts == 1) experts[n_experts++] = posterior[j];
    med_val q = out->q[level] = fuse(g, c, experts, n_experts);
    out->prior[level] = prior;
    med_shape shape = med_mmhvae_noise_shape(c, level, n);
    if (o.temperature == 0) return med_slice(g, q, 1, 0, shape.dim[1]);

    char name[64];
    snprintf(name, sizeof name, "eps/%s/z%d", o.name, c->pools + 1 - level);
    med_val eps = out->eps[level] = med_input(g, name, shape), z = med_sample(g, q, eps, o.temperature);
    if (o.wants_kl) out->kl[level] = med_kl(g, q, z, eps, prior, o.temperature);
    int expert = 1;
    MED_MODSET_EACH(j, o.wants_marginals ? o.given : 0)
    out->kl_marginal[j][level] = med_kl_marginal(g, eps, experts, n_experts, expert++, o.temperature, 1e-3);
    return z;
}

static void posteriors(med_graph *g, const med_mmhvae_config *c, const med_mmhvae_features *f, med_mmhvae_pass_options o, int u,
                       med_val h, med_val posterior[]) {
    if (!o.given) return;
    if (c->fusion == MED_FUSION_CONCAT) {
        posterior[med_modset_first(o.given)] = joint_posterior(g, c, f, o, u, h);
        return;
    }
    med_val from_h = MED_NONE;
    MED_MODSET_EACH(j, o.given) {
        if (from_h.id < 0 || o.shares_nothing) from_h = posterior_conv0(g, h, 0, 2);
        posterior[j] = posterior_block(g, from_h, f->skip[j][u]);
    }
}

/* One level below: h from the latents above, its prior, the posterior of every given modality; or a block without them. */
static med_val level_down(med_graph *g, const med_mmhvae_config *c, const med_mmhvae_features *f, int n, med_mmhvae_pass_options o,
                          int i, med_val z, med_mmhvae_pass *out) {
    int u = c->pools - 1 - i;
    med_scope_push(g, "gen/%d", i);
    med_val h = decoder_block(g, c, up(g, z, med_mmhvae_channels(c, u)));
    med_scope_pop(g);
    if (i + 1 >= med_mmhvae_levels(c)) {
        med_scope_push(g, "post/%d", i);
        z = plain_block(g, h);
        med_scope_pop(g);
        return z;
    }

    med_scope_push(g, "prior/%d", i);
    med_val prior = soft_clamp(g, normed_conv1x1(g, h, channels(g, h))), posterior[MED_MAX_MODS];
    med_scope_pop(g);

    med_scope_push(g, "post/%d", i);
    posteriors(g, c, f, o, u, h, posterior);
    med_scope_pop(g);
    return draw(g, c, o, i + 1, n, prior, posterior, out);
}

/* ---- images ---- */

static med_val reflect_conv(med_graph *g, const char *name, med_val x, int64_t c_out, int kernel) {
    return conv(g, name, x, c_out, (med_conv_attr){kernel, 1, kernel / 2, MED_PAD_REFLECT});
}

static med_val image_decoder(med_graph *g, const med_mmhvae_config *c, med_val z) {
    med_val h = z;
    if (channels(g, z) != c->nfinal) h = conv(g, "in", z, c->nfinal, (med_conv_attr){1, 1, 0, MED_PAD_ZERO});
    for (int k = 0; k < c->nblocks; k++) {
        med_scope_push(g, "%d", k);
        med_val r = med_relu(g, norm(g, reflect_conv(g, "conv0", h, c->nfinal, 3)));
        h = med_add(g, norm(g, reflect_conv(g, "conv1", r, c->nfinal, 3)), h);
        med_scope_pop(g);
    }
    h = med_leaky_relu(g, norm(g, reflect_conv(g, "smooth", h, c->nfinal, 7)), 0.2);
    return med_tanh(g, reflect_conv(g, "out", h, 1, 7));
}

void med_mmhvae_generate(med_graph *g, const med_mmhvae_config *c, const med_mmhvae_features *f, int n,
                         med_mmhvae_pass_options o, med_mmhvae_pass *out) {
    for (int l = 0; l < MED_MAX_LEVELS; l++) out->eps[l] = out->kl[l] = out->z[l] = out->q[l] = out->prior[l] = MED_NONE;
    for (int j = 0; j < MED_MAX_MODS; j++) out->out[j] = MED_NONE;

    med_val top[MED_MAX_MODS];
    MED_MODSET_EACH(j, o.given) top[j] = f->top[j];
    if (c->fusion == MED_FUSION_CONCAT && o.given) top[med_modset_first(o.given)] = joint_top(g, c, f, o, n);
    med_val z = out->z[0] = draw(g, c, o, 0, n, med_fill(g, med_shape_2(n, 4 * c->max), 0), top, out);
    int h_min = c->height >> c->pools, w_min = c->width >> c->pools;
    med_scope_push(g, "top");
    z = normed_linear(g, "generate", z, (int64_t)c->max * h_min * w_min);
    med_scope_pop(g);
    z = med_reshape(g, z, med_shape_4(n, c->max, h_min, w_min));
    for (int i = 0; i < c->pools; i++) z = out->z[i + 1] = level_down(g, c, f, n, o, i, z, out);

    MED_MODSET_EACH(j, o.target) {
        med_scope_push(g, "head/%s", c->mods[j]);
        out->out[j] = image_decoder(g, c, z);
        med_scope_pop(g);
        /* QUIRK of the release: only the first given modality's field of view counts. */
        if (o.given && !o.is_bare) out->out[j] = med_mask_fill(g, out->out[j], f->x[med_modset_first(o.given)], -1, -1);
    }
}
