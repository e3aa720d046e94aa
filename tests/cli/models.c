/* Every model through the same verbs, on cases that lack modalities: train, resume, synth, report, info, export. */
#include "train/small_run.h"

static const char *dir;

static int set_up(void **state) {
    (void)state;
    dir = small_create();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    testing_remove(dir);
    return 0;
}

/* A model, and what makes it small. */
typedef struct row {
    const char *model, *title, *settings;
} row;

#define VAE "--set base=4 --set max=8 --set pools=2 --set nfinal=2 --set nblocks=1 "
static const row rows[] = {
    {"mmhvae", "MMHVAE", VAE},
    {"mmhvae", "MMHVAE", VAE "--set levels=2"},
    {"mmhvae", "MMHVAE", VAE "--set fusion=poe-precision"},
    {"mmhvae", "MMHVAE", VAE "--set fusion=average"},
    {"mmhvae", "MMHVAE", VAE "--set fusion=concat-zero"},
    {"mopoe", "MoPoE", VAE},
    {"mmgan", "MM-GAN", "--set base=2 "},
    {"mmgan", "MM-GAN", "--set base=2 --set canvas=32 --set ic=off --set inputs=tested "},
    {"m2dn", "M2DN", "--set channels=8 --set stem=4 --set groups=2 --set time_sin=8 --set time_hidden=8 --set steps=3 "},
    {"m2dn", "M2DN", "--set channels=8 --set stem=2 --set groups=1 --set time_sin=8 --set time_hidden=8 --set steps=2 --set sampler=ddpm "},
    {"mhvae", "MHVAE", VAE "--set schedule=native "},
    {"mhvae", "MHVAE", VAE "--set modalities=cet1,t2,us --set mask=full "},
    {"resvit", "ResViT", "--set size=32,32 --set ngf=2 --set hidden=8 --set mlp=8 --set heads=2 --set layers=2 --set w_dis=1 "},
    {"resvit", "ResViT", "--set size=32,48 --set ngf=2 --set transformer=off --set batch=1 --set ema=0.5 "},
};

#define SCHEDULE                                                                                                       \
    "--preset tiny --set batch=2 --set ndf=4 --set disc_layers=2 --set w_dis=0.05 --set discriminator_from=1 "         \
    "--set adversarial_from=1 --set checkpoint_minutes=0 --set val_every=1 "

/* As learns_and_fills_in begins, killed once it has written a checkpoint. */
static void interrupt(const row *r, int i) {
    char command[2048];
    snprintf(command, sizeof command,
             "'%s' train %s/data %s/parts%d --model %s " SCHEDULE "%s --epochs 2 --quiet & pid=$!; "
             "while kill -0 $pid && ! [ -e %s/parts%d/checkpoint-last.safetensors ]; do sleep 0.01; done; kill -9 $pid; wait $pid; true",
             getenv("MEDLEY_PROGRAM"), dir, dir, i, r->model, r->settings, dir, i);
    assert_int_equal(system(command), 0);
}

/* Killed anywhere and resumed is the same as in one go, bit for bit; the weights fill in what cases lack. */
static void learns_and_fills_in(void **state) {
    const row *r = *state;
    int i = (int)(r - rows);
    assert_program(0, r->title, "train %s/data %s/whole%d --model %s " SCHEDULE "%s --epochs 2", dir, dir, i, r->model, r->settings);
    interrupt(r, i);
    assert_program(0, "", "train %s/data %s/parts%d --resume", dir, dir, i);
    char a[64], b[64];
    snprintf(a, sizeof a, "whole%d/weights.safetensors", i);
    snprintf(b, sizeof b, "parts%d/weights.safetensors", i);
    assert_same_file(dir, a, b);
    assert_program(0, "", "synth %s/%s %s/data %s/filled%d --quiet", dir, a, dir, dir, i);
    program_result info = program_run("info --json %s/%s", dir, a);
    assert_int_equal(info.exit_code, 0);
    assert_string_equal(json_string_value(json_object_get(info.json, "model")), r->model);
    assert_null(json_object_get(info.json, "model_error"));
    program_free(&info);
    assert_program(0, "", "report %s/whole%d -o %s/report%d --quiet", dir, i, dir, i);
}

static void a_model_by_name(void **state) {
    (void)state;
    program_result r = program_run("info --model mopoe --preset paper");
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(r.out, "13201482"));
    program_free(&r);
    assert_program(2, "did you mean 'mopoe'", "info --model mopo");
    assert_program(2, "did you mean 'mopoe'", "train %s/data %s/x --model mopo", dir, dir);
    assert_program(2, "unknown option 'levels' for model mopoe", "train %s/data %s/x --model mopoe --set levels=2", dir, dir);
    assert_program(2, "levels is 7, expected at most", "train %s/data %s/x --preset tiny --set levels=7", dir, dir);
    assert_program(2, "model mopoe, its model is mmhvae", "train %s/data %s/whole0 --resume --model mopoe", dir, dir);
}

/* What a model cannot take or make is refused with the remedy, before anything is read. */
static void limits_are_told(void **state) {
    (void)state;
    assert_program(2, "MM-GAN cannot make us of us: it fills in what is missing", "synth %s/whole6/weights.safetensors %s/data %s/no --given us --target us,t2",
                   dir, dir, dir);
    assert_program(2, "has no modality 'adc'", "train %s/data %s/x --model mmgan --preset tiny --set modalities=us,adc", dir, dir);
    assert_program(2, "no schedule of its own", "train %s/data %s/x --preset tiny --set schedule=native", dir, dir);
    assert_program(2, "levels is '9'", "train %s/data %s/x --model mmgan --preset tiny --set levels=9", dir, dir);
    assert_program(2, "expected at least 32", "train %s/data %s/x --model mmgan --preset tiny --set levels=4", dir, dir);
    assert_program(2, "none of its parameters", "train %s/data %s/x --model mmgan --preset tiny --init %s/whole0/weights.safetensors", dir, dir, dir);
    assert_program(2, "canvas is 48, expected a multiple", "train %s/data %s/x --model mmgan --preset tiny --set canvas=48", dir, dir);
}

/* Passes that draw different noise lie in one graph. */
static void subsets_are_timed_together(void **state) {
    (void)state;
    program_result r = program_run("bench synth --json --model m2dn --preset tiny --set size=16,16 --set channels=8 --set stem=4 --set groups=2 "
                                   "--set time_sin=8 --set time_hidden=8 --subsets --steps 1");
    if (r.exit_code) fail_msg("%s", r.err);
    assert_int_equal(json_integer_value(json_object_get(r.json, "passes")), 8);
    program_free(&r);
}

int main(void) {
    enum { N = sizeof rows / sizeof *rows };
    struct CMUnitTest tests[N + 3];
    for (int i = 0; i < N; i++)
        tests[i] = (struct CMUnitTest){rows[i].settings, learns_and_fills_in, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    tests[N] = (struct CMUnitTest)cmocka_unit_test(a_model_by_name);
    tests[N + 1] = (struct CMUnitTest)cmocka_unit_test(limits_are_told);
    tests[N + 2] = (struct CMUnitTest)cmocka_unit_test(subsets_are_timed_together);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
