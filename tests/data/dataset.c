/* Data sets as people have them: a folder per case, flat, one case; splits; what is wrong is said with the file's name. */
#include "data/dataset.h"
#include "data/folders.h"

static void image(const char *folder, const char *name) { folder_image(folder, name, folder_size, folder_ramp); }

static void folder_per_case(void **state) {
    (void)state;
    const char *f = testing_folder();
    image(f, "p-2/p-2-t2.nii.gz");
    image(f, "p-2/p-2-us.nii.gz");
    image(f, "p-2/p-2-t2.target.nii.gz");
    image(f, "p-2/p-2-label.nii.gz");
    image(f, "p-1/p-1-zeta.nii");
    image(f, "p-1/p-1-adc.nii.gz");
    image(f, "p-1/p-1-flair-sd.nii.gz");
    folder_text(f, "p-1/notes.txt", "hello");
    med_dataset *d;
    assert_ok(med_dataset_open(f, &d));
    assert_false(d->has_manifest);
    assert_int_equal(d->n_mods, 4);
    const char *const expected[] = {"us", "t2", "adc", "zeta"};
    for (int j = 0; j < 4; j++) assert_string_equal(d->mods[j], expected[j]);
    assert_int_equal(d->n_cases, 2);
    assert_string_equal(d->cases[0].name, "p-1");
    assert_int_equal(d->cases[0].observed, 0xc);
    assert_int_equal(d->cases[1].observed, 0x3);
    assert_int_equal(med_dataset_case(d, "p-2"), 1);
    assert_int_equal(med_dataset_case(d, "p-3"), -1);
    assert_int_equal(med_dataset_mod(d, "flair"), -1);
    char *path = med_case_path(&d->cases[0], "zeta", NULL);
    assert_string_equal(strrchr(path, '.'), ".nii");
    free(path);
    assert_true(med_case_has_target(&d->cases[1], "t2"));
    assert_false(med_case_has_target(&d->cases[1], "us"));
    med_dataset_free(d);
    testing_remove(f);
}

static void flat_folder_and_hash(void **state) {
    (void)state;
    const char *f = testing_folder();
    image(f, "Case035-us.nii.gz");
    image(f, "Case036-us.nii.gz");
    image(f, "Case036-cet1.nii.gz");
    med_dataset *d;
    assert_ok(med_dataset_open(f, &d));
    assert_int_equal(d->n_cases, 2);
    assert_int_equal(d->cases[0].observed, 1);
    assert_int_equal(d->cases[1].observed, 3);
    char hash[65];
    memcpy(hash, d->hash, 65);
    assert_int_equal(strlen(hash), 64);
    med_dataset_free(d);
    image(f, "Case037-us.nii.gz");
    assert_ok(med_dataset_open(f, &d));
    assert_string_not_equal(hash, d->hash);
    med_dataset_free(d);
    testing_remove(f);
}

static void one_case_folder(void **state) {
    (void)state;
    const char *f = testing_folder();
    image(f, "case0000/case0000-us.nii.gz");
    image(f, "case0000/case0000-flair.nii.gz");
    char *path = med_path_join(f, "case0000");
    med_dataset *d;
    assert_ok(med_dataset_open(path, &d));
    assert_int_equal(d->n_cases, 1);
    assert_string_equal(d->cases[0].name, "case0000");
    assert_string_equal(d->name, "case0000");
    int *index, n;
    assert_ok(med_dataset_split(d, 0, "test", &index, &n)); /* no splits: every case is in every part */
    assert_int_equal(n, 1);
    free(index);
    assert_fails(med_dataset_split(d, 1, "test", &index, &n), MED_EUSAGE, "fold 1");
    assert_fails(med_dataset_split(d, 0, "exam", &index, &n), MED_EUSAGE, "'exam'");
    med_dataset_free(d);
    free(path);
    testing_remove(f);
}

static void unusable_folders(void **state) {
    (void)state;
    const char *f = testing_folder();
    med_dataset *d;
    assert_fails(med_dataset_open("/nonexistent/data", &d), MED_EINPUT, "/nonexistent/data: no such folder");
    assert_fails(med_dataset_open(f, &d), MED_EFORMAT, "no images");
    image(f, "a/c-us.nii.gz");
    char *file = med_path_join(f, "a/c-us.nii.gz");
    assert_fails(med_dataset_open(file, &d), MED_EINPUT, "is a file");
    free(file);
    image(f, "b/c-us.nii.gz");
    assert_fails(med_dataset_open(f, &d), MED_EFORMAT, "files in two folders");
    testing_remove(f);
    f = testing_folder();
    image(f, "c-us.nii.gz");
    image(f, "c-us.nii");
    assert_fails(med_dataset_open(f, &d), MED_EFORMAT, "two files for us");
    testing_remove(f);
    f = testing_folder();
    for (int i = 0; i < 17; i++) {
        char name[32];
        snprintf(name, sizeof name, "c-m%d.nii", i);
        image(f, name);
    }
    assert_fails(med_dataset_open(f, &d), MED_EFORMAT, "more than 16 modalities");
    testing_remove(f);
}

static void splits(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"[{\"train\": [\"a\"], \"test\": [\"b\"]", "splits.json:1:"},
        {"{\"train\": [\"a\"]}", "expected a list of folds"},
        {"[]", "expected a list of folds"},
        {"[7]", "fold 0: expected an object"},
        {"[{\"train\": [\"a\"]}]", "fold 0, test: missing"},
        {"[{\"train\": \"a\", \"test\": []}]", "fold 0, train: expected a list"},
        {"[{\"train\": [1], \"test\": []}]", "expected names of cases"},
        {"[{\"train\": [\"case-12\"], \"test\": []}]", "no case 'case-12' in the data set (did you mean 'case-1'?)"},
        {"[{\"train\": [\"a\", \"a\"], \"test\": []}]", "'a' is listed twice"},
        {"[{\"train\": [\"a\"], \"test\": [\"b\"]}, {\"train\": [\"a\", \"b\"], \"test\": [\"b\"]}]",
         "fold 1, test: case 'b' is in train and in test"},
        {"[{\"train\": [\"a\"], \"val\": [\"a\"], \"test\": []}]", "'a' is in train and in val"},
        {"[{\"train\": [\"a\"], \"tset\": [], \"test\": []}]", "unknown key 'tset'"},
        {"[{\"train\": [\"a\"], \"train\": [\"b\"], \"test\": []}]", "duplicate"},
    };
    const char *f = testing_folder();
    image(f, "a-us.nii.gz");
    image(f, "b-us.nii.gz");
    image(f, "case-1-us.nii.gz");
    med_dataset *d;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        folder_text(f, "splits.json", bad[i].text);
        assert_fails(med_dataset_open(f, &d), MED_EFORMAT, bad[i].says);
        assert_null(strchr(med_message(), '\n'));
    }
    folder_text(f, "splits.json",
                "[{\"train\": [\"case-1\", \"a\"], \"val\": [\"b\"], \"test\": [\"b\"]}]"); /* val may be tested */
    assert_ok(med_dataset_open(f, &d));
    int *index, n;
    assert_ok(med_dataset_split(d, 0, "train", &index, &n));
    assert_int_equal(n, 2);
    assert_int_equal(index[0], 0);
    assert_int_equal(index[1], 2);
    free(index);
    med_dataset_free(d);
    testing_remove(f);
}

static float negative_corner(int i, int j, int k) { return i + j + k == 0 ? -5 : (float)(i + j + k); }
static float unit(int i, int j, int k) { return (float)(i + j + k) / 12; }

static void network_scale(void **state) {
    (void)state;
    const char *f = testing_folder();
    folder_image(f, "c-us.nii.gz", folder_size, negative_corner);
    folder_image(f, "c-flair.nii.gz", folder_size, folder_zero);
    folder_image(f, "c-t2.nii.gz", folder_size, folder_ramp);
    folder_image(f, "c-t2.target.nii.gz", folder_size, unit);
    folder_image(f, "c-cet1.nii.gz", folder_size, negative_corner);
    folder_image(f, "c-cet1.target.nii.gz", folder_size, folder_ramp);
    folder_image(f, "z-us.nii.gz", folder_size, folder_zero);
    med_dataset *d;
    med_volume *v;
    assert_ok(med_dataset_open(f, &d));
    const med_case *c = &d->cases[0];
    assert_fails(med_case_load_input(c, "us", &v), MED_EFORMAT, "must not be negative");
    assert_null(v);
    assert_fails(med_case_load_input(&d->cases[1], "us", &v), MED_EFORMAT, "all voxels are 0");
    assert_fails(med_case_load_input(c, "t1", &v), MED_EINPUT, "c-t1.nii.gz");
    assert_fails(med_case_load_target(c, "cet1", &v), MED_EFORMAT, "c-cet1.target.nii.gz");

    assert_ok(med_case_load_input(c, "flair", &v)); /* empty: all background */
    assert_true(v->voxel[0] == -1);
    med_volume_free(v);
    assert_ok(med_case_load_input(c, "t2", &v)); /* smallest positive voxel: -255/256, largest: 1 */
    assert_float_equal(v->voxel[0], -255.0 / 256, 1e-6);
    assert_float_equal(v->voxel[119], 1, 1e-6);
    med_volume_free(v);
    assert_ok(med_case_load_target(c, "t2", &v));
    assert_float_equal(v->voxel[0], -1, 1e-6);
    assert_float_equal(v->voxel[1], 2.0 / 12 - 1, 1e-6);
    med_volume_free(v);
    med_dataset_free(d);
    testing_remove(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folder_per_case), cmocka_unit_test(flat_folder_and_hash),
        cmocka_unit_test(one_case_folder), cmocka_unit_test(unusable_folders),
        cmocka_unit_test(splits),          cmocka_unit_test(network_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
