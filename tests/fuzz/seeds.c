/* Every fuzz target on its seeds, among them what fuzzing once found: nothing crashes, leaks or hangs, and each message is
 * one line. Says most under the sanitizers; `make fuzz` goes on from here. */
#include "../images.h"

#include "base/file.h"
#include "base/memory.h"

typedef int target_fn(const uint8_t *data, size_t n);
#define TARGET(name) target_fn fuzz_##name;
#include "targets.def"
#undef TARGET

static const struct {
    const char *name;
    target_fn *run;
} targets[] = {
#define TARGET(name) {#name, fuzz_##name},
#include "targets.def"
#undef TARGET
};

static int run_seeds(const char *dir, target_fn *run) {
    char **names;
    int n;
    assert_ok(med_dir_list(dir, &names, &n));
    for (int i = 0; i < n; i++) {
        med_mapping file;
        char *path = med_path_join(dir, names[i]);
        assert_ok(med_file_map(path, &file));
        uint8_t *bytes = med_alloc(file.size); /* of its size and no more, so that a byte too far is seen */
        if (file.size) memcpy(bytes, file.data, file.size);
        run(bytes, file.size);
        free(bytes);
        med_file_unmap(&file);
        free(path);
    }
    med_names_free(names, n);
    return n;
}

static void all_seeds(void **state) {
    (void)state;
    for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
        char *dir = med_path_join(MEDLEY_FUZZ_SEEDS, targets[t].name);
        int n = run_seeds(dir, targets[t].run);
        print_message("%s: %d seeds\n", targets[t].name, n);
        assert_true(n > 0);
        free(dir);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_seeds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
