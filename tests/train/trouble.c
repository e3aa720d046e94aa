/* trouble.c: what a training does when something is not as it should be, and within the memory it may take. */
#include "train/small_run.h"

#include <math.h>

#include "model/trainer.h"

static const char *dir;

static int set_up(void **state) {
    (void)state;
    dir = small_create();
    assert_program(0, "", "train %s/data %s/first " SMALL_NETWORK "--steps 2", dir, dir);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    testing_remove(dir);
    return 0;
}

static void zero_noise(void *context, const med_noise *noise, int first, int n, int64_t per_slice, float *to) {
    (void)context, (void)noise, (void)first;
    for (int64_t i = 0; i < n * per_slice; i++) to[i] = 0;
}

static void a_step_that_is_not_finite_names_its_place_and_changes_nothing(void **state) {
    (void)state;
    enum { N = 2, PLANE = 64 };
    static const char *const settings[] = {"modalities=us,t2", "size=8,8", "base=4", "max=8", "pools=2", "nfinal=2", "nblocks=1"};
    med_net c;
    assert_int_equal(med_net_preset(med_models[0], "tiny", &c), MED_OK);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) assert_int_equal(med_net_set(&c, settings[i]), MED_OK);
    med_weights *w;
    assert_int_equal(med_net_init(&c, 1, &w), MED_OK);
    float *spoiled = med_weights_find(w, "head/t2/out/bias")->data, *other = med_weights_find(w, "enc/us/first/bias")->data;
    spoiled[0] = NAN;
    float before = other[0], x[N * PLANE];
    for (int i = 0; i < N * PLANE; i++) x[i] = (float)(i % 7) / 7;
    med_trainer *t;
    med_trainer_options o = {.n_micro = 2, .optimizer = {MED_ADAMAX, 0.01, 0.9, 0.999, 1e-8}};
    assert_int_equal(med_trainer_create(&c, o, w, &t), MED_OK);
    med_step_input in = {.observed = 3, .given = 2, .anchor = 0, .n = N, .x = {x, x}, .target = {x, x}, .noise = zero_noise, .w_kl = 1};
    med_step_result r;
    assert_int_equal(med_trainer_step(t, &in, &r), MED_EFAIL);
    static const char *const words[] = {"pass full", "largest activations: t2 of pass", "inf", "--set clip"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strstr(med_message(), words[i])) fail_msg("'%s' is not in '%s'", words[i], med_message());
    assert_true(other[0] == before);
    med_trainer_free(t);
}

/* DIR/NAME: the weights of the first run, with an encoder of `mod` whose sums are infinite. */
static void spoil(const char *name, const char *mod) {
    char path[256], encoder[64];
    med_weights *from, *to = med_weights_create();
    snprintf(path, sizeof path, "%s/first/weights.safetensors", dir);
    snprintf(encoder, sizeof encoder, "enc/%s/", mod);
    assert_ok(med_weights_load(path, &from));
    for (int i = 0; i < med_weights_n_metas(from); i++) {
        const char *value, *key = med_weights_meta_at(from, i, &value);
        med_weights_set_meta(to, key, value);
    }
    for (int i = 0; i < med_weights_count(from); i++) {
        const med_tensor *f = med_weights_at(from, i);
        int64_t n = med_shape_count(f->shape);
        med_tensor *t;
        assert_ok(med_weights_add(to, f->name, f->dtype, f->shape, &t));
        memcpy(t->data, f->data, (size_t)n * sizeof(float));
        for (int64_t k = 0; k < n && strncmp(f->name, encoder, strlen(encoder)) == 0; k++) ((float *)t->data)[k] = 3e38f;
    }
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_ok(med_weights_save(to, path));
    med_weights_free(from);
    med_weights_free(to);
}

static int count_words(const char *text, const char *word) {
    int n = 0;
    for (; (text = strstr(text, word)); text++) n++;
    return n;
}

/* One of the two training cases has T2 and cannot be stepped on, the other can. */
static void steps_that_are_not_finite_are_passed_over_as_often_as_allowed(void **state) {
    (void)state;
    spoil("spoiled.safetensors", "t2");
    const char words[] = "train %s/data %s/%s " SMALL_NETWORK "--set val_every=0 --set checkpoint_minutes=0 --epochs 2 "
                         "--init %s/spoiled.safetensors --skip-nonfinite %d";
    program_result r = program_run(words, dir, dir, "passing", dir, 2);
    if (r.exit_code != 0) fail_msg("exit %d: %s", r.exit_code, r.err);
    char *log = program_slurp(dir, "passing/log.jsonl");
    assert_int_equal(count_words(log, "\"not_finite\""), 2);
    assert_int_equal(count_words(log, "\"loss\""), 2);
    assert_int_equal(count_words(r.err, "passed over"), 2);
    free(log);
    program_free(&r);

    r = program_run(words, dir, dir, "stopping", dir, 1);
    assert_int_equal(r.exit_code, 1);
    if (!strstr(r.err, "largest activations")) fail_msg("it said '%s'", r.err);
    assert_int_equal(count_words(r.err, "passed over"), 1);
    program_free(&r);
    /* The checkpoint before it stands, and the step that is allowed now is passed over as in the other run. */
    assert_program(0, "resuming after step", "train %s/data %s/stopping --resume --skip-nonfinite 2", dir, dir);
    assert_same_file(dir, "stopping/weights.safetensors", "passing/weights.safetensors");
}

static void a_check_writes_nothing_and_names_a_case_that_cannot_be_read(void **state) {
    (void)state;
    assert_program(0, "memory", "train %s/data --check " SMALL_NETWORK, dir);
    assert_program(2, "RUN", "train %s/data " SMALL_NETWORK, dir);
    char command[512];
    snprintf(command, sizeof command, "mkdir %s/bad && for m in us t2; do for c in a b; do "
             "cp %s/data/case0000/case0000-us.nii.gz %s/bad/$c-$m.nii.gz; done; done; echo x > %s/bad/b-t2.nii.gz", dir, dir, dir, dir);
    assert_int_equal(system(command), 0);
    assert_program(2, "b-t2.nii.gz", "train %s/bad --check " SMALL_NETWORK, dir);
}

static void memory_is_kept_to_or_refused_with_the_least(void **state) {
    (void)state;
    assert_program(1, "the least that would do is", "train %s/data %s/none " SMALL_NETWORK "--max-memory 1M", dir, dir);
    assert_program(2, "2G", "train %s/data %s/none " SMALL_NETWORK "--max-memory lots", dir, dir);
    assert_program(0, "1 x", "train %s/data %s/narrow " SMALL_NETWORK "--threads 2 --steps 2 --max-memory 45M", dir, dir);
    assert_same_file(dir, "narrow/weights.safetensors", "first/weights.safetensors");
}

static void other_modalities_begin_with_what_fits(void **state) {
    (void)state;
    char command[1024];
    snprintf(command, sizeof command, "mkdir %s/mr && for c in a b; do cp %s/data/case0000/case0000-us.nii.gz %s/mr/$c-t2.nii.gz; "
             "cp %s/data/case0000/case0000-us.nii.gz %s/mr/$c-t1.nii.gz; done", dir, dir, dir, dir, dir);
    assert_int_equal(system(command), 0);
    assert_program(0, "initialised: enc/t1", "train %s/mr %s/tuned " SMALL_NETWORK "--set anchor=t2 --steps 2 --init %s/first/weights.safetensors",
                   dir, dir, dir);
    assert_program(2, "--init is for a new run", "train %s/mr %s/tuned --resume --init %s/first/weights.safetensors", dir, dir, dir);
    assert_program(2, "nowhere", "train %s/mr %s/x " SMALL_NETWORK "--set anchor=t2 --init %s/nowhere", dir, dir, dir);
}

/* PyTorch's files of the release, zip and legacy; here for slices of another size, which parts of the top level depend on. */
static void the_releases_files_are_weights_to_begin_with(void **state) {
    (void)state;
    const char *shared = getenv("MEDLEY_SHARED");
    if (!shared) skip();
    static const char *const files[] = {"weights.pth", "weights-legacy.pth"};
    for (int i = 0; i < 2; i++)
        assert_program(0, "287 of 291 parameters; initialised: top/infer (1), top/generate (3)",
                       "train %s/data %s/released%d --preset tiny --set base=4 --set max=16 --set pools=3 --set nfinal=4 --set nblocks=2 "
                       "--set batch=2 --set val_every=0 --steps 1 --init %s/golden/synth/%s", dir, dir, i, shared, files[i]);
    assert_same_file(dir, "released0/weights.safetensors", "released1/weights.safetensors");
}

/* No file may grow beyond 8 kB: no checkpoint can be written. */
static void a_full_disk_does_not_end_the_training_before_its_time(void **state) {
    (void)state;
    char command[1024];
    snprintf(command, sizeof command,
             "trap '' XFSZ; ulimit -f 16; '%s' train %s/data %s/full " SMALL_NETWORK "--steps 3 --set checkpoint_minutes=0 --set val_every=0 "
             "2> %s/full.err", getenv("MEDLEY_PROGRAM"), dir, dir, dir);
    assert_int_not_equal(system(command), 0); /* the last word is a checkpoint that could not be written */
    char *err = program_slurp(dir, "full.err");
    if (!strstr(err, "training goes on") || !strstr(err, "3/3")) fail_msg("it said '%s'", err);
    free(err);
    assert_program(0, "", "train %s/data %s/full --resume", dir, dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_that_is_not_finite_names_its_place_and_changes_nothing),
        cmocka_unit_test(steps_that_are_not_finite_are_passed_over_as_often_as_allowed),
        cmocka_unit_test(a_check_writes_nothing_and_names_a_case_that_cannot_be_read),
        cmocka_unit_test(memory_is_kept_to_or_refused_with_the_least),
        cmocka_unit_test(other_modalities_begin_with_what_fits),
        cmocka_unit_test(the_releases_files_are_weights_to_begin_with),
        cmocka_unit_test(a_full_disk_does_not_end_the_training_before_its_time),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
