/* golden_resvit.c: fixtures of ResViT, with and without transformer, unified and many to one: images in evaluation and in training,
 * score maps, running statistics, gradients, steps of both networks through the trainer that `medley train` uses.
 *
 * Here: all but the training, on the fast kernels in float32. Tolerances are the fixture's: ten times what its own program in
 * float32 differs. Left out: score maps of the discriminator in evaluation mode, which this program never is in. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "task/golden_resvit.h"

extern const med_model med_model_resvit;

enum { FRAME = 8, OUT_STEP = 2, FAKE_STEP = 4 }; /* of hashed fixtures: pixels of background; rows and columns that are kept */
static const char disc[] = "disc/";
/* Gradients of the discriminator at full size: one LeakyReLU input that falls on the other side of zero makes 1e-4 in all layers
 * below it, which the program of the fixtures met in one of the two; norms are the sharp check there. */
static const double kink_max = 1e-3, kink_rms = 3e-5;

typedef med_resvit_fixture fixture;

/* ---- what is compared with what ---- */

/* A group of tensors, called by the first part of its name, with the fixture's tolerances. */
typedef struct group {
    const fixture *x;
    double absolute, scaled, rms, top;
    double square; /* of all differences */
    int64_t n;
} group;

static group group_of(const fixture *x, const char *name) {
    const json_t *t = json_object_get(json_object_get(x->f->json, "tolerance"), name),
                 *e = json_object_get(json_object_get(x->f->json, "float32_error"), name);
    const json_t *absolute = json_object_get(t, "abs"), *scaled = json_object_get(t, "scaled");
    if (strcmp(name, "d_grad_slice") == 0) return (group){.x = x, .absolute = kink_max, .scaled = INFINITY, .rms = kink_rms};
    return (group){.x = x, .absolute = absolute ? json_number_value(absolute) : INFINITY,
                   .scaled = scaled ? json_number_value(scaled) : INFINITY, .rms = json_number_value(json_object_get(t, "rms")),
                   .top = json_number_value(json_object_get(e, "group_max"))};
}

/* The tensor of the fixture, or as much of it as it has; nothing when it has none. got: n_got numbers. */
static med_status compare(group *s, const char *name, const float *got, int64_t n_got) {
    double *expected, worst = 0, top = 1e-3 * s->top;
    int64_t n;
    if (!med_weights_find(s->x->f->data, name)) return MED_OK;
    MED_TRY(med_golden_tensor(s->x->f, name, &expected, &n));
    med_status status = n <= n_got ? MED_OK : med_fail(MED_EFORMAT, "%s: %s has another shape", s->x->f->path, name);
    for (int64_t i = 0; i < n && status == MED_OK; i++) {
        double d = fabs(got[i] - expected[i]);
        worst = d <= worst ? worst : isnan(d) ? INFINITY : d;
        top = fmax(top, fabs(expected[i]));
        s->square += d * d;
    }
    s->n += n;
    double tolerance = fmin(s->absolute, s->scaled * top);
    if (status == MED_OK && isfinite(tolerance)) med_golden_add(s->x->f, name, worst, tolerance, worst <= tolerance);
    free(expected);
    return status;
}

static void end_group(const group *s, const char *name) {
    if (!s->n) return;
    double rms = sqrt(s->square / (double)s->n);
    char shown[64];
    snprintf(shown, sizeof shown, "rms/%s", name);
    med_golden_add(s->x->f, shown, rms, s->rms, rms <= s->rms);
}

char *med_golden_resvit_name(const char *kind, const char *tag, const char *ours) {
    char *prefix = med_format("%s/%s/%s", kind, tag, med_golden_is_disc(ours) ? "model." : "");
    char *name = med_golden_name(prefix, ours + (med_golden_is_disc(ours) ? strlen(disc) : 0));
    free(prefix);
    return name;
}

med_status med_golden_resvit_compare(const fixture *x, const char *name, const char *tag, const med_weights *w, bool of_discriminator) {
    group s = group_of(x, name);
    for (int i = 0; i < med_weights_count(w); i++) {
        const med_tensor *t = med_weights_at(w, i);
        if (med_golden_is_disc(t->name) != of_discriminator) continue;
        char *full = med_golden_resvit_name(name, tag, t->name);
        med_status status = compare(&s, full, t->data, med_shape_count(t->shape));
        free(full);
        MED_TRY(status);
    }
    end_group(&s, name);
    return MED_OK;
}

/* Every `step`-th row and column of channel images [n,1,H,W], against [n,channels,..]. A channel that was not made is passed over. */
static med_status compare_images(const fixture *x, const char *name, const char *group_name, const float *const *image, int step) {
    int H = x->net.height, W = x->net.width, h = H / step, w = W / step, k = 0;
    med_modset made = med_net_makes(&x->net, 1);
    const float *expected;
    if (!med_weights_find(x->f->data, name)) return MED_OK;
    int64_t n = (int64_t)x->n * med_modset_count(made) * h * w;
    MED_TRY(med_golden_f32(x->f, name, n, &expected));
    float *got = med_alloc((size_t)n * sizeof *got);
    for (int s = 0; s < x->n; s++)
        MED_MODSET_EACH (j, made)
            for (int i = 0; i < h * w; i++, k++) got[k] = image[j] ? image[j][((int64_t)s * H + i / w * step) * W + i % w * step] : expected[k];
    group g = group_of(x, group_name);
    med_status status = compare(&g, name, got, n);
    if (status == MED_OK) end_group(&g, name);
    free(got);
    return status;
}

/* ---- inputs ---- */

static void hash_image(fixture *x, const char *name, float *to) {
    const json_t *rule = json_object_get(x->f->json, "hash");
    int H = x->net.height, W = x->net.width;
    med_hashed_fill(to, (size_t)x->n * (size_t)H * (size_t)W, name, (uint64_t)json_integer_value(json_object_get(rule, "seed")), 0.95);
    for (int i = 0; i < x->n * H * W; i++) {
        int row = i / W % H, column = i % W;
        if (row < FRAME || row >= H - FRAME || column < FRAME || column >= W - FRAME) to[i] = -1;
    }
}

med_status med_golden_resvit_image(fixture *x, bool is_target, int j, const float **out) {
    char name[64], input[64];
    int64_t n = (int64_t)x->n * x->net.height * x->net.width;
    snprintf(input, sizeof input, "x/%s", x->net.mods[j]);
    snprintf(name, sizeof name, "target/%s", x->net.mods[j]);
    bool is_same = !is_target || (x->is_hashed ? j == 0 : !med_weights_find(x->f->data, name)); /* its input is its target */
    if (!x->is_hashed) return med_golden_f32(x->f, is_same ? input : name, n, out);
    float **image = &x->image[is_target][j];
    if (!*image) {
        MED_TRY(med_buffer_alloc((size_t)n * sizeof **image, "images", (void **)image));
        hash_image(x, is_same ? input : name, *image);
    }
    *out = *image;
    return MED_OK;
}

/* "art_1/0/mlp_out" is art_1.layer0.mlp_out there, and lies [n,tokens,features]. */
void med_golden_resvit_masks(void *context, const med_noise *noise, int first, int n, int64_t per_slice, float *to) {
    med_golden_masks *m = context;
    int block, layer;
    char place[16], *name;
    if (sscanf(noise->label, "art_%d/%d/%15s", &block, &layer, place) == 3) name = med_format("drop/%s/art_%d.layer%d.%s", m->tag, block, layer, place);
    else name = med_format("drop/%s/art_%d.embeddings", m->tag, atoi(noise->label + strlen("art_")));
    const med_tensor *t = med_weights_find(m->x->f->data, name);
    if (!t || t->dtype != MED_U8 || t->shape.rank != 3 || med_shape_count(t->shape) != per_slice * m->x->n) {
        m->status = med_fail(MED_EFORMAT, "%s: mask %s is missing or of another shape", m->x->f->path, name);
    } else {
        int64_t features = t->shape.dim[2], tokens = t->shape.dim[1];
        const uint8_t *from = (const uint8_t *)t->data + first * per_slice;
        for (int64_t i = 0; i < n * per_slice; i++) {
            int64_t s = i / per_slice, c = i % per_slice / tokens, k = i % tokens;
            to[i] = from[s * per_slice + k * features + c] ? (float)(1 / noise->keep) : 0;
        }
    }
    free(name);
}

/* ---- graphs: images, score maps, statistics ---- */

typedef struct run {
    med_graph *graph;
    med_plan *plan;
    float *noise[MED_MAX_NOISE];
} run;

static void end(run *r) {
    med_plan_free(r->plan);
    med_graph_free(r->graph);
    for (int i = 0; i < MED_MAX_NOISE; i++) free(r->noise[i]);
}

/* All parameters, the discriminator's too. */
static med_status all_weights(const fixture *x, const med_weights *discriminator, med_weights **out) {
    *out = med_weights_create();
    const med_weights *both[] = {x->weights, discriminator};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < med_weights_count(both[k]); i++) {
            const med_tensor *t = med_weights_at(both[k], i);
            MED_TRY(med_weights_add_view(*out, t->name, t->dtype, t->shape, t->data));
        }
    return MED_OK;
}

static med_status run_evaluation(fixture *x, run *r, med_modset given, const char *name) {
    med_modset made = med_net_makes(&x->net, given);
    med_inference v;
    const float *out[MED_MAX_MODS] = {NULL};
    char full[64];
    med_net_infer(r->graph, &x->net, &(med_infer_options){.given = given, .target = made, .n = x->n}, &v);
    MED_MODSET_EACH (j, made) med_output(r->graph, v.out[j]);
    MED_TRY(med_plan_create(r->graph, (med_plan_options){0}, &r->plan));
    MED_TRY(med_golden_bind(x->f, r->graph, r->plan, x->weights));
    MED_MODSET_EACH (j, given) {
        const float *image;
        MED_TRY(med_golden_resvit_image(x, false, j, &image));
        med_plan_bind(r->plan, v.x[j], image);
    }
    MED_TRY(med_plan_run(r->plan));
    MED_MODSET_EACH (j, made) out[j] = med_plan_data(r->plan, v.out[j]);
    snprintf(full, sizeof full, "%s/%s", x->is_hashed ? "out_slice" : "out", name);
    return compare_images(x, full, x->is_hashed ? "out_slice" : "out", out, x->is_hashed ? OUT_STEP : 1);
}

static med_status bind_step(fixture *x, run *r, const med_step_graph *v, med_modset given, const char *mask_tag) {
    static const float share = 1, w_dis = 1;
    med_golden_masks m = {.x = x, .tag = mask_tag};
    MED_MODSET_EACH (j, x->observed) {
        const float *input, *target;
        MED_TRY(med_golden_resvit_image(x, false, j, &input));
        MED_TRY(med_golden_resvit_image(x, true, j, &target));
        if (med_modset_has(given, j)) med_plan_bind(r->plan, v->x[j], input);
        med_plan_bind(r->plan, v->target[j], target);
    }
    med_plan_bind(r->plan, v->share, &share);
    med_plan_bind(r->plan, v->w_dis, &w_dis);
    for (int i = 0; i < v->noise.n; i++) {
        const med_noise *noise = &v->noise.item[i];
        int64_t count = med_shape_count(med_val_shape(r->graph, noise->value));
        MED_TRY(med_buffer_alloc((size_t)count * sizeof(float), "masks", (void **)&r->noise[i]));
        med_golden_resvit_masks(&m, noise, 0, x->n, count / x->n, r->noise[i]);
        med_plan_bind(r->plan, noise->value, r->noise[i]);
    }
    return m.status;
}

static med_status compare_watched(const fixture *x, const run *r, const med_step_graph *v, const char *image_name, const char *map_prefix) {
    const float *image[MED_MAX_MODS] = {NULL};
    const char *image_group = strncmp(image_name, "out/", 4) == 0 ? "out" : x->is_hashed ? "fake_slice" : "fake";
    for (int i = 0; i < v->n_watched; i++) {
        const float *data = med_plan_data(r->plan, v->watched[i].value);
        const char *map = strstr(v->watched[i].name, "map of ");
        if (map && map_prefix) {
            char name[64];
            group s = group_of(x, "dmap");
            snprintf(name, sizeof name, "%s/%s", map_prefix, map + strlen("map of "));
            MED_TRY(compare(&s, name, data, med_shape_count(med_val_shape(r->graph, v->watched[i].value))));
            end_group(&s, name);
        } else if (!map) { /* called by its modality */
            int j = med_modset_find(x->net.mods, x->net.n_mods, v->watched[i].name);
            image[j] = data;
        }
    }
    bool is_sliced = x->is_hashed && strncmp(image_name, "fake", 4) == 0;
    return compare_images(x, image_name, image_group, image, is_sliced ? FAKE_STEP : 1);
}

static med_status compare_moved(const fixture *x, const run *r, const med_step_graph *v, const char *tag, bool of_discriminator) {
    med_weights *w = med_weights_create();
    med_status status = MED_OK;
    for (int i = 0; i < v->n_moved && status == MED_OK; i++)
        status = med_weights_add_view(w, med_val_name(r->graph, v->moved[i].param), MED_F32, med_val_shape(r->graph, v->moved[i].value),
                                      (void *)(uintptr_t)med_plan_data(r->plan, v->moved[i].value));
    if (status == MED_OK) status = med_golden_resvit_compare(x, of_discriminator ? "d_running" : "running", tag, w, of_discriminator);
    med_weights_free(w);
    return status;
}

/* One part of a step, without its gradients. */
typedef struct part {
    int index;
    med_modset given;
    const char *mask_tag, *image_name;
    const char *tag; /* of maps and statistics; NULL: not compared */
} part;

static med_status run_part(fixture *x, run *r, const part *p, const med_weights *all) {
    med_step_key key;
    med_step_graph *v = med_alloc(sizeof *v);
    char maps[32];
    memset(&key, 0, sizeof key);
    key.observed = x->observed, key.given = p->given, key.anchor = -1, key.part = p->index, key.n = x->n;
    key.is_adversarial = key.trains_discriminators = 1;
    key.discriminator = (med_discriminator_config){x->ndf, 0};
    med_step_build(r->graph, &x->net, &key, v);
    for (int i = 0; i < v->n_watched; i++) med_output(r->graph, v->watched[i].value);
    for (int i = 0; i < v->n_moved; i++) med_output(r->graph, v->moved[i].value);
    med_status status = med_plan_create(r->graph, (med_plan_options){0}, &r->plan);
    if (status == MED_OK) status = med_golden_bind(x->f, r->graph, r->plan, all);
    if (status == MED_OK) status = bind_step(x, r, v, p->given, p->mask_tag);
    if (status == MED_OK) status = med_plan_run(r->plan);
    snprintf(maps, sizeof maps, "dmap/%s", p->tag ? p->tag : "");
    if (status == MED_OK) status = compare_watched(x, r, v, p->image_name, p->tag && p->index == 0 ? maps : NULL);
    if (status == MED_OK && p->tag) status = compare_moved(x, r, v, p->tag, p->index == 0);
    free(v);
    return status;
}

static med_status run_cases(fixture *x, const med_weights *all) {
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(x->f->json, "cases"), i, item) {
        const char *mode = json_string_value(json_object_get(item, "mode")), *name = json_string_value(json_object_get(item, "name"));
        part p = {.index = 1, .mask_tag = "train", .image_name = "out/train"};
        MED_TRY(med_golden_given(x->f, &x->net, json_object_get(item, "given"), &p.given));
        if (!mode || !name) return med_fail(MED_EFORMAT, "%s: a case lacks name or mode", x->f->path);
        run r = {.graph = med_graph_create()};
        med_status status = strncmp(mode, "eval", 4) == 0 ? run_evaluation(x, &r, p.given, name) : run_part(x, &r, &p, all);
        end(&r);
        MED_TRY(status);
    }
    return MED_OK;
}

/* Fakes, score maps and statistics of step 0. */
static med_status run_first_parts(fixture *x, const med_weights *all) {
    static const char *const tags[] = {"nodrop", "drop"}, *const dropouts[] = {"dropout=0", "dropout=0.1"};
    for (int k = 0; k < 2; k++) {
        if (!json_object_get(json_object_get(x->train, "history"), tags[k])) continue;
        MED_TRY(med_net_set(&x->net, dropouts[k]));
        char image[32];
        snprintf(image, sizeof image, "%s/%s", x->is_hashed ? "fake_slice" : "fake", tags[k]);
        part p = {.mask_tag = "step0", .image_name = image, .tag = tags[k]};
        MED_TRY(med_golden_given(x->f, &x->net, json_array_get(json_object_get(x->train, "given"), 0), &p.given));
        for (; p.index < 2; p.index++) {
            run r = {.graph = med_graph_create()};
            med_status status = run_part(x, &r, &p, all);
            end(&r);
            MED_TRY(status);
        }
    }
    return MED_OK;
}

/* ---- the kind ---- */

/* The discriminator's tensors, by its own list of parameters. */
static med_status discriminator_weights(const fixture *x, med_weights *w) {
    MED_TRY(med_model_resvit.training->init_discriminators(&x->net, (med_discriminator_config){x->ndf, 0}, 1, w));
    return med_golden_resvit_fill_discriminator(x, w);
}

/* Its inputs are those of the first convolution: one fewer than modalities for the release's many to one. */
static bool is_many_to_one(const fixture *x) {
    const json_t *names = json_object_get(json_object_get(x->f->json, "names"), "generator");
    return json_integer_value(json_array_get(json_object_get(names, "encoder_1.1.weight"), 1)) < x->net.n_mods;
}

static med_status read_config(fixture *x) {
    static const char *const keys[] = {"ngf", "hidden", "mlp", "heads", "layers", "transformer", NULL};
    const json_t *c = json_object_get(x->f->json, "config");
    MED_TRY(med_golden_read_net(x->f, &med_model_resvit, keys, &x->net));
    MED_TRY(med_net_set(&x->net, is_many_to_one(x) ? "many_to_one=on" : "many_to_one=off"));
    MED_TRY(med_golden_given(x->f, &x->net, json_object_get(c, "observed"), &x->observed));
    x->n = (int)json_integer_value(json_object_get(c, "n"));
    x->ndf = (int)json_integer_value(json_object_get(c, "ndf"));
    if (x->n < 1 || x->ndf < 1) return med_fail(MED_EFORMAT, "%s: config.n is %d, config.ndf %d", x->f->path, x->n, x->ndf);
    x->is_hashed = med_golden_is_hashed(x->f);
    x->train = json_object_get(x->f->json, "train");
    return med_net_check(&x->net);
}

static void check_count(const fixture *x, const char *name, int64_t n) {
    int64_t expected = json_integer_value(json_object_get(json_object_get(x->f->json, "parameters"), name));
    med_golden_add(x->f, name, (double)llabs(n - expected), 0, n == expected);
}

static med_status run_all(fixture *x, med_weights *discriminator) {
    med_weights *all = NULL;
    MED_TRY(read_config(x));
    check_count(x, "generator", med_net_count(&x->net));
    MED_TRY(med_golden_net_weights(x->f, &x->net, &x->weights));
    MED_TRY(discriminator_weights(x, discriminator));
    med_status status = all_weights(x, discriminator, &all);
    if (status == MED_OK) status = run_cases(x, all);
    if (status == MED_OK) status = run_first_parts(x, all);
    med_weights_free(all);
    return status == MED_OK ? med_golden_resvit_training(x) : status;
}

static med_status run_fixture(med_golden *f) {
    fixture x = {.f = f};
    med_weights *discriminator = med_weights_create();
    med_status status = run_all(&x, discriminator);
    med_weights_free(discriminator);
    med_weights_free(x.weights);
    for (int k = 0; k < 2; k++)
        for (int j = 0; j < MED_MAX_MODS; j++) free(x.image[k][j]);
    return status;
}

const med_golden_kind med_golden_resvit = {"resvit", run_fixture};
