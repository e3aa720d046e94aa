/* medley weights import lpips, and evaluate images --lpips: from files of names and shapes as published, with random values. */
#include <math.h>
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "engine/weights.h"
#include "image/volume.h"
#include "program.h"
#include "task/lpips_weights.h"
#include "task/score_table.h"

static const char *folder;
static med_rng rng;

static void add(med_weights *w, const char *name, med_shape shape, double lo, double hi) {
    med_tensor *t;
    assert_ok(med_weights_add(w, name, MED_F32, shape, &t));
    for (int64_t i = 0; i < med_shape_count(shape); i++) ((float *)t->data)[i] = (float)med_rng_range(&rng, lo, hi);
}

static void save(med_weights *w, const char *name) {
    char *path = med_path_join(folder, name);
    assert_ok(med_weights_save(w, path));
    free(path);
    med_weights_free(w);
}

/* As torchvision stores AlexNet, with a classifier that is of no use here. */
static void save_trunk(const char *name, int last_channels) {
    med_weights *w = med_weights_create();
    for (int l = 0; l < med_lpips_alex.n_convs; l++) {
        const med_lpips_conv *c = &med_lpips_alex.conv[l];
        int n_out = l == 4 ? last_channels : c->n_out;
        char key[64];
        snprintf(key, sizeof key, "features.%d.weight", c->index);
        add(w, key, med_shape_4(n_out, c->n_in, c->size, c->size), -0.05, 0.05);
        snprintf(key, sizeof key, "features.%d.bias", c->index);
        add(w, key, med_shape_1(n_out), -0.1, 0.1);
    }
    add(w, "classifier.6.bias", med_shape_1(1000), 0, 1);
    save(w, name);
}

static void save_heads(const char *name, double lo) {
    static const int channels[] = {64, 192, 384, 256, 256};
    med_weights *w = med_weights_create();
    for (int t = 0; t < 5; t++) {
        char key[64];
        snprintf(key, sizeof key, "lin%d.model.1.weight", t);
        add(w, key, med_shape_4(1, channels[t], 1, 1), lo, 1);
    }
    save(w, name);
}

static med_volume *save_image(const char *dir, float slope) {
    med_volume *v;
    char *path = med_format("%s/%s", folder, dir), *file = med_format("%s/c1-t2.nii.gz", path);
    assert_ok(med_volume_create((med_grid){{40, 36, 2}, med_affine_identity()}, &v));
    for (int i = 0; i < 40 * 36 * 2; i++) v->voxel[i] = (float)(i % 37) / 37 * slope + 0.01f;
    assert_ok(med_dir_create(path));
    assert_ok(med_volume_save(v, file, MED_VOXEL_F32));
    free(file);
    free(path);
    return v;
}

/* The distance that evaluate must give: the mean over the two slices at network scale. */
static double expected_distance(const med_volume *a, const med_volume *b) {
    med_lpips_file *f;
    char *path = med_path_join(folder, "lpips.safetensors");
    assert_ok(med_lpips_file_open(path, &f));
    double x[40 * 36], y[40 * 36], sum = 0;
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 40; i++)
            for (int j = 0; j < 36; j++) {
                x[i * 36 + j] = (float)(*med_volume_at(a, i, j, k) * 2.0 - 1);
                y[i * 36 + j] = (float)(*med_volume_at(b, i, j, k) * 2.0 - 1);
            }
        sum += med_lpips_distance(med_lpips_file_weights(f), 40, 36, x, y);
    }
    med_lpips_file_free(f);
    free(path);
    return sum / 2;
}

static double lpips_of(const char *options) {
    program_result r = program_run("evaluate images %s/pred %s/ref --range 0,1 --json %s", folder, folder, options);
    if (r.exit_code) fail_msg("exit %d: %s", r.exit_code, r.err);
    size_t i;
    json_t *cell;
    double mean = -1;
    json_array_foreach (json_object_get(r.json, "cells"), i, cell)
        if (!strcmp(json_string_value(json_object_get(cell, "metric")), "lpips"))
            mean = json_is_null(json_object_get(cell, "mean")) ? NAN : json_number_value(json_object_get(cell, "mean"));
    program_free(&r);
    return mean;
}

static void imported_weights_judge_images(void **state) {
    (void)state;
    save_trunk("alexnet.safetensors", 256);
    save_heads("alex.safetensors", 0);
    program_result r = program_run("weights import lpips --trunk %s/alexnet.safetensors --heads %s/alex.safetensors -o "
                                   "%s/lpips.safetensors --json",
                                   folder, folder, folder);
    if (r.exit_code) fail_msg("exit %d: %s", r.exit_code, r.err);
    assert_string_equal(json_string_value(json_object_get(r.json, "trunk")), "alex");
    assert_int_equal(strlen(json_string_value(json_object_get(r.json, "heads_sha256"))), 64);
    program_free(&r);
    med_volume *a = save_image("pred", 0.6f), *b = save_image("ref", 0.9f);
    char *options = med_format("--lpips %s/lpips.safetensors", folder);
    double expected = expected_distance(a, b), got = lpips_of(options);
    assert_true(expected > 1e-6);
    if (!(fabs(got - expected) <= 1e-9 * expected)) fail_msg("%.12g, expected %.12g", got, expected);
    assert_true(isnan(lpips_of(""))); /* without weights n/a, never an approximation */
    free(options);
    med_volume_free(b);
    med_volume_free(a);
}

static void write_pair(double lpips) {
    char *path = med_path_join(folder, "pair.json"), *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    assert_non_null(to);
    fputs("{\"size\": [32, 32]", to);
    for (int side = 0; side < 2; side++) {
        fprintf(to, ", \"%s\": [", side ? "y" : "x");
        for (int p = 0; p < 32 * 32; p++) fprintf(to, "%s%g", p ? "," : "", (p * (side ? 7 : 5)) % 32 / 16.0 - 1);
        fputs("]", to);
    }
    fprintf(to, ", \"lpips\": %.17g}", lpips);
    fclose(to);
    assert_ok(med_file_write(path, text, n));
    free(text);
    free(path);
}

static void a_known_pair_is_checked(void **state) {
    (void)state;
    med_lpips_file *f;
    char *path = med_path_join(folder, "lpips.safetensors");
    double x[32 * 32], y[32 * 32];
    for (int p = 0; p < 32 * 32; p++) x[p] = p * 5 % 32 / 16.0 - 1, y[p] = p * 7 % 32 / 16.0 - 1;
    assert_ok(med_lpips_file_open(path, &f));
    double d = med_lpips_distance(med_lpips_file_weights(f), 32, 32, x, y);
    med_lpips_file_free(f);
    free(path);
    char *line = med_format("weights import lpips --trunk %s/alexnet.safetensors --heads %s/alex.safetensors --verify "
                            "%s/pair.json -o %s/again.safetensors",
                            folder, folder, folder, folder);
    write_pair(d);
    assert_program(0, "", "%s", line);
    write_pair(1.01 * d);
    assert_program(1, "these weights give", "%s", line);
    free(line);
}

static void wrong_files_are_refused(void **state) {
    (void)state;
    save_trunk("narrow.safetensors", 128);
    save_heads("negative.safetensors", -1);
    assert_program(2, "two files", "weights import lpips --trunk %s/alexnet.safetensors", folder);
    assert_program(2, "features.10.weight is 128x256x3x3, expected 256x256x3x3",
                   "weights import lpips --trunk %s/narrow.safetensors --heads %s/alex.safetensors", folder, folder);
    assert_program(2, "expected 0 or more",
                   "weights import lpips --trunk %s/alexnet.safetensors --heads %s/negative.safetensors", folder,
                   folder);
    assert_program(2, "no tensor features.0.weight",
                   "weights import lpips --trunk %s/alex.safetensors --heads %s/alex.safetensors", folder, folder);
    assert_program(2, "only weights to import are lpips", "weights import inception");
    assert_program(2, "not LPIPS weights of medley",
                   "evaluate images %s/pred %s/ref --range 0,1 --lpips %s/alexnet.safetensors", folder, folder, folder);
}

int main(void) {
    folder = testing_folder();
    rng = med_rng_start((med_rng_key){9, med_site_of("test/weights"), 0});
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imported_weights_judge_images),
        cmocka_unit_test(a_known_pair_is_checked),
        cmocka_unit_test(wrong_files_are_refused),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    return n_failed;
}
