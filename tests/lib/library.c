/* include/medley.h: the shared library gives what the program's own functions give, and says what it cannot do. */
#include "testing.h"

#include <stdlib.h>
#include <string.h>
#include "medley.h"
#include "base/random.h"
#include "image/intensity.h"
#include "task/synth.h"

enum { NX = 17, NY = 20, NZ = 3, N = NX * NY * NZ };
static char *folder;
static char path[512];
static float us[N], t2[N], sd[N];
static medley_model *model;

static int set_up(void **state) {
    (void)state;
    folder = testing_folder();
    snprintf(path, sizeof path, "%s/w.safetensors", folder);
    const med_model *mmhvae;
    med_net net;
    med_weights *w;
    assert_ok(med_model_find("mmhvae", &mmhvae));
    assert_ok(med_net_preset(mmhvae, "tiny", &net));
    assert_ok(med_net_set(&net, "size=16,16"));
    assert_ok(med_net_set(&net, "pools=2"));
    assert_ok(med_net_init(&net, 3, &w));
    assert_ok(med_weights_save(w, path));
    med_weights_free(w);
    med_uniform_fill(us, N, (med_rng_key){1, 2, 0});
    for (int i = 0; i < N; i++) us[i] = i % 5 ? us[i] * 700 : 0;
    medley_scale((const int[3]){NX, NY, NZ}, us);
    model = medley_open(path, NULL);
    assert_non_null(model);
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    medley_close(model);
    testing_remove(folder);
    return 0;
}

static medley_request request(void) {
    medley_request r = {.size = {NX, NY, NZ}, .temperature = 0.5, .draws = 2, .seed = 9};
    r.given[medley_find(model, "us")] = us;
    r.synthetic[medley_find(model, "t2")] = t2;
    r.deviation[medley_find(model, "t2")] = sd;
    return r;
}

static void a_model_tells_its_modalities_and_its_size(void **state) {
    (void)state;
    int size[2];
    medley_slice_size(model, size);
    assert_int_equal(size[0], 16);
    assert_int_equal(size[1], 16);
    assert_int_equal(medley_modalities(model), 4);
    for (int j = 0; j < 4; j++) assert_int_equal(medley_find(model, medley_modality(model, j)), j);
    assert_int_equal(medley_find(model, "ct"), -1);
    assert_null(medley_modality(model, 4));
    assert_null(medley_modality(model, -1));
}

static void images_are_those_of_the_program(void **state) {
    (void)state;
    medley_request r = request();
    assert_int_equal(medley_synthesise(model, &r), 0);
    med_synth_model *own;
    assert_ok(med_synth_model_open(path, (int[2]){0, 0}, NULL, &own));
    med_volume *in, *out[MED_MAX_MODS], *deviation[MED_MAX_MODS];
    assert_ok(med_volume_create((med_grid){{NX, NY, NZ}, med_affine_identity()}, &in));
    memcpy(in->voxel, us, sizeof us);
    const med_volume *inputs[MED_MAX_MODS] = {[0] = in};
    int j = medley_find(model, "t2");
    med_synth_options o = {.given = med_modset_of(medley_find(model, "us")),
                           .target = med_modset_of(j),
                           .temperature = 0.5,
                           .n_samples = 2,
                           .seed = 9};
    assert_ok(med_synth_run(own, inputs, &o, out, deviation));
    assert_memory_equal(out[j]->voxel, t2, sizeof t2);
    assert_memory_equal(deviation[j]->voxel, sd, sizeof sd);
    med_volume_free(in);
    med_volume_free(out[j]);
    med_volume_free(deviation[j]);
    med_synth_model_free(own);
}

static void a_request_is_repeated_exactly_on_any_number_of_threads(void **state) {
    (void)state;
    static float first[N];
    medley_request r = request();
    medley_threads(1);
    assert_int_equal(medley_synthesise(model, &r), 0);
    memcpy(first, t2, sizeof t2);
    medley_threads(3);
    assert_int_equal(medley_synthesise(model, &r), 0);
    assert_memory_equal(first, t2, sizeof t2);
    r.seed++;
    assert_int_equal(medley_synthesise(model, &r), 0);
    assert_true(memcmp(first, t2, sizeof t2));
}

static void refuses(medley_request r, const char *words) {
    assert_int_equal(medley_synthesise(model, &r), 2);
    if (!strstr(medley_error(), words)) fail_msg("'%s' does not say '%s'", medley_error(), words);
}

static void requests_without_sense_are_refused(void **state) {
    (void)state;
    medley_request r = request();
    memset(r.given, 0, sizeof r.given);
    refuses(r, "no image is given");
    r = request();
    memset(r.synthetic, 0, sizeof r.synthetic);
    refuses(r, "ask for both");
    memset(r.deviation, 0, sizeof r.deviation);
    refuses(r, "no image is wanted");
    r = request();
    r.size[1] = 0;
    refuses(r, "size[1] is 0");
    r = request();
    r.draws = -1;
    refuses(r, "draws is -1");
    r = request();
    r.temperature = 3;
    refuses(r, "temperature is 3");
    r = request();
    r.given[15] = us;
    refuses(r, "index 15 is no modality");
}

static void a_file_that_is_none_is_named(void **state) {
    (void)state;
    assert_null(medley_open("/nowhere/w.safetensors", NULL));
    assert_non_null(strstr(medley_error(), "/nowhere/w.safetensors"));
    medley_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_tells_its_modalities_and_its_size),
        cmocka_unit_test(images_are_those_of_the_program),
        cmocka_unit_test(a_request_is_repeated_exactly_on_any_number_of_threads),
        cmocka_unit_test(requests_without_sense_are_refused),
        cmocka_unit_test(a_file_that_is_none_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
