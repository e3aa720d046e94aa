/* A public atlas-space glioma as UPenn-GBM would have it: renamed, prepared, negative voxels handled, label of 30.2 cm3; and
 * the split files of the release with their known oddities. */
#include "../images.h"

#include "../program.h"
#include "base/file.h"
#include "data/dataset.h"
#include "data/release_split.h"

static char *folder, *real;
#define ID "UPENN-GBM-00001_11"

static void link_as(const char *from, const char *to) {
    char *source = med_format("%s/glioma/%s", real, from), *target = med_format("%s/in/%s", folder, to);
    char *dir = med_format("%.*s", (int)(med_path_base(target) - target), target);
    assert_ok(med_dir_create(dir));
    assert_int_equal(symlink(source, target), 0);
    free(source);
    free(target);
    free(dir);
}

static void prepare_upenn(void **state) {
    (void)state;
    link_as("t2.nii.gz", "images_structural/" ID "/" ID "_T2.nii.gz");
    link_as("t1c.nii.gz", "images_structural/" ID "/" ID "_T1GD.nii.gz");
    link_as("flair.nii.gz", "images_structural/" ID "/" ID "_FLAIR.nii.gz");
    link_as("t1.nii.gz", "images_structural/" ID "/" ID "_T1.nii.gz");
    link_as("label.nii.gz", "automated_segm/" ID "_automated_approx_segm.nii.gz");
    program_result r = program_run("prepare upenn --in %s/in -o %s/out --json", folder, folder);
    if (r.exit_code != 0) fail_msg("%s", r.err);
    assert_non_null(strstr(r.err, "negative voxels were lifted"));
    program_free(&r);
    med_dataset *d;
    char *path = med_format("%s/out", folder);
    assert_ok(med_dataset_open(path, &d));
    assert_int_equal(d->n_cases, 1);
    assert_int_equal(med_modset_count(d->cases[0].observed), 3);
    for (int j = 0; j < d->n_mods; j++) {
        med_volume *v;
        char *image = med_case_path(&d->cases[0], d->mods[j], NULL);
        size_t n_zero = 0;
        assert_ok(med_volume_load(image, &v));
        for (size_t i = 0; i < med_grid_count(v->grid); i++) {
            assert_true(v->voxel[i] >= 0);
            n_zero += v->voxel[i] == 0;
        }
        assert_true(v->grid.n[0] == 240 && v->grid.n[2] == 155 && v->stored_type == MED_VOXEL_I16);
        assert_true(5 * n_zero > med_grid_count(v->grid)); /* the background stays 0 */
        med_volume_free(v);
        free(image);
    }
    med_volume *label;
    char *image = med_case_path(&d->cases[0], "label", NULL);
    assert_ok(med_volume_load(image, &label));
    double n = 0;
    for (size_t i = 0; i < med_grid_count(label->grid); i++) n += label->voxel[i] > 0;
    assert_true(fabs(n / 1000 - 30.2) < 0.05); /* voxels of 1 mm3 */
    med_volume_free(label);
    med_dataset_free(d);
    free(image);
    free(path);
    r = program_run("prepare upenn --in %s/in -o %s/none --label expert --json", folder, folder);
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_excluded")), 1);
    program_free(&r);
}

static void splits_of_the_release(void **state) {
    (void)state;
    static const int expected[3][3] = {{70, 1, 34}, {70, 1, 33}, {70, 1, 33}};
    static const char *const validation[3] = {"Case067", "Case013", "Case096"};
    for (int fold = 0; fold < 3; fold++) {
        char *path = med_format("%s/remind_transforms/split_empty_%d.csv", real, fold);
        med_release_split s;
        int n[3] = {0};
        images_watch_warnings();
        assert_ok(med_release_split_load(path, &s));
        for (int i = 0; i < s.n; i++) {
            n[s.row[i].part]++;
            if (s.row[i].part == MED_PART_VAL) assert_string_equal(s.row[i].name, validation[fold]);
        }
        print_message("fold %d: %d, %d, %d, %d warnings\n", fold, n[0], n[1], n[2], images_n_warnings);
        for (int p = 0; p < 3; p++) assert_int_equal(n[p], expected[fold][p]);
        assert_int_equal(images_n_warnings, fold == 0); /* Case067 is in validation and in inference */
        med_release_split_free(&s);
        free(path);
    }
}

static void bad_splits_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", "holds no case"},
        {"case,split\nCase001-,training\nCase001,inference\n", ":3: case 'Case001' is in training and in another"},
        {"case,split\nCase001-,inference\nCase001,inference\n", ":3: case 'Case001' is there twice"},
        {"case,split\nCase001-,test\n", ":2: split 'test'"},
        {"Case001-\n", ":1: 1 columns"},
        {"case,split\n-,training\n", ":2: a case without a name"},
    };
    char *path = med_path_join(folder, "split.csv");
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        med_release_split s;
        assert_ok(med_file_write(path, rows[r].text, strlen(rows[r].text)));
        assert_fails(med_release_split_load(path, &s), MED_EFORMAT, rows[r].expected);
    }
    free(path);
}

int main(void) {
    const char *shared = getenv("MEDLEY_SHARED");
    real = med_format("%s/real", shared ? shared : "");
    char *absolute = realpath(real, NULL);
    if (!absolute) {
        free(real);
        return 77;
    }
    free(real);
    real = absolute;
    folder = testing_folder();
    const struct CMUnitTest tests[] = {cmocka_unit_test(prepare_upenn), cmocka_unit_test(splits_of_the_release),
                                       cmocka_unit_test(bad_splits_are_refused)};
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    return n_failed;
}
