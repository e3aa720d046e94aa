/* medley synth from the command line: every form of input, scales, sidecars, and what it refuses. */
#include "program.h"

#include <math.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "model/mmhvae.h"
#include "image/volume.h"

static char *folder;
enum { NX = 18, NY = 21, NZ = 5 };

static char *in_folder(const char *format, ...) MED_PRINTF(1, 2);
static char *in_folder(const char *format, ...) { /* one of sixteen static buffers */
    static char paths[16][512];
    static int next;
    char *path = paths[next++ % 16];
    int n = snprintf(path, 512, "%s/", folder);
    va_list args;
    va_start(args, format);
    vsnprintf(path + n, 512 - (size_t)n, format, args);
    va_end(args);
    return path;
}

static med_affine rotated(void) {
    return (med_affine){{{0.9, -0.3, 0, -10.5}, {0.3, 0.9, 0.1, 20.25}, {0, -0.1, 2, 3}, {0, 0, 0, 1}}};
}

static void save_scan(const char *path, int nx, uint64_t seed) {
    med_volume *v;
    assert_ok(med_volume_create((med_grid){{nx, NY, NZ}, rotated()}, &v));
    med_uniform_fill(v->voxel, med_grid_count(v->grid), (med_rng_key){seed, 1, 0});
    for (size_t i = 0; i < med_grid_count(v->grid); i++) v->voxel[i] = i % 7 ? floorf(v->voxel[i] * 900) : 0;
    assert_ok(med_volume_save(v, path, MED_VOXEL_I16));
    med_volume_free(v);
}

/* w.safetensors for us, t2, flair; data/A (us, t2), data/B (us), data/C (us, t2, flair). */
static int set_up(void **state) {
    (void)state;
    folder = testing_folder();
    med_mmhvae_config c = {.n_mods = 3,
                           .mods = {"us", "t2", "flair"},
                           .height = 16,
                           .width = 24,
                           .base = 4,
                           .max = 8,
                           .pools = 2,
                           .nfinal = 4,
                           .nblocks = 1,
                           .se = true,
                           .residual = true};
    med_weights *w;
    assert_ok(med_mmhvae_init(&c, 3, &w));
    assert_ok(med_weights_save(w, in_folder("w.safetensors")));
    med_weights_free(w);
    static const char *const scans[] = {"A-us", "A-t2", "B-us", "C-us", "C-t2", "C-flair"};
    for (int i = 0; i < 6; i++) {
        assert_ok(med_dir_create(in_folder("data/%c", scans[i][0])));
        save_scan(in_folder("data/%c/%s.nii.gz", scans[i][0], scans[i]), NX, (uint64_t)i);
    }
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    testing_remove(folder);
    return 0;
}

static med_volume *load(const char *path) {
    med_volume *v;
    assert_ok(med_volume_load(path, &v));
    return v;
}

static void assert_equal_files(const char *a, const char *b) {
    char one[65], two[65];
    assert_ok(med_file_sha256(a, one));
    assert_ok(med_file_sha256(b, two));
    assert_string_equal(one, two);
}

static int count_files(const char *path) {
    char **names;
    int n;
    assert_ok(med_dir_list(path, &names, &n));
    med_names_free(names, n);
    return n;
}

/* ---- what it makes ---- */

static void a_data_set_is_completed(void **state) {
    (void)state;
    program_result r = program_run("synth %s/w.safetensors %s/data %s/out --json", folder, folder, folder);
    if (r.exit_code) fail_msg("%s", r.err);
    json_t *cases = json_object_get(r.json, "cases");
    assert_int_equal(json_array_size(cases), 3);
    assert_true(json_is_true(json_object_get(json_array_get(cases, 2), "skipped"))); /* C is complete */
    assert_int_equal(count_files(in_folder("out")), 2 * (1 + 2)); /* A-flair, B-t2, B-flair, each with a sidecar */
    med_volume *input = load(in_folder("data/A/A-us.nii.gz")), *out = load(in_folder("out/A-flair.nii.gz"));
    assert_true(med_grid_equal(input->grid, out->grid, 0));
    assert_memory_equal(&input->grid.affine, &out->grid.affine, sizeof input->grid.affine);
    assert_string_equal(out->description, "synthetic flair by medley MMHVAE");
    assert_int_equal(out->stored_type, MED_VOXEL_F32);
    for (size_t i = 0; i < med_grid_count(out->grid); i++) assert_true(out->voxel[i] >= 0 && out->voxel[i] <= 1);
    med_volume_free(input);
    med_volume_free(out);
    program_free(&r);
}

static void every_form_of_input_gives_the_same(void **state) {
    (void)state;
    assert_program(0, "A: us+t2 -> flair", "synth %s/w.safetensors %s/data/A %s/case", folder, folder, folder);
    assert_program(0, "slices of 18 x 21 do not fit into the model's 16 x 24: 11 % of the tissue is left out",
                   "synth %s/w.safetensors %s/data/A %s/cropped", folder, folder, folder);
    assert_ok(med_dir_create(in_folder("flat")));
    char command[2048];
    snprintf(command, sizeof command, "cp %s/data/A/* %s/data/B/* %s/flat/ && cp %s/data/A/A-t2.nii.gz %s/other.nii.gz",
             folder, folder, folder, folder, folder);
    assert_int_equal(system(command), 0);
    assert_program(0, "B: us -> t2, flair", "synth %s/w.safetensors %s/flat %s/from-flat", folder, folder, folder);
    assert_program(
        0, "",
        "synth %s/w.safetensors %s/images --image us=%s/data/A/A-us.nii.gz --image t2=%s/other.nii.gz --threads 1",
        folder, folder, folder, folder);
    assert_equal_files(in_folder("case/A-flair.nii.gz"), in_folder("from-flat/A-flair.nii.gz"));
    assert_equal_files(in_folder("case/A-flair.nii.gz"), in_folder("images/A-flair.nii.gz"));
    assert_program(0, "", "synth %s/w.safetensors %s/data/A %s/again --seed 1", folder, folder, folder);
    med_volume *a = load(in_folder("case/A-flair.nii.gz")), *b = load(in_folder("again/A-flair.nii.gz"));
    assert_memory_not_equal(a->voxel, b->voxel, 4 * med_grid_count(a->grid));
    med_volume_free(a);
    med_volume_free(b);
}

static void scales_are_of_one_image(void **state) {
    (void)state;
    static const char *const scales[] = {"unit", "network", "release"};
    med_volume *v[3];
    for (int s = 0; s < 3; s++) {
        assert_program(0, "", "synth %s/w.safetensors %s/data/B %s/%s --scale %s --target t2", folder, folder, folder,
                       scales[s], scales[s]);
        v[s] = load(in_folder("%s/B-t2.nii.gz", scales[s]));
    }
    assert_true(v[0]->stored_type == MED_VOXEL_F32 && v[1]->stored_type == MED_VOXEL_F32 &&
                v[2]->stored_type == MED_VOXEL_U8);
    for (size_t i = 0; i < med_grid_count(v[0]->grid); i++) {
        double y = v[1]->voxel[i];
        assert_true(fabs(v[0]->voxel[i] - (y + 1) / 2) <= 1e-7);
        assert_true(v[2]->voxel[i] == (float)trunc(127.5 * (y + 1)));
    }
    for (int s = 0; s < 3; s++) med_volume_free(v[s]);
}

static void the_sidecar_tells_all(void **state) {
    (void)state;
    assert_program(0, "",
                   "synth %s/w.safetensors %s/data/A %s/out --given us --target flair,us --temperature 0.3 --samples 3 "
                   "--uncertainty --seed 11",
                   folder, folder, folder);
    assert_int_equal(count_files(in_folder("out")), 6);
    json_t *j = json_load_file(in_folder("out/A-flair.json"), 0, NULL);
    assert_non_null(j);
    char hash[65];
    const char *a, *b, *c, *target, *given, *scale;
    double t, lo, hi;
    int synthetic, seed, samples;
    assert_int_equal(json_unpack(j, "{s:b, s:s, s:[s!], s:f, s:i, s:i, s:s, s:[f,f], s:{s:{s:s, s:s}}, s:{s:s}}",
                                 "synthetic", &synthetic, "target", &target, "given", &given, "temperature", &t, "seed",
                                 &seed, "samples", &samples, "scale", &scale, "range", &lo, &hi, "inputs", "us", "path",
                                 &a, "sha256", &b, "weights", "sha256", &c),
                     0);
    assert_true(synthetic && t == 0.3 && seed == 11 && samples == 3 && lo == 0 && hi == 1);
    assert_string_equal(target, "flair");
    assert_string_equal(given, "us");
    assert_string_equal(scale, "unit");
    assert_ok(med_file_sha256(a, hash));
    assert_string_equal(hash, b);
    assert_ok(med_file_sha256(in_folder("w.safetensors"), hash));
    assert_string_equal(hash, c);
    assert_non_null(strstr(json_string_value(json_object_get(j, "command")), "--temperature 0.3"));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "config"), "pools")), 2);
    json_decref(j);
    med_volume *sd = load(in_folder("out/A-flair-sd.nii.gz"));
    float most = 0;
    for (size_t i = 0; i < med_grid_count(sd->grid); i++) most = fmaxf(most, sd->voxel[i]);
    assert_true(most > 0 && most < 0.5f);
    med_volume_free(sd);
}

/* ---- what it refuses ---- */

static void wrong_usage(void **state) {
    (void)state;
    char *w = in_folder("w.safetensors"), *a = in_folder("data/A"), *out = in_folder("out");
    assert_program(2, "OUT is missing", "synth %s %s", w, a);
    assert_program(2, "exclude each other", "synth %s %s %s --image us=x.nii", w, a, out);
    assert_program(2, "expected MOD=FILE", "synth %s %s --image x.nii", w, out);
    assert_program(2, "us is there twice", "synth %s %s --image us=x.nii --image us=y.nii", w, out);
    assert_program(2, "no modality 'T2' (did you mean 't2'?)", "synth %s %s --image T2=x.nii", w, out);
    assert_program(2, "--given: the model has no modality 'cet1'; it has us, t2, flair", "synth %s %s %s --given cet1",
                   w, a, out);
    assert_program(2, "did you mean 'flair'", "synth %s %s %s --target flairs", w, a, out);
    assert_program(2, "--given names flair, which this case has not; it has us, t2", "synth %s %s %s --given us,flair",
                   w, a, out);
    assert_program(2, "no modality is missing", "synth %s %s %s", w, in_folder("data/C"), out);
    assert_program(2, "--samples 2 or more", "synth %s %s %s --uncertainty", w, a, out);
    assert_program(2, "from 0 to 2", "synth %s %s %s --temperature 3", w, a, out);
    assert_program(2, "unit network release", "synth %s %s %s --scale big", w, a, out);
    assert_program(2, "did you mean 'size'", "synth %s %s %s --set sise=3", w, a, out);
    assert_program(2, "size 16,16 gives a bottleneck of 16 cells, the weights are for 24",
                   "synth %s %s %s --set size=16,16", w, a, out);
    assert_false(med_path_exists(in_folder("out/A-flair.nii.gz")));
}

static void unusable_input(void **state) {
    (void)state;
    char *w = in_folder("w.safetensors"), *out = in_folder("out");
    assert_program(2, "absent.safetensors: no such file", "synth %s/absent.safetensors %s/data/A %s", folder, folder,
                   out);
    assert_program(2, "absent", "synth %s %s/absent %s", w, folder, out);
    assert_ok(med_dir_create(in_folder("nothing")));
    assert_program(2, "no images", "synth %s %s/nothing %s", w, folder, out);
    assert_program(2, "no such file", "synth %s %s --image us=%s/absent.nii", w, out, folder);

    save_scan(in_folder("data/A/A-t2.nii.gz"), NX + 1, 1);
    assert_program(2, "us has 18 x 21 x 5 voxels", "synth %s %s/data/A %s", w, folder, out);
    assert_ok(med_file_write(in_folder("data/A/A-t2.nii.gz"), "not an image", 12));
    assert_program(2, "A-t2.nii.gz", "synth %s %s/data/A %s", w, folder, out);

    assert_ok(med_dir_create(in_folder("foreign")));
    save_scan(in_folder("foreign/X-pd.nii.gz"), NX, 1);
    assert_program(2, "X: no image of a modality of the model (us or t2 or flair)", "synth %s %s/foreign %s", w, folder,
                   out);
    assert_false(med_path_exists(out));
}

static void one_bad_case_does_not_stop_the_others(void **state) {
    (void)state;
    assert_ok(med_file_write(in_folder("data/A/A-t2.nii.gz"), "not an image", 12));
    program_result r =
        program_run("synth %s/w.safetensors %s/data %s/out --target flair --json", folder, folder, folder);
    assert_int_equal(r.exit_code, 1);
    assert_non_null(strstr(r.err, "1 of 3 cases failed"));
    assert_non_null(json_object_get(json_array_get(json_object_get(r.json, "cases"), 0), "error"));
    assert_true(med_path_exists(in_folder("out/B-flair.nii.gz")) && med_path_exists(in_folder("out/C-flair.json")));
    assert_false(med_path_exists(in_folder("out/A-flair.nii.gz")));
    program_free(&r);
}

static void nothing_is_overwritten(void **state) {
    (void)state;
    char *w = in_folder("w.safetensors");
    assert_program(2, "C-us.nii.gz is there already", "synth %s %s/data/C %s/data/C --target us", w, folder, folder);
    assert_program(0, "", "synth %s %s/data/B %s/out", w, folder, folder);
    assert_program(2, "B-t2.nii.gz is there already: remove it", "synth %s %s/data %s/out", w, folder, folder);
    assert_false(med_path_exists(in_folder("out/A-flair.nii.gz")));
    assert_program(0, "", "synth %s %s/data/A %s/out", w, folder, folder); /* another case may join */
}

static void failing_disk_leaves_nothing_half_written(void **state) {
    (void)state;
    char *w = in_folder("w.safetensors");
    setenv("MEDLEY_FAIL_WRITE", "1", 1);
    assert_program(1, "disk full", "synth %s %s/data/A %s/out", w, folder, folder);
    unsetenv("MEDLEY_FAIL_WRITE");
    assert_false(med_path_exists(in_folder("out")));
    assert_ok(med_file_write(in_folder("file"), "", 0));
    assert_program(2, "file", "synth %s %s/data/A %s/file", w, folder, folder);
}

/* ---- the release's way ---- */

static void compare_golden(const char *golden, const char *given, const char *out) {
    static const char *const mods[] = {"us", "t2", "cet1", "flair"};
    for (int j = 0; j < 4; j++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/expected/%s/P01-%s.nii.gz", golden, given, mods[j]);
        med_volume *expected = load(path), *got = load(in_folder("%s/P01-%s.nii.gz", out, mods[j]));
        assert_true(med_grid_equal(expected->grid, got->grid, 1e-3));
        for (size_t i = 0; i < med_grid_count(got->grid); i++)
            assert_true(fabsf(expected->voxel[i] - got->voxel[i]) <= 2e-3f); /* of the fixture */
        med_volume_free(expected);
        med_volume_free(got);
    }
}

static void golden_from_all_kinds_of_weights(void **state) {
    (void)state;
    const char *shared = getenv("MEDLEY_SHARED");
    char golden[512];
    snprintf(golden, sizeof golden, "%s/golden/synth", shared ? shared : "");
    if (!med_path_is_dir(golden)) skip();
    static const char *const weights[] = {"weights.pth", "weights-legacy.pth", "weights.safetensors"};
    static const char *const rows[][2] = {
        {"us", "us"}, {"t2+flair", "t2,flair"}, {"us+t2+cet1+flair", "us,t2,cet1,flair"}};
    for (int w = 0; w < 3; w++)
        for (int r = 0; r < 3; r++) {
            char *out = med_format("out-%d-%d", w, r);
            assert_program(
                0, "", "synth %s/%s %s/case %s/%s --given %s --target us,t2,cet1,flair --temperature 0 --scale network",
                golden, weights[w], golden, folder, out, rows[r][1]);
            compare_golden(golden, rows[r][0], out);
            free(out);
        }
    assert_program(0, "", "export %s/weights.pth %s/ours.safetensors", golden, folder); /* the size stays open */
    assert_program(0, "",
                   "synth %s/ours.safetensors %s/case %s/ours --given us --target us,t2,cet1,flair --temperature 0 "
                   "--scale network",
                   folder, golden, folder);
    compare_golden(golden, "us", "ours");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_data_set_is_completed),
        TEST(every_form_of_input_gives_the_same),
        TEST(scales_are_of_one_image),
        TEST(the_sidecar_tells_all),
        TEST(wrong_usage),
        TEST(unusable_input),
        TEST(nothing_is_overwritten),
        TEST(one_bad_case_does_not_stop_the_others),
        TEST(failing_disk_leaves_nothing_half_written),
        TEST(golden_from_all_kinds_of_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
