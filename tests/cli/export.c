/* medley export: all three kinds of weights become one and the same file; bad input is refused and leaves nothing. */
#include "program.h"
#include "folder.h"

#include "base/file.h"
#include "base/memory.h"
#include "model/mmhvae.h"

static const char *golden(void) {
    static char path[512];
    const char *shared = getenv("MEDLEY_SHARED");
    snprintf(path, sizeof path, "%s/golden/synth", shared ? shared : "");
    if (!med_path_is_dir(path)) skip();
    return path;
}

static med_weights *load_ours(const char *name, med_mmhvae_config *c) {
    med_weights *w;
    char *path = med_path_join(folder, name);
    assert_ok(med_mmhvae_load(path, NULL, NULL, &w, c));
    free(path);
    return w;
}

static void three_kinds_give_the_same(void **state) {
    (void)state;
    static const char *const names[] = {"weights.safetensors", "weights.pth", "weights-legacy.pth"};
    med_weights *first = NULL;
    for (int i = 0; i < 3; i++) {
        med_mmhvae_config c;
        assert_program(0, "", "export %s/%s %s/%d.safetensors --set size=32,40", golden(), names[i], folder, i);
        char name[32];
        snprintf(name, sizeof name, "%d.safetensors", i);
        med_weights *w = load_ours(name, &c);
        assert_true(c.height == 32 && c.width == 40 && c.n_mods == 4 && c.base == 4 && c.pools == 3);
        assert_string_equal(med_weights_meta(w, "medley.source"), names[i]);
        if (!first) {
            first = w;
            continue;
        }
        assert_int_equal(med_weights_count(w), med_weights_count(first));
        for (int k = 0; k < med_weights_count(w); k++) {
            const med_tensor *a = med_weights_at(first, k), *b = med_weights_at(w, k);
            assert_string_equal(a->name, b->name);
            assert_memory_equal(a->data, b->data, (size_t)med_shape_count(a->shape) * 4);
        }
        med_weights_free(w);
    }
    med_weights_free(first);
}

static void an_export_is_a_fixed_point(void **state) {
    (void)state;
    med_mmhvae_config c;
    med_weights *w;
    assert_ok(med_mmhvae_preset("tiny", &c));
    assert_ok(med_mmhvae_init(&c, 1, &w));
    med_tensor *t;
    med_weights_set_meta(w, "trained.on", "phantom");
    assert_ok(med_weights_add(w, "opt/m/top/infer/v", MED_F32, med_shape_1(3), &t));
    char *path = med_path_join(folder, "checkpoint.safetensors");
    assert_ok(med_weights_save(w, path));
    med_weights_free(w);
    free(path);
    program_result r = program_run("export %s/checkpoint.safetensors %s/a.safetensors --json", folder, folder);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_parameters")), med_mmhvae_count(&c));
    program_free(&r);
    w = load_ours("a.safetensors", &c);
    assert_null(med_weights_find(w, "opt/m/top/infer/v")); /* parameters only */
    assert_string_equal(med_weights_meta(w, "trained.on"), "phantom");
    med_weights_free(w);
}

static void an_open_size_is_said(void **state) {
    (void)state;
    med_mmhvae_config c;
    assert_program(0, "does not tell the slice size", "export %s/weights.pth %s/open.safetensors", golden(), folder);
    med_weights *w = load_ours("open.safetensors", &c);
    assert_int_equal(c.height, 0);
    med_weights_free(w);
}

static void bad_input(void **state) {
    (void)state;
    const char *release = golden(); /* before anything is allocated: may skip */
    char *out = med_path_join(folder, "out.safetensors"), *text = med_path_join(folder, "text"),
         *half = med_path_join(folder, "half.pth");
    assert_program(2, "no such file", "export %s/absent.pth %s", folder, out);
    assert_program(2, "folder", "export %s %s", folder, out);
    assert_ok(med_file_write(text, "not weights at all, but a text\n", 31));
    assert_program(2, "not safetensors", "export %s %s", text, out);
    assert_program(2, "did you mean 'size'", "export %s/weights.pth %s --set siz=32,40", release, out);
    assert_program(2, "size 32,32 gives a bottleneck of 16 cells, the weights are for 20",
                   "export %s/weights.pth %s --set size=32,32", release, out);
    assert_program(2, "folder does not exist", "export %s/weights.pth %s/no/out.safetensors", release, folder);
    assert_program(2, "cannot write", "export %s/weights.pth %s", release, folder);
    char command[1024];
    snprintf(command, sizeof command, "head -c 300000 %s/weights.pth >%s", release, half);
    assert_int_equal(system(command), 0);
    assert_program(2, "cut off", "export %s %s", half, out);
    assert_false(med_path_exists(out));
    setenv("MEDLEY_FAIL_WRITE", "2", 1);
    assert_program(1, "disk full", "export %s/weights.pth %s", release, out);
    unsetenv("MEDLEY_FAIL_WRITE");
    assert_false(med_path_exists(out));
    char **names;
    int n;
    assert_ok(med_dir_list(folder, &names, &n));
    assert_int_equal(n, 2); /* text and half: nothing half-written */
    med_names_free(names, n);
    free(out);
    free(text);
    free(half);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(three_kinds_give_the_same),
        TEST(an_export_is_a_fixed_point),
        TEST(an_open_size_is_said),
        TEST(bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
