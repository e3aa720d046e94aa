/* Weights of an MMHVAE from every kind of file, and files that do not fit. */
#include "testing.h"

#include <math.h>
#include "base/file.h"
#include "base/memory.h"
#include "model/mmhvae.h"

static char *folder, *path;
static med_mmhvae_config config; /* 3 modalities in an order of their own, heads with an input convolution */

static int set_up(void **state) {
    (void)state;
    folder = testing_folder();
    path = med_path_join(folder, "w.safetensors");
    config = (med_mmhvae_config){.n_mods = 3,
                                 .mods = {"pd-w", "flair", "t2"},
                                 .height = 24,
                                 .width = 32,
                                 .base = 4,
                                 .max = 16,
                                 .pools = 3,
                                 .nfinal = 4,
                                 .nblocks = 2,
                                 .se = true,
                                 .residual = true};
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    testing_remove(folder);
    free(path);
    return 0;
}

static med_weights *make(void) {
    med_weights *w;
    assert_ok(med_mmhvae_init(&config, 7, &w));
    return w;
}

static char *as_release(const void *context, const char *name) {
    (void)context;
    char *release = med_mmhvae_name_to_release(&config, name);
    assert_non_null(release);
    return release;
}

/* As the release before parametrizations: .weight_g and .weight_v. */
static char *as_old_release(const void *context, const char *name) {
    char *release = as_release(context, name), *at = strstr(release, ".parametrizations.weight.original");
    if (at) strcpy(at, at[strlen(at) - 1] == '0' ? ".weight_g" : ".weight_v");
    return release;
}

/* A copy of w without metadata. */
static med_weights *bare_copy(const med_weights *w) {
    med_weights *copy = med_weights_create();
    for (int i = 0; i < med_weights_count(w); i++) {
        const med_tensor *t = med_weights_at(w, i);
        assert_ok(med_weights_add_view(copy, t->name, t->dtype, t->shape, t->data));
    }
    return copy;
}

static void save_release(const med_weights *w, med_rename_fn *rename) {
    med_weights *copy = bare_copy(w);
    if (rename) assert_ok(med_weights_rename(copy, rename, NULL));
    assert_ok(med_weights_save(copy, path));
    med_weights_free(copy);
}

static void assert_same(const med_weights *a, const med_weights *b) {
    assert_int_equal(med_weights_count(a), med_weights_count(b));
    for (int i = 0; i < med_weights_count(a); i++) {
        const med_tensor *t = med_weights_at(a, i), *u = med_weights_find(b, t->name);
        assert_non_null(u);
        assert_memory_equal(t->data, u->data, (size_t)med_shape_count(t->shape) * 4);
    }
}

static void init_is_repeatable_and_scaled(void **state) {
    (void)state;
    med_weights *a = make(), *b = make(), *c;
    assert_same(a, b);
    assert_ok(med_mmhvae_init(&config, 8, &c));
    const char *name = "gen/1/conv0/weight";
    const med_tensor *t = med_weights_find(a, name), *other = med_weights_find(c, name),
                     *v = med_weights_find(a, "top/infer/v");
    assert_true(memcmp(t->data, other->data, 64) != 0);
    int64_t n = med_shape_count(t->shape);
    double sum = 0, square = 0, bound = 1 / sqrt(8.0 * 9);
    for (int64_t i = 0; i < n; i++) {
        double x = ((float *)t->data)[i];
        assert_true(fabs(x) <= bound);
        sum += x / bound;
        square += x * x / bound / bound;
    }
    assert_true(fabs(sum / (double)n) < 5 * sqrt(1.0 / 3 / (double)n)); /* 5 sigma */
    assert_true(fabs(square / (double)n - 1.0 / 3) < 5 * sqrt(4.0 / 45 / (double)n));
    double norm = 0;
    for (int64_t i = 0; i < v->shape.dim[1]; i++) norm += pow(((float *)v->data)[i], 2);
    assert_true(fabs(((float *)med_weights_find(a, "top/infer/g")->data)[0] - sqrt(norm)) < 1e-6);
    med_weights_free(a);
    med_weights_free(b);
    med_weights_free(c);
}

static void ours_there_and_back(void **state) {
    (void)state;
    config.se = false;
    med_weights *w = make(), *back;
    med_mmhvae_config c;
    med_tensor *t;
    assert_ok(med_weights_add(w, "opt/steps", MED_I64, med_shape_1(2), &t)); /* a checkpoint has more */
    assert_ok(med_weights_save(w, path));
    assert_ok(med_mmhvae_load(path, NULL, NULL, &back, &c));
    json_t *there = med_mmhvae_to_json(&config), *and_back = med_mmhvae_to_json(&c);
    assert_true(json_equal(there, and_back));
    json_decref(there);
    json_decref(and_back);
    assert_same(w, back);
    med_weights_free(w);
    med_weights_free(back);
}

static void release_names_old_and_new(void **state) {
    (void)state;
    med_weights *w = make(), *back;
    med_mmhvae_config c;
    static med_rename_fn *const kinds[] = {as_release, as_old_release, NULL};
    for (int kind = 0; kind < 3; kind++) {
        for (int is_plain = 0; is_plain < 2; is_plain++) { /* heads with and without the input convolution */
            med_weights_free(w);
            config.nfinal = is_plain ? config.base / 2 : 4;
            w = make();
            save_release(w, kinds[kind]);
            assert_ok(med_mmhvae_load(path, (const int[2]){24, 32}, NULL, &back, &c));
            assert_same(w, back);
            assert_int_equal(c.n_mods, 3);
            assert_string_equal(c.mods[0], "t2"); /* known ones first */
            assert_string_equal(c.mods[1], "flair");
            assert_string_equal(c.mods[2], "pd-w");
            assert_true(c.base == 4 && c.max == 16 && c.pools == 3 && c.nfinal == config.nfinal && c.nblocks == 2 &&
                        c.se && c.residual);
            assert_true(c.height == 24 && c.width == 32);
            assert_string_equal(med_weights_meta(back, "medley.model"), "mmhvae");
            med_weights_free(back);
        }
    }
    med_weights_free(w);
}

static void size_comes_from_the_images_or_a_square(void **state) {
    (void)state;
    med_weights *w = make(), *back = NULL;
    med_mmhvae_config c;
    save_release(w, as_release); /* 3 x 4 cells of 8 pixels */
    static const struct {
        int slice[2], size[2];
    } fits[] = {{{24, 32}, {24, 32}}, {{17, 31}, {24, 32}}, {{32, 24}, {32, 24}}, {{90, 8}, {96, 8}}};
    for (int i = 0; i < 4; i++) {
        assert_ok(med_mmhvae_load(path, fits[i].slice, NULL, &back, &c));
        assert_true(c.height == fits[i].size[0] && c.width == fits[i].size[1]);
        med_weights_free(back);
    }
    assert_fails(med_mmhvae_load(path, (const int[2]){24, 40}, NULL, &back, &c), MED_EFORMAT,
                 "12 cells of 8 x 8 pixels, which is no square. The images' 24 x 40 pixels make 3 x 5");
    assert_fails(med_mmhvae_load(path, (const int[2]){0, 0}, NULL, &back, &c), MED_EFORMAT, "--set size=H,W");
    assert_ok(med_mmhvae_load(path, NULL, NULL, &back, &c)); /* left open */
    assert_true(c.height == 0 && c.width == 0);
    char *open = med_path_join(folder, "open.safetensors");
    assert_ok(med_weights_save(back, open));
    med_weights_free(back);
    assert_ok(med_mmhvae_load(open, (const int[2]){24, 32}, NULL, &back, &c));
    assert_true(c.height == 24 && c.width == 32);
    free(open);
    med_weights_free(back);

    med_strings set = {1, {"size=16,48"}};
    assert_ok(med_mmhvae_load(path, (const int[2]){24, 40}, &set, &back, &c));
    assert_true(c.height == 16 && c.width == 48);
    med_weights_free(back);
    set.item[0] = "size=24,24";
    assert_fails(med_mmhvae_load(path, NULL, &set, &back, &c), MED_EUSAGE,
                 "size 24,24 gives a bottleneck of 9 cells, the weights are for 12");
    med_weights_free(w);

    config.height = config.width = 32;
    w = make();
    save_release(w, as_release);
    assert_ok(med_mmhvae_load(path, (const int[2]){240, 240}, NULL, &back, &c));
    assert_true(c.height == 32 && c.width == 32);
    med_weights_free(back);
    med_weights_free(w);
}

static void settings_change_what_was_read(void **state) {
    (void)state;
    med_weights *w = make(), *back;
    med_mmhvae_config c;
    assert_ok(med_weights_save(w, path));
    med_strings set = {2, {"se=off", "modalities=t2,flair,pd-w"}};
    assert_ok(med_mmhvae_load(path, NULL, &set, &back, &c));
    assert_true(!c.se && !strcmp(c.mods[0], "t2"));
    med_weights_free(back);
    set = (med_strings){1, {"pools=2"}};
    assert_fails(med_mmhvae_load(path, NULL, &set, &back, &c), MED_EUSAGE, "gives a bottleneck of");
    set.item[0] = "modalities=t2,flair";
    assert_fails(med_mmhvae_load(path, NULL, &set, &back, &c), MED_EFORMAT, "enc/pd-w/first/weight is no parameter");
    set.item[0] = "modalities=t2,flair,us";
    assert_fails(med_mmhvae_load(path, NULL, &set, &back, &c), MED_EFORMAT, "enc/us/first/weight is missing");
    set.item[0] = "bas=4";
    assert_fails(med_mmhvae_load(path, NULL, &set, &back, &c), MED_EUSAGE, "did you mean 'base'");
    med_weights_free(w);
}

/* The release's file with tensor `name` left out, or in another shape or type, or with a value that is not finite. */
static void save_damaged(const med_weights *w, const char *name, bool is_out, med_shape shape, med_dtype dtype,
                         float first) {
    med_weights *copy = bare_copy(w), *damaged = med_weights_create();
    assert_ok(med_weights_rename(copy, as_release, NULL));
    for (int i = 0; i < med_weights_count(copy); i++) {
        const med_tensor *t = med_weights_at(copy, i);
        med_tensor *changed;
        if (strcmp(t->name, name)) {
            assert_ok(med_weights_add_view(damaged, t->name, t->dtype, t->shape, t->data));
        } else if (!is_out) {
            assert_ok(med_weights_add(damaged, name, dtype, shape, &changed));
            if (dtype == MED_F32) *(float *)changed->data = first;
        }
    }
    assert_ok(med_weights_save(damaged, path));
    med_weights_free(damaged);
    med_weights_free(copy);
}

static void files_that_do_not_fit(void **state) {
    (void)state;
    med_weights *w = make(), *back = NULL;
    med_mmhvae_config c;
    const int slice[2] = {24, 32};
    const char *name = "final_blocks.flair.convt2.bias";
    save_damaged(w, name, true, med_shape_1(4), MED_F32, 0);
    assert_fails(med_mmhvae_load(path, slice, NULL, &back, &c), MED_EFORMAT,
                 "parameter final_blocks.flair.convt2.bias is missing");
    save_damaged(w, name, false, med_shape_1(5), MED_F32, 0);
    assert_fails(med_mmhvae_load(path, slice, NULL, &back, &c), MED_EFORMAT,
                 "final_blocks.flair.convt2.bias has shape 5, expected 4");
    save_damaged(w, name, false, med_shape_1(4), MED_F64, 0);
    assert_fails(med_mmhvae_load(path, slice, NULL, &back, &c), MED_EFORMAT, "single precision");
    save_damaged(w, name, false, med_shape_1(4), MED_F32, NAN);
    assert_fails(med_mmhvae_load(path, slice, NULL, &back, &c), MED_EFORMAT, "1 values that are not finite");
    save_damaged(w, "first_conv.t2.weight", true, med_shape_1(4), MED_F32, 0);
    assert_fails(med_mmhvae_load(path, slice, NULL, &back, &c), MED_EFORMAT, "is no parameter of this MMHVAE");
    save_damaged(w, "conv_blocks_context.t2.3.conv_0.weight", true, med_shape_1(4), MED_F32, 0);
    assert_fails(med_mmhvae_load(path, slice, NULL, &back, &c), MED_EFORMAT, "modality t2 has no deepest block");
    save_damaged(w, "bottleneck_up.linear.parametrizations.weight.original1", false, med_shape_2(191, 32), MED_F32, 0);
    assert_fails(med_mmhvae_load(path, slice, NULL, &back, &c), MED_EFORMAT, "191 rows");
    assert_null(back);
    med_weights_free(w);
}

static void other_models(void **state) {
    (void)state;
    med_weights *w = med_weights_create(), *back;
    med_mmhvae_config c;
    med_tensor *t;
    assert_ok(med_weights_save(w, path));
    assert_fails(med_mmhvae_load(path, NULL, NULL, &back, &c), MED_EFORMAT, "of its 0 tensors none");
    assert_ok(med_weights_add(w, "layer1.0.weight", MED_F32, med_shape_2(3, 3), &t));
    assert_ok(med_weights_save(w, path));
    assert_fails(med_mmhvae_load(path, NULL, NULL, &back, &c), MED_EFORMAT,
                 "not the weights of an MMHVAE: of its 1 tensors none is called");
    med_weights_set_meta(w, "medley.model", "resvit");
    assert_ok(med_weights_save(w, path));
    assert_fails(med_mmhvae_load(path, NULL, NULL, &back, &c), MED_EFORMAT, "the model 'resvit', expected mmhvae");
    med_weights_free(w);

    w = make();
    med_weights_set_meta(w, "medley.config", "{\"base\": 4, \"x\": 1}");
    assert_ok(med_weights_save(w, path));
    assert_fails(med_mmhvae_load(path, NULL, NULL, &back, &c), MED_EFORMAT, "unknown option 'x'");
    med_weights_set_meta(w, "medley.config", "{}");
    assert_ok(med_weights_save(w, path));
    assert_fails(med_mmhvae_load(path, NULL, NULL, &back, &c), MED_EUSAGE, "modalities: 0 names");
    med_weights_free(w);
}

static void names_that_are_none(void **state) {
    (void)state;
    static const char *const names[] = {"",
                                        "first_conv",
                                        "first_conv.t2",
                                        "first_conv.t2.x",
                                        "first_conv..weight",
                                        "first_conv.a b.weight",
                                        "td.t2.x.weight",
                                        "td.t2.01.weight",
                                        "td.t2.99999.weight",
                                        "final_blocks.t2.res.0.conv_block.1.weight",
                                        "qz.1.conv_0.extra.weight",
                                        ".weight",
                                        "bottleneck_down.linear.weight.bias.x"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) assert_null(med_mmhvae_name_from_release(names[i], true));
    assert_null(med_mmhvae_name_to_release(&config, "enc/t2/first"));
    assert_null(med_mmhvae_name_to_release(&config, "opt/m/enc/t2/first/weight"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(init_is_repeatable_and_scaled),
        TEST(ours_there_and_back),
        TEST(release_names_old_and_new),
        TEST(size_comes_from_the_images_or_a_square),
        TEST(settings_change_what_was_read),
        TEST(files_that_do_not_fit),
        TEST(other_models),
        TEST(names_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
