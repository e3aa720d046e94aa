/* mmhvae.c: the fixtures of ../shared/golden hold, and one altered number is noticed. */
#include "base/file.h"
#include "base/memory.h"
#include "base/thread.h"
#include "engine/weights.h"
#include "task/golden.h"
#include "turn.h"

static char *fixture(const char *name) {
    const char *shared = getenv("MEDLEY_SHARED");
    char *path = med_format("%s/golden/%s", shared ? shared : "../shared", name);
    if (!med_path_exists(path)) skip();
    return path;
}

static void print_failures(const json_t *report) {
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(report, "checks"), i, row)
        if (!json_is_true(json_object_get(row, "ok"))) {
            char *text = json_dumps(row, 0);
            print_message("%s\n", text);
            free(text);
        }
}

static void holds(void **state) {
    char *path = fixture(*state);
    json_t *report = json_object();
    med_status status = med_golden_check(path, report);
    print_failures(report);
    if (status != MED_OK) fail_msg("%s", med_message());
    assert_true(json_array_size(json_object_get(report, "checks")) > 10);
    json_decref(report);
    free(path);
}

static void copy_file(const char *from, const char *to) {
    med_mapping m;
    assert_int_equal(med_file_map(from, &m), MED_OK);
    assert_int_equal(med_file_write(to, m.data, m.size), MED_OK);
    med_file_unmap(&m);
}

/* The small fixture in another way of computing it: an instruction set, more threads than any machine of ours has cores, a
 * rewrite or fast algorithm turned. The tolerances are the same. */
typedef struct variant {
    const char *name, *isa;
    int n_threads;
    const char *turned; /* a switch, or NULL */
    bool is_on;
} variant;

static void holds_otherwise(void **state) {
    const variant *v = *state;
    if (v->isa) setenv("MEDLEY_ISA", v->isa, 1);
    if (v->turned) turn(v->turned, v->is_on);
    med_threads_set(v->n_threads);
    void *fixture_name = (void *)(uintptr_t)"mmhvae-tiny.safetensors";
    holds(&fixture_name);
    med_threads_set(0);
    if (v->isa) unsetenv("MEDLEY_ISA");
    if (v->turned) turn(v->turned, !v->is_on);
}

/* One number of one tensor moved by 1 %: exactly that tensor's check fails. */
static void notices(void **state) {
    const char *tensor = *state;
    char *source = fixture("mmhvae-tiny.safetensors"), *json = fixture("mmhvae-tiny.json");
    char dir[] = P_tmpdir "/medley-golden-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *copy = med_path_join(dir, "altered.safetensors"), *copy_json = med_path_join(dir, "altered.json");
    copy_file(json, copy_json);
    med_weights *w;
    assert_int_equal(med_weights_load(source, &w), MED_OK);
    med_weights *altered = med_weights_create();
    for (int i = 0; i < med_weights_count(w); i++) {
        const med_tensor *t = med_weights_at(w, i);
        med_tensor *to;
        size_t item = t->dtype == MED_F64 ? 8 : 4;
        assert_int_equal(med_weights_add(altered, t->name, t->dtype, t->shape, &to), MED_OK);
        memcpy(to->data, t->data, item * (size_t)med_shape_count(t->shape));
        if (strcmp(t->name, tensor) != 0) continue;
        if (t->dtype == MED_F64) ((double *)to->data)[1] *= 1.01;
        else ((float *)to->data)[1] = ((float *)to->data)[1] * 1.01f + 0.001f;
    }
    assert_int_equal(med_weights_save(altered, copy), MED_OK);
    json_t *report = json_object();
    assert_int_equal(med_golden_check(copy, report), MED_EFAIL);
    size_t i, n_failed = 0;
    const json_t *row;
    json_array_foreach(json_object_get(report, "checks"), i, row)
        if (!json_is_true(json_object_get(row, "ok"))) {
            n_failed++;
            assert_string_equal(json_string_value(json_object_get(row, "name")), tensor);
        }
    assert_int_equal(n_failed, 1);
    json_decref(report);
    med_weights_free(w), med_weights_free(altered);
    unlink(copy), unlink(copy_json), rmdir(dir);
    free(copy), free(copy_json), free(source), free(json);
}

static variant variants[] = {
    {.name = "mmhvae-tiny by portable vectors", .isa = "portable"},
    {.name = "mmhvae-tiny by AVX2", .isa = "avx2"},
    {.name = "mmhvae-tiny on one thread", .n_threads = 1},
    {.name = "mmhvae-tiny on 33 threads", .n_threads = 33},
    {.name = "mmhvae-tiny without Winograd", .turned = "winograd"},
    {.name = "mmhvae-tiny without prologues", .turned = "prologues"},
    {.name = "mmhvae-tiny with squeezes", .turned = "squeezes", .is_on = true},
    {.name = "mmhvae-tiny with folds", .turned = "folds", .is_on = true},
};

int main(void) {
    const struct CMUnitTest tests[] = {
        {"mmhvae-tiny", holds, NULL, NULL, (void *)(uintptr_t)"mmhvae-tiny.safetensors"},
        {"mmhvae-incomplete", holds, NULL, NULL, (void *)(uintptr_t)"mmhvae-incomplete.safetensors"},
        {"altered image", notices, NULL, NULL, (void *)(uintptr_t)"out/f3/cet1"},
        {"altered kl", notices, NULL, NULL, (void *)(uintptr_t)"kl/f1"},
        {"altered marginal", notices, NULL, NULL, (void *)(uintptr_t)"kl_marginal/f4/t2"},
        {variants[0].name, holds_otherwise, NULL, NULL, &variants[0]},
        {variants[1].name, holds_otherwise, NULL, NULL, &variants[1]},
        {variants[2].name, holds_otherwise, NULL, NULL, &variants[2]},
        {variants[3].name, holds_otherwise, NULL, NULL, &variants[3]},
        {variants[4].name, holds_otherwise, NULL, NULL, &variants[4]},
        {variants[5].name, holds_otherwise, NULL, NULL, &variants[5]},
        {variants[6].name, holds_otherwise, NULL, NULL, &variants[6]},
        {variants[7].name, holds_otherwise, NULL, NULL, &variants[7]},
        {"mmhvae-paper", holds, NULL, NULL, (void *)(uintptr_t)"mmhvae-paper.safetensors"},
    };
    return cmocka_run_group_tests_name("golden/mmhvae", tests, NULL, NULL);
}
