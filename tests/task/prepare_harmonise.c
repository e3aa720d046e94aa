/* Harmonised targets: the definition on small images, and a phantom data set through the program: only training cases are
 * learned from, targets lie in [0,1] and keep their background, what is recorded suffices to apply the same again. */
#include "../images.h"

#include "../program.h"
#include "base/file.h"
#include "data/dataset.h"
#include "data/head_landmarks.h"

static float ramp(int i, int j, int k) { return (float)(i + 10 * j + 100 * k); } /* 0..999 on 10 x 10 x 10 */

static void landmarks_and_map(void **state) {
    (void)state;
    med_volume *v = images_make(images_oblique_grid(10, 10, 10, false), ramp);
    double found[MED_NYUL_LANDMARKS], sum[MED_NYUL_LANDMARKS] = {0};
    assert_true(med_nyul_measure(v, found));
    /* the values are 1..999: percentile q lies at 1 + q/100 * 998 */
    for (int l = 0; l < MED_NYUL_LANDMARKS; l++)
        assert_true(fabs(found[l] - (1 + med_nyul_percentiles[l] / 100 * 998)) < 1e-3);
    med_nyul_learn(found, sum);
    assert_true(sum[0] == 0 && sum[MED_NYUL_LANDMARKS - 1] == 1 && fabs(sum[5] - (50.0 - 1) / (99.95 - 1)) < 1e-6);
    /* its own scale: a straight line; the lowest percent is clipped to the smallest target, the background is 0 */
    med_harmonise_apply(v, found, sum, MED_NYUL_LANDMARKS);
    assert_true(v->voxel[0] == 0 && v->voxel[5] == 1.0f / 255 && v->voxel[999] == 1);
    assert_true(fabs(v->voxel[500] - (500 - found[0]) / (found[10] - found[0])) < 1e-5);
    /* a bend: 10 to 0.2, 20 to 0.8 */
    const double from[3] = {0, 10, 20}, to[3] = {0, 0.2, 0.8};
    for (int i = 0; i < 1000; i++) v->voxel[i] = (float)i / 40;
    med_harmonise_apply(v, from, to, 3);
    assert_true(fabs(v->voxel[200] - 0.1) < 1e-6 && fabs(v->voxel[600] - 0.5) < 1e-6 && v->voxel[999] == 1);
    for (int i = 0; i < 1000; i++) v->voxel[i] = 0;
    assert_false(med_nyul_measure(v, found));
    med_volume_free(v);
}

/* A ball of 40 voxels' radius, dark fluid in its middle, in faint noise, with a bright speck beside it. */
static float ball(int i, int j, int k) {
    double r = hypot(hypot(i - 60, j - 60), k - 60);
    if (r < 10) return 20;
    if (r < 40) return (float)(300 + (i + j + k) % 101);
    return i < 3 && j < 3 && k < 3 ? 900 : (float)((i * 7 + j * 5 + k * 3) % 11);
}

static void landmarks_of_the_head(void **state) {
    (void)state;
    med_volume *v = images_make(images_oblique_grid(121, 121, 121, false), ball);
    double found[MED_NYUL_LANDMARKS];
    bool is_there;
    assert_ok(med_head_landmarks_measure(v, found, &is_there));
    assert_true(is_there);
    /* (10/40)^3 = 1.6 % is fluid: the first percentile. Of 300..400 in equal shares the median is 350. */
    assert_true(found[0] == 20 && fabs(found[5] - 350) < 3 && found[MED_NYUL_LANDMARKS - 1] >= 399);
    /* noted for a case, read back from beside its image; without the note the image itself is measured */
    char *folder = testing_folder(), *image = med_path_join(folder, "a-t2.nii.gz"), *notes = med_path_join(folder, "prepare.json");
    double other[MED_NYUL_LANDMARKS];
    json_t *root = json_pack("{s:{}}", "notes");
    assert_ok(med_head_landmarks_note(v, "t2", json_object_get(root, "notes")));
    assert_int_equal(json_dump_file(root, notes, 0), 0);
    for (size_t i = 0; i < med_grid_count(v->grid); i++) v->voxel[i] = 0; /* whatever is left of it */
    assert_ok(med_head_landmarks_of(image, "t2", v, other, &is_there));
    assert_true(is_there && memcmp(found, other, sizeof found) == 0);
    assert_ok(med_head_landmarks_of(image, "cet1", v, other, &is_there));
    assert_false(is_there);
    static const char bad[] = "{\"notes\": {\"head_landmarks\": {\"t2\": [3, 2, 1]}}}";
    assert_ok(med_file_write(notes, bad, sizeof bad - 1));
    assert_fails(med_head_landmarks_of(image, "t2", v, other, &is_there), MED_EFORMAT, "11 ascending numbers");
    json_decref(root);
    med_volume_free(v);
    testing_remove(folder);
    free(image);
    free(notes);
}

static void a_data_set(void **state) {
    (void)state;
    char *folder = testing_folder(), *data = med_path_join(folder, "d");
    program_result r = program_run("phantom %s --cases 5 --missing 0 --size 32,32,8 --spacing 4 --quiet", data);
    if (r.exit_code != 0) fail_msg("%s", r.err);
    program_free(&r);
    r = program_run("prepare harmonise --data %s --json", data);
    if (r.exit_code != 0) fail_msg("%s", r.err);
    const json_t *h = json_object_get(r.json, "harmonisation");
    med_dataset *d;
    assert_ok(med_dataset_open(data, &d));
    int *train, n_train;
    assert_ok(med_dataset_split(d, 0, "train", &train, &n_train));
    assert_int_equal(json_array_size(json_object_get(h, "training")), n_train);
    assert_true(n_train < d->n_cases);
    /* the standard scale again, by hand, from the training cases alone */
    int j = med_dataset_mod(d, "t2"), n = 0;
    double sum[MED_NYUL_LANDMARKS] = {0}, own[MED_NYUL_LANDMARKS];
    for (int t = 0; t < n_train; t++) {
        med_volume *v;
        if (!med_modset_has(d->cases[train[t]].observed, j)) continue;
        char *path = med_case_path(&d->cases[train[t]], "t2", NULL);
        assert_ok(med_volume_load(path, &v));
        assert_true(med_nyul_measure(v, own));
        med_nyul_learn(own, sum);
        n++;
        med_volume_free(v);
        free(path);
    }
    const json_t *standard = json_object_get(json_object_get(json_object_get(h, "scales"), "t2"), "standard");
    for (size_t l = 0; l < MED_NYUL_LANDMARKS; l++)
        assert_true(fabs(json_number_value(json_array_get(standard, l)) - sum[l] / n) < 1e-9);
    int n_targets = 0;
    for (int i = 0; i < d->n_cases; i++)
        MED_MODSET_EACH (m, d->cases[i].observed) {
            if (strcmp(d->mods[m], "us") == 0) continue;
            med_volume *input, *target;
            char *from = med_case_path(&d->cases[i], d->mods[m], NULL),
                 *to = med_case_path(&d->cases[i], d->mods[m], "target");
            assert_ok(med_volume_load(from, &input));
            assert_ok(med_volume_load(to, &target));
            for (size_t x = 0; x < med_grid_count(input->grid); x++)
                assert_true(input->voxel[x] > 0 ? target->voxel[x] >= 1.0f / 255 && target->voxel[x] <= 1
                                                : target->voxel[x] == 0);
            med_volume_free(target);
            assert_ok(med_case_load_target(&d->cases[i], d->mods[m], &target));
            med_volume_free(input);
            med_volume_free(target);
            free(from);
            free(to);
            n_targets++;
        }
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_targets")), n_targets);
    med_dataset_free(d);
    free(train);
    program_free(&r);
    assert_program(0, "", "prepare harmonise --data %s --method none", data);
    assert_ok(med_dataset_open(data, &d)); /* the manifest no longer lists targets */
    assert_false(med_case_has_target(&d->cases[0], "t2"));
    med_dataset_free(d);
    assert_program(2, "--landmarks head is for --method nyul", "prepare harmonise --data %s --method minmax --landmarks head", data);
    assert_program(2, "landmarks of the whole head are not kept beside it", "prepare harmonise --data %s --landmarks head", data);
    assert_program(2, "fold 7: 1 in its splits.json", "prepare harmonise --data %s --fold 7", data);
    testing_remove(folder);
    free(data);
}

/* Train on harmonised data: the weights, the sidecars and the images know the scale. A data set that has no targets is judged,
 * and given MRs are written, by the network's scale: bit by bit what prepare harmonise makes. */
static void weights_carry_it(void **state) {
    (void)state;
    char *folder = testing_folder();
    assert_program(0, "", "phantom %s/d --cases 5 --missing 0 --size 32,32,8 --spacing 4 --quiet", folder);
    assert_program(0, "", "prepare harmonise --data %s/d --quiet", folder);
    assert_program(0, "", "train %s/d %s/run --preset tiny --set pools=2 --set base=4 --set max=8 --set nfinal=4 --set "
                          "nblocks=1 --steps 1 --quiet", folder, folder);
    /* the manifest lists the targets */
    char *raw = med_format("%s/raw", folder),
         *command = med_format("cp -r %s/d %s && rm %s/*/*.target.nii.gz %s/manifest.json", folder, raw, raw, raw);
    assert_int_equal(system(command), 0);
    free(command);
    program_result r = program_run("prepare import --in %s --in-place --quiet", raw);
    assert_int_equal(r.exit_code, 0);
    program_free(&r);
    assert_program(0, "", "synth %s/run/weights.safetensors %s %s/out --given us,t2 --target cet1 --with-given --quiet", folder,
                   raw, folder);
    med_volume *made, *expected;
    char *path = med_format("%s/out/case0001-t2.nii.gz", folder);
    assert_ok(med_volume_load(path, &made));
    free(path);
    path = med_format("%s/d/case0001/case0001-t2.target.nii.gz", folder);
    assert_ok(med_volume_load(path, &expected));
    free(path);
    assert_memory_equal(made->voxel, expected->voxel, med_grid_count(made->grid) * sizeof(float));
    med_volume_free(made);
    med_volume_free(expected);
    /* the same references, harmonised on the fly or read: the same scores */
    char *cells[2];
    for (int i = 0; i < 2; i++) {
        r = program_run("evaluate images %s/out %s/%s --include-seen --json", folder, folder, i ? "raw" : "d");
        if (r.exit_code != 0) fail_msg("%s", r.err);
        cells[i] = json_dumps(json_object_get(r.json, "cells"), 0);
        assert_true(json_array_size(json_object_get(r.json, "cells")) > 0);
        program_free(&r);
    }
    assert_string_equal(cells[0], cells[1]);
    free(cells[0]);
    free(cells[1]);
    assert_program(0, "", "train %s %s/plain --preset tiny --set pools=2 --set base=4 --set max=8 --set nfinal=4 --set "
                          "nblocks=1 --steps 1 --quiet", raw, folder);
    assert_program(2, "does not record how its training data were harmonised",
                   "synth %s/plain/weights.safetensors %s %s/out2 --with-given", folder, raw, folder);
    free(raw);
    testing_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(landmarks_and_map), cmocka_unit_test(landmarks_of_the_head), cmocka_unit_test(a_data_set),
                                       cmocka_unit_test(weights_carry_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
