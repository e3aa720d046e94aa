/* resvit.c: ResViT's training by the program: its two stages, its rates, threads, memory, checkpoints of older versions. */
#include "train/small_run.h"

#include <math.h>

#include "engine/weights.h"
#include "model/graph_parameters.h"

#define RESVIT                                                                                                         \
    "--model resvit --preset tiny --set size=32,32 --set ndf=4 --set batch=2 --set val_every=0 --set samples_every=0 " \
    "--set checkpoint_minutes=0 "

static const char *dir;

static int set_up(void **state) {
    (void)state;
    dir = small_create();
    assert_program(0, "", "train %s/data %s/first " RESVIT "--set transformer=off --epochs 2", dir, dir);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    testing_remove(dir);
    return 0;
}

static med_weights *load(const char *name) {
    char path[256];
    med_weights *w;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_ok(med_weights_load(path, &w));
    return w;
}

static const int64_t *steps_of(const med_weights *w) { return med_weights_find(w, "opt/steps")->data; }

/* One step at rates of 0: whatever was taken is still there, but for running statistics. */
static void the_second_stage_goes_on_with_the_first(void **state) {
    (void)state;
    const char words[] = "train %s/data %s/%s " RESVIT "--set lr=0 --set lr_disc=0 --steps 1 --init %s/first/%s.safetensors";
    assert_program(0, "discriminators and their optimiser after", words, dir, dir, "second", dir, "checkpoint-last");
    med_weights *first = load("first/checkpoint-last.safetensors"), *second = load("second/checkpoint-last.safetensors");
    int n_shared[2] = {0}; /* of the network, of the discriminator */
    for (int i = 0; i < med_weights_count(first); i++) {
        const med_tensor *a = med_weights_at(first, i), *b = med_weights_find(second, a->name);
        if (strncmp(a->name, "opt/", 4) == 0 || med_is_state(a->name)) continue;
        assert_non_null(b);
        assert_memory_equal(a->data, b->data, (size_t)med_shape_count(a->shape) * sizeof(float));
        n_shared[strncmp(a->name, "disc/", 5) == 0]++;
    }
    assert_true(n_shared[0] > 40 && n_shared[1] == 13);
    assert_non_null(med_weights_find(second, "transformer_encoder/layer/0/attn/query/weight"));
    assert_true(steps_of(first)[1] > 1);
    assert_int_equal(steps_of(second)[1], steps_of(first)[1] + 1);
    assert_int_equal(steps_of(second)[0], 1);
    med_weights_free(first);
    med_weights_free(second);

    program_result r = program_run(words, dir, dir, "alone", dir, "weights"); /* no discriminators in this file */
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(r.err, "initialised: art_1"));
    assert_null(strstr(r.err, "discriminators"));
    program_free(&r);
    assert_program(0, "has other discriminators", "train %s/data %s/wide " RESVIT "--set ndf=8 --steps 1 --init %s/first/checkpoint-last.safetensors",
                   dir, dir, dir);
}

/* Rates in the log: warmed up over 4 steps, then constant, then falling to 0 in the last epoch. */
static void rates_warm_up_and_fall(void **state) {
    (void)state;
    assert_program(0, "", "train %s/data %s/warm " RESVIT "--set transformer=off --set warmup_steps=4 --epochs 4", dir, dir);
    char *log = program_slurp(dir, "warm/log.jsonl");
    int n = 0;
    double last = 1;
    for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *step = json_loads(line, 0, NULL);
        double lr = json_number_value(json_object_get(step, "lr"));
        int epoch = (int)json_integer_value(json_object_get(step, "epoch"));
        double part = epoch == 1 ? 1 : (4.0 - epoch) / 3; /* constant for two epochs, but as the authors count them, one */
        double warmth = n < 4 ? (n + 1) / 4.0 : 1;
        if (!(fabs(lr - 2e-4 * part * warmth) < 1e-12)) fail_msg("step %d of epoch %d has rate %g", n, epoch, lr);
        n++;
        last = lr;
        json_decref(step);
    }
    assert_true(n >= 8 && last == 0);
    free(log);
}

static void threads_do_not_matter(void **state) {
    (void)state;
    static const int n_threads[] = {1, 2, 4};
    for (int i = 0; i < 3; i++)
        assert_program(0, "", "train %s/data %s/threads%d " RESVIT "--steps 3 --seed 2 --threads %d", dir, dir, n_threads[i], n_threads[i]);
    assert_same_file(dir, "threads1/weights.safetensors", "threads2/weights.safetensors");
    assert_same_file(dir, "threads1/weights.safetensors", "threads4/weights.safetensors");
}

static json_int_t planned(const char *settings, const char *key) {
    program_result r = program_run("train %s/data --check --json " RESVIT "%s", dir, settings);
    assert_int_equal(r.exit_code, 0);
    json_int_t n = json_integer_value(json_object_get(r.json, key));
    program_free(&r);
    return n;
}

static void memory_is_planned_without_gradients_and_kept_to(void **state) {
    (void)state;
    assert_int_equal(3 * planned("--skip-nonfinite 1", "parameter_bytes"), 4 * planned("", "parameter_bytes"));
    assert_int_equal(3 * planned("--set clip=1", "parameter_bytes"), 4 * planned("", "parameter_bytes"));
    long n_bytes = (long)planned("", "planned_bytes");
    assert_program(0, "", "train %s/data %s/fits " RESVIT "--steps 3 --seed 2 --max-memory %ld", dir, dir, n_bytes);
    assert_program(1, "the least that would do is", "train %s/data %s/none " RESVIT "--steps 3 --max-memory %ld", dir, dir, n_bytes * 9 / 10);
    assert_program(0, "", "train %s/data %s/any " RESVIT "--steps 3 --seed 2", dir, dir);
    assert_same_file(dir, "fits/weights.safetensors", "any/weights.safetensors");
}

/* A copy of a checkpoint with zero moments of a running statistic, as older versions wrote them. */
static void age(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    med_weights *from = load(name), *to = med_weights_create();
    for (int i = 0; i < med_weights_n_metas(from); i++) {
        const char *value, *key = med_weights_meta_at(from, i, &value);
        med_weights_set_meta(to, key, value);
    }
    for (int i = 0; i < med_weights_count(from); i++) {
        const med_tensor *f = med_weights_at(from, i);
        if (strncmp(f->name, "opt/", 4) == 0) assert_false(med_is_state(f->name));
        assert_ok(med_weights_add_view(to, f->name, f->dtype, f->shape, f->data));
    }
    med_tensor *moment;
    assert_ok(med_weights_add(to, "opt/m/encoder_1/2/running_mean", MED_F32, med_shape_1(8), &moment));
    assert_ok(med_weights_save(to, path));
    med_weights_free(to);
    med_weights_free(from);
}

static void checkpoints_have_no_moments_of_statistics_but_may(void **state) {
    (void)state;
    char command[512];
    snprintf(command, sizeof command, "cp -r %s/first %s/new && cp -r %s/first %s/old", dir, dir, dir, dir);
    assert_int_equal(system(command), 0);
    age("old/checkpoint-last.safetensors");
    assert_program(0, "resuming after step", "train %s/data %s/old --resume --epochs 3", dir, dir);
    assert_program(0, "resuming after step", "train %s/data %s/new --resume --epochs 3", dir, dir);
    assert_same_file(dir, "old/weights.safetensors", "new/weights.safetensors");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_stage_goes_on_with_the_first),
        cmocka_unit_test(rates_warm_up_and_fall),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(memory_is_planned_without_gradients_and_kept_to),
        cmocka_unit_test(checkpoints_have_no_moments_of_statistics_but_may),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
