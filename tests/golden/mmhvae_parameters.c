/* The list of parameters against the release's: names, shapes, count, and hashed values by their SHA-256. */
#include "testing.h"

#include "base/file.h"
#include "base/memory.h"
#include "model/mmhvae.h"

static json_t *fixture;
static med_mmhvae_config config;

static int set_up(void **state) {
    (void)state;
    const char *shared = getenv("MEDLEY_SHARED");
    char *path = med_format("%s/golden/mmhvae-paper.json", shared ? shared : "");
    fixture = json_load_file(path, 0, NULL);
    free(path);
    if (!fixture) return 0;
    return med_mmhvae_from_json(json_object_get(fixture, "config"), &config) == MED_OK ? 0 : -1;
}
static int tear_down(void **state) {
    (void)state;
    json_decref(fixture);
    return 0;
}

static med_status find_in_fixture(void *context, const med_parameter *p) {
    char *release = med_mmhvae_name_to_release(&config, p->name);
    if (!release) fail_msg("%s has no release name", p->name);
    const json_t *shape = json_object_get(json_object_get(fixture, "names"), release);
    if (!shape) fail_msg("%s: the release has no %s", p->name, release);
    assert_int_equal(json_array_size(shape), p->shape.rank);
    for (int d = 0; d < p->shape.rank; d++)
        assert_int_equal(json_integer_value(json_array_get(shape, (size_t)d)), p->shape.dim[d]);
    char *back = med_mmhvae_name_from_release(release, config.base / 2 != config.nfinal);
    assert_string_equal(back, p->name);
    free(back);
    free(release);
    ++*(size_t *)context;
    return MED_OK;
}

static void names_and_shapes_are_the_release_s(void **state) {
    (void)state;
    if (!fixture) skip();
    size_t n = 0;
    assert_ok(med_mmhvae_parameters(&config, find_in_fixture, &n));
    assert_int_equal(n, json_object_size(json_object_get(fixture, "names")));
    assert_int_equal(med_mmhvae_count(&config), json_integer_value(json_object_get(fixture, "parameters")));
}

static void check_spots(const med_weights *w) {
    const char *release;
    json_t *ends;
    json_object_foreach (json_object_get(fixture, "spot"), release, ends) {
        char *name = med_mmhvae_name_from_release(release, config.base / 2 != config.nfinal);
        const med_tensor *t = med_weights_find(w, name);
        assert_non_null(t);
        const float *data = t->data;
        assert_true(data[0] == (float)json_real_value(json_array_get(ends, 0)));
        assert_true(data[med_shape_count(t->shape) - 1] == (float)json_real_value(json_array_get(ends, 1)));
        free(name);
    }
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void hashed_weights_are_the_release_s(void **state) {
    (void)state;
    if (!fixture) skip();
    med_weights *w;
    assert_ok(med_mmhvae_hashed_weights(&config, (uint64_t)json_integer_value(json_object_get(fixture, "seed")), &w));
    check_spots(w);

    int n = med_weights_count(w);
    char **names = med_alloc((size_t)n * sizeof *names), *all, hex[65];
    size_t n_bytes = 0;
    FILE *to = open_memstream(&all, &n_bytes);
    for (int i = 0; i < n; i++) names[i] = med_mmhvae_name_to_release(&config, med_weights_at(w, i)->name);
    qsort(names, (size_t)n, sizeof *names, by_text);
    for (int i = 0; i < n; i++) {
        char *ours = med_mmhvae_name_from_release(names[i], config.base / 2 != config.nfinal);
        const med_tensor *t = med_weights_find(w, ours);
        fputs(names[i], to);
        fwrite(t->data, sizeof(float), (size_t)med_shape_count(t->shape), to);
        free(ours);
        free(names[i]);
    }
    fclose(to);
    med_sha256_hex(all, n_bytes, hex);
    assert_string_equal(hex, json_string_value(json_object_get(fixture, "weights_sha256")));
    free(all);
    free(names);
    med_weights_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_shapes_are_the_release_s),
        cmocka_unit_test(hashed_weights_are_the_release_s),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
