/* resvit_network.c: ResViT's two networks. Generator: three convolutions down to a quarter of the resolution, nine residual
 * blocks (ART), three convolutions up. The first and the sixth block begin with a transformer branch: down to one token per 16 x 16
 * pixels, one transformer that both blocks share, up again, and a compression of what it made beside what it was given.
 * Discriminator: a PatchGAN. Tokens lie as pixels of an image, so linear layers are 1x1 convolutions. */
#include <stdio.h>

#include "model/resvit.h"

enum { N_BLOCKS = 9, D_LAYERS = 3 };
static const double norm_eps = 1e-5, momentum = 0.1, token_eps = 1e-6;
static const med_conv_attr conv1 = {1, 1, 0, MED_PAD_ZERO}, conv3 = {3, 1, 1, MED_PAD_ZERO}, halving = {3, 2, 1, MED_PAD_ZERO},
                           mirrored3 = {3, 1, 1, MED_PAD_REFLECT}, mirrored7 = {7, 1, 3, MED_PAD_REFLECT};

static int64_t channels(const med_graph *g, med_val x) { return med_val_shape(g, x).dim[1]; }

/* ---- layers; an index is that of the release's list of layers ---- */

static med_val norm(med_resvit_pass *p, int index, med_val x) {
    med_graph *g = p->g;
    med_shape s = med_shape_1(channels(g, x));
    med_scope_push(g, "%d", index);
    med_val gain = med_param(g, "weight", s), bias = med_param(g, "bias", s);
    med_val state[2] = {med_param(g, "running_mean", s), med_param(g, "running_var", s)};
    med_scope_pop(g);
    if (!p->step) return med_fixed_norm(g, x, gain, bias, norm_eps, state);
    med_val now[2];
    for (int i = 0; i < 2; i++) now[i] = med_step_graph_state(p->step, state[i]);
    x = med_batch_norm(g, x, gain, bias, norm_eps, momentum, now);
    for (int i = 0; i < 2 && !p->is_repeated; i++) med_step_graph_move(p->step, state[i], now[i]);
    return x;
}

static med_val conv(med_resvit_pass *p, int index, med_val x, int64_t n_out, bool has_bias, med_conv_attr a) {
    med_scope_push(p->g, "%d", index);
    med_val w = med_param(p->g, "weight", med_shape_4(n_out, channels(p->g, x), a.kernel, a.kernel));
    med_val b = has_bias ? med_param(p->g, "bias", med_shape_1(n_out)) : MED_NONE;
    med_scope_pop(p->g);
    return med_conv2d(p->g, x, w, b, a);
}

static med_val conv_norm(med_resvit_pass *p, int index, med_val x, int64_t n_out, med_conv_attr a) {
    return norm(p, index + 1, conv(p, index, x, n_out, false, a));
}

/* Twice the size, norm, ReLU. */
static med_val up(med_resvit_pass *p, int index, med_val x, int64_t n_out) {
    med_scope_push(p->g, "%d", index);
    med_val w = med_param(p->g, "weight", med_shape_4(channels(p->g, x), n_out, halving.kernel, halving.kernel));
    med_scope_pop(p->g);
    return med_relu(p->g, norm(p, index + 1, med_conv_transpose2d(p->g, x, w, MED_NONE, halving, 1)));
}

/* Half the size, norm, ReLU. */
static med_val down(med_resvit_pass *p, int index, med_val x, int64_t n_out) {
    return med_relu(p->g, conv_norm(p, index, x, n_out, halving));
}

/* ---- the transformer ---- */

static med_val linear(med_graph *g, const char *name, med_val x, int64_t n_out) {
    med_scope_push(g, "%s", name);
    med_val w = med_param(g, "weight", med_shape_4(n_out, channels(g, x), 1, 1)), b = med_param(g, "bias", med_shape_1(n_out));
    med_scope_pop(g);
    return med_conv2d(g, x, w, b, conv1);
}

static med_val layer_norm(med_graph *g, const char *name, med_val x) {
    med_scope_push(g, "%s", name);
    med_shape s = med_shape_1(channels(g, x));
    med_val gain = med_param(g, "weight", s), bias = med_param(g, "bias", s);
    med_scope_pop(g);
    return med_layer_norm(g, x, gain, bias, token_eps);
}

static med_val drop(med_resvit_pass *p, med_val x, int block, const char *place) {
    if (!p->step || p->own.dropout == 0) return x;
    char label[MED_NOISE_LABEL];
    snprintf(label, sizeof label, "art_%d/%s", block, place);
    return med_dropout(p->g, x, p->own.dropout, &p->step->noise, label);
}

static med_val drop_in_layer(med_resvit_pass *p, med_val x, int block, int layer, const char *what) {
    char place[MED_NOISE_LABEL];
    snprintf(place, sizeof place, "%d/%s", layer, what);
    return drop(p, x, block, place);
}

static med_val attend(med_resvit_pass *p, med_val x) {
    med_graph *g = p->g;
    int64_t n = p->own.hidden;
    med_scope_push(g, "attn");
    med_val q = linear(g, "query", x, n), k = linear(g, "key", x, n), v = linear(g, "value", x, n);
    x = linear(g, "out", med_attention(g, q, k, v, p->own.heads), n);
    med_scope_pop(g);
    return x;
}

static med_val perceptron(med_resvit_pass *p, med_val x, int block, int layer) {
    med_scope_push(p->g, "ffn");
    med_val h = drop_in_layer(p, med_gelu(p->g, linear(p->g, "fc1", x, p->own.mlp)), block, layer, "mlp_hidden");
    h = drop_in_layer(p, linear(p->g, "fc2", h, p->own.hidden), block, layer, "mlp_out");
    med_scope_pop(p->g);
    return h;
}

/* Of tokens of the given block; its parameters are shared. */
static med_val transformer(med_resvit_pass *p, med_val x, int block) {
    med_graph *g = p->g;
    med_scope_push(g, "transformer_encoder");
    for (int i = 0; i < p->own.layers; i++) {
        med_scope_push(g, "layer/%d", i);
        x = med_add(g, attend(p, layer_norm(g, "attention_norm", x)), x);
        x = med_add(g, perceptron(p, layer_norm(g, "ffn_norm", x), block, i), x);
        med_scope_pop(g);
    }
    x = layer_norm(g, "encoder_norm", x);
    med_scope_pop(g);
    return x;
}

/* Tokens [n,hidden,h,w], each told where it is by the table [1,h*w,hidden]. */
static med_val embed(med_resvit_pass *p, med_val x, int block) {
    med_graph *g = p->g;
    med_scope_push(g, "embeddings");
    x = linear(g, "patch_embeddings", x, p->own.hidden);
    med_shape s = med_val_shape(g, x);
    int64_t tokens = s.dim[2] * s.dim[3], hidden = p->own.hidden;
    med_val table = med_reshape(g, med_param(g, "positional_encoding", med_shape_3(1, tokens, hidden)), med_shape_2(tokens, hidden));
    med_scope_pop(g);
    x = med_add(g, x, med_reshape(g, med_transpose(g, table), med_shape_4(1, hidden, s.dim[2], s.dim[3])));
    return drop(p, x, block, "embeddings");
}

/* Back to the channels of x, of h beside x. */
static med_val compress(med_resvit_pass *p, med_val h, med_val x) {
    med_graph *g = p->g;
    int64_t n = channels(g, x);
    h = med_concat(g, h, x, 1);
    med_scope_push(g, "cc/block");
    med_val main = conv_norm(p, 3, med_relu(g, conv_norm(p, 0, h, n, conv3)), n, conv3);
    med_scope_pop(g);
    med_scope_push(g, "cc/skip");
    med_val skip = conv_norm(p, 0, h, n, conv1);
    med_scope_pop(g);
    return med_relu(g, med_add(g, main, skip));
}

static med_val with_transformer(med_resvit_pass *p, med_val x, int block) {
    med_graph *g = p->g;
    int64_t n = channels(g, x);
    med_scope_push(g, "art_%d", block);
    med_scope_push(g, "downsample");
    med_val h = down(p, 3, down(p, 0, x, 2 * n), 4 * n);
    med_scope_pop(g);
    h = embed(p, h, block);
    med_scope_pop(g);
    h = transformer(p, h, block);
    med_scope_push(g, "art_%d", block);
    med_scope_push(g, "upsample");
    h = up(p, 3, up(p, 0, h, 2 * n), n);
    med_scope_pop(g);
    h = compress(p, h, x);
    med_scope_pop(g);
    return h;
}

/* ---- the generator ---- */

static med_val residual(med_resvit_pass *p, med_val x, int block) {
    int64_t n = channels(p->g, x);
    med_scope_push(p->g, "art_%d/residual_cnn/0/conv_block", block);
    med_val h = conv_norm(p, 5, med_relu(p->g, conv_norm(p, 1, x, n, mirrored3)), n, mirrored3);
    med_scope_pop(p->g);
    return med_add(p->g, h, x);
}

static med_val encode(med_resvit_pass *p, med_val x) {
    int64_t n = p->own.ngf;
    med_scope_push(p->g, "encoder_1");
    x = med_relu(p->g, conv_norm(p, 1, x, n, mirrored7));
    med_scope_pop(p->g);
    for (int k = 2; k <= 3; k++) {
        med_scope_push(p->g, "encoder_%d", k);
        x = down(p, 0, x, n << (k - 1));
        med_scope_pop(p->g);
    }
    return x;
}

static med_val decode(med_resvit_pass *p, med_val x, int n_out) {
    int64_t n = p->own.ngf;
    for (int k = 1; k <= 2; k++) {
        med_scope_push(p->g, "decoder_%d", k);
        x = up(p, 0, x, 2 * n >> (k - 1));
        med_scope_pop(p->g);
    }
    med_scope_push(p->g, "decoder_3");
    x = med_tanh(p->g, conv(p, 1, x, n_out, true, mirrored7));
    med_scope_pop(p->g);
    return x;
}

med_val med_resvit_generate(med_resvit_pass *p, med_val x, int n_out) {
    x = encode(p, x);
    for (int block = 1; block <= N_BLOCKS; block++) {
        bool has_branch = p->own.transformer && (block == 1 || block == 6);
        x = residual(p, has_branch ? with_transformer(p, x, block) : x, block);
    }
    return decode(p, x, n_out);
}

/* ---- the discriminator ---- */

med_val med_resvit_judge(med_resvit_pass *p, int ndf, med_val x) {
    med_graph *g = p->g;
    med_scope_push(g, "disc");
    x = med_leaky_relu(g, conv(p, 0, x, ndf, true, (med_conv_attr){4, 2, 1, MED_PAD_ZERO}), 0.2);
    for (int k = 1; k <= D_LAYERS; k++) {
        med_conv_attr a = {4, k < D_LAYERS ? 2 : 1, 1, MED_PAD_ZERO};
        x = med_leaky_relu(g, conv_norm(p, 3 * k - 1, x, (int64_t)ndf << k, a), 0.2);
    }
    x = conv(p, 3 * D_LAYERS + 2, x, 1, true, (med_conv_attr){4, 1, 1, MED_PAD_ZERO});
    med_scope_pop(g);
    return x;
}
