/* baselines.c: the fixtures of ../shared/golden/baselines hold; sizes and costs are those of the table in its specification. */
#include "testing.h"

#include <jansson.h>
#include <math.h>

#include "base/file.h"
#include "base/memory.h"
#include "model/net.h"
#include "task/golden.h"

static void holds(void **state) {
    const char *shared = getenv("MEDLEY_SHARED");
    char *path = med_format("%s/golden/baselines/%s.safetensors", shared ? shared : "../shared", (const char *)*state);
    if (!med_path_exists(path)) {
        free(path);
        skip();
    }
    json_t *report = json_object();
    med_status status = med_golden_check(path, report);
    size_t i, n_checks = json_array_size(json_object_get(report, "checks"));
    const json_t *row;
    json_array_foreach (json_object_get(report, "checks"), i, row)
        if (!json_is_true(json_object_get(row, "ok"))) print_message("%s\n", json_string_value(json_object_get(row, "name")));
    json_decref(report);
    free(path);
    if (status != MED_OK) fail_msg("%s", med_message());
    assert_true(n_checks >= 10);
}

/* Of the preset paper at 192 x 192, four outputs: parameters, multiply-adds in 10^9 from one and from four inputs. */
static void sizes_are_as_published(void **state) {
    (void)state;
    static const struct {
        const char *model, *set;
        int64_t n_parameters;
        double macs_one, macs_all;
    } rows[] = {
        {"mmhvae", NULL, 13774770, 6.541, 12.649},
        {"mmhvae", "levels=1", 13201482, 6.114, 8.803},
        {"mmhvae", "levels=3", 13545930, 6.145, 9.082},
        {"mmhvae", "levels=5", 13761258, 6.343, 10.865},
        {"mmhvae", "fusion=average", 13774770, 6.541, 12.649},
        {"mmhvae", "fusion=concat-zero", 17016498, 7.642, 10.329},
        {"mopoe", NULL, 13201482, 6.114, 8.803},
        {"m2dn", "steps=1", 3972636, 12.174, 12.174},
        {"m2dn", NULL, 3972636, 219.127, 219.127},
        {"mhvae", NULL, 10099032, 5.771, 7.807},
        {"mmgan", NULL, 29241348, 3.586, 3.586},
        {"mmgan", "levels=8 canvas=256", 54407172, 6.501, 6.501},
        {"resvit", NULL, 123288324, 67.410, 67.410},
        {"resvit", "transformer=off", 11389700, 28.104, 28.104},
        {"resvit", "size=256,256", 123460356, 120.897, 120.897},
        {"mhvae", "modalities=us,t2,cet1,flair", 13774770, 6.541, 12.649},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const med_model *model;
        med_net n;
        assert_ok(med_model_find(rows[i].model, &model));
        assert_ok(med_net_preset(model, "paper", &n));
        char *sets = med_strdup(rows[i].set ? rows[i].set : ""), *rest = sets;
        for (char *pair; (pair = strsep(&rest, " "));)
            if (*pair) assert_ok(med_net_set(&n, pair));
        free(sets);
        assert_ok(med_net_check(&n));
        assert_int_equal(med_net_count(&n), rows[i].n_parameters);
        med_modset all = ((med_modset)1 << n.n_mods) - 1;
        double one = med_net_macs(&n, 1, all) / 1e9, four = med_net_macs(&n, all, all) / 1e9;
        if (fabs(one - rows[i].macs_one) > 6e-4 || fabs(four - rows[i].macs_all) > 6e-4) /* three digits are published */
            fail_msg("%s %s: %.5f and %.5f G, expected %.3f and %.3f", rows[i].model, rows[i].set ? rows[i].set : "", one, four,
                     rows[i].macs_one, rows[i].macs_all);
    }
}

/* What a model is given at its presets obeys its own rules, and its parameters are those that its graph asks for. */
static void presets_are_whole(void **state) {
    (void)state;
    static const char *const presets[] = {"tiny", "small", "paper"};
    for (int m = 0; med_models[m]; m++)
        for (int i = 0; i < 3; i++) {
            med_net n, back;
            med_weights *w;
            assert_ok(med_net_preset(med_models[m], presets[i], &n));
            assert_ok(med_net_check(&n));
            json_t *json = med_net_to_json(&n), *again;
            assert_ok(med_net_from_json(med_models[m], json, &back));
            again = med_net_to_json(&back);
            assert_true(json_equal(json, again));
            json_decref(json);
            json_decref(again);
            assert_ok(med_net_init(&n, 1, &w));
            assert_string_equal(med_weights_meta(w, "medley.model"), med_models[m]->name);
            assert_ok(med_net_check_tensors(&n, "weights", w, NULL, NULL));
            med_graph *g = med_graph_create();
            med_inference f;
            med_modset all = ((med_modset)1 << n.n_mods) - 1;
            med_net_infer(g, &n, &(med_infer_options){.given = all, .target = all, .temperature = 1, .n = 1}, &f);
            assert_ok(med_graph_status(g));
            for (int k = 0; k < med_graph_n_params(g); k++) {
                const med_tensor *t = med_weights_find(w, med_val_name(g, med_graph_param(g, k)));
                if (!t) fail_msg("%s lacks %s", med_models[m]->name, med_val_name(g, med_graph_param(g, k)));
                assert_true(med_shape_equal(t->shape, med_val_shape(g, med_graph_param(g, k))));
            }
            med_graph_free(g);
            med_weights_free(w);
        }
}

static void models_are_found_by_name(void **state) {
    (void)state;
    const med_model *model;
    assert_ok(med_model_find(NULL, &model));
    assert_string_equal(model->name, "mmhvae");
    assert_fails(med_model_find("mopo", &model), MED_EUSAGE, "did you mean 'mopoe'");
    assert_fails(med_model_find("xyzzy", &model), MED_EUSAGE, "mmhvae");
}

#define FIXTURE(name) {name, holds, NULL, NULL, (void *)(uintptr_t)name}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_are_found_by_name),
        cmocka_unit_test(presets_are_whole),
        cmocka_unit_test(sizes_are_as_published),
        FIXTURE("mopoe-tiny"),
        FIXTURE("mopoe-incomplete"),
        FIXTURE("mhvae-two"),
        FIXTURE("mhvae-four"),
        FIXTURE("mmgan-tiny"),
        FIXTURE("mmgan-adapted"),
        FIXTURE("mmgan-full"),
        FIXTURE("resvit-tiny"),
        FIXTURE("resvit-tiny-cnn"),
        FIXTURE("resvit-released"),
        FIXTURE("resvit-full"),
        FIXTURE("resvit-full-cnn"),
        FIXTURE("m2dn-tiny"),
        FIXTURE("m2dn-incomplete"),
        FIXTURE("m2dn-full"),
        FIXTURE("ablation-average"),
        FIXTURE("ablation-concat"),
        FIXTURE("ablation-depth1"),
        FIXTURE("ablation-depth3"),
        FIXTURE("ablation-depth5"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
