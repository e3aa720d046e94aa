/* discriminator.c: conv4x4 s2 -> LeakyReLU; (layers-1) x {conv4x4 s2, IN, LeakyReLU}; {conv4x4 s1, IN, LeakyReLU}; conv4x4 s1 -> 1. */
#include "model/discriminator.h"

#include <math.h>
#include <stdio.h>

#include "base/random.h"

static int channels_of(med_discriminator_config c, int k) { /* outputs of the k-th convolution */
    if (k > c.layers) return 1;
    return c.ndf * (k < 2 ? 1 << k : 4);
}

int med_discriminator_layers(int height, int width, int wanted) {
    int layers = wanted, side = height < width ? height : width;
    while (layers > 1 && side >> layers < 3) layers--;
    return layers;
}

med_val med_discriminator_build(med_graph *g, med_discriminator_config c, const char *mod, med_val image) {
    med_val h = image;
    for (int k = 0; k <= c.layers + 1; k++) {
        med_scope_push(g, "disc/%s/%d", mod, k);
        med_val w = med_param(g, "weight", med_shape_4(channels_of(c, k), med_val_shape(g, h).dim[1], 4, 4));
        h = med_conv2d(g, h, w, med_param(g, "bias", med_shape_1(channels_of(c, k))),
                       (med_conv_attr){4, k < c.layers ? 2 : 1, 1, MED_PAD_ZERO});
        if (k > 0 && k <= c.layers) h = med_instance_norm(g, h, 1e-5);
        if (k <= c.layers) h = med_leaky_relu(g, h, 0.2);
        med_scope_pop(g);
    }
    return h;
}

void med_discriminator_scores(med_graph *g, med_discriminator_config c, const char *mod, const med_val *image, int n, med_val *score) {
    med_val batch = image[0];
    for (int i = 1; i < n; i++) batch = med_concat(g, batch, image[i], 0);
    med_val all = med_discriminator_build(g, c, mod, batch);
    int64_t each = med_val_shape(g, all).dim[0] / n;
    for (int i = 0; i < n; i++) score[i] = n > 1 ? med_slice(g, all, 0, i * each, each) : all;
}

med_val med_score_miss(med_graph *g, med_val score, double goal) {
    return med_mean(g, med_square(g, med_scale_shift(g, score, 1, -goal)));
}

med_val med_discriminator_miss(med_graph *g, med_discriminator_config c, const char *mod, med_val image, double goal) {
    return med_score_miss(g, med_discriminator_build(g, c, mod, image), goal);
}

static med_status add_uniform(med_weights *w, const char *name, med_shape shape, double bound, uint64_t seed) {
    med_tensor *t;
    MED_TRY(med_weights_add(w, name, MED_F32, shape, &t));
    med_rng rng = med_rng_start((med_rng_key){seed, med_site_of(name), 0});
    for (int64_t i = 0, n = med_shape_count(shape); i < n; i++) ((float *)t->data)[i] = (float)med_rng_range(&rng, -bound, bound);
    return MED_OK;
}

med_status med_discriminator_init(med_discriminator_config c, const char *mod, uint64_t seed, med_weights *w) {
    for (int k = 0; k <= c.layers + 1; k++) {
        int c_in = k ? channels_of(c, k - 1) : 1;
        double bound = 1 / sqrt(16.0 * c_in);
        char name[96];
        snprintf(name, sizeof name, "disc/%s/%d/weight", mod, k);
        MED_TRY(add_uniform(w, name, med_shape_4(channels_of(c, k), c_in, 4, 4), bound, seed));
        snprintf(name, sizeof name, "disc/%s/%d/bias", mod, k);
        MED_TRY(add_uniform(w, name, med_shape_1(channels_of(c, k)), bound, seed));
    }
    return MED_OK;
}
